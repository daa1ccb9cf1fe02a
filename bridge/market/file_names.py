"""Symbols as parts of file names: what Windows does not take in a name is written as %XX, as in URLs.

"BTCUSD/x" is `BTCUSD%2Fx`. Two symbols that differ in case only would be one file there: the second one's letters are
all written so. Names that Windows reserves (CON) and trailing dots need no care: a symbol is never the whole name.
"""

from collections.abc import Iterable, Mapping
from urllib.parse import unquote

_FORBIDDEN = set('/\\:*?"<>|%')


def encoded(symbol: str) -> str:
    """A symbol as it stands in a file name, where no other differs from it in case only."""
    return "".join(_percent(each) if each in _FORBIDDEN or not each.isprintable() else each for each in symbol)


def decoded(part: str) -> str:
    """The symbol that a file name means."""
    return unquote(part)


def parts(symbols: Iterable[str], taken: Mapping[str, str]) -> dict[str, str]:
    """The part of each symbol, as a folder has it (`taken`) or new; no two are one file on Windows."""
    found: dict[str, str] = dict(taken)
    for symbol in symbols:
        if symbol not in found:
            used = {part.casefold() for part in found.values()}
            plain = encoded(symbol)
            found[symbol] = plain if plain.casefold() not in used else _marked(symbol)
    return {symbol: found[symbol] for symbol in symbols}


def _marked(symbol: str) -> str:
    return "".join(_percent(each) if each.isalpha() else encoded(each) for each in symbol)


def _percent(letter: str) -> str:
    return "".join(f"%{byte:02X}" for byte in letter.encode())
