"""The rule files about open positions, followed while the daemon runs: read again whenever one changes.

All of them are taken together, or none: where a changed file is wrong, the rules that were read before hold on.
"""

from pathlib import Path
from typing import NamedTuple

from bridge.errors import ConfigError
from bridge.settings import PositionFiles
from bridge.settings.position_files import PositionRules, read_positions
from bridge.settings.source import report, told

__all__ = ["PositionRules", "Reloaded", "RuleFiles"]

LOOK_MS = 2_000

_Stamp = tuple[int, int, int, int]
"""Times of the last change of contents and of the entry itself (ns), size (bytes), inode."""


class Reloaded(NamedTuple):
    """Something for the log: that changed files hold now, or why they do not."""

    taken: bool
    text: str


class RuleFiles:
    """The rules of one account's files. Raises `ConfigError` where they are wrong at the start."""

    def __init__(self, files: PositionFiles) -> None:
        self._files = files
        self._stamps = self._stamped()
        self._held = self._contents()
        """What the rules that hold were read from."""
        self._seen = self._held
        """What was there at the last look."""
        self._refused: tuple[bytes | None, ...] | None = None
        self._settled = False
        self._looked_ms: int | None = None
        self.rules, faults = read_positions(files)
        """What holds. The same object until something changes."""
        self.problems: tuple[str, ...] = ()
        """Why changed files are not taken, one sentence for each fault; the rules read before hold."""
        if faults:
            raise ConfigError(report(files.folder or Path(), faults))

    @property
    def names(self) -> tuple[str, ...]:
        """The files that hold, as people know them."""
        return self._files.names

    def poll(self, now_ms: int) -> list[Reloaded]:
        """Look at the files, unless that was done in the last 2 s, and take them if they have changed.

        They are taken at the second look that finds the same in them: one that is being saved in pieces is left alone,
        and one that cannot be read is tried again at every look.
        """
        if self._looked_ms is not None and 0 <= now_ms - self._looked_ms < LOOK_MS:
            return []
        first = self._looked_ms is None
        self._looked_ms = now_ms
        stamps = self._stamped()
        same = stamps == self._stamps
        if same and self._settled:
            return []
        # A second change within one tick of the file system's clock, up to 2 s, leaves the stamp as it was: contents
        # are read once more at the next look. The first look may come right after the start.
        contents = self._contents()
        still = contents == self._seen
        self._stamps, self._seen = stamps, contents
        self._settled = same and still and not first and None not in contents
        return self._take(contents) if still else []

    def _take(self, contents: tuple[bytes | None, ...]) -> list[Reloaded]:
        """Let the files hold, or say what is wrong with them: once for the same contents."""
        if contents == self._held:
            return self._back()
        if contents == self._refused:
            return []
        rules, faults = read_positions(self._files)
        if self._contents() != contents or (None in contents and not faults):
            self._settled = False  # it changed, or could be read again, just now
            return []
        if faults:
            self._refused, self.problems = contents, tuple(told(faults))
            return [Reloaded(False, problem) for problem in self.problems]
        changed = [name for name, old, new in zip(self.names, self._held, contents, strict=True) if old != new]
        self._held, self._refused, self.problems = contents, None, ()
        if rules != self.rules:
            self.rules = rules
        return [Reloaded(True, f"{', '.join(changed)}: read again")]

    def _back(self) -> list[Reloaded]:
        """The files are what they were when they were taken."""
        if not self.problems:
            return []
        self._refused, self.problems = None, ()
        return [Reloaded(True, f"{', '.join(self.names)}: as before, and in order")]

    def _stamped(self) -> tuple[_Stamp | None, ...]:
        return tuple(map(_stamp, self._files.paths))

    def _contents(self) -> tuple[bytes | None, ...]:
        return tuple(map(_content, self._files.paths))


def _stamp(path: Path) -> _Stamp | None:
    """None where there is no such file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _content(path: Path) -> bytes | None:
    """None where it cannot be read."""
    try:
        return path.read_bytes() if path.is_file() else None
    except (OSError, ValueError):
        return None
