"""The MQL5 files that ship with the package."""

from pathlib import Path

from bridge.errors import ConfigError

PARTS = ("Include", "Experts", "Scripts")
FOLDER = "LotBridge"
"""The files live in a folder of this name within each part of MQL5."""
_SUFFIXES = (".mqh", ".mq5")


def mql5_folder() -> Path:
    """The packaged MQL5 files: inside an installed wheel `bridge/mql5`, in a checkout the repository's `mql5`."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "mql5", package.parent / "mql5"):
        if (folder / "Include" / FOLDER).is_dir():
            return folder
    raise ConfigError(f"the packaged MQL5 files are missing beside {package}; install lotbridge again")


def shipped_files(folder: Path) -> dict[str, Path]:
    """Name within MQL5, such as Include/LotBridge/Json.mqh, and the packaged file. Compiled files are left out."""
    return {
        path.relative_to(folder).as_posix(): path
        for part in PARTS
        for path in sorted((folder / part / FOLDER).rglob("*"))
        if path.suffix in _SUFFIXES and path.is_file()
    }
