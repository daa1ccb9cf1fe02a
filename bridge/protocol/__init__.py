"""The wire protocol, version 1: bytes in, messages out. No sockets here."""
