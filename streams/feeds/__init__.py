"""What every feed from outside shares: connecting, noticing silence, waiting, and going on."""
