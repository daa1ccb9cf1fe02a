"""Writing many files: all of them, or none."""

import os
import re
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bridge.install_ea.faults import InstallError

SPARE = re.compile(r"\.lotbridge-[0-9a-f]{12}\.tmp")
"""Names of the files that are needed on the way only: a later installation removes them."""


class Step(NamedTuple):
    """A file, its new content (None removes it), and what it held when that was decided (None: it was not there)."""

    path: Path
    data: bytes | None
    before: bytes | None


class _Staged(NamedTuple):
    """A step whose new and old content lie ready beside the file, so that no full disk can stop what follows."""

    step: Step
    new: Path | None
    old: Path | None


class _ChangedError(Exception):
    """Somebody has saved a file since its step was decided."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.path = path


def carry_out(steps: list[Step]) -> None:
    """Write everything, each file only over what it held when that was decided. Raises InstallError.

    On any failure everything is as before.
    """
    writer = _Writer()
    try:
        writer.write(steps)
    except _ChangedError as fault:
        undone = writer.undo()
        raise InstallError(
            f"{fault.path} was changed at this very moment, and is left as it is. {undone} Run this again."
        ) from fault
    except OSError as fault:
        where = fault.filename2 or fault.filename or "a file"
        undone = writer.undo()
        raise InstallError(
            f"{where} cannot be written: {fault.strerror or fault}. {undone} "
            "Close MetaEditor if it is open, and check that you may write to that folder."
        ) from fault
    except BaseException:
        writer.undo()
        raise
    writer.clean_up()


class _Writer:
    def __init__(self) -> None:
        self._folders: list[Path] = []
        self._spare: list[Path] = []
        self._done: list[_Staged] = []

    def write(self, steps: list[Step]) -> None:
        """Stage every step, then let the new files take their places one by one."""
        staged = [self._stage(step) for step in steps]
        for each in staged:
            _demand_unchanged(each.step)
            # Noted first, so that one that is interrupted is undone too.
            self._done.append(each)
            if each.new is None:
                each.step.path.unlink(missing_ok=True)
            else:
                each.new.replace(each.step.path)

    def undo(self) -> str:
        """Put everything back, and say how that went."""
        lost = [text for each in reversed(self._done) if (text := self._restore(each))]
        self.clean_up()
        for folder in reversed(self._folders):
            with suppress(OSError):
                folder.rmdir()
        return "Nothing was changed." if not lost else "Not all could be put back: " + "; ".join(lost) + "."

    def clean_up(self) -> None:
        """Remove what was only needed on the way."""
        for path in self._spare:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _stage(self, step: Step) -> _Staged:
        self._make_folder(step.path.parent)
        new = None if step.data is None else self._spare_name(step.path)
        if new is not None and step.data is not None:
            with new.open("xb") as file:
                file.write(step.data)
                file.flush()
                os.fsync(file.fileno())
        old = self._spare_name(step.path) if step.path.exists() else None
        if old is not None:
            shutil.copy2(step.path, old)
        return _Staged(step, new, old)

    def _restore(self, each: _Staged) -> str:
        path = each.step.path
        if (path if each.new is None else each.new).exists():
            return ""  # it has not happened
        try:
            if _content(path) != each.step.data:
                return self._left(each, "was changed since")
            if each.old is None:
                path.unlink(missing_ok=True)
            else:
                each.old.replace(path)
        except OSError as fault:
            return self._left(each, str(fault.strerror))
        return ""

    def _left(self, each: _Staged, why: str) -> str:
        """What the user is told of a file that was not put back. Its old content is kept."""
        if each.old is None:
            return f"{each.step.path} is new ({why})"
        self._spare.remove(each.old)
        # Under a name that no later installation takes for a leftover.
        kept = each.old.with_name(each.old.name.replace("-", "-kept-"))
        with suppress(OSError):
            each.old.replace(kept)
        return f"the old {each.step.path} is {kept if kept.exists() else each.old} ({why})"

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        folder.mkdir()
        self._folders.append(folder)

    def _spare_name(self, path: Path) -> Path:
        spare = path.with_name(f".lotbridge-{secrets.token_hex(6)}.tmp")
        self._spare.append(spare)
        return spare


def _demand_unchanged(step: Step) -> None:
    if _content(step.path) != step.before:
        raise _ChangedError(step.path)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
