"""`lotbridge` and `python -m bridge`: nothing is imported before an interrupt is minded."""

import sys


def main() -> None:
    """Run the command line; Ctrl-C while it is still being loaded ends it without a traceback too."""
    try:
        from bridge.cli import main as run  # noqa: PLC0415 - loading takes half a second, in which Ctrl-C may come

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
