"""Reading TOML files, and finding the line a key stands on."""

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

Loc = tuple[str | int, ...]
"""Where a value stands in a file: keys, and positions in arrays."""

_HEADER = re.compile(r"\s*\[(\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w\-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w\-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[\w\-]+|"[^"]*"|'[^']*'""")
_INT64 = range(-(2**63), 2**63)


class Fault(NamedTuple):
    """One problem: the file, where in it, and what is wrong together with the fix."""

    file: str
    loc: Loc
    line: int | None
    problem: str

    def __str__(self) -> str:
        place = _shown(self.file) if self.line is None else f"{_shown(self.file)}:{self.line}"
        key = dotted(self.loc)
        return f"{place}: {key}: {self.problem}" if key else f"{place}: {self.problem}"


class SourceError(Exception):
    """A file that could not be read. Carries the fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


@dataclass(frozen=True, slots=True)
class Source:
    """One file as read: its name for people, its data with arrays as tuples, and the lines of its keys."""

    name: str
    data: dict[str, Any]
    lines: dict[Loc, int]
    faults: tuple[Fault, ...] = ()

    def fault(self, loc: Loc, problem: str) -> Fault:
        """A problem at a key, with its line or the nearest line above that is known."""
        known = (self.lines[loc[:end]] for end in range(len(loc), 0, -1) if loc[:end] in self.lines)
        return Fault(self.name, loc, next(known, None), problem)


def told(faults: Iterable[Fault]) -> list[str]:
    """Problems as people read them: by file and line, none twice."""
    # One line may be found wrong twice, by two accounts that use the same file.
    in_order = sorted(faults, key=lambda fault: (fault.file, fault.line or 0))
    return list(dict.fromkeys(str(fault) for fault in in_order))


def report(place: Path, faults: Iterable[Fault]) -> str:
    """All problems of a file or folder as one message: how many there are, then a line each."""
    lines = told(faults)
    count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
    return "\n  ".join([f"{count} in {place}:", *lines])


def dotted(loc: Loc) -> str:
    """`accounts[0].login` for ("accounts", 0, "login")."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in loc).removeprefix(".")


def _shown(key: str) -> str:
    """A key for a message: TOML allows line breaks and control characters in quoted keys, a terminal had better not."""
    return key if key and key.isprintable() else repr(key)


def listed(value: Any) -> tuple[Any, ...]:
    """What stands in an array of a source; nothing where there should be one and is none."""
    return value if isinstance(value, tuple) else ()


def read(path: Path, name: str) -> Source:
    """Read and parse a TOML file. Raises `SourceError` for anything that is not TOML in UTF-8."""
    text = _text(path, name)
    found: list[Loc] = []
    try:
        data = _plain(tomllib.loads(text), (), found)
    except RecursionError:
        raise SourceError(Fault(name, (), None, "brackets or keys are nested too deeply; flatten them")) from None
    except ValueError as error:
        # TOMLDecodeError names line and column; a bare ValueError is Python's limit on the digits of a number.
        raise SourceError(_syntax_fault(name, str(error))) from None
    source = Source(name, data, _lines(text))
    too_large = "does not fit into 64 bits; write a smaller number"
    return replace(source, faults=tuple(source.fault(loc, too_large) for loc in found))


def _text(path: Path, name: str) -> str:
    try:
        if path.exists() and not path.is_file():
            # Some of what is no file, such as a pipe, would be waited for.
            raise SourceError(Fault(name, (), None, "cannot be read: it is not a file"))
        raw = path.read_bytes()
    except FileNotFoundError:
        raise SourceError(Fault(name, (), None, _missing(path))) from None
    except (OSError, ValueError) as error:
        raise SourceError(Fault(name, (), None, f"cannot be read: {error}")) from None
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\x00" in raw[:4]:
        problem = "is saved as UTF-16; in Notepad choose Save as and the encoding UTF-8"
        raise SourceError(Fault(name, (), None, problem))
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = f"holds the byte {raw[error.start]:#04x}, which is not UTF-8; save the file with the encoding UTF-8"
        raise SourceError(Fault(name, (), line, problem)) from None


def _missing(path: Path) -> str:
    there = sorted(other.name for other in path.parent.glob("*.toml"))
    listing = f"the folder holds {', '.join(there)}" if there else "its folder holds no .toml files"
    return f"does not exist; {listing}. Correct the name, or write the defaults with `lotbridge init`"


def _syntax_fault(name: str, message: str) -> Fault:
    match = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    line = int(match[1]) if match and match[1] else None
    return Fault(name, (), line, f"is not valid TOML: {message}")


def _plain(value: Any, loc: Loc, too_large: list[Loc]) -> Any:
    """The value with arrays as tuples; integers beyond 64 bits become 0 and are noted, since nothing can print them."""
    if isinstance(value, dict):
        return {key: _plain(item, (*loc, key), too_large) for key, item in value.items()}
    if isinstance(value, list):
        return tuple(_plain(item, (*loc, index), too_large) for index, item in enumerate(value))
    if isinstance(value, int) and value not in _INT64:
        too_large.append(loc)
        return 0
    return value


def _lines(text: str) -> dict[Loc, int]:
    """Line of each table header and `key =`, found by looking at lines only: a help for people, never relied on."""
    lines: dict[Loc, int] = {}
    table: Loc = ()
    arrays: dict[Loc, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _place(_parts(header[2]), arrays)
            if header[1]:
                arrays[table] = arrays.get(table, -1) + 1
                table = (*table, arrays[table])
            lines.setdefault(table, number)
        elif key := _KEY.match(line):
            lines.setdefault((*table, *_parts(key[1])), number)
    return lines


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in _PART.findall(key))


def _place(parts: tuple[str, ...], arrays: dict[Loc, int]) -> Loc:
    """The location of a header: each array of tables on the way stands for its newest element."""
    loc: Loc = ()
    for part in parts[:-1]:
        loc = (*loc, part)
        if loc in arrays:
            loc = (*loc, arrays[loc])
    return (*loc, *parts[-1:])
