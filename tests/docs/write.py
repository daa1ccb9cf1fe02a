"""`python -m tests.docs.write`: bring frames, types, defaults and remedies in PROTOCOL.md up to date with the code.

Meanings are written by people: a field or code that is new needs its row, and the tests say which.
"""

from bridge.protocol.codes import CODES
from tests.docs import frames
from tests.docs.pages import PROTOCOL, text
from tests.docs.wire import Field, tables, titles_of


def main() -> None:
    """Rewrite the page."""
    page = _tables(frames.replaced(text(PROTOCOL)))
    PROTOCOL.write_text(page, encoding="utf-8", newline="\n")


def _tables(page: str) -> str:
    expected = tables()
    lines, title = [], None
    for line in page.splitlines():
        if not line.startswith("|"):
            title = None
            lines.append(line)
        elif title is None:
            title = titles_of(line)[0]
            lines.append(line)
        else:
            lines.append(_row(line, title, expected.get(title, {})))
    return "\n".join(lines) + "\n"


def _row(line: str, title: str, fields: dict[str, Field]) -> str:
    cells = line.split(" | ")
    name = cells[0].strip("| `")
    if title == "code" and name in CODES:
        cells[3] = f"{CODES[name]} |"
    elif name in fields:
        cells[1] = fields[name].type
        if default := fields[name].default:
            cells[2] = default if default == "required" else f"`{default}`"
    return " | ".join(cells)


if __name__ == "__main__":
    main()
