"""The daemon's eyes: one Protocol, and an adapter for each kind of terminal."""
