"""`rebalance start`, `status` and `cancel` against a daemon, and `compute` from files and kept bars."""

import json
import sys
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from bridge.cli import rebalance_compute
from bridge.cli.rebalance_standing import draw_standing
from bridge.cli.targets_screen import draw_targets
from bridge.errors import ConfigError
from bridge.history import history_folder, write_bars
from bridge.market.recording import BarSeries
from bridge.protocol.codes import CODES
from bridge.protocol.messages import PastInfo, PositionsReply, TargetInfo
from bridge.rebalance_returns import read_returns, returns_of
from bridge.rebalance_targets import read_targets
from bridge.settings import AuthSettings, AuthUser, load
from sizing.positions.rebalance.targets import Target
from tests.bridge import sockets
from tests.bridge.builders import Rig
from tests.builders import LOGIN
from tests.cli.conftest import Run
from tests.cli.position_replies import make_held, make_line, make_past, make_plan, make_positions
from tests.cli.processes import free_address
from tests.cli.replies import DAY_MS, NOW_MS
from tests.manager.rig import REBALANCE, held, manage, managed, report, show

TARGETS = "symbol,weight,alpha,strategy\nEURUSD,-0.5,1.5,trend\n"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """An account that may be rebalanced, with one lot of EURUSD."""
    (tmp_path / "daemon").mkdir()
    rig = managed(tmp_path / "daemon", rebalance=REBALANCE)
    show(rig, held())
    yield rig
    rig.close()


@pytest.fixture
def targets(tmp_path: Path) -> Path:
    return write(tmp_path / "targets.csv", TARGETS)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def flat(text: str) -> str:
    return " ".join(text.split())


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """What somebody types."""
    monkeypatch.setattr("sys.stdin", StringIO(text))


# A plan


def test_the_weights_are_shown_and_nothing_is_started_without_a_yes(
    run: Run, rig: Rig, targets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what is held now; no answer at all is a no."""
    with sockets.serving(rig) as server:
        for typed in ("n\n", "\n", ""):
            answer(monkeypatch, typed)
            outcome = run("rebalance", "start", targets, "--address", server.address)
            assert outcome.code == 1
            assert outcome.out.startswith(f"Account {LOGIN}: target weights, in percent of equity\n")
            assert "EURUSD -50.00 110.01 1.5 trend" in flat(outcome.out)
            assert "1 target, 50.00 % long and short added, -50.00 % net." in outcome.out
            assert "Nothing was started." in outcome.out
        status = run("rebalance", "status", "--address", server.address)
    assert status.out == f"Account {LOGIN} has no plan. `lotbridge rebalance start TARGETS` begins one.\n"


def test_a_yes_starts_it_and_status_and_cancel_follow_it(
    run: Run, rig: Rig, targets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one replaces it, which is said before."""
    with sockets.serving(rig) as server:
        at = ("--address", server.address)
        answer(monkeypatch, "y\n")
        started = run("rebalance", "start", targets, "--reason", "month's end", *at)
        status = run("rebalance", "status", *at)
        again = run("rebalance", "start", targets, "--yes", *at)
        cancelled = run("rebalance", "cancel", "--reason", "changed my mind", *at)
        twice = run("rebalance", "cancel", *at)
    assert started.code == status.code == again.code == cancelled.code == 0
    assert "Started. The EA carries it out as it asks what to do." in started.out
    assert "is replaced" not in started.out
    assert status.out.startswith("Plan p")
    assert "EURUSD -50.00" in flat(status.out)
    assert "it is replaced." in again.out
    assert "Cancelled: the plan orders nothing more." in cancelled.out
    assert "cancelled, begun" in cancelled.out
    assert "changed my mind" in cancelled.out
    assert (twice.code, twice.out) == (1, "")
    assert "No plan is running." in twice.err


def test_the_plan_as_json(run: Run, rig: Rig, targets: Path) -> None:
    """What was asked is what is planned; nobody can be asked back."""
    with sockets.serving(rig) as server:
        at = ("--address", server.address, "--json")
        asking = run("rebalance", "start", targets, *at)
        none = json.loads(run("rebalance", "status", *at).out)
        numbers = ("--magic", "7", "--manage-magic", "7", "--manage-magic", "-8")
        started = json.loads(run("rebalance", "start", targets, "--yes", *numbers, *at).out)
        status = json.loads(run("rebalance", "status", *at).out)
        cancelled = json.loads(run("rebalance", "cancel", *at).out)
    assert (asking.code, asking.out) == (2, "")
    assert "add --yes" in flat(asking.err)
    assert (none["account"], none["plan"]) == (LOGIN, None)
    assert [(each["symbol"], each["weight"]) for each in started["plan"]["lines"]] == [("EURUSD", -0.5)]
    assert status["plan"]["id"] == started["plan"]["id"]
    assert cancelled["plan"]["phase"] == "cancelled"
    plan = rig.desks[0].positions.kept.plan
    assert plan is not None
    assert (plan.magic, plan.magics, plan.why) == (7, (7, -8), "by hand")


def test_what_is_held_without_a_target_is_told(run: Run, rig: Rig, tmp_path: Path) -> None:
    """It is left alone; and whose positions are moved."""
    other = write(tmp_path / "other.csv", "symbol,weight\nUSDJPY,0.1\n")
    with sockets.serving(rig) as server:
        outcome = run("rebalance", "start", other, "--yes", "--manage-magic", "3", "--address", server.address)
    assert "Held without a target, and left alone: EURUSD." in outcome.out
    assert "It moves positions of magic 3 only." in outcome.out
    assert outcome.code == 1
    assert "unknown_symbol: The terminal does not know USDJPY" in flat(outcome.err)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("w.csv", "symbol,weight\nEURUSD,0,5\n", "w.csv:2: has 3 cells, the header 2"),
        ("w.csv", "symbol,weight\nEURUSD,101\n", "w.csv:2: weight is 101: must be from -100 to 100"),
        ("w.csv", f"symbol,weight,strategy\nEURUSD,1,{'s' * 33}\n", "w.csv:2: strategy is longer than 32 characters"),
        ("w.csv", "symbol,weight\n" + "".join(f"S{each},0\n" for each in range(1_001)), "holds 1,001 targets"),
        ("w.toml", '[[targets]]\nsymbol = "EURUSD"\nwieght = 0.5\n', "w.toml:3: targets[0].wieght: "),
        ("w.toml", "[[targets]\n", "w.toml:1"),
    ],
)
def test_a_file_that_is_wrong_is_told_before_anything_is_asked(
    run: Run, tmp_path: Path, name: str, text: str, said: str
) -> None:
    """File, line and key, exit code 2."""
    outcome = run("rebalance", "start", write(tmp_path / name, text), "--yes", "--address", free_address())
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err
    assert name in outcome.err


@pytest.mark.parametrize(
    ("over", "now"),
    [({}, "-20.00"), ({"equity": None}, "?"), ({"equity": 0.0}, "?"), ({"balance": None}, "?")],
)
def test_what_is_held_now_is_net_and_in_percent_of_equity(over: dict[str, Any], now: str) -> None:
    """Shares of the reply are of the balance; what is not known is not guessed. Names are no markup."""
    held = [make_held(share_pct=30.0), make_held(side="sell", share_pct=40.0), make_held(symbol="X", share_pct=None)]
    reply = make_positions(*held, **{"balance": 100_000.0, "equity": 50_000.0, **over})
    wanted = [TargetInfo(symbol="EURUSD", weight=0.1), TargetInfo(symbol="X", weight=-0.2, strategy="[red]x")]
    for width in (80, 30):
        out = StringIO()
        draw_targets(Console(file=out, width=width, markup=False, highlight=False, emoji=False), wanted, reply)
        text = out.getvalue()
        assert max(map(len, text.splitlines())) <= width
        assert "[red]x" in text
        if width == 80:
            assert f"EURUSD 10.00 {now} 0" in flat(text)
            assert "X -20.00 ? 0 [red]x" in flat(text)
            assert "2 targets, 30.00 % long and short added, -10.00 % net." in text


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ((0.6, -0.5), None),
        ((0.7, -0.5), "The absolute weights add up to 1.200, more than 1.1: is that meant?"),
        ((0.5, -1.0), "The absolute weights add up to 1.500, more than 1.1: is that meant?"),
        ((-1.0, -1.0), "add up to 2.000, more than 1.5: all will be scaled, to 0.95 in sum."),
    ],
)
def test_weights_that_are_much_in_sum_are_told_before_anything_is_asked(
    weights: Sequence[float], said: str | None
) -> None:
    """By the default figures, which is said."""
    out = StringIO()
    wanted = [TargetInfo(symbol=f"S{place}", weight=weight) for place, weight in enumerate(weights)]
    draw_targets(Console(file=out, width=80, markup=False, highlight=False, emoji=False), wanted)
    text = flat(out.getvalue())
    decides = "These limits are the defaults: [validation] of the account's rebalance file decides."
    assert (decides in text) is (said is not None)
    assert (said or "2 targets") in text


def test_weights_that_cancel_out_are_0_net_without_a_sign() -> None:
    """Also where binary fractions leave a little less than 0."""
    out = StringIO()
    wanted = [TargetInfo(symbol=name, weight=weight) for name, weight in (("A", 0.3), ("B", -0.1), ("C", -0.2 - 1e-9))]
    draw_targets(Console(file=out, width=80, markup=False, highlight=False, emoji=False), wanted)
    assert "60.00 % long and short added, 0.00 % net." in out.getvalue()


# Why a plan stands still


def standing(reply: PositionsReply, halted: str | None = None, why: Sequence[str] = ()) -> str:
    out = StringIO()
    draw_standing(Console(file=out, width=80, markup=False, highlight=False, emoji=False), reply, halted, why)
    return flat(out.getvalue())


def given(ago_ms: int, **over: Any) -> PastInfo:
    return make_past(**{"rule": "rebalance", "kind": "close", "given_ms": NOW_MS - ago_ms, **over})


def test_a_plan_that_nobody_carries_out_says_for_how_long() -> None:
    """Since it began, or since its last instruction was fetched; up to a minute nothing is said."""
    minute = 60_000
    plan = make_plan(make_line(), make_line(symbol="US500"), in_play=0)
    asked = "does one run for EURUSD, US500?"
    text = standing(make_positions(plan=plan))
    assert text.startswith("No instruction of the plan was fetched for 15 min 0 s. It goes on only as an EA asks")
    assert asked in text
    assert "for 5 min 0 s." in standing(make_positions(plan=plan, history=[given(5 * minute), given(9 * minute)]))
    assert "for 15 min 0 s." in standing(make_positions(plan=plan, history=[given(minute, rule="time")]))
    assert standing(make_positions(plan=plan, history=[given(minute)])) == ""
    assert standing(make_positions(plan=make_plan(in_play=0, created_ms=NOW_MS - minute))) == ""
    for phase in ("done", "failed", "cancelled"):
        assert standing(make_positions(plan=make_plan(phase=phase)), "trading_halted") == ""
    assert standing(make_positions(), "trading_halted") == ""


def test_a_history_that_does_not_reach_back_to_the_plans_begin_claims_nothing() -> None:
    """Among what is not shown any more there may be instructions of the plan."""
    others = [given(1_000 + each, rule="time", kind="modify_stop") for each in range(500)]
    plan = make_plan(in_play=0)
    assert standing(make_positions(plan=plan, history=others)) == ""
    assert "for 15 min 0 s." in standing(make_positions(plan=plan, history=others[1:]))
    older = [*others[1:], given(16 * 60_000, rule="time")]
    assert "for 15 min 0 s." in standing(make_positions(plan=plan, history=older))


def test_instructions_in_play_are_told_with_whom_they_are() -> None:
    """Those that an EA has, others that hold the plan, and those that no EA has; stops hold nothing."""
    pending = [
        given(1_000, id="i1-1", state="given"),
        given(1_000, id="i1-2", rule="time_exit"),
        given(1_000, id="i1-3", rule="volatility", kind="modify_stop", symbol="US500"),
        given(1_000, id="i1-4", rule="time_exit", symbol="GBPUSD"),
    ]
    plan = make_plan(make_line(), make_line(symbol="US500"), in_play=3)
    text = standing(make_positions(plan=plan, pending=pending))
    assert "The plan waits: other instructions are in play in EURUSD. " in text
    assert "the terminal has not shown the end of: 1 i1-1, " in text
    assert "In play, but with no EA: 2." in text
    assert "i1-2" not in text
    none = standing(make_positions(plan=make_plan(in_play=1), pending=pending[:1]))
    assert "with no EA" not in none
    assert "The plan waits" not in none


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("trading_halted", "Entries are refused now (trading_halted): the plan adds nothing, reductions go on."),
        ("stale_account", "too old it reduces nothing either."),
        ("terminal_unavailable", "until it does, the plan orders nothing."),
    ],
)
def test_what_keeps_the_account_from_trading_keeps_the_plan(code: str, said: str) -> None:
    """The code, what it means for the plan, what stands behind it and what to do."""
    text = standing(make_positions(plan=make_plan()), code, ["Since Monday."])
    assert said in text
    assert f"Since Monday. What to do: {CODES[code]}" in text


def test_status_tells_of_a_halt_and_of_what_no_ea_has_fetched(run: Run, rig: Rig, targets: Path) -> None:
    """From a daemon's replies."""
    with sockets.serving(rig) as server:
        at = ("--address", server.address)
        run("rebalance", "start", targets, "--yes", *at)
        quiet = run("rebalance", "status", *at)
        assert run("halt", "--reason", "lunch", *at).code == 0
        halted = run("rebalance", "status", *at)
    assert quiet.code == halted.code == 0
    assert "Entries are refused" not in quiet.out
    assert "No instruction of the plan was fetched" not in quiet.out
    assert "Entries are refused now (trading_halted): the plan adds nothing, reductions go on." in flat(halted.out)
    assert "lunch" in halted.out


def test_status_tells_what_an_ea_has_fetched_and_since_when_none_was(run: Run, rig: Rig, targets: Path) -> None:
    """The clock goes on by two minutes before an EA asks, and again after it has reported."""

    def status() -> str:
        rig.clock.advance_to(rig.clock.now_ms() + 120_000)
        show(rig, *shown)
        with sockets.serving(rig) as server:
            return flat(run("rebalance", "status", "--address", server.address).out)

    shown = [held()]
    with sockets.serving(rig) as server:
        assert run("rebalance", "start", targets, "--yes", "--address", server.address).code == 0
    assert "fetched for 2 min 0 s. It goes on only as an EA asks `manage`" in status()
    (instruction,) = manage(rig)
    with sockets.serving(rig) as server:
        fetched = flat(run("rebalance", "status", "--address", server.address).out)
    assert f"the terminal has not shown the end of: 1 {instruction['id']}, " in fetched
    assert "was fetched for" not in fetched
    assert "with no EA" not in fetched
    assert report(rig, instruction, lots=1.0, ticket=7)["status"] == "ok"
    shown.clear()
    text = status()
    assert "fetched for 2 min 0 s." in text
    assert "has not shown the end of" not in text


@pytest.mark.parametrize("command", [("start", "targets.csv", "--yes"), ("status",), ("cancel",)])
def test_no_daemon_is_one_sentence(run: Run, targets: Path, command: Sequence[str]) -> None:
    """Exit code 1, before anybody is asked."""
    outcome = run("rebalance", *command, "--address", free_address())
    assert (outcome.code, outcome.out) == (1, "")
    assert "Is the daemon running?" in outcome.err


def test_who_may_not_control_may_neither_start_nor_cancel(run: Run, rig: Rig, targets: Path) -> None:
    """Looking is allowed."""
    users = (AuthUser(name="ea", password="swordfish", accounts=(LOGIN,)),)  # noqa: S106
    with sockets.serving(rig, AuthSettings(mechanism="plain", users=users)) as server:
        ea = ("--address", server.address, "--user", "ea", "--password", "swordfish")
        assert "may_control" in run("rebalance", "start", targets, "--yes", *ea).err
        assert "may_control" in run("rebalance", "cancel", *ea).err
        assert run("rebalance", "status", *ea).code == 0


# Computing weights

SYMBOLS = ("EURUSD", "US500", "XAUUSD")


class Fitted:
    """In the optimizer's place: keeps what it was asked, and gives each symbol the same weight."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: dict[str, Any] = {}
        monkeypatch.setattr(rebalance_compute, "computed_targets", self._compute)

    def _compute(
        self,
        method: str,
        returns: NDArray[np.float64],
        symbols: Sequence[str],
        *,
        total: float = 0.95,
        alphas: dict[str, float] | None = None,
    ) -> tuple[Target, ...]:
        self.asked = {"method": method, "returns": returns, "symbols": tuple(symbols), "total": total}
        share = total / len(symbols)
        return tuple(Target(each, share, (alphas or {}).get(each, 0.0), method) for each in symbols)


def returns_file(path: Path, days: int = 70, symbols: Sequence[str] = SYMBOLS) -> Path:
    rows = [f"{np.datetime64('2026-01-01') + day},{','.join(['0.01'] * len(symbols))}" for day in range(days)]
    return write(path, "\n".join([f"date,{','.join(symbols)}", *rows]) + "\n")


def bars(closes: Sequence[float], first_day: int = 0) -> BarSeries:
    column = np.array(closes, dtype=np.float64)
    days = (np.arange(len(closes)) + first_day) * DAY_MS + NOW_MS // DAY_MS * DAY_MS
    return BarSeries(timeframe="D1", time_ms=days, open=column, high=column, low=column, close=column)


def test_computed_weights_are_written_for_start_and_nothing_is_started(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file reads back as what was computed, alphas and odd names too."""
    fitted = Fitted(monkeypatch)
    odd = 'A"B\\C[red]'
    csv = returns_file(tmp_path / "returns.csv", symbols=("EURUSD", "US500", '"A""B\\C[red]"'))
    options = ("--returns", csv, "--alpha", f"{odd}=1.5", "--alpha", "US500=-2", "--total", "0.6", "--out", "w.toml")
    outcome = run("rebalance", "compute", "risk_parity", *options)
    assert (outcome.code, outcome.err) == (0, "")
    assert f"{odd} 20.00 1.5 risk_parity" in flat(outcome.out)
    assert "lotbridge rebalance start w.toml" in outcome.out
    assert "Nothing is started." in outcome.out
    assert fitted.asked["method"] == "risk_parity"
    assert fitted.asked["returns"].shape == (70, 3)
    assert read_targets(tmp_path / "w.toml") == (
        Target("EURUSD", 0.2, 0.0, "risk_parity"),
        Target("US500", 0.2, -2.0, "risk_parity"),
        Target(odd, 0.2, 1.5, "risk_parity"),
    )


def test_only_some_symbols_and_the_newest_days(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the order that they were named in."""
    fitted = Fitted(monkeypatch)
    csv = returns_file(tmp_path / "returns.csv")
    wish = ("--symbol", "XAUUSD", "--symbol", "EURUSD", "--days", "65", "--out", "w.toml")
    assert run("rebalance", "compute", "mean_cvar", "--returns", csv, *wish).code == 0
    assert fitted.asked["symbols"] == ("XAUUSD", "EURUSD")
    assert fitted.asked["returns"].shape == (65, 2)


def test_returns_of_the_bars_that_the_daemon_keeps(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found by the configuration, for the symbols that are named."""
    fitted = Fitted(monkeypatch)
    assert run("init", "config").code == 0
    settings = load(tmp_path / "config")
    folder = history_folder(settings.journal.path, settings.accounts[0].login)
    write_bars(folder, "EURUSD", bars([1.0, 2.0, 1.0]))
    write_bars(folder, "US500", bars([4.0, 5.0, 5.0]))
    wish = ("rebalance", "compute", "hierarchical", "--out", "w.toml")
    outcome = run(*wish, "--symbol", "EURUSD", "--symbol", "US500")
    assert outcome.code == 0
    assert "without the account's currency" in flat(outcome.err)
    assert fitted.asked["returns"].tolist() == [[1.0, 0.25], [-0.5, 0.0]]
    unnamed, unknown = run(*wish, "--force"), run(*wish, "--force", "--symbol", "EURUSD", "--symbol", "NOPE")
    assert "Name the symbols" in flat(unnamed.err)
    assert "No bars of NOPE" in unknown.err


def test_returns_of_a_file_of_bars(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its symbols, unless some are named."""
    fitted = Fitted(monkeypatch)
    rows = [
        f"2026-03-{day:02},{name},{price},{price},{price},{price}"
        for name, prices in (("A", (1, 2, 1)), ("B", (4, 5, 5)), ("C", (3, 3, 6)))
        for day, price in enumerate(prices, start=2)
    ]
    csv = write(tmp_path / "bars.csv", "\n".join(["time,symbol,open,high,low,close", *rows]) + "\n")
    wish = ("rebalance", "compute", "risk_parity", "--bars", csv, "--out", "w.toml", "--force")
    assert run(*wish).code == 0
    assert fitted.asked["symbols"] == ("A", "B", "C")
    assert run(*wish, "--symbol", "C", "--symbol", "A").code == 0
    assert fitted.asked["symbols"] == ("C", "A")
    assert fitted.asked["returns"].tolist() == [[0.0, 1.0], [1.0, -0.5]]


def test_returns_count_the_days_that_all_symbols_have() -> None:
    """A holiday of one of them is one step for all."""
    found = returns_of({"A": bars([1.0, 2.0, 4.0, 8.0]), "B": bars([9.0, 10.0, 20.0], first_day=-1)})
    assert found.symbols == ("A", "B")
    assert found.values.tolist() == [[1.0, 1.0]]


def test_a_file_that_is_there_is_not_replaced(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless that is wanted."""
    Fitted(monkeypatch)
    csv, out = returns_file(tmp_path / "returns.csv"), write(tmp_path / "w.toml", "mine")
    wish = ("rebalance", "compute", "mean_cvar", "--returns", csv, "--out", out)
    refused = run(*wish)
    assert refused.code == 2
    assert "exists already" in refused.err
    assert out.read_text(encoding="utf-8") == "mine"
    assert run(*wish, "--force").code == 0
    assert len(read_targets(out)) == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("date,A,B\n2026-01-01,0.1\n", "line 2: has 2 cells, the header 3"),
        ("date,A,B\n2026-01-01,0.1,0,2\n", "line 2: has 4 cells"),
        ("date,A,B\nMonday,0.1,0.1\n", "line 2: date is 'Monday'"),
        ("date,A,B\n2026-01-01,x,0.1\n", "line 2: A is 'x', not a number"),
        ("date,A,B\n2026-01-01,0.1,nan\n", "line 2: B is nan: a return is above -1"),
        ("date,A,B\n2026-01-01,0.1,1.1e3\n", "line 2: B is 1.1e3: a return is above -1 and below 10"),
        ("date,A,B\n2026-01-01,0,0\n2026-01-01,0,0\n", "line 3: 2026-01-01 is not later"),
        ("date,A,A\n2026-01-01,0.1,0.1\n", "line 1: A stands there twice"),
        ("date,A,\n", "line 1: column 3 names no symbol"),
        ("A,B\n", "line 1: must be `date`"),
        ("", "line 1: must be `date`"),
        ('date,A,"B\n', "cannot be read"),
    ],
)
def test_returns_that_are_wrong_are_told_with_their_line(tmp_path: Path, text: str, said: str) -> None:
    """Nothing is repaired."""
    with pytest.raises(ConfigError) as error:
        read_returns(write(tmp_path / "returns.csv", text))
    assert said in str(error.value)
    assert "returns.csv:" in str(error.value)


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--out", "w.csv"), 2, "must end with .toml"),
        (("--out", "w.toml", "--bars", "b.csv"), 2, "give one of the two"),
        (("--out", "w.toml", "--total", "0"), 2, "above 0"),
        (("--out", "w.toml", "--alpha", "EURUSD"), 2, "write NAME=SCORE"),
        (("--out", "w.toml", "--alpha", "NOPE=1"), 2, "write NAME=SCORE"),
        (("--out", "w.toml", "--alpha", "EURUSD=nan"), 2, "must be a number"),
        (("--out", "w.toml", "--symbol", "NOPE"), 1, "No returns of NOPE; there are EURUSD, US500, XAUUSD."),
        (("--out", "no/such/folder.toml"), 2, "cannot be written"),
    ],
)
def test_computing_what_cannot_be_is_one_sentence(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: Sequence[str], code: int, said: str
) -> None:
    """And no file is written."""
    Fitted(monkeypatch)
    outcome = run("rebalance", "compute", "mean_cvar", "--returns", returns_file(tmp_path / "r.csv"), *options)
    assert outcome.code == code
    assert said in flat(outcome.err.replace("│", " "))
    assert not (tmp_path / "w.toml").exists()


def test_without_the_extra_its_name_is_said(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is installed here or not."""
    monkeypatch.setitem(sys.modules, "skfolio.optimization", None)
    rows = "\n".join(f"{np.datetime64('2026-01-01') + day},{day % 3 / 100},{day % 5 / 100}" for day in range(70))
    csv = write(tmp_path / "returns.csv", f"date,A,B\n{rows}\n")
    outcome = run("rebalance", "compute", "mean_cvar", "--returns", csv, "--out", "w.toml")
    assert outcome.code == 2
    assert "lotbridge[optimize]" in outcome.err
