"""The demo as people see it."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from bridge.cli.screen import BAD, GOOD, NOTE, QUIET, facts, line, money
from bridge.cli.waterfall import draw
from bridge.demo.closing import closing
from bridge.demo.compact import compact, fate, headline
from bridge.demo.configuration import LOGIN
from bridge.demo.records import Asked, Record
from bridge.demo.scene import Scene
from bridge.demo.schedule import TIMEFRAME
from bridge.demo.strategy import FAST, SLOW, STOP_ATRS, TARGETS_R
from bridge.demo.tally import Tally
from bridge.market.recording import RecordedMarket
from sizing.policy import BudgetPolicy

_INDENT = "    "
_NARROWEST = 20


class Printer:
    """Prints as it goes. The first size that was granted is drawn in full, the others briefly; or all, with `full`."""

    def __init__(self, console: Console, *, full: bool) -> None:
        self._console = console
        self._full = full
        self._drawn = False
        self._policy = BudgetPolicy()
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def note(self, text: str) -> None:
        """A remark on the way."""
        line(self._console, text, QUIET)

    def begin(self, scene: Scene) -> None:
        """What is going to be played, and the progress bar where there is a terminal."""
        console, wish = self._console, scene.wish
        account = scene.settings.accounts[0]
        self._policy = account.policy.budget
        line(console, f"lotbridge demo: {_period(scene)}", "bold")
        if scene.market.synthetic:
            line(console, "The market is SYNTHETIC: generated, no price in it was ever traded.", f"bold {NOTE}")
        targets = f"{min(TARGETS_R):g} to {max(TARGETS_R):g}"
        rows = [
            ("market", _market(scene.market)),
            ("account", f"{LOGIN}, {money(wish.balance, 'USD')}, {account.firm.title}, preset {wish.preset}"),
            ("daemon", f"process {scene.pid} on {scene.address}, fed and asked over ZeroMQ"),
            (
                "example EA",
                f"moving averages {FAST} and {SLOW} cross on {TIMEFRAME} closes, stop {STOP_ATRS:g} ATR, "
                f"target {targets} R. A toy: its profit or loss proves nothing.",
            ),
        ]
        facts(console, rows + [("left out" if "left out" in note else "note", note) for note in scene.market.notes])
        console.print()
        if console.is_terminal:
            self._start_bar(len(scene.schedule.closes))

    def decision(self, asked: Asked) -> None:
        """One decision."""
        if self._full or (not self._drawn and asked.reply.factors):
            self._in_full(asked)
        else:
            self._in_brief(asked)

    def played(self, bars: int) -> None:
        """Move the bar."""
        if self._progress is not None:
            self._progress.update(self._task, completed=bars)

    def end(self, scene: Scene, record: Record, tally: Tally) -> None:
        """Everything added up."""
        self.close()
        closing(self._console, scene, record, tally)

    def close(self) -> None:
        """Take the progress bar away."""
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _start_bar(self, bars: int) -> None:
        columns = TextColumn("playing"), BarColumn(), MofNCompleteColumn(), TextColumn(f"{TIMEFRAME} closes")
        self._progress = Progress(*columns, console=self._console, transient=True)
        self._task = self._progress.add_task("", total=bars)
        self._progress.start()

    def _in_full(self, asked: Asked) -> None:
        console = self._console
        line(console, headline(asked), f"bold {_style(asked)}")
        console.print()
        draw(console, asked.idea.symbol, asked.idea.side, asked.reply)
        if asked.reply.code is None:
            line(console, fate(asked))
        if not self._full:
            line(console, "That was the whole waterfall. The others in brief (--full draws them all):", QUIET)
        console.print()
        self._drawn = True

    def _in_brief(self, asked: Asked) -> None:
        first, *others = compact(asked, self._policy, max(_NARROWEST, self._console.width - len(_INDENT)))
        line(self._console, first, _style(asked))
        for text in others:
            line(self._console, _INDENT + text, QUIET)


def _style(asked: Asked) -> str:
    return GOOD if asked.reply.code is None else BAD


def _period(scene: Scene) -> str:
    days = scene.schedule.days
    count = "1 trading day" if len(days) == 1 else f"{len(days)} trading days"
    return f"{count}, {days[0]}" if len(days) == 1 else f"{count}, {days[0]} to {days[-1]}"


def _market(market: RecordedMarket) -> str:
    return f"{market.name}: {', '.join(market.symbols)}"
