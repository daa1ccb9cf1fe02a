"""Recorded ticks through the very same sizer: the engines, their strategies, the report of a run."""
