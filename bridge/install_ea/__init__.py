"""Copying the MQL5 files into MetaTrader 5: finding the terminals, planning, and writing all or nothing."""
