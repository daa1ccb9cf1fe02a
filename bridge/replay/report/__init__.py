"""A run as figures, as a page for the browser, and as lines for the terminal."""
