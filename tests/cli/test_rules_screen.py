"""What `rules` draws of a reply, whatever is in it and however narrow the console is."""

import re
import time
from collections.abc import Iterator
from io import StringIO

import pytest
from rich.console import Console

from bridge.cli.moments import in_broker, in_firm, span_here
from bridge.cli.rules import draw_rules
from bridge.protocol.messages import HaltInfo, LimitInfo, ProgressInfo, RecoveryInfo, RulesReply, WindowInfo
from tests.cli.replies import DAY_MS, HOUR_MS, NOW_MS, UNKNOWN, make_reply, make_rule

MISSING = "What trailing counts from is unknown: the highest equity so far is not known. Run `lotbridge anchor set`."


@pytest.fixture(autouse=True)
def _in_india(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A zone that is no whole number of hours from UTC, where the system lets a process choose."""
    if hasattr(time, "tzset"):
        monkeypatch.setenv("TZ", "Asia/Kolkata")
        time.tzset()
    yield
    monkeypatch.undo()
    if hasattr(time, "tzset"):
        time.tzset()


def drawn(reply: RulesReply, width: int = 80, *, colours: bool = False, sources: bool = False) -> str:
    out = StringIO()
    console = Console(
        file=out, width=width, markup=False, highlight=False, emoji=False, force_terminal=colours, no_color=not colours,
        color_system="standard" if colours else None,
    )  # fmt: skip
    draw_rules(console, reply, with_sources=sources)
    return out.getvalue()


def flat(text: str) -> str:
    """Without line breaks and padding."""
    return " ".join(text.split())


def everything() -> RulesReply:
    """All that a reply can hold at once."""
    news = [WindowInfo("news", NOW_MS + hours * HOUR_MS, NOW_MS + hours * HOUR_MS + 240_000, "CPI", ["USD"])
            for hours in range(30, 38)]  # fmt: skip
    return make_reply(
        make_rule(headroom_after_reset=1_234.5, used_percent=51.0),
        make_rule(name="eod_dynamic_drawdown", breached=True, headroom=-10.0, used_percent=101.0, breach="pauses"),
        make_rule(name="trailing", scope="total", missing=MISSING, **UNKNOWN),
        limits=[
            LimitInfo("open_risk", 1_000.0, 250.0),
            LimitInfo("max_positions_per_day", 20, None),
            LimitInfo("max_lots_per_order", 50.0, None),
            LimitInfo("max_lots_open", 5.0, 0.07),
            LimitInfo("something_new", 5.0, 1.0),
        ],
        halts=[
            HaltInfo("trading_halted", "lunch\x1b[2J\nbreak", NOW_MS - 60_000, None),
            HaltInfo("rule_breached", "94990.00 against 95000.00", NOW_MS - 60_000, NOW_MS + 13 * HOUR_MS),
        ],
        recovery=RecoveryInfo(0.5, NOW_MS + 5 * DAY_MS, 101_000.0, "after drawdown_halt"),
        progress=ProgressInfo(
            earned=1_000.0, target=10_000.0, days=2, min_days=4, best_day=600.0, best_day_pct=60.0,
            best_day_limit=500.0, today=-12.5, since_ms=NOW_MS - 2 * DAY_MS,
        ),
        windows=[
            WindowInfo("news", NOW_MS - 60_000, NOW_MS + 120_000, "ECB", ["EUR"]),
            WindowInfo("weekend", NOW_MS + 2 * DAY_MS, NOW_MS + 4 * DAY_MS, "", []),
            *news,
        ],
        news_missing="calendar.csv does not exist; put the calendar there.",
    )  # fmt: skip


@pytest.mark.parametrize("width", [60, 80, 120])
def test_nothing_is_wider_than_the_console_or_cut_within_a_number(width: int) -> None:
    """Where the table does not fit, each rule gets lines of its own."""
    text = drawn(everything(), width)
    assert max(map(len, text.splitlines())) <= width
    for figure in ("max_daily_loss", "eod_dynamic_drawdown", "100,000.00", "95,000.00", "5,000.00", "1,234.50"):
        assert figure in text
    assert ("\ncounts from  " in text) is (width == 60)


def test_the_next_reset_stands_in_three_times() -> None:
    """The firm's, the broker's and this computer's, each with its distance from UTC."""
    text = flat(drawn(make_reply()))
    assert "The firm's next day begins in 13 h 0 min:" in text
    assert "firm 2026-03-05 00:00 Europe/Prague (UTC+1)" in text
    assert "broker 2026-03-05 01:00 UTC+2" in text
    if hasattr(time, "tzset"):
        assert "here 2026-03-05 04:30 local (UTC+5:30)" in text


def test_a_broker_whose_clock_has_not_been_seen_is_not_given_one() -> None:
    """Before the first report the offset of the reply means nothing."""
    text = flat(drawn(make_reply(balance=None, equity=None, currency=None, broker_offset_ms=0)))
    assert "broker not known before the terminal has reported" in text


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("America/New_York", "2026-03-04 05:00 America/New_York (UTC-5)"),
        ("broker", "2026-03-04 12:00 the broker's clock (UTC+2)"),
        ("UTC", "2026-03-04 10:00 UTC"),
        ("Mars/Olympus", "2026-03-04 10:00 UTC (this computer does not know Mars/Olympus)"),
        ("../etc", "2026-03-04 10:00 UTC (this computer does not know ../etc)"),
    ],
)
def test_a_moment_by_the_firms_clock(zone: str, text: str) -> None:
    """Its zone by name, or the broker's clock, or UTC where the zone is unknown here."""
    assert in_firm(NOW_MS, zone, 2 * HOUR_MS) == text


def test_a_moment_by_the_brokers_clock_follows_daylight_saving_through_its_offset() -> None:
    """Only the offset is known."""
    assert in_broker(NOW_MS, 3 * HOUR_MS) == "2026-03-04 13:00 UTC+3"
    assert in_broker(NOW_MS, -HOUR_MS // 2) == "2026-03-04 09:30 UTC-0:30"


def test_a_window_over_midnight_names_both_days() -> None:
    """One within a day names it once."""
    assert len(re.findall(r"\d{4}-\d\d-\d\d", span_here(NOW_MS, NOW_MS + DAY_MS))) == 2
    assert len(re.findall(r"\d{4}-\d\d-\d\d", span_here(NOW_MS, NOW_MS + HOUR_MS))) == 1


def test_less_room_after_the_reset_is_a_column_of_its_own() -> None:
    """And none where nothing gets less."""
    less = drawn(make_reply(make_rule(headroom_after_reset=4_000.0), make_rule(name="max_loss")))
    assert "reset  used %" in less
    assert "4,000.00" in less
    assert "same" in less
    assert "reset  used %" not in drawn(make_reply(make_rule(headroom_after_reset=6_000.0)))


def test_what_keeps_the_account_from_trading_comes_first() -> None:
    """Halts, breaches, unknown anchors, windows and the calendar, before any figure."""
    head, _, rest = flat(drawn(everything())).partition(" equity 100,000.00 ")
    assert "No entries until `lotbridge resume`: trading_halted, lunch [2J break." in head
    assert "(in 13 h 0 min): rule_breached, 94990.00 against 95000.00." in head
    assert "eod_dynamic_drawdown is breached: no entries until the next reset." in head
    assert MISSING in head
    assert "No entries in EUR until" in head
    assert "calendar.csv does not exist" in head
    assert "After a halt: sizes times 0.5 until" in head
    assert "or until equity is back at 101,000.00 (after drawdown_halt)." in head
    assert "max_daily_loss" in rest


def test_what_others_wrote_moves_no_cursor() -> None:
    """A reason or a title may hold anything."""
    assert "\x1b" not in drawn(everything())


def test_rules_that_are_unknown_or_breached_are_red() -> None:
    """Only where colours are wanted; the words say it without them."""
    text = drawn(make_reply(make_rule(name="trailing", missing=MISSING, **UNKNOWN)), colours=True)
    assert "\x1b[31mtrailing" in text
    assert "\x1b[31munknown" in text


def test_limits_progress_and_windows_are_told() -> None:
    """Used and allowed in the unit of each; a name that is new is shown as it is."""
    text = flat(drawn(everything(), 120))
    assert "risk to all stops 250.00 of 1,000.00 (25 %)" in text
    assert "positions today not known, 20 at most" in text
    assert "lots of one order 50.00 at most" in text
    assert "lots in all 0.07 of 5.00 (1 %)" in text
    assert "something_new 1.00 of 5.00 (20 %)" in text
    assert "earned 1,000.00 of 10,000.00 (10.0 %)" in text
    assert "trading days 2 of 4, counted since 2026-03-02" in text
    assert "best day 600.00 (60.0 % as the firm counts), 500.00 at most" in text
    assert "today -12.50" in text
    assert "local, NOW" in text
    assert "weekend: Fri 2026-03-06" in text
    assert text.count("news USD, CPI:") == 3
    assert "and 5 more" in text


def test_sources_name_page_and_date_of_each_rule() -> None:
    """Only if asked for; that firms change their rules is said either way."""
    without, with_them = drawn(make_reply()), drawn(make_reply(), sources=True)
    assert "Firms change their rules" in without
    assert "https://example.com/rules" not in without
    assert "max_daily_loss, 2026-11-20: https://example.com/rules" in with_them
    assert "Firms change their rules" in with_them


def test_no_rules_at_all() -> None:
    """A firm without rules still has a day."""
    text = drawn(make_reply(rules=[]))
    assert "No loss rules." in text
    assert "The firm's next day begins" in text
