"""What keeps a report from being made."""

from bridge.errors import LotbridgeError


class ReportError(LotbridgeError):
    """The report cannot be made or its picture not be written. The message is one sentence with the fix."""


def how_to_install(extra: str) -> str:
    """The command that adds an extra, from the package or from a checkout."""
    return f'pip install "lotbridge[{extra}]" or, from a checkout, pip install ".[{extra}]"'
