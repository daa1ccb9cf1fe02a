"""The commented configuration that ships with the package, and copying it for `lotbridge init`."""

import shutil
import tempfile
from pathlib import Path
from typing import Literal

from bridge.errors import ConfigError

Preset = Literal["guide", "leveraged"]

_SUFFIX = "-leveraged.toml"


def defaults_folder() -> Path:
    """The packaged defaults: inside an installed wheel `bridge/defaults`, in a checkout the repository's `config`."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "defaults", package.parent / "config"):
        if (folder / "bridge.toml").is_file():
            return folder
    raise ConfigError(f"the packaged defaults are missing beside {package}; install lotbridge again")


def write_defaults(target: Path, preset: Preset) -> list[Path]:
    """Copy the commented defaults into a folder and return the files written: all of them, or none.

    Nothing is ever overwritten: files of the same names raise `ConfigError` that names them.
    """
    target = target.absolute()
    files = _files(preset)
    _refuse_existing(target, files)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".lotbridge-", dir=target.parent) as made:
            staged = Path(made) / "config"
            for name, source in files.items():
                (staged / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, staged / name)
            _move(staged, target, list(files))
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error}") from error
    return [target / name for name in files]


def _files(preset: Preset) -> dict[Path, Path]:
    """Name within the target, and the packaged file it is copied from."""
    folder = defaults_folder()
    files = {
        path.relative_to(folder): path for path in sorted(folder.rglob("*.toml")) if not path.name.endswith(_SUFFIX)
    }
    if preset == "leveraged":
        for path in sorted(folder.glob(f"*{_SUFFIX}")):
            files[Path(path.name.removesuffix(_SUFFIX) + ".toml")] = path
    return files


def _refuse_existing(target: Path, files: dict[Path, Path]) -> None:
    if target.exists() and not target.is_dir():
        raise ConfigError(f"{target} is a file; name a folder")
    if there := [str(name) for name in files if (target / name).exists()]:
        raise ConfigError(f"{target} holds {', '.join(there)} already, and nothing is overwritten; name another folder")


def _move(staged: Path, target: Path, names: list[Path]) -> None:
    """Move the finished folder into place, or its files into a folder that exists; undone if one fails."""
    if not target.exists():
        staged.rename(target)
        return
    made: list[Path] = []
    try:
        for name in names:
            parent = (target / name).parent
            if not parent.exists():
                parent.mkdir()
                made.append(parent)
            (staged / name).rename(target / name)
            made.append(target / name)
    except OSError:
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink()
        raise
