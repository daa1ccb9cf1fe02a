"""`python -m tests.docs.write`: bring frames, types, defaults and remedies in PROTOCOL.md up to date with the code.

Meanings are written by people: a field or code that is new needs its row, and the tests say which.
"""

from bridge.protocol.codes import CODES
from tests.docs import frames
from tests.docs.pages import PROTOCOL, text
from tests.docs.wire import tables, titles_of


def main() -> None:
    """Rewrite the page."""
    page = _tables(frames.replaced(text(PROTOCOL)))
    PROTOCOL.write_text(page, encoding="utf-8", newline="\n")


def _tables(page: str) -> str:
    expected = tables()
    lines, titles = [], [""]
    for line in page.splitlines():
        if not line.startswith("|"):
            titles = [""]
        elif titles == [""]:
            titles = titles_of(line)
        else:
            cells = line.split(" | ")
            name = cells[0].strip("| `")
            field = expected.get(titles[0], {}).get(name)
            if field is not None:
                cells[1] = field.type
                cells[2:3] = [f"`{field.default}`" if field.default != "required" else "required"] if field.default else cells[2:3]
            elif titles[0] == "code" and name in CODES:
                cells[3] = f"{CODES[name]} |"
            line = " | ".join(cells)
        lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
