"""Recorded history as arrays: what a tick would have seen, at every tick of years."""
