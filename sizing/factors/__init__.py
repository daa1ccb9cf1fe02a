"""Each factor turns evidence into a multiplier on the risk budget."""
