"""What each command does, one file a command or two that share it; the commands only say it."""
