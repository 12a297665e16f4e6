"""Labelled sets that others published, read from a folder into one table each."""
