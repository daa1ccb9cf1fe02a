"""Everything of lotbridge that touches the world: sockets, files, clocks, terminals. The arithmetic is in `sizing`."""
