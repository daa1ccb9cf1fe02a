"""How an answer is drawn: at 80 columns, without colours, on consoles that know few characters."""

import io
from typing import Any

import pytest
from rich.console import Console

from bridge.cli.screen import ceiling, duration, lots_of, minute_utc, prices, short_ceiling
from bridge.cli.waterfall import draw, outcome
from bridge.protocol.messages import Ages, CapInfo, FactorInfo, RiskInfo, SizeReply

LONG = "a detail that goes on and on, with [bold]brackets[/bold] and [[accounts]] and :smile: in it, " * 3


def make_reply(**over: Any) -> SizeReply:
    """The worked example of DESIGN, unless the test says otherwise."""
    values: dict[str, Any] = {
        "v": 1,
        "type": "size",
        "id": "q1",
        "status": "ok",
        "code": None,
        "message": None,
        "server_ms": 1_709_514_007_000,
        "lots": 10.0,
        "entry": 1.1,
        "stop_loss": 1.08505,
        "take_profit": 1.145,
        "risk": RiskInfo("USD", 150.0, 210.0, 0.083, 15.0, 150.0),
        "binding": "symbol_max_lots",
        "runner_up": "notional",
        "factors": [
            FactorInfo("edge", 1.0, "1.75 R"),
            FactorInfo("regime", 0.7, "ranging"),
            FactorInfo("x", 2, LONG),
        ],
        "caps": [
            CapInfo("risk_budget", 25.2, "378.00 at 15.00 a lot"),
            CapInfo("symbol_max_lots", 10.0, "class forex"),
            CapInfo("notional", 18.0, LONG),
            CapInfo("a_name_that_is_longer_than_any_other_cap_of_the_engine", None, LONG),
        ],
        "base_lots": 25.2,
        "reservation": None,
        "expires_ms": None,
        "decision": "d1",
        "ages": Ages(1, 2, 3, 4),
    }
    return SizeReply(**{**values, **over})


def drawn(reply: SizeReply, encoding: str = "utf-8", width: int = 80, **console: Any) -> str:
    """What a console of that encoding receives; fails where a character is not in it."""
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding=encoding, newline="\n")
    screen = Console(file=stream, width=width, markup=False, highlight=False, emoji=False, **console)
    draw(screen, "EURUSD", "buy", reply)
    stream.flush()
    return buffer.getvalue().decode(encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii", "cp437"])
@pytest.mark.parametrize("width", [80, 120, 50])
def test_no_line_is_wider_than_the_console(encoding: str, width: int) -> None:
    """Long details wrap; every console can show every character."""
    text = drawn(make_reply(), encoding, width)
    assert max(map(len, text.splitlines())) <= width


def test_lines_and_bars_are_ascii_where_the_console_knows_no_better() -> None:
    """cp1252 has no box characters."""
    assert drawn(make_reply(), "cp1252").isascii()
    assert "█" in drawn(make_reply(), "utf-8")


def test_no_markup_is_read_or_lost() -> None:
    """Brackets of the daemon's details arrive as they are."""
    words = " ".join(drawn(make_reply(), width=400).split())
    assert "with [bold]brackets[/bold] and [[accounts]] and :smile: in it" in words
    assert "\x1b" not in words


def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is respected on a terminal, too."""
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[" in drawn(make_reply(), force_terminal=True, color_system="standard")
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in drawn(make_reply(), force_terminal=True, color_system="standard")


def test_the_outcome_names_the_two_tightest_caps() -> None:
    """The worked example in one sentence."""
    assert outcome(make_reply()) == "10.00 lots: bound by symbol_max_lots (10), next notional (18)"


def test_headline_prices_and_budget() -> None:
    """What a trader reads first."""
    lines = drawn(make_reply()).splitlines()
    assert lines[0] == "10.00 lots buy EURUSD, risk 150.00 USD (0.08 % of equity)"
    assert lines[1] == "entry 1.10000   stop 1.08505   target 1.14500"
    assert "budget: 378.00 at 15.00 a lot: 25.2 lots before the caps" in lines


def test_the_binding_cap_and_the_runner_up_are_marked() -> None:
    """In the order given, with lots right-aligned."""
    rows = [line for line in drawn(make_reply(), width=400).splitlines() if " class forex" in line or "18.0000" in line]
    assert rows[0].split()[:3] == ["symbol_max_lots", "10.0000", "binds"]
    assert rows[1].split()[:3] == ["notional", "18.0000", "next"]
    assert rows[0].index("10.0000") == rows[1].index("18.0000")


def test_a_reject_names_code_reason_and_remedy() -> None:
    """Nothing that was not computed is drawn."""
    reply = make_reply(
        status="reject", code="stale_quote", message="The quote is 12 s old.", lots=0.0, factors=[], caps=[],
        entry=None, stop_loss=None, take_profit=None, binding=None, runner_up=None,
    )  # fmt: skip
    assert drawn(reply).splitlines() == [
        "0 lots buy EURUSD: stale_quote",
        "The quote is 12 s old.",
        "What to do: The market is closed or the feed has stopped: check the terminal's ",
        "connection.",
    ]


def test_a_reject_by_a_cap_still_shows_the_caps() -> None:
    """Below the smallest volume the waterfall says why."""
    text = drawn(make_reply(status="reject", code="below_volume_min", message="Too small.", lots=0.0))
    assert text.splitlines()[-1] == "0 lots: bound by symbol_max_lots (10), next notional (18)"


@pytest.mark.parametrize(
    ("lots", "long", "short"),
    [
        (10.0, "10.0000", "10"),
        (120.5, "120.5000", "120.5"),
        (1.11999, "1.1199", "1.1199"),
        (0.0, "0.0000", "0"),
        (100.0, "100.0000", "100"),
        (1e-9, "0.0000", "0"),
        (1e300, "1e+300", "1e+300"),
        (None, "no limit", "no limit"),
    ],
)
def test_a_ceiling_is_never_shown_higher_than_it_is(lots: float | None, long: str, short: str) -> None:
    """Rounded down, and exact where it can be."""
    assert (ceiling(lots), short_ceiling(lots)) == (long, short)


@pytest.mark.parametrize(
    ("lots", "text"), [(0.0, "0"), (10.0, "10.00"), (0.29, "0.29"), (0.001, "0.001"), (0.123, "0.123")]
)
def test_lots_show_every_digit(lots: float, text: str) -> None:
    """A volume is never shown rounded."""
    assert lots_of(lots) == text


def test_prices_share_their_decimals() -> None:
    """What is not known is left out."""
    assert prices(("entry", 1.1), ("stop", None), ("target", 1.12345)) == "entry 1.10000   target 1.12345"
    assert prices(("entry", 39_000.0)) == "entry 39000"
    assert prices(("stop", 1e-7), ("entry", 1e12)) == "stop 0.0000001   entry 1000000000000.0000000"


def test_times_far_away_can_be_shown() -> None:
    """Every moment a daemon can name."""
    assert minute_utc(0) == "1970-01-01 00:00 UTC"
    assert duration(59_999) == "59 s"
    assert duration(90_000_000) == "1 d 1 h"
