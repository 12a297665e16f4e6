"""From what happened to a better model."""
