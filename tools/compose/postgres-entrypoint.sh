#!/bin/sh
set -eu
install --directory --owner postgres --mode 0700 "$PGDATA" /run/postgresql
cp "$POSTGRES_PASSWORD_FILE" /run/postgresql/password
chown postgres /run/postgresql/password
as="setpriv --reuid postgres --regid postgres --init-groups"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  $as initdb --username="$POSTGRES_USER" --pwfile=/run/postgresql/password \
    --auth-host=scram-sha-256 --auth-local=trust >/dev/null
  $as postgres --single -D "$PGDATA" postgres <<SQL >/dev/null
create database $POSTGRES_DB
SQL
fi
exec $as postgres -c listen_addresses=127.0.0.1 -c unix_socket_directories=/run/postgresql
