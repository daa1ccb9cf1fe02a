"""Tests of the demo: the parts by themselves, and the whole with its real processes."""
