"""Tests of the daemon: bytes in and out, real sockets, real processes."""
