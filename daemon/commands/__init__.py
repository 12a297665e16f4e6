"""One thin file a command: what it does in terms of the rest, and how it is told."""
