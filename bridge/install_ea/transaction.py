"""Writing many files: all of them, or none."""

import os
import secrets
import shutil
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bridge.install_ea.faults import InstallError


class Step(NamedTuple):
    """A file and its new content; None removes it."""

    path: Path
    data: bytes | None


class _Staged(NamedTuple):
    """A step whose new and old content lie ready beside the file, so that no full disk can stop what follows."""

    path: Path
    new: Path | None
    old: Path | None


def carry_out(steps: list[Step]) -> None:
    """Write everything. On any failure everything is as before. Raises InstallError."""
    writer = _Writer()
    try:
        writer.write(steps)
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
            # Noted first, so that one that is interrupted is undone too.
            self._done.append(each)
            if each.new is None:
                each.path.unlink(missing_ok=True)
            else:
                each.new.replace(each.path)

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
        return _Staged(step.path, new, old)

    def _restore(self, each: _Staged) -> str:
        if (each.path if each.new is None else each.new).exists():
            return ""  # it has not happened
        try:
            if each.old is None:
                each.path.unlink(missing_ok=True)
            else:
                each.old.replace(each.path)
        except OSError as fault:
            if each.old is not None:
                self._spare.remove(each.old)
                return f"the old {each.path} is {each.old} ({fault.strerror})"
            return f"{each.path} is new ({fault.strerror})"
        return ""

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
