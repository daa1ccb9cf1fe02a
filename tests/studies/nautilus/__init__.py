"""How fast nautilus_trader goes through the same ticks, beside the replay's fast engine."""
