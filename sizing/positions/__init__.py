"""What to do with what is open: pure rules that turn a state into instructions. Nothing here trades."""
