"""Tests of the wire protocol: bytes in, messages out."""
