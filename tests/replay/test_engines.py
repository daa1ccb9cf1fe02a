"""Two engines, one truth: random ticks, orders and rules, and every figure the same to the last bit."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.market.broker_types import Refusal
from bridge.market.recording import TickSeries
from bridge.replay.paper import PaperAccount
from bridge.replay.sheet import BUCKET_MS, Sheet
from sizing.prop.firm import Firm, FirmLimits
from sizing.prop.rules import LossRule
from tests.replay.paper_market import SPECS, START_MS, account, ticks

_WHERE: dict[str, Any] = {"source": "a test", "as_of": "2026-11-21"}

RULES = [
    LossRule(name="total", scope="total", amount_pct=3.0, anchor="initial", sampled="inception", **_WHERE),
    LossRule(name="daily", scope="daily", amount_pct=1.0, anchor="balance", sampled="reset", strict=False, **_WHERE),
    LossRule(
        name="pause", scope="daily", amount_pct=0.5, anchor="higher", sampled="reset", breach="pauses",
        measured_on="balance", **_WHERE,
    ),
    LossRule(
        name="trailing", scope="total", amount_pct=1.5, anchor="equity", sampled="tick", ratchet=True, lock_pct=100.0,
        **_WHERE,
    ),
    LossRule(
        name="peak", scope="total", amount_pct=1.0, of="anchor", anchor="higher", sampled="tick", ratchet=True,
        **_WHERE,
    ),
    LossRule(name="closes", scope="total", amount_pct=1.2, anchor="balance", sampled="close", ratchet=True, **_WHERE),
]  # fmt: skip


class Step(NamedTuple):
    """An order after some time: open, close the oldest position, or begin the firm's day."""

    wait_ms: int
    what: str
    symbol: str
    side: Any
    lots: float
    stop: int
    target: int


class Story(NamedTuple):
    """What both engines live through. `cut_ms`: where the first span ends."""

    tapes: dict[str, TickSeries]
    steps: list[Step]
    firm: Firm
    cut_ms: int
    end_ms: int
    hedging: bool
    leverage: int


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Ticks that share milliseconds and jump; few enough that shrinking tells something."""
    tapes = {}
    for name in SPECS:
        walk = st.tuples(st.sampled_from([0, 1, 1000, 60_000, 900_000]), st.integers(-400, 400), st.integers(0, 30))
        tapes[name] = ticks(name, draw(st.lists(walk, min_size=1, max_size=30)))
    end = max(int(each.time_ms[-1]) for each in tapes.values())
    end_ms = (end // BUCKET_MS + 2) * BUCKET_MS
    step = st.builds(
        Step,
        st.integers(0, 1_500_000),
        st.sampled_from(["open", "open", "open", "close", "reset"]),
        st.sampled_from(sorted(SPECS)),
        st.sampled_from(["buy", "sell"]),
        st.sampled_from([0.01, 0.1, 0.5, 2.0]),
        st.integers(0, 500),
        st.integers(0, 500),
    )
    rules = draw(st.lists(st.sampled_from(RULES), unique_by=lambda rule: rule.name, max_size=3))
    limits = FirmLimits(floating_loss_pct=0.8, **_WHERE) if draw(st.booleans()) else FirmLimits()
    firm = Firm(name="test", title="Test", rules=tuple(rules), limits=limits)
    cut = draw(st.integers(0, (end_ms - START_MS) // BUCKET_MS)) * BUCKET_MS
    return Story(
        tapes,
        draw(st.lists(step, max_size=12)),
        firm,
        START_MS + cut,
        end_ms,
        draw(st.booleans()),
        draw(st.sampled_from([100, 5])),
    )


class Lived(NamedTuple):
    """Everything that can be seen of an account afterwards."""

    balance: float
    equity: float
    highest: float
    deals: Any
    closed: Any
    found: list[Any]
    anchors: list[Any]
    rows: list[Any]


def live(engine: str, story: Story) -> Lived:
    """Play a story in two spans."""
    parts = [_part(story, START_MS, story.cut_ms), _part(story, story.cut_ms, story.end_ms)]
    first = {name: each for name, each in parts[0].items() if len(each.time_ms)}
    if len(first) < len(SPECS):
        parts, first = [story.tapes, {}], story.tapes
    told = account(engine, first, story.firm, story.end_ms, hedging=story.hedging, leverage=story.leverage)
    _ticked(told, parts[0])
    found: list[Any] = []
    rows: list[Any] = []
    turned = not parts[1]
    now_ms = START_MS
    for step in [*story.steps, Step(story.end_ms, "end", "", "buy", 0.0, 0, 0)]:
        now_ms = min(now_ms + step.wait_ms, story.end_ms - 1)
        if not turned and now_ms >= story.cut_ms:
            _reach(told, story.cut_ms - 1, found)
            part, last = told.sheet.rows(story.cut_ms - 1)
            rows.append(part)
            told.go_on(parts[1], Sheet(START_MS, story.end_ms, told.judge, last))
            _ticked(told, parts[1])
            turned = True
        _reach(told, now_ms, found)
        if not _ended(found):
            _do(told, step)
            _take(told, found)
        if _ended(found):
            break
    rows.append(told.sheet.rows(story.end_ms - 1)[0])
    anchors = [(line.anchor, line.floor, line.spent) for line in told.judge.lines]
    return Lived(
        told.balance,
        told.raw_equity(),
        told.highest,
        told.deals(),
        told.closed,
        found,
        anchors,
        [_plain(r) for r in rows],
    )


def _ticked(told: PaperAccount, tapes: dict[str, TickSeries]) -> None:
    for each in tapes.values():
        told.sheet.ticked(each.time_ms)


def _part(story: Story, start_ms: int, end_ms: int) -> dict[str, TickSeries]:
    parts = {}
    for name, tape in story.tapes.items():
        begin, end = np.searchsorted(tape.time_ms, [start_ms, end_ms])
        parts[name] = TickSeries(time_ms=tape.time_ms[begin:end], bid=tape.bid[begin:end], ask=tape.ask[begin:end])
    return parts


def _reach(told: PaperAccount, ms: int, found: list[Any]) -> None:
    stopped = True
    while stopped and not _ended(found):
        told.advance(ms)
        stopped = told.found is not None
        _take(told, found)


def _ended(found: list[Any]) -> bool:
    return any(each.breach.ends for each in found)


def _take(told: PaperAccount, found: list[Any]) -> None:
    if told.found is not None:
        found.append(told.take())


def _do(told: PaperAccount, step: Step) -> None:
    if step.what == "open":
        quote, spec = told.quote(step.symbol), SPECS[step.symbol]
        if quote is None:
            return
        way = 1 if step.side == "buy" else -1
        price = quote.bid if way > 0 else quote.ask
        sl = round(price - way * step.stop * spec.point, spec.digits) if step.stop else None
        tp = round(price + way * step.target * spec.point, spec.digits) if step.target else None
        done = told.market_order(step.symbol, step.side, step.lots, sl=sl, tp=tp)
        if not isinstance(done, Refusal):
            told.look()
    elif step.what == "close" and told.positions():
        if not isinstance(told.close(told.positions()[0].ticket), Refusal):
            told.look()
    elif step.what == "reset":
        told.begin_day(told.now_ms)


def _plain(rows: Any) -> Any:
    columns = [
        rows.time_ms,
        rows.balance,
        rows.equity,
        rows.low,
        rows.high,
        *rows.floors.values(),
        *rows.headrooms.values(),
    ]
    return [column.tolist() for column in columns]


@settings(max_examples=300, deadline=None)
@given(stories())
def test_both_engines_see_the_same(story: Story) -> None:
    fast, plain = live("fast", story), live("events", story)
    for name, one, other in zip(Lived._fields, fast, plain, strict=True):
        assert one == other, name
