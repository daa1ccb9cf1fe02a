"""A command that notes how much memory it took: `python -m bridge.bench.peak FILE COMMAND ...`.

Within the process itself: what a parent is told of its child may be the parent's own, from before the child's program
was loaded.
"""

import bridge.__main__  # noqa: F401, I001 - numpy with one thread, as in the command
import sys
from pathlib import Path

from bridge.cli import main as run


def main() -> None:
    """Run the command; the file gets its peak in MB, and nothing where the system does not tell."""
    try:
        run(sys.argv[2:])
    finally:
        peak = peak_mb()
        Path(sys.argv[1]).write_text("" if peak is None else str(peak), encoding="ascii")


def peak_mb() -> float | None:
    """The most memory this process has had resident, in MB; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.is_file():
        lines = (line.split() for line in status.read_text(encoding="ascii").splitlines())
        return next((int(words[1]) * 1024 / 1e6 for words in lines if words[0] == "VmHWM:"), None)
    if sys.platform == "darwin":
        import resource  # noqa: PLC0415 - not on Windows

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return None


if __name__ == "__main__":
    main()
