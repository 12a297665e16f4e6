"""Acts out planted launches on a local chain and records them for the demo."""
