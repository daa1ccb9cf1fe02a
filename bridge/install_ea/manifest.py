"""What was installed, by SHA-256: so that a user's change is told from an older version of ours."""

import codecs
import hashlib
from contextlib import suppress
from pathlib import Path

import msgspec

from bridge.install_ea.names import descend
from bridge.install_ea.sources import FOLDER

MANIFEST = ".lotbridge-manifest.json"
_BOM = b"\xef\xbb\xbf"


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The version that was installed, and the digest of each file that was written, by its name within MQL5."""

    version: str = ""
    files: dict[str, str] = {}

    def encode(self) -> bytes:
        """As it stands on disk, the same bytes for the same content."""
        return msgspec.json.format(msgspec.json.encode(self, order="sorted"), indent=2) + b"\n"


def manifest_path(mql5: Path) -> Path:
    """Where a terminal's manifest is."""
    return descend(mql5, ["Include", FOLDER, MANIFEST])


def read_manifest(mql5: Path) -> Manifest:
    """The manifest. Missing or unreadable it is empty: then every file that differs counts as the user's."""
    try:
        return msgspec.json.decode(manifest_path(mql5).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return Manifest()


def digest(data: bytes) -> str:
    """SHA-256 of a source. Line ends, a byte order mark and UTF-16 are no change: editors write their own on saving."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        with suppress(UnicodeDecodeError):
            data = data.decode("utf-16").encode()
    return hashlib.sha256(data.removeprefix(_BOM).replace(b"\r\n", b"\n")).hexdigest()
