"""The compose file run for real on a machine without a docker engine."""
