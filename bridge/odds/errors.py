"""What keeps odds from being computed."""

from bridge.errors import LotbridgeError


class OddsError(LotbridgeError):
    """The odds cannot be computed. The message is one sentence with the fix."""
