"""From a verdict to a person, once."""
