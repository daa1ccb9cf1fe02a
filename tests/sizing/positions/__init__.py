"""Tests of the rules about open positions."""
