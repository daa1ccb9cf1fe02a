"""Tables whose last column is prose: it alone is wrapped, into what room the others leave."""

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_ANY_WIDTH = 1_000


def fits(console: Console, made: Table, least: int) -> bool:
    """Whether everything but the last column fits whole and leaves that one `least` columns, or all that it needs."""
    last = made.columns[-1]
    last.max_width = 1
    wide = console.options.update(max_width=_ANY_WIDTH)
    others = Measurement.get(console, wide, made).maximum - 1
    last.max_width = None
    wanted = Measurement.get(console, wide, made).maximum - others
    room = console.width - others
    last.max_width = max(1, min(wanted, room))
    return room >= min(least, wanted)
