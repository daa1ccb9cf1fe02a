"""What can go wrong while installing."""

from bridge.errors import LotbridgeError


class InstallError(LotbridgeError):
    """The files cannot be installed. The message says what is in the way, and that nothing was changed."""
