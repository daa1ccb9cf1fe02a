"""Recorded and generated markets, and the broker that trades on them."""
