"""What keeps a report from being made."""

from bridge.errors import LotbridgeError


class ReportError(LotbridgeError):
    """The report cannot be made or its picture not be written. The message is one sentence with the fix."""
