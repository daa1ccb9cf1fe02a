"""What ends a demo before its time."""

from bridge.errors import LotbridgeError


class DemoError(LotbridgeError):
    """The demo cannot start or go on. The message is one sentence, and the daemon's last log lines where it has any."""
