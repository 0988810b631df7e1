"""What runs: one tick, a loop of ticks, a rehearsal, a replay. Load, decide, save, send, save, notify."""
