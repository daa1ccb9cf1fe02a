"""The end of the demo: the tables, one sentence, and where to go from here."""

from rich.console import Console

from bridge.cli.screen import BAD, GOOD, NOTE, QUIET, facts, line, minute_utc, money, show, table
from bridge.demo.play import REPORT_EVERY_MS
from bridge.demo.records import Asked, Record
from bridge.demo.scene import Scene
from bridge.demo.tally import SymbolTally, Tally

_LOOKED = f"every {REPORT_EVERY_MS // 60_000} minutes and at every trade"
_NEXT = (
    ("lotbridge init my-config", "write a commented configuration of your own"),
    ("lotbridge serve --sample", "keep a daemon running on the synthetic market"),
    ("lotbridge size EURUSD.sim buy --confidence 75", "ask that daemon, in another window"),
)


def closing(console: Console, scene: Scene, record: Record, tally: Tally) -> None:
    """Everything that is shown once nothing more is played."""
    console.print()
    if not record.complete:
        line(console, f"Stopped after {record.bars} of {len(scene.schedule.closes)} bars. So far:", f"bold {NOTE}")
    line(console, "Trades by symbol", "bold")
    _symbols(console, tally)
    if tally.bound:
        line(console, "Which ceiling decided the sizes", "bold")
        _counts(console, "ceiling", tally.bound)
    if tally.refusals:
        line(console, "Why lots were refused (`lotbridge codes` explains each)", "bold")
        _counts(console, "code", tally.refusals)
    _rules(console, scene, record)
    _account(console, tally, _currency(record.asked))
    console.print()
    line(console, sentence(scene, record, tally), f"bold {GOOD if _inside(record) else BAD}")
    console.print()
    _next_steps(console, scene, record.asked)


def sentence(scene: Scene, record: Record, tally: Tally) -> str:
    """The run in plain English."""
    total = tally.total
    days = len(scene.schedule.days)
    kind = "synthetic" if scene.market.synthetic else "recorded"
    span = f"{days} {kind} trading day{'s' * (days != 1)}"
    begun = f"In {span}" if record.complete else f"Up to {minute_utc(record.now_ms)} of {span}"
    asked = f"{begun} the EA asked {_times(total.signals)}; lotbridge sized {total.sized} and refused {total.refused}"
    if not record.lows:
        return f"{asked}."
    name, low = min(record.lows.items(), key=lambda item: item[1].headroom)
    room = money(low.headroom, _currency(record.asked))
    if not _inside(record):
        return f"{asked}. {name} was breached on {minute_utc(low.at_ms)} ({room} of room)."
    return f"{asked}. The account never had less than {room} of room to its loss rules, looked at {_LOOKED}."


def _inside(record: Record) -> bool:
    return all(low.headroom > 0 for low in record.lows.values())


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _symbols(console: Console, tally: Tally) -> None:
    right = ("signals", "sized", "refused", "lots", "closed", "won", "P/L")
    made = table(console, "symbol", *right, right=right)
    for name, each in tally.symbols.items():
        made.add_row(name, *_row(each))
    made.add_section()
    made.add_row("all", *_row(tally.total), style="bold")
    show(console, made)


def _row(each: SymbolTally) -> tuple[str, ...]:
    counts = each.signals, each.sized, each.refused, f"{each.lots:.2f}", each.closed, each.won
    return (*map(str, counts), money(each.profit))


def _counts(console: Console, name: str, counts: dict[str, int]) -> None:
    made = table(console, name, "times", right=("times",))
    for key, count in counts.items():
        made.add_row(key, str(count))
    show(console, made)


def _rules(console: Console, scene: Scene, record: Record) -> None:
    """The firm's rules as the daemon last saw them, and the least room that any of its reports left to each."""
    if record.status is None or not record.status.rules:
        return
    line(console, f"Loss rules of {scene.settings.accounts[0].firm.title}", "bold")
    right = ("floor", "headroom", "used %", "lowest headroom")
    made = table(console, "rule", *right, "seen", right=right)
    for rule in record.status.rules:
        low = record.lows[rule.name]
        made.add_row(
            rule.name,
            money(rule.floor),
            money(rule.headroom),
            f"{rule.used_percent:.1f}",
            money(low.headroom),
            minute_utc(low.at_ms).removesuffix(" UTC"),
        )
    show(console, made)


def _account(console: Console, tally: Tally, currency: str) -> None:
    rows = [
        ("balance", money(tally.balance, currency)),
        ("equity", f"{money(tally.equity, currency)}, {tally.open_positions} positions still open"),
    ]
    if tally.round_trips is not None:
        median, p99 = (f"{value:.0f}" for value in tally.round_trips)
        rows.append(("round trip", f"median {median} us, 99th percentile {p99} us, from question to answer"))
    facts(console, rows)


def _next_steps(console: Console, scene: Scene, asked: list[Asked]) -> None:
    steps = list(_NEXT)
    keep = scene.wish.keep
    if keep is not None:
        folder = f'"{keep}"' if " " in str(keep) else str(keep)
        last = asked[-1].reply.decision if asked else None
        command = f"lotbridge explain {last} --config {folder}" if last else f"lotbridge check --config {folder}"
        steps.insert(0, (command, "the last decision, from the journal that was kept"))
    line(console, "Next", "bold")
    for command, what in steps:
        line(console, f"  {command}")
        line(console, f"      {what}", QUIET)


def _currency(asked: list[Asked]) -> str:
    return next((each.reply.risk.currency for each in asked if each.reply.risk.currency), "")
