"""MQL5 sources as C++17: the few things that MQL5 writes differently, rewritten token by token.

    python -m tests.mql5.preprocess OUT

Every file under mql5/Include, mql5/Experts and mql5/Scripts is written below OUT: includes at their own path
(`LotBridge/Client.mqh`), programs at `Experts/...` and `Scripts/...`. Lines keep their numbers, and `#line` names the
source, so a compiler's or sanitizer's message points to the MQL5 file. What is not understood is an error.
"""

import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "mql5"
INCLUDES = SOURCES / "Include"

_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:\\.|[^"\\\n])*")
    |(?P<date>D'[^'\n]*')|(?P<colour>C'[^'\n]*')
    |(?P<char>'(?:\\.|[^'\\\n])+')
    |(?P<number>(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[a-zA-Z]*)
    |(?P<name>[A-Za-z_]\w*)
    |(?P<space>\s+)
    |(?P<mark>->|::|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||.)""",
    re.VERBOSE | re.DOTALL,
)
_NO_TYPES = frozenset(
    re.findall(r"\w+", "return delete new else case do goto sizeof const static virtual public private protected")
)
_IMPORT = re.compile(r'#import\s+"([^"]+)"(.*?)#import[ \t]*(?=\n|$)', re.DOTALL)
_PROTOTYPE = re.compile(r"(\w+)\s+(\w+)\s*\(([^)]*)\)\s*;")
_DIRECTIVE = re.compile(r"[ \t]*#[ \t]*(\w+)")
_INCLUDE = re.compile(r'#include\s+(?:<([^>]+)>|"([^"]+)")')


class SourceError(Exception):
    """An MQL5 source that this preprocessor does not understand, or that leaves its subset."""


class Token(NamedTuple):
    """A piece of source; `kind` is the name of the pattern's group."""

    kind: str
    text: str


def tokens(text: str) -> list[Token]:
    """All of the text, cut; joined again it is the same."""
    return [Token(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(text)]


@dataclass
class Names:
    """What the sources declare, as far as rewriting needs it."""

    classes: set[str] = field(default_factory=set)
    pointers: dict[Path, set[str]] = field(default_factory=dict)
    makers: set[str] = field(default_factory=set)
    """Functions that return a pointer."""

    def pointers_in(self, path: Path) -> set[str]:
        """Names that are pointers in a file: its own, and members of any file."""
        members = {name for names in self.pointers.values() for name in names if name.startswith("m_")}
        return self.pointers.get(path, set()) | members


def sources() -> list[Path]:
    """Every MQL5 source of the project."""
    return sorted(path for path in SOURCES.rglob("*") if path.suffix in (".mqh", ".mq5"))


def collect(paths: Iterable[Path]) -> Names:
    """Classes and pointers that the files declare."""
    names = Names()
    texts = {path: bare(path.read_text(encoding="utf-8")) for path in paths}
    for text in texts.values():
        names.classes.update(re.findall(r"\b(?:class|struct)\s+(\w+)", text))
    if not names.classes:
        return names
    kinds = "|".join(sorted(names.classes))
    pointer = re.compile(rf"\b(?:{kinds})\s*\*\s*(\w+)\s*(\(?)")
    for path, text in texts.items():
        found = pointer.findall(text)
        names.pointers[path] = {name for name, call in found if not call}
        names.makers.update(name for name, call in found if call)
    return names


def bare(text: str) -> str:
    """A source without comments and without the content of its literals."""
    parts = []
    for kind, piece in tokens(text):
        if kind == "comment":
            parts.append("\n" * piece.count("\n"))
        else:
            parts.append('""' if kind == "string" else piece)
    return "".join(parts)


class Rewriter:
    """One file's rewriting."""

    def __init__(self, path: Path, names: Names) -> None:
        self._path = path
        self._classes = names.classes
        self._pointers = names.pointers_in(path) | {"this"}
        self._makers = names.makers

    def rewritten(self) -> str:
        """The file as C++."""
        text = _IMPORT.sub(self._import, self._path.read_text(encoding="utf-8"))
        lines, plain, out = text.split("\n"), [], []
        for line in lines:
            directive = _DIRECTIVE.match(line)
            if directive is None or directive[1] not in ("include", "property"):
                plain.append(line)
                continue
            out += [self._plain("\n".join(plain)) + "\n" if plain else "", self._directive(directive[1], line) + "\n"]
            plain = []
        head = f'#include "mql5.hpp"\n#line 1 "{self._path.relative_to(ROOT).as_posix()}"\n'
        return head + "".join(out) + self._plain("\n".join(plain))

    def _directive(self, name: str, line: str) -> str:
        if name == "property":
            return "//" + line
        match = _INCLUDE.match(line.strip())
        if match is None:
            raise SourceError(f"{self._path.name}: {line.strip()}")
        wanted = match[1].replace("\\", "/") if match[1] else None
        target = INCLUDES / wanted if wanted else (self._path.parent / match[2].replace("\\", "/")).resolve()
        if not target.is_file() or not target.resolve().is_relative_to(SOURCES):
            raise SourceError(f"{self._path.name} includes {match[1] or match[2]}, which is not there")
        return f"#include <{place(target).as_posix()}>"

    def _import(self, match: re.Match[str]) -> str:
        dll, block = match[1], match[2]
        made = ["// " + dll]
        for line in bare(block).split("\n"):
            prototypes = [self._thunk(dll, *each) for each in _PROTOTYPE.findall(line)]
            if line.strip() and not prototypes:
                raise SourceError(f"{self._path.name}: an import in one line each: {line.strip()}")
            made.append(" ".join(prototypes))
        # The block's first line and last line hold the two directives.
        return "\n".join([made[0], *made[2:]])

    def _thunk(self, dll: str, result: str, name: str, parameters: str) -> str:
        handed = [re.sub(r"\[\]", "", part).split()[-1].lstrip("&") for part in parameters.split(",") if part.strip()]
        inside = "".join(f", {each}" for each in handed)
        # The literals are C++ ones already.
        return f"inline {result} {name}({parameters}) {{ return shim::dll_call<{result}>(@{dll}@, @{name}@{inside}); }}"

    def _plain(self, text: str) -> str:
        text = re.sub(r"^([ \t]*)s?input[ \t]+group\b.*$", r"\1", text, flags=re.MULTILINE)
        text = re.sub(r"^([ \t]*)s?input[ \t]+(?=\w)", r"\1", text, flags=re.MULTILINE)
        pieces = tokens(text)
        significant = [i for i, piece in enumerate(pieces) if piece.kind not in ("space", "comment")]
        out = [self._literal(piece) for piece in pieces]
        self._arrows(pieces, significant, out)
        self._arrays(pieces, significant, out)
        return re.sub(r"@([\w.]+)@", r'"\1"', "".join(out))

    def _literal(self, piece: Token) -> str:
        if piece.kind == "string":
            return f"string(u{piece.text})"
        if piece.kind == "char":
            return f"((ushort)u{piece.text})"
        if piece.kind == "date":
            return f"((datetime){seconds_of(piece.text[2:-1])})"
        if piece.kind == "colour":
            red, green, blue = (int(part, 0) for part in piece.text[2:-1].split(","))
            return f"((color){red | green << 8 | blue << 16})"
        if piece.text == "->":
            raise SourceError(f"{self._path.name}: MQL5 has no ->")
        return piece.text

    def _arrows(self, pieces: list[Token], significant: list[int], out: list[str]) -> None:
        """`pointer.Method()` becomes `pointer->Method()`."""
        for at, index in enumerate(significant):
            if pieces[index].text == "." and self._is_pointer([pieces[i] for i in significant[:at]]):
                out[index] = "->"

    def _is_pointer(self, before: list[Token]) -> bool:
        last = before[-1].text
        if last in "])":
            name = before[_opening(before) - 1].text
            return name in (self._makers if last == ")" else self._pointers)
        return last in self._pointers

    def _arrays(self, pieces: list[Token], significant: list[int], out: list[str]) -> None:
        """`T name[]`, `T &name[]`, `T name[N]` and `T *name[]` become `Array<T>`."""
        words = [pieces[i] for i in significant]
        for at in range(1, len(words) - 2):
            if words[at].kind != "name" or words[at + 1].text != "[":
                continue
            declared = self._declared(words, at)
            if declared is None:
                continue
            kind_at, mark = declared
            close = _closing(words, at + 1)
            size = "".join(word.text for word in words[at + 2 : close])
            if words[close + 1].text == "[":
                raise SourceError(f"{self._path.name}: {words[at].text} has two dimensions")
            star = " *" if mark == "*" else ""
            out[significant[kind_at]] = f"Array<{words[kind_at].text}{star}>"
            if mark:
                out[significant[at - 1]] = "&" if mark == "&" else ""
            for position in range(at + 1, close + 1):
                out[significant[position]] = ""
            if size and words[close + 1].text != "=":
                out[significant[at + 1]] = f" = Array<{words[kind_at].text}{star}>::OfSize({size})"

    def _declared(self, words: list[Token], at: int) -> tuple[int, str] | None:
        """Where the type of the array at hand stands, and the mark between them; None for an element's access."""
        before = words[at - 1]
        if before.kind == "name":
            return None if before.text in _NO_TYPES else (at - 1, "")
        empty = words[at + 2].text == "]"
        kind = words[at - 2]
        if before.text == "&" and empty and kind.kind == "name":
            return at - 2, "&"
        if before.text == "*" and kind.text in self._classes:
            return at - 2, "*"
        return None


def _opening(words: list[Token]) -> int:
    """Where the bracket opens that the last word closes."""
    depth = 0
    for at in range(len(words) - 1, -1, -1):
        depth += (words[at].text in "])") - (words[at].text in "[(")
        if depth == 0:
            return at
    raise SourceError("a bracket that nothing opens")


def _closing(words: list[Token], start: int) -> int:
    depth = 0
    for at in range(start, len(words)):
        depth += (words[at].text == "[") - (words[at].text == "]")
        if depth == 0:
            return at
    raise SourceError("a bracket that nothing closes")


def seconds_of(text: str) -> int:
    """A date literal's seconds since 1970: `2026.03.04`, `2026.03.04 10:00` or with seconds."""
    for layout in ("%Y.%m.%d", "%Y.%m.%d %H:%M", "%Y.%m.%d %H:%M:%S"):
        try:
            return int(datetime.strptime(text, layout).replace(tzinfo=UTC).timestamp())
        except ValueError:
            continue
    raise SourceError(f"D'{text}' is no date")


def place(path: Path) -> Path:
    """Where a source is written below the output folder."""
    return path.relative_to(INCLUDES) if path.is_relative_to(INCLUDES) else path.relative_to(SOURCES)


def write(out: Path) -> list[Path]:
    """Rewrite every source; the files that were written."""
    paths = sources()
    names = collect(paths)
    made = []
    for path in paths:
        target = out / place(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(Rewriter(path, names).rewritten(), encoding="utf-8")
        made.append(target)
    return made


if __name__ == "__main__":
    write(Path(sys.argv[1]))
