"""The Monte-Carlo proof: simulated accounts, sized by the real engine, against every floor of a firm."""
