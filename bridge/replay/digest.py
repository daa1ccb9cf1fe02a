"""Which version of a file a run was of."""

import hashlib
from pathlib import Path

from bridge.errors import ReplayError


def digest(path: Path) -> str:
    """The first 12 hexadecimal digits of a file's SHA-256. Raises ReplayError."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError as fault:
        raise ReplayError(f"{path} cannot be read: {fault.strerror or fault}") from fault
