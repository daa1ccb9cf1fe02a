"""The live terminal: MetaTrader 5 through its Python package, which runs in a child process of its own.

The package's calls block on a named pipe while they hold the interpreter lock, so a terminal that hangs would stop
every thread of the daemon. In a child it stops nobody: the daemon reads what the child has sent, and kills it when it
falls silent. The parent's side is `terminal` and `process`, the child's `child` and what it imports.
"""
