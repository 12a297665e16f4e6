# One image a purpose, from one file:
#   serve   every role of the daemon; no torch                (docker build --target serve .)
#   train   the role train and heft train as well              (docker build --target train .)
# BASE is any Debian with Python 3.11 or newer and its venv module; name it by digest to pin it:
#   --build-arg BASE=python:3.11-slim@sha256:...
# EXTRA=gpu takes onnxruntime-gpu instead, on a BASE that brings the CUDA libraries.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ARG EXTRA=cpu
WORKDIR /src
RUN python3 -m venv /opt/heft
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY streams streams
COPY heft_model heft_model
COPY trainer trainer
COPY alerts alerts
COPY daemon daemon
RUN /opt/heft/bin/python -m pip install --no-cache-dir --no-compile --disable-pip-version-check \
      -c constraints.txt ".[${EXTRA}]"

# What serving never loads goes, and symbols.
FROM build AS build-serve
RUN apt-get update && apt-get install --yes --no-install-recommends binutils
COPY tools/image/slim.py /src/
RUN cd /tmp && /opt/heft/bin/python -B /src/slim.py

FROM build AS build-train
RUN /opt/heft/bin/python -m pip install --no-cache-dir --disable-pip-version-check \
      -c constraints.txt ".[${EXTRA},train]"

FROM ${BASE} AS runtime
# 10001: an id that no user of the host is likely to have.
RUN groupadd --gid 10001 heft \
 && useradd --uid 10001 --gid heft --no-create-home --home-dir /var/lib/heft heft \
 && install --directory --owner heft --group heft --mode 0750 /var/lib/heft /var/lib/heft/models \
      /var/lib/heft/archive
ENV PATH=/opt/heft/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_ARENA_MAX=2 \
    HEFT_STATE__DIR=/var/lib/heft \
    HEFT_MODEL__REGISTRY=/var/lib/heft/models \
    HEFT_LOG__FORMAT=json
WORKDIR /var/lib/heft
USER heft
STOPSIGNAL SIGTERM
ENTRYPOINT ["heft"]
CMD ["watch"]

FROM runtime AS train
COPY --from=build-train /opt/heft /opt/heft

# The last stage is what a build without --target makes.
FROM runtime AS serve
COPY --from=build-serve /opt/heft /opt/heft
# The standard library alone: heft itself would take ten times as long to say the same.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 CMD ["python3", "-c", \
  "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ.get(\"HEFT_HTTP__PORT\", 9464)}/ready', timeout=4)"]
