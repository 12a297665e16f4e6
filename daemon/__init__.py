"""The process: the top layer, and the only one that knows every other."""
