"""`python -m bridge` is `lotbridge`."""

from bridge.cli import main

if __name__ == "__main__":
    main()
