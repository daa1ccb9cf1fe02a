"""Active management of open positions, as instructions to the EA."""
