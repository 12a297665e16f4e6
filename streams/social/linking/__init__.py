"""Which tokens a post speaks of: what it names, which launched token that is, and what waits."""
