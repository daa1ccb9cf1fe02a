"""What can go wrong, by whose fault. Refusing to trade is never an exception: it is a Decision."""


class LotbridgeError(Exception):
    """Base of every error a command reports as one sentence and a nonzero exit."""


class ConfigError(LotbridgeError):
    """The configuration is wrong. The message lists every problem of the folder, each with file, key and fix."""


class MarketError(LotbridgeError):
    """A recorded market cannot be read. The message names the file, the row where there is one, and the fix."""


class ReplayError(LotbridgeError):
    """A replay, its strategy or the folder of its run is at fault. The message names file or moment, and the fix."""


class JournalError(LotbridgeError):
    """The journal cannot be opened, read or written."""


class ServerError(LotbridgeError):
    """The socket cannot be bound or secured."""


class ClientError(LotbridgeError):
    """The daemon gave no usable answer within the deadline and its retries."""
