"""What `positions` draws of a reply, whatever is in it and however narrow the console is; and how it watches."""

import json
import re
import signal
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bridge.cli.positions import draw_positions
from bridge.cli.watching import Watch
from bridge.client import NoAnswerError, RequestError
from bridge.errors import ClientError
from bridge.protocol.messages import PositionsReply, SumInfo
from tests.bridge import sockets
from tests.bridge.builders import Rig
from tests.builders import LOGIN
from tests.cli.conftest import Run, Running
from tests.cli.position_replies import (
    MINUTE_MS,
    make_held,
    make_line,
    make_past,
    make_plan,
    make_portfolio,
    make_positions,
)
from tests.cli.processes import WINDOWS, finish, free_address, start
from tests.cli.replies import NOW_MS
from tests.manager.rig import ACTIVE, REBALANCE, held, manage, managed, report, show

NOTHING_KNOWN: dict[str, Any] = dict.fromkeys(("sl", "tp", "gain_pct", "r", "share_pct", "stop_risk"))
LONG = "profit of 16.20 % is at or above 15 % and the position is older than 30 minutes: half is closed; " * 4
MARKED = "XAU[red]USD[/red]"


def console_of(width: int, *, colours: bool = False, height: int = 25) -> tuple[Console, StringIO]:
    out = StringIO()
    console = Console(
        file=out, width=width, height=height, markup=False, highlight=False, emoji=False, force_terminal=colours,
        no_color=not colours, color_system="standard" if colours else None,
    )  # fmt: skip
    return console, out


def drawn(reply: PositionsReply, width: int = 80, *, history: bool = False, colours: bool = False) -> str:
    console, out = console_of(width, colours=colours)
    draw_positions(console, reply, history=history)
    return out.getvalue()


def flat(text: str) -> str:
    return " ".join(text.split())


def everything() -> PositionsReply:
    """All that a reply can hold at once, names and reasons of others among it."""
    return make_positions(
        make_held(),
        make_held(ticket=7002, symbol=MARKED, side="sell", volume=1.0, profit=-1_234_567.89, actions=[], added_to=7001,
                  **NOTHING_KNOWN),
        problems=["positions/active.toml:12: partial_profit_treshold: is not a known key"],
        pending=[make_past(id="i13-1", kind="open", state="given", filled=0.0, price=None, retcode=0, ticket=0,
                           slippage_bps=None, latency_ms=None, cost=None, expires_ms=NOW_MS + 41_000)],
        history=[make_past(reason=LONG), make_past(id="i11-1", kind="modify_stop", stop_loss=1.105, state="failed",
                                                   retcode=10_016, filled=0.0, lots=0.0, price=None)],
        symbols=[SumInfo(MARKED, 3, 1_234_567.89, 12.3)],
        by_rule=[SumInfo("partial_profit", 3, 1_234_567.89, 12.3)],
        strategies=[SumInfo("", 3, 1_234_567.89, 12.3)],
        plan=make_plan(
            make_line(),
            make_line(symbol=MARKED, fitted=None, lots=None, shown=None, note="its price is stale\x1b[2J"),
            violations=["gross is 2.10, limit 2"], untracked_pct=3.1, tracking_error_pct=0.25, why="by hand",
        ),
        portfolio=make_portfolio(mode="halted", reason="gross is 2.10, limit 2", var_95_pct=None,
                                 breaches=["gross is 2.10, limit 2"], unknown=["var_95 is not known, limit 5"]),
    )  # fmt: skip


@pytest.mark.parametrize("width", [40, 60, 80, 100, 140, 200])
def test_nothing_is_wider_than_the_console_or_cut_within_a_figure(width: int) -> None:
    """Where the table does not fit, each position gets lines of its own."""
    text = drawn(everything(), width, history=True)
    assert max(map(len, text.splitlines())) <= width
    for figure in ("100,225.00", "+225.00", "-1,234,567.89", "1,234,555.59", "1.1045", "325.00", "7001", "7002"):
        assert re.search(rf"(?<![\d.,]){re.escape(figure)}(?!,?\d)", text), figure
    assert ("\nEURUSD buy 0.50 of 1.00 lots" in text) is (width < 140)


def test_a_position_in_the_table() -> None:
    """Every figure in its column; what is left of how much on two lines."""
    rows = drawn(make_positions(make_held()), 140).splitlines()
    row = next(place for place, text in enumerate(rows) if "7001" in text)
    assert flat(rows[row]) == (
        "7001 EURUSD buy 0.50 1.1000 1.1045 +225.00 +0.41 +0.90 5 h 0 min 54.20 325.00 1.0980 partial_profit"
    )
    assert rows[row + 1].strip() == "of 1.00"


def test_a_position_in_lines() -> None:
    """The same figures, the target too."""
    text = drawn(make_positions(make_held(added_to=6999)))
    assert text.endswith(
        "\nEURUSD buy 0.50 of 1.00 lots, ticket 7001\n"
        "P/L +225.00, +0.41 %, +0.90 R, held for 5 h 0 min\n"
        "opened at 1.1000   price 1.1045   stop 1.0980   target 1.1200\n"
        "54.20 % of the balance, 325.00 at risk at the stop\n"
        "done: added to 6999, partial_profit\n"
    )


def test_what_is_not_known_is_said() -> None:
    """No figure stands in for one that is missing."""
    held = make_held(actions=[], **NOTHING_KNOWN)
    text = drawn(make_positions(held, equity=None, balance=None, currency=None, rules=[]))
    assert "percent unknown, R unknown" in text
    assert "share unknown, no stop" in text
    assert re.search(r"equity +unknown\n", re.sub(r" +\n", "\n", text))
    assert "open risk  unknown, 1 without a stop" in text
    assert re.search(r"rules +none", text)
    wide = flat(drawn(make_positions(held), 140))
    assert "+225.00 ? ? 5 h 0 min ? no stop none" in wide


def test_open_risk_says_what_is_not_in_it() -> None:
    """Positions without a stop, and those whose risk nobody knows."""
    reply = make_positions(make_held(), make_held(stop_risk=None), make_held(stop_risk=None, sl=None), make_held())
    assert "650.00 USD at the stops, 1 without a stop, 1 whose risk is unknown" in flat(drawn(reply))


def test_a_sum_of_many_small_profits_is_exact() -> None:
    """A tenth ten times is one."""
    assert "P/L 1.00 USD" in flat(drawn(make_positions(*[make_held(profit=0.1)] * 10)))


def test_what_is_wrong_comes_first_and_in_red() -> None:
    """Rule files that cannot be read, a halted portfolio, breaches: before any figure."""
    head, _, rest = flat(drawn(everything())).partition(" equity ")
    assert head.startswith("Account 1000001: 2 open positions positions/active.toml:12: ")
    assert "partial_profit_treshold: is not a known key The rules that were read before hold on. The" in head
    assert "The portfolio is halted: gross is 2.10, limit 2" in head
    assert "Beyond its limit: gross is 2.10, limit 2" in head
    assert "var_95 is not known, limit 5" in rest
    coloured = drawn(everything(), colours=True)
    assert "\x1b[31mpositions/active.toml:12" in coloured
    assert "\x1b[31mBeyond its limit" in coloured


def test_the_portfolios_figures_and_the_files_that_hold() -> None:
    """One line each."""
    text = flat(drawn(make_positions(rules=["share-gradual.toml", "active.toml"], portfolio=make_portfolio())))
    assert "rules share-gradual.toml, active.toml" in text
    assert "portfolio gross 0.54, net 0.54 of equity, VaR 95 0.40 %, day's loss 0.10 %" in text
    assert "not known" not in text


def test_the_plan_that_runs() -> None:
    """Phase, age, targets and what it has come to; notes of lines left alone."""
    text = flat(drawn(everything(), 120))
    assert "Plan p3: reduce, begun 15 min 0 s ago: by hand" in text
    assert "Still beyond its limit: gross is 2.10, limit 2" in text
    assert "instructions 1 in play, 2 ended" in text
    assert "traded today 4,200.00" in text
    assert "not reached 3.10 % of equity" in text
    assert "tracking error 0.25 % a day" in text
    assert "EURUSD 4.00 4.00 0.12 0.50" in text
    assert f"{MARKED} 4.00 - - - its price is stale [2J" in text


def test_a_short_target_has_its_sign() -> None:
    """In weights and in lots."""
    line = make_line(weight=-0.2, fitted=-0.05, lots=-1.0, shown=-0.4)
    assert "EURUSD -20.00 -5.00 -1.00 -0.40" in flat(drawn(make_positions(plan=make_plan(line))))


def test_an_instruction_in_play_says_how_long_it_may_be_carried_out() -> None:
    """And when it is over that its end has not been seen."""
    given = make_past(kind="open", state="given", ticket=0, stop_loss=1.09, filled=0.0, price=None, slippage_bps=None,
                      latency_ms=None, cost=None, retcode=0, expires_ms=NOW_MS + 41_000)  # fmt: skip
    text = flat(drawn(make_positions(pending=[given])))
    assert "open buy 0.50 lots of EURUSD, stop 1.09" in text
    assert "partial_profit: profit of 16.20 % is at or above 15 % given, for 41 s yet, filled 0 of 0.50" in text
    over = make_past(state="given", expires_ms=NOW_MS, filled=0.2, price=None)
    assert "given, over, the terminal has not shown its end yet, filled 0.20 of 0.50" in flat(
        drawn(make_positions(pending=[over]))
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("open", "open buy 0.50 lots of EURUSD, stop 1.09"),
        ("close", "close buy 7001 of EURUSD, 0.50 lots"),
        ("close_partial", "close 0.50 lots of buy 7001 of EURUSD"),
        ("modify_stop", "stop of buy 7001 of EURUSD to 1.09"),
        ("cancel", "cancel buy 7001 of EURUSD"),
        ("something_new", "something_new buy 7001 of EURUSD"),
    ],
)
def test_every_kind_of_instruction_in_words(kind: str, text: str) -> None:
    """With the figures that matter for it."""
    reply = make_positions(history=[make_past(kind=kind, stop_loss=1.09)])
    assert f": {text}\n" in drawn(reply, 120, history=True)


def test_what_became_of_an_instruction() -> None:
    """Filled, price, slippage, latency and cost where they are known; MT5's code where it is no success."""
    text = flat(drawn(everything(), 200, history=True))
    assert "done, filled 0.50 of 0.50 at 1.1042, slippage +1.30 bps, after 340 ms, cost 3.20 " in text
    assert "failed, slippage +1.30 bps, after 340 ms, cost 3.20, retcode 10016" in text
    assert "10009" not in text


def test_figures_too_small_for_two_digits_are_0_without_a_sign() -> None:
    """Also sums: what binary fractions leave over is no money."""
    nothing = make_past(slippage_bps=-0.004, cost=-0.001)
    sums = [SumInfo("A", 3, 0.1 + 0.2, 0.3 + 1e-9)]
    reply = make_positions(
        make_held(profit=-0.001, gain_pct=-0.001, r=0.0), history=[nothing], symbols=sums,
        portfolio=make_portfolio(net=-0.001),
    )  # fmt: skip
    text = flat(drawn(reply, history=True))
    assert "slippage 0.00 bps, after 340 ms, cost 0.00 " in text
    assert "A 3 0.30 0.30 0.00" in text
    assert "P/L 0.00 USD" in text
    assert "P/L 0.00, 0.00 %, 0.00 R" in text
    assert "-0.00" not in text
    assert "+0.00" not in text


def test_history_only_if_asked_for() -> None:
    """What is in play is always shown."""
    assert "i12-3" not in drawn(everything())
    assert "earned by" not in drawn(everything())
    assert "i13-1" in drawn(everything())
    assert "No instruction has ended yet." in drawn(make_positions(), history=True)


def test_who_earned_what() -> None:
    """By symbol, rule and strategy, net of cost; a strategy without a name is said to have none."""
    text = flat(drawn(everything(), history=True))
    assert f"{MARKED} 3 1,234,567.89 12.30 1,234,555.59" in text
    assert "partial_profit 3 1,234,567.89" in text
    assert "(none) 3 1,234,567.89" in text


def test_what_others_wrote_is_no_markup_and_moves_no_cursor() -> None:
    """Symbols, notes and reasons may hold anything."""
    for width in (60, 140):
        text = drawn(everything(), width, history=True)
        assert MARKED in text
        assert "\x1b" not in text


def test_two_hundred_positions() -> None:
    """Each of them, at any width."""
    reply = make_positions(*[make_held(ticket=1_000 + count) for count in range(200)])
    for width in (80, 140):
        text = drawn(reply, width)
        assert text.startswith("Account 1000001: 200 open positions\n")
        assert all(str(1_000 + count) in text for count in range(200))
        assert "45,000.00 USD" in text


def test_no_positions_at_all() -> None:
    """One line says so."""
    text = drawn(make_positions())
    assert text.startswith("Account 1000001: no open positions\n")
    assert "P/L" not in text
    assert drawn(make_positions(make_held())).startswith("Account 1000001: 1 open position\n")


# Watching


class Rounds:
    """Answers of a daemon, one after the other; the last wait is somebody pressing Ctrl-C."""

    def __init__(self, *answers: PositionsReply | ClientError) -> None:
        self._answers = list(answers)
        self.waited: list[float] = []

    def ask(self) -> PositionsReply:
        answer = self._answers.pop(0)
        if isinstance(answer, ClientError):
            raise answer
        return answer

    def wait(self, seconds: float) -> None:
        self.waited.append(seconds)
        if not self._answers:
            raise KeyboardInterrupt


def watched(rounds: Rounds, *, terminal: bool = False, height: int = 25, width: int = 80) -> str:
    console, out = console_of(width, colours=terminal, height=height)
    Watch(console, rounds.ask, draw_positions, 2.0, rounds.wait).run()
    return out.getvalue()


AWAY = NoAnswerError("tcp://127.0.0.1:1 gave no answer within 1500 ms. Is the daemon running? Treat it as 0 lots.")


def test_watching_draws_every_answer_and_ends_with_ctrl_c() -> None:
    """Where it is no terminal one after the other, whole."""
    rounds = Rounds(make_positions(make_held()), make_positions(make_held(profit=300.0)))
    text = watched(rounds, height=5)
    assert text.startswith("2026-03-04 10:00:00 UTC, anew every 2 s until Ctrl-C\n")
    assert text.index("+225.00") < text.index("+300.00")
    assert rounds.waited == [2.0, 2.0]


@pytest.mark.parametrize("fault", [AWAY, RequestError("internal", "the disk is full", None)])
def test_watching_outlives_a_daemon_that_is_away(fault: ClientError) -> None:
    """It says so above what it said last, and goes on when the daemon is back."""
    rounds = Rounds(make_positions(make_held()), fault, make_positions(make_held(profit=300.0)))
    _, first, second, third = watched(rounds).split("2026-03-04 10:00:00 UTC")
    assert str(fault)[:40] not in first
    assert str(fault)[:40] in flat(second)
    assert "What stands below is 0 s old; still asking." in flat(second)
    assert "+225.00" in second
    assert "still asking" not in third
    assert "+300.00" in third


def test_watching_a_daemon_that_never_answered_fails_at_once() -> None:
    """The address may be wrong."""
    with pytest.raises(NoAnswerError):
        watched(Rounds(AWAY))


def test_on_a_terminal_a_long_drawing_is_cut_to_its_height() -> None:
    """In place, and it says how many lines are missing."""
    reply = make_positions(*[make_held(ticket=1_000 + count) for count in range(200)])
    text = watched(Rounds(reply), terminal=True, height=20)
    whole = drawn(reply).splitlines()
    first = text.split("\r")[0]
    rows = first.splitlines()
    assert len(rows) == 20 - 1
    assert f"... and {1 + len(whole) - 18} lines more: without --watch all of it is shown" in rows[-1]
    assert text.endswith("\x1b[?25h"), "the cursor is back"


def test_watching_keeps_symbols_as_they_are() -> None:
    """Also where the terminal shows colours."""
    text = watched(Rounds(everything()), terminal=True, height=200, width=140)
    assert MARKED in text
    assert "\x1b[31m" in text


# The command


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """An account with one lot of EURUSD, a profit that was just taken in part, and all kinds of rules."""
    rig = managed(tmp_path, active=ACTIVE, rebalance=REBALANCE)
    show(rig, held())
    rig.tick(MINUTE_MS)
    show(rig, held(bid=1.115), bid=1.115)
    close, _ = manage(rig)
    report(rig, close, ticket=7, lots=0.5, price=1.1149)
    rig.tick(1_000)
    show(rig, held(bid=1.115, volume=0.5), bid=1.115)
    yield rig
    rig.close()


def test_positions_of_a_daemon(run: Run, rig: Rig) -> None:
    """The position with what was done, the instruction in play, the limits; within 80 columns."""
    with sockets.serving(rig) as server:
        outcome = run("positions", "--address", server.address)
    assert outcome.code == 0
    text = flat(outcome.out)
    assert text.startswith(f"Account {LOGIN}: 1 open position equity ")
    assert "P/L 750.00 USD" in text
    assert "rules " in text
    assert "portfolio gross 0.55, net 0.55 of equity" in text
    assert "Instructions in play: 1" in text
    assert "stop of buy 7 of EURUSD to 1.1011" in text
    assert "EURUSD buy 0.50 of 1.00 lots, ticket 7 P/L +750.00, +1.36 %, +3.00 R, held for 1 min 1 s" in text
    assert "done: partial_profit" in text
    assert "earned by" not in text
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_the_history_of_a_daemon(run: Run, rig: Rig) -> None:
    """What was told, why and what came of it; as many as asked for."""
    with sockets.serving(rig) as server:
        outcome = run("positions", "--history", "--address", server.address)
        reply = json.loads(run("positions", "--history", "1", "--json", "--address", server.address).out)
    assert "Instructions that have ended, the newest first: 1" in outcome.out
    assert "close 0.50 lots of buy 7 of EURUSD" in outcome.out
    assert "done, filled 0.50 of 0.50 at 1.1149, slippage +0.90 bps" in flat(outcome.out)
    assert [each["state"] for each in reply["history"]] == ["done"]


def test_positions_as_json(run: Run, rig: Rig) -> None:
    """The reply itself; no history unless asked for."""
    with sockets.serving(rig) as server:
        reply = json.loads(run("positions", "--json", "--address", server.address).out)
    assert [each["ticket"] for each in reply["positions"]] == [7]
    assert reply["history"] == []


def test_a_daemon_that_knows_no_account_yet(run: Run, tmp_path: Path) -> None:
    """Before the terminal has reported nothing is known, and that is said."""
    rig = Rig(tmp_path)
    with sockets.serving(rig) as server:
        outcome = run("positions", "--history", "--address", server.address)
    rig.close()
    assert outcome.code == 0
    assert outcome.out.startswith(f"Account {LOGIN}: no open positions\n")
    assert "unknown" in outcome.out


@pytest.mark.parametrize(
    ("number", "ends_with"),
    [
        (signal.CTRL_BREAK_EVENT if WINDOWS else signal.SIGINT, 0),
        pytest.param(
            signal.SIGTERM, 128 + signal.SIGTERM, marks=pytest.mark.skipif(WINDOWS, reason="it kills at once there")
        ),
    ],
)
def test_watching_a_daemon_until_it_is_interrupted(running: Running, number: int, ends_with: int) -> None:
    """The process itself: it draws, it goes on, and Ctrl-C is its good end."""
    process = start("positions", "--watch", "0.2", "--address", running.address)
    assert process.stdout is not None
    seen = ""
    while seen.count("anew every 0.2 s until Ctrl-C") < 2:
        row = process.stdout.readline()
        assert row, f"it ended: {process.communicate()}"
        seen += row
    process.send_signal(number)
    code, _, err = finish(process)
    assert (code, err) == (ends_with, "")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("50",), "is for --history"),
        (("--history", "0"), "greater than or equal to 1"),
        (("--history", "501"), "less than or equal to 500"),
        (("--watch", "1", "--json"), "give one of the two"),
        (("--watch", "0"), "--watch"),
    ],
)
def test_what_contradicts_itself_is_a_usage_error(run: Run, options: tuple[str, ...], text: str) -> None:
    """Exit code 2, and nothing is asked."""
    outcome = run("positions", *options)
    assert (outcome.code, outcome.out) == (2, "")
    assert text in flat(outcome.err)


@pytest.mark.parametrize("options", [(), ("--watch", "1"), ("--json",)])
def test_no_daemon_is_one_sentence(run: Run, options: tuple[str, ...]) -> None:
    """Exit code 1, as with the other commands."""
    outcome = run("positions", *options, "--address", free_address())
    assert (outcome.code, outcome.out) == (1, "")
    assert "Is the daemon running?" in outcome.err
