"""What people see of a running or finished play: lines and tables."""
