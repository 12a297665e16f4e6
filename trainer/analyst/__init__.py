"""The analyst's lessons and its teaching."""
