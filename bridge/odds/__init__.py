"""Challenge odds: a replay's trades drawn again and again, in blocks of days, under a firm's rules."""
