"""`lotbridge` and `python -m bridge`: nothing is imported before an interrupt is minded."""

import os
import sys

# The arrays are small: threads of numpy's linear algebra would only wait for each other, and for a busy machine's other
# programs, while a request waits for them. It is read when numpy is loaded, which is later.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")


def main() -> None:
    """Run the command line; Ctrl-C while it is still being loaded ends it without a traceback too."""
    try:
        from bridge.cli import main as run  # noqa: PLC0415 - loading takes half a second, in which Ctrl-C may come

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
