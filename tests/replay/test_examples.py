"""The built-in strategies against reckonings of their own, and strategies named on the command line."""

import sys
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.demo.schedule import schedule
from bridge.demo.strategy import CrossEA
from bridge.errors import ReplayError
from bridge.market.broker import SimulatedBroker
from bridge.market.recording import TIMEFRAME_MS
from bridge.market.store import sample_market
from bridge.replay.examples import EXAMPLES, DayBreakout, MovingAverageCross
from bridge.replay.load import load_strategy
from bridge.replay.signals import ALIASES
from bridge.replay.strategy import Entry, Exit, View
from tests.builders import NOW_MS, at, make_bars, make_quote
from tests.replay.views import HandView

M15 = TIMEFRAME_MS["M15"]
SMALL = MovingAverageCross(fast=2, slow=4, atr=3)


def asked(strategy: MovingAverageCross | DayBreakout, closes: list[float], end_ms: int = NOW_MS) -> list[Entry]:
    """What a strategy wishes when the last of these closes is new, with the quote there."""
    view = HandView(end_ms, {"EURUSD": make_bars("M15", end_ms, closes)}, make_quote(closes[-1], time_ms=end_ms))
    return list(strategy.on_time(view))


def test_the_cross_is_the_demos(tmp_path: Path) -> None:
    """The same symbols, sides and confidences as the demo's EA, over a day of the sample market."""
    market = sample_market()
    broker = SimulatedBroker(market, login=1, balance=100_000.0)
    ea, strategy, seen = CrossEA(broker), MovingAverageCross(), 0
    for close_ms in schedule(market, 1).closes:
        broker.advance(close_ms)
        view = SimpleNamespace(
            now_ms=close_ms, symbols=tuple(broker.specs), bars=broker.bars, quote=broker.quote, spec=broker.specs.get
        )
        made = {(each.symbol, each.side, each.confidence) for each in strategy.on_time(cast("View", view))}
        assert {(each.symbol, each.side, each.confidence) for each in ea.crosses(close_ms)} == made
        seen += len(made)
    assert seen >= 5


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=60))
def test_a_cross_is_where_the_difference_of_the_averages_turns(steps: list[int]) -> None:
    closes = (1.1 + np.cumsum(steps) * 0.001).round(5).tolist()
    made = asked(SMALL, closes)
    needed = 4 + 3 + 5
    if len(closes) < needed:
        assert not made
        return
    gaps = [np.mean(closes[end - 2 : end]) - np.mean(closes[end - 4 : end]) for end in (len(closes) - 1, len(closes))]
    ranges = np.abs(np.diff(closes))[-3:]
    turned = gaps[1] != 0 and gaps[0] * gaps[1] <= 0 and ranges.mean() > 0
    assert [each.side for each in made] == (["buy" if gaps[1] > 0 else "sell"] if turned else [])


def test_a_buy_has_its_stop_so_many_atrs_below_the_ask_and_its_target_above() -> None:
    closes = [1.1] * 11 + [1.101]
    (entry,) = asked(MovingAverageCross(fast=2, slow=4, atr=2, stop=3.0, reward=2.0, magic=5), closes)
    atr = 0.0005  # the ranges of the last two bars: 0 and 0.001
    assert entry.stop_loss == pytest.approx(1.1011 - 3 * atr, abs=1e-9)
    assert entry.take_profit == pytest.approx(1.1011 + 6 * atr, abs=1e-9)
    assert (entry.side, entry.magic, entry.strategy, entry.reverse) == ("buy", 5, "ma-cross", True)


def test_a_sell_counts_from_the_bid_the_other_way_round() -> None:
    (entry,) = asked(MovingAverageCross(fast=2, slow=4, atr=2, stop=3.0, reward=2.0), [1.1] * 11 + [1.099])
    assert entry.side == "sell"
    assert entry.stop_loss == pytest.approx(1.099 + 0.0015, abs=1e-9)
    assert entry.take_profit == pytest.approx(1.099 - 0.003, abs=1e-9)


def test_every_symbol_has_its_own_magic_number() -> None:
    series = make_bars("M15", NOW_MS, [1.1] * 11 + [1.101])
    made = SMALL.on_time(HandView(NOW_MS, {"EURUSD": series, "USDJPY": series}))
    assert [(each.symbol, each.magic) for each in made] == [("EURUSD", 7001), ("USDJPY", 7002)]


@pytest.mark.parametrize("strategy", [SMALL, DayBreakout(atr=3)], ids=lambda each: each.name)
@pytest.mark.parametrize(("late_ms", "count"), [(0, 1), (M15 - 1, 1), (M15, 0), (3 * M15, 0)])
def test_a_close_is_news_until_the_next_bar_has_ended(strategy: Any, late_ms: int, count: int) -> None:
    """A market that was closed for a bar, and another one's tick that calls the strategy, trade nothing old."""
    series = make_bars("M15", NOW_MS, [1.1] * 50 + [1.101])
    assert len(list(strategy.on_time(HandView(NOW_MS + late_ms, {"EURUSD": series})))) == count


@pytest.mark.parametrize("strategy", [SMALL, DayBreakout(atr=3)], ids=lambda each: each.name)
def test_without_a_quote_bars_or_room_for_a_stop_nothing_is_wished(strategy: Any) -> None:
    series = make_bars("M15", NOW_MS, [1.1] * 50 + [1.101])
    assert list(strategy.on_time(HandView(NOW_MS, {"EURUSD": series})))
    assert not list(strategy.on_time(HandView(NOW_MS, {"EURUSD": series}, None)))
    assert not list(strategy.on_time(HandView(NOW_MS, {"EURUSD": series}, make_quote(0.0001))))
    assert not list(strategy.on_time(HandView(NOW_MS, {"EURUSD": make_bars("H1", NOW_MS, [1.1])})))
    assert not list(strategy.on_time(HandView(NOW_MS, {"EURUSD": make_bars("M15", NOW_MS, [])})))


MORNING = at("2026-03-04 00:00:00")


def day(closes: list[float], before: int = 8) -> tuple[int, list[float]]:
    """Bars of a day from its midnight, after some of the day before; when the last of them closes."""
    return MORNING + len(closes) * M15, [1.1] * before + closes


@pytest.mark.parametrize(
    ("later", "side"),
    [
        ([1.102], "buy"),
        ([1.098], "sell"),
        ([1.101], None),
        ([1.099], None),
        ([1.1, 1.1, 1.102], "buy"),
        ([1.102, 1.103], None),
        ([1.102, 1.1, 1.103], None),
        ([1.098, 1.103], None),
        ([], None),
    ],
)
def test_the_first_close_outside_the_mornings_range_is_followed_once_a_day(
    later: list[float], side: str | None
) -> None:
    range_of_the_night = [1.1, 1.101, 1.099] + [1.1] * 25
    end_ms, closes = day(range_of_the_night + later)
    made = asked(DayBreakout(), closes, end_ms)
    assert [each.side for each in made] == ([side] if side else [])
    assert [each.exit_ms for each in made] == ([at("2026-03-04 20:00:00")] if side else [])


def test_the_range_is_not_traded_while_it_forms_nor_after_the_hour_of_closing() -> None:
    for bars in (20, 28, 80):
        end_ms, closes = day([1.1] * (bars - 1) + [1.102])
        assert not asked(DayBreakout(), closes, end_ms), bars
    end_ms, closes = day([1.1] * 78 + [1.102])
    assert len(asked(DayBreakout(), closes, end_ms)) == 1


def test_a_day_without_a_morning_has_no_range() -> None:
    series = make_bars("M15", MORNING + 60 * M15, [1.1] * 20 + [1.102])
    assert series.time_ms[0] > MORNING + 28 * M15
    assert not list(DayBreakout().on_time(HandView(MORNING + 60 * M15, {"EURUSD": series})))


def test_parameters_are_given_by_name() -> None:
    made = load_strategy("ma-cross:fast=5, slow=20,stop=1.5,timeframe=H1,magic=9")
    assert made == MovingAverageCross(fast=5, slow=20, stop=1.5, timeframe="H1", magic=9)
    assert load_strategy("ma-cross") == MovingAverageCross()
    assert load_strategy("day-breakout:exit=18") == DayBreakout(exit=18)
    assert (made.name, made.timeframe, made.times()) == ("ma-cross", "H1", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ma-cross:quick=5", "'quick=5' is no parameter of ma-cross; write key=value with timeframe, fast, slow"),
        ("ma-cross:fast", "'fast' is no parameter"),
        ("ma-cross:name=x", "'name=x' is no parameter"),
        ("ma-cross:fast=five", "fast is 'five', not a whole number"),
        ("ma-cross:fast=2.5", "fast is '2.5', not a whole number"),
        ("ma-cross:stop=nan", "stop is 'nan', not a number"),
        ("ma-cross:stop=inf", "stop is 'inf', not a number"),
        ("ma-cross:fast=5,fast=6", "fast is given twice"),
        ("ma-cross:fast=48", "fast must be at least 1 and less than slow"),
        ("ma-cross:fast=0", "fast must be at least 1"),
        ("ma-cross:stop=0", "must be above 0"),
        ("ma-cross:reward=-1", "must be above 0"),
        ("ma-cross:timeframe=M7", "timeframe must be one of M1, M5"),
        ("day-breakout:timeframe=D1", "an hour or less"),
        ("day-breakout:begin=9", "hours that ascend"),
        ("day-breakout:exit=25", "hours that ascend"),
        ("day-breakout:atr=0", "must be above 0"),
        ("mystery", "is no strategy: give a file of signals"),
    ],
)
def test_what_is_wrong_with_a_strategys_text_is_said(text: str, said: str) -> None:
    with pytest.raises(ReplayError) as raised:
        load_strategy(text)
    assert text in str(raised.value)
    assert said in str(raised.value)


def test_a_file_of_signals_is_a_strategy_too(tmp_path: Path) -> None:
    path = tmp_path / "My Signals.CSV"
    path.write_text(f"time,symbol,side,stop\n{NOW_MS},EURUSD,buy,\n", encoding="utf-8")
    times = load_strategy(str(path)).times()
    assert times is not None
    assert times.tolist() == [NOW_MS]


OWN = """
from dataclasses import dataclass
import numpy as np
from bridge.replay.strategy import Entry, Exit, Stance
from neighbour import STOP

@dataclass
class Mine:
    name: str = "mine"
    timeframe: str | None = "H1"
    moments: object = None
    wishes: object = ()
    def times(self):
        return self.moments
    def on_time(self, view):
        if callable(self.wishes):
            return self.wishes(view)
        return self.wishes

def make():
    entry = Entry("EURUSD", "buy", np.float64(STOP), None, np.float32(50), magic=np.int64(3))
    return Mine(wishes=[entry, Exit("EURUSD")])
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a strategy's file, with a line of its own, and say how to name it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "neighbour", raising=False)
    (tmp_path / "neighbour.py").write_text("STOP = 1.05\n", encoding="utf-8")

    def write(line: str = "") -> str:
        path = tmp_path / "own strategy.py"
        path.write_text(OWN + line + "\n", encoding="utf-8")
        return f"{path}:make"

    return write


VIEW = HandView(NOW_MS, {"EURUSD": make_bars("H1", NOW_MS, [1.1])})


def test_a_users_file_is_loaded_with_its_neighbours_and_numpy_becomes_plain(own: Any) -> None:
    strategy = load_strategy(own())
    made = list(strategy.on_time(VIEW))
    assert made == [Entry("EURUSD", "buy", 1.05, None, 50.0, magic=3), Exit("EURUSD")]
    entry = cast("Entry", made[0])
    assert [type(value) for value in (entry.stop_loss, entry.confidence, entry.magic)] == [float, float, int]
    assert (strategy.name, strategy.timeframe, strategy.times()) == ("mine", "H1", None)


def test_a_users_module_is_found_from_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: Any
) -> None:
    own()
    (tmp_path / "own_module_of_a_test.py").write_text(OWN, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert load_strategy("own_module_of_a_test:make").name == "mine"


def test_times_of_a_user_are_checked_and_kept(own: Any) -> None:
    strategy = load_strategy(own("def make(): return Mine(timeframe=None, moments=[1, 2, 5])"))
    times = strategy.times()
    assert times is not None
    assert times.dtype == np.int64
    assert times.tolist() == [1, 2, 5]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1 / 0", ["while it was loaded: ZeroDivisionError", "1 / 0"]),
        ("import no_such_module_anywhere", ["while it was loaded: ModuleNotFoundError"]),
        ("def", ["while it was loaded: SyntaxError"]),
        ("raise SystemExit(3)", ["while it was loaded: SystemExit"]),
        ("make = 5", ["has no function make"]),
        ("def make(): return undefined_name", ["when it was called: NameError", "return undefined_name"]),
        ("def make(): return 5", ["returned int, which lacks name, timeframe, times, on_time; return a Strategy"]),
        ("def make(): return Mine(timeframe=None)", ["neither a timeframe nor times"]),
        ("def make(): return Mine(moments=[1])", ["both a timeframe and times"]),
        ("def make(): return Mine(timeframe='M7')", ["the timeframe 'M7'; give one of M1"]),
        ("def make(): return Mine(timeframe=None, moments=[2, 1])", ["times that do not ascend"]),
        ("def make(): return Mine(timeframe=None, moments=[])", ["times that do not ascend, or none"]),
        ("def make(): return Mine(timeframe=None, moments=[1.5])", ["when it was asked", "whole numbers"]),
    ],
)
def test_a_users_code_that_cannot_be_loaded_is_told_with_its_own_lines(own: Any, line: str, said: list[str]) -> None:
    text = own(line)
    with pytest.raises(ReplayError) as raised:
        load_strategy(text)
    told = str(raised.value)
    assert text.removesuffix(":make") in told
    assert all(part in told for part in said), told


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ("lambda view: view.nonsense", "AttributeError"),
        ("lambda view: None", "TypeError"),
        ("['buy']", "on_time must give Entry, Exit or Stance, not str"),
        ("[Entry('XYZ', 'buy')]", "XYZ is not replayed; there are EURUSD"),
        ("[Exit('XYZ')]", "XYZ is not replayed"),
        ("[Exit('EURUSD', side='both')]", "side is 'both'"),
        ("[Entry('EURUSD', 'BUY')]", "side is 'BUY', neither buy nor sell"),
        ("[Entry('EURUSD', 'buy', float('nan'))]", "stop_loss is nan, not a positive price"),
        ("[Entry('EURUSD', 'buy', 'low')]", "ValueError"),
        ("[Entry('EURUSD', 'buy', 1.2, 1.1)]", "stop_loss is 1.2, not below the target"),
        ("[Entry('EURUSD', 'buy', confidence=120)]", "confidence is 120.0, not 0 to 100"),
        ("[Entry('EURUSD', 'buy', exit_ms=5)]", "exit_ms is not later than the entry"),
        ("[Entry('EURUSD', 'buy', magic=1.5)]", "TypeError"),
        ("[Entry('EURUSD', 'buy', strategy='s' * 33)]", "strategy has more than 32 characters"),
        ("[Stance('XYZ', 'bullish')]", "XYZ is not replayed"),
        ("[Stance('EURUSD', 'up')]", "direction is 'up', neither bullish nor bearish nor None"),
        ("[Stance('EURUSD', 'bullish', 120)]", "confidence is 120.0, not 0 to 100"),
        ("[Stance('EURUSD', None, risk='some')]", "risk is 'some', neither high nor medium nor low nor None"),
    ],
)
def test_a_users_error_at_a_moment_is_told_with_the_moment(own: Any, wish: str, said: str) -> None:
    strategy = load_strategy(own(f"def make(): return Mine(wishes={wish})"))
    with pytest.raises(ReplayError) as raised:
        strategy.on_time(VIEW)
    assert "own strategy.py:make, at 2026-03-04T10:00:00.000Z: " in str(raised.value)
    assert said in str(raised.value)


def test_the_strategy_of_the_page_runs_as_it_stands(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")
    path = tmp_path / "page.py"
    path.write_text(page.partition("```python\n")[2].partition("```")[0], encoding="utf-8")
    strategy = load_strategy(f"{path}:make")
    view = HandView(NOW_MS, {"XAUUSD.sim": make_bars("H1", NOW_MS, [2000.0, 2010.0, 2020.0])})
    (entry,) = strategy.on_time(view)
    assert entry == Entry("XAUUSD.sim", "buy", 2000.0, confidence=60.0, magic=77, strategy="monday-gold")


def test_the_page_names_every_parameter_with_its_default_and_every_column_with_its_aliases() -> None:
    page = (Path(__file__).parents[2] / "docs" / "replay.md").read_text(encoding="utf-8")
    rows = {line.split("`")[1]: line for line in page.splitlines() if line.startswith("| `")}
    for name, kind in EXAMPLES.items():
        named = [f"`{each.name}={each.default}`" for each in fields(cast("Any", kind)) if each.init]
        assert all(each in rows[name] for each in named), name
    for name, aliases in ALIASES.items():
        assert all(f"`{alias}`" in rows[name] for alias in aliases), name


@pytest.mark.parametrize("text", ["nowhere.py:make", "no_such_module_anywhere:make", "json:loads!", ":make", "json:no"])
def test_code_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(ReplayError, match=r"not a file|No module named|names no function|has no function"):
        load_strategy(text)
