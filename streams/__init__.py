"""Everything between the outside world and a topic: the bottom layer."""
