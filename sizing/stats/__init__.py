"""Measures of market and account, computed when a bar or a trade closes, never per request."""
