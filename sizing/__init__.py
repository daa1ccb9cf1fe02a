"""The pure core of lotbridge: evidence in, one frozen decision out. No I/O, no clock, no randomness."""
