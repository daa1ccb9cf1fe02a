"""A stand-in for MetaTrader 5: its Python package (MetaTrader5, for the child) and the terminal behind it."""
