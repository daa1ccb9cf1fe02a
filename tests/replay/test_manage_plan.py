"""Plans of rebalancing in a replay: from the targets' file to positions that have the weights."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.cli import main
from bridge.errors import ConfigError, ReplayError
from bridge.market import store
from bridge.market.recording import RecordedSymbol
from bridge.replay.configure import shipped
from bridge.replay.engine import Replay
from bridge.replay.load import Nothing, load_strategy
from bridge.replay.plan import BrokerWish, Plan
from bridge.replay.rebalancing import Rebalancing, read_rebalancing
from bridge.replay.report.data import page_data
from bridge.replay.report.summary import summary_lines
from bridge.replay.run import CHECKPOINT_FILE, Run, read_run
from bridge.replay.strategy import Entry
from bridge.replay.ticks import TickSource, open_source, source_of
from bridge.settings import AccountSettings, PositionFiles, write_defaults
from tests.builders import at, make_market
from tests.replay.managed import FIRST, MANY, did, managed, minute, symbol
from tests.replay.played import BALANCE, market_of, one_lot
from tests.replay.test_manage_same import Story, stories
from tests.replay.test_manage_same import rules as story_rules
from tests.replay.test_replay_continue import entries
from tests.replay.test_replay_same import DATA, assert_same, needs_data, sample

DAY_MS = 86_400_000
EVENING_MS = at("2024-03-05 23:59:40")
RULES = """
[limits]
position_pct = 50
sector_pct = 100
cluster_pct = 100
turnover_pct = 500
"""
LONG_SHORT = {"EURUSD": 0.2, "GBPUSD": -0.1}


def rules(folder: Path, text: str = RULES) -> PositionFiles:
    path = folder / "positions" / "rebalance.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return PositionFiles(rebalance=path, folder=folder)


def targets(folder: Path, weights: Mapping[str, float]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "targets.csv"
    path.write_text("symbol,weight\n" + "".join(f"{name},{weight}\n" for name, weight in weights.items()), "utf-8")
    return path


def flat(
    *names: str, minutes: float = 30, start_ms: int = minute(0) + 1000, step_s: float = 10.0
) -> list[RecordedSymbol]:
    """Ticks at one price; the first question is a minute after the first."""
    return [
        symbol([(0, FIRST[name]), (minutes, FIRST[name])], name, start_ms=start_ms, step_s=step_s) for name in names
    ]


def planned(
    out: Path, symbols: list[RecordedSymbol], weights: Mapping[str, float], wishes: Any = None, *, every_days: int = 0,
    text: str = RULES, lots: float = 50.0, **more: Any,
) -> Plan:  # fmt: skip
    """A replay that begins plans; without wishes nobody else trades."""
    account = one_lot(lots=lots, caps={**MANY, "daily_budget_without_rule_pct": 100.0})
    files = rules(out.parent / "config", text)
    plan = managed(out, symbols, Nothing() if wishes is None else wishes, files, account, **more)
    path = targets(out.parent, weights)
    return replace(plan, rebalancing=read_rebalancing(path, every_days, plan.source, plan.settings))


def both(make: Callable[..., Plan]) -> Run:
    """The run of the fast engine, after both were found the same."""
    runs, journals = [], []
    for engine in ("fast", "events"):
        plan = make(engine)
        assert Replay(plan).play().complete
        runs.append(read_run(plan.out))
        journals.append(entries(plan.out))
    assert_same(*runs)
    assert runs[0].instructions == runs[1].instructions
    assert journals[0] == journals[1]
    return runs[0]


def begun(folder: Path) -> list[int]:
    """When the service was asked to begin a plan, from the journal."""
    return moments(folder, "type = 'rebalance'")


def moments(folder: Path, which: str) -> list[int]:
    db = sqlite3.connect(folder / "journal.sqlite")
    found = db.execute(f"SELECT at_ms FROM entries WHERE {which} ORDER BY seq").fetchall()  # noqa: S608 - constants
    db.close()
    return [each for (each,) in found]


def weight(run: Run, name: str) -> float:
    """Net notional over the balance of what instructions opened and closed in a symbol, at its first price."""
    signs = {"buy": 1, "sell": -1}
    lots = sum(signs[each.side] * each.filled * (1 if each.kind == "open" else -1) for each in did(run, symbol=name))
    return lots * 100_000 * FIRST[name] / BALANCE


def test_a_plan_builds_a_long_and_a_short_target_from_flat(tmp_path: Path) -> None:
    run = both(lambda engine: planned(tmp_path / engine, flat("EURUSD", "GBPUSD"), LONG_SHORT, engine=engine))
    assert {each.kind for each in run.instructions} == {"open"}
    assert {each.rule for each in run.instructions} == {"rebalance"}
    assert {each.symbol: each.side for each in did(run)} == {"EURUSD": "buy", "GBPUSD": "sell"}
    # Never beyond the weight, and short of it by less than what a hundredth of a lot is.
    assert 0.2 - 0.012 < weight(run, "EURUSD") <= 0.2
    assert -0.1 <= weight(run, "GBPUSD") < -0.1 + 0.014
    assert {(trade.symbol, trade.decision, trade.magic) for trade in run.trades} == {
        ("EURUSD", -1, 0), ("GBPUSD", -1, 0),
    }  # fmt: skip
    assert run.info.result.plans == 1
    assert begun(tmp_path / "fast") == [minute(1)]  # every symbol has ticked by the first full minute after a tick
    # Once it is over, and while something is held, it goes on being asked.
    assert moments(tmp_path / "fast", "type = 'idle'")[-1] > minute(25)


def test_it_begins_once_every_symbol_of_the_targets_has_ticked(tmp_path: Path) -> None:
    market = [*flat("EURUSD"), symbol([(0, 1.28), (20, 1.28)], "GBPUSD", start_ms=minute(7) + 500)]
    both(lambda engine: planned(tmp_path / engine, market, LONG_SHORT, engine=engine))
    assert begun(tmp_path / "fast") == [minute(8)]


def test_nobody_is_asked_after_a_plan_that_ended_with_nothing_held(tmp_path: Path) -> None:
    run = both(lambda engine: planned(tmp_path / engine, flat("EURUSD"), {"EURUSD": 0.0}, engine=engine))
    assert run.instructions == []
    assert begun(tmp_path / "fast") == [minute(1)]
    assert moments(tmp_path / "fast", "type IN ('manage', 'idle')") == [minute(1)]


def test_a_plan_that_runs_is_asked_about_although_nothing_is_held(tmp_path: Path) -> None:
    """Its orders come too late for the EA, again and again, until the plan gives the symbol up."""
    run = both(
        lambda engine: planned(tmp_path / engine, flat("EURUSD"), {"EURUSD": 0.2}, engine=engine, latency_ms=60_000)
    )
    assert run.trades == []
    assert [each.status for each in run.instructions] == ["failed"] * 3
    asked = moments(tmp_path / "fast", "type IN ('manage', 'idle')")
    assert asked == [minute(number) for number in range(1, len(asked) + 1)]
    assert 5 < len(asked) < 15


@pytest.mark.parametrize("hedging", [True, False])
def test_it_reduces_what_the_strategy_opened_beyond_the_weight(tmp_path: Path, hedging: bool) -> None:
    """Half a lot is a weight of 0.55; GBPUSD, which is no target, is left alone."""
    wishes = {
        minute(0.5): [Entry("EURUSD", "buy", stop_loss=1.08), Entry("GBPUSD", "buy", stop_loss=1.26)],
    }
    symbols = [*flat("EURUSD"), *flat("GBPUSD")]
    run = both(
        lambda engine: planned(
            tmp_path / engine, symbols, {"EURUSD": 0.2}, wishes, lots=0.5, engine=engine, hedging=hedging
        )
    )
    (cut,) = did(run)
    assert (cut.kind, cut.symbol, cut.side, cut.rule) == ("close_partial", "EURUSD", "buy", "rebalance")
    assert 0.2 - 0.012 < (0.5 - cut.filled) * 1.1 <= 0.2
    part = next(trade for trade in run.trades if trade.reason == "rule")
    assert (part.symbol, part.lots, part.decision) == ("EURUSD", cut.filled, 1)
    assert [trade.lots for trade in run.trades if trade.symbol == "GBPUSD"] == [0.5]


def test_it_begins_again_after_so_many_days_and_follows_what_the_price_has_made_of_it(tmp_path: Path) -> None:
    path = [(0, 1.1), (1000, 1.1), (2000, 1.21), (4 * 1440, 1.21)]
    start_ms = minute(0) + 58_000  # prices are two seconds old when it asks
    risen = symbol(path, step_s=120, start_ms=start_ms)
    market = [risen, *flat("GBPUSD", minutes=4 * 1440, step_s=120, start_ms=start_ms)]
    run = both(lambda engine: planned(tmp_path / engine, market, LONG_SHORT, every_days=2, engine=engine))
    assert begun(tmp_path / "fast") == [minute(1), minute(1) + 2 * DAY_MS]
    assert run.info.result.plans == 2
    assert run.info.rebalancing is not None
    assert run.info.rebalancing.every_days == 2
    # 0.2 of what it was is 0.22 of it a tenth higher: that is cut, without another plan it is not.
    (cut,) = did(run, "close")
    assert (cut.symbol, cut.time_ms) == ("EURUSD", minute(1) + 2 * DAY_MS)
    once = planned(tmp_path / "once", market, LONG_SHORT)
    Replay(once).play()
    assert did(read_run(once.out), "close") == []


EMERGENCY = RULES.replace("[limits]", "[limits]\ngross = 0.5") + '[emergency]\ngross = "{}"\n'


@pytest.mark.parametrize(("wants", "left"), [("reduce", 0.25), ("close", 0.0)])
def test_an_emergency_reduces_or_closes(tmp_path: Path, wants: str, left: float) -> None:
    """The strategy's half a lot beside a target of 0.1 is a gross of more than 0.5."""
    wishes = {minute(10.5): [Entry("EURUSD", "buy", stop_loss=1.08)]}
    text = EMERGENCY.format(wants)
    run = both(
        lambda engine: planned(
            tmp_path / engine, flat("EURUSD"), {"EURUSD": 0.1}, wishes, lots=0.5, text=text, engine=engine
        )
    )
    opened = sum(each.filled for each in did(run, "open")) + 0.5
    cuts = [each for each in did(run, "close") if each.rule == "rebalance_emergency"]
    assert cuts
    assert {each.time_ms for each in cuts} <= {minute(11), minute(12)}
    rest = opened - sum(each.filled for each in cuts)
    assert rest == pytest.approx(opened / 2 if left else 0.0, abs=0.011)


def broken_off(out: Path, engine: str, weights: Mapping[str, float] = LONG_SHORT, **more: Any) -> Plan:
    """Midnight comes while the first plan's orders are on their way; the second begins a day after the first."""
    made = flat("EURUSD", "GBPUSD", minutes=2 * 1440 - 30, start_ms=EVENING_MS + 1000, step_s=60)
    return planned(out, made, weights, engine=engine, every_days=1, latency_ms=20_000, every_s=10, **more)


@pytest.mark.parametrize("engine", ["fast", "events"])
def test_interrupted_it_becomes_the_same_run(tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.replay.engine.SAVE_EVERY_S", 0.0)
    Replay(broken_off(tmp_path / "one span", engine)).play()
    for name in ("bridge.replay.ticks.SPAN_TICKS", "bridge.replay.ticks.ROWS", "bridge.market.packed.ROWS"):
        monkeypatch.setattr(name, 1)
    Replay(broken_off(tmp_path / "whole", engine)).play()
    whole = read_run(tmp_path / "whole")
    assert_same(read_run(tmp_path / "one span"), whole)
    out, stops = tmp_path / "parts", 0
    pending = []
    while not Replay(broken_off(out, engine), stop=lambda: True).play(go_on=stops > 0).complete:
        stops += 1
        pending += [each.id for each in read_run(out).instructions if each.status == "given"]
    assert stops >= 2
    assert pending  # an instruction was on its way when it was stopped
    parts = read_run(out)
    assert_same(whole, parts)
    assert parts.instructions == whole.instructions
    assert entries(tmp_path / "whole") == entries(out)
    assert parts.info.result.plans == 2
    assert len(begun(out)) == 2
    first, second = begun(out)
    assert 0 <= second - first - DAY_MS < 60_000


def test_it_does_not_go_on_with_other_targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.replay.ticks.SPAN_TICKS", 1)
    out = tmp_path / "run"
    assert not Replay(broken_off(out, "fast"), stop=lambda: True).play().complete
    assert (out / CHECKPOINT_FILE).exists()
    other = broken_off(out, "fast", {**LONG_SHORT, "EURUSD": 0.19})
    later = broken_off(out, "fast")
    assert later.rebalancing is not None
    none = replace(later, rebalancing=None)
    later = replace(later, rebalancing=replace(later.rebalancing, every_days=3))
    for changed in (other, later, none):
        with pytest.raises(ReplayError, match="was replayed with another plan of rebalancing: give the same"):
            Replay(changed).play(go_on=True)
    assert Replay(broken_off(out, "fast")).play(go_on=True).complete
    with pytest.raises(ReplayError, match="was replayed with another plan of rebalancing: give the same"):
        Replay(later).play(go_on=True)  # nor is a complete run taken for one of other targets


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    story=stories(),
    weights=st.dictionaries(st.sampled_from(sorted(FIRST)), st.sampled_from([-0.3, -0.1, 0.0, 0.1, 0.3]), min_size=1),
    emergency=st.sampled_from(["alert", "halt", "reduce", "close"]),
)
def test_beside_rules_of_every_kind_engines_and_interruptions_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, story: Story, weights: dict[str, float], emergency: str
) -> None:
    folder = tmp_path_factory.mktemp("story")
    there = {each.spec.name for each in story.symbols}
    weights = {name: each for name, each in weights.items() if name in there} or {min(there): 0.2}
    others = story_rules(folder / "config", story.which)
    text = RULES.replace("[limits]", "[limits]\ngross = 0.4") + f'[emergency]\ngross = "{emergency}"\n'
    files = replace(others, rebalance=rules(folder / "config", text).rebalance)

    def make(out: str, engine: str = "fast") -> Plan:
        plan = planned(
            folder / out, story.symbols, weights, story.wishes, lots=0.2, engine=engine, every_s=story.every_s,
            **story.broker,
        )  # fmt: skip
        return replace(plan, settings=replace(plan.settings, positions=files))

    whole = both(make)
    assert whole.info.result.plans == 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bridge.replay.ticks.SPAN_TICKS", 1)
        assert not Replay(make("parts"), stop=lambda: True).play().complete
        assert Replay(make("parts")).play(go_on=True).complete
    parts = read_run(folder / "parts")
    assert_same(whole, parts)
    assert parts.instructions == whole.instructions
    assert entries(folder / "parts") == entries(folder / "fast")


# The file of targets --------------------------------------------------------------------------------------------------


def test_targets_that_cannot_be_played_are_told_at_once(tmp_path: Path) -> None:
    source = source_of(market_of(*flat("EURUSD", "GBPUSD")))
    own = replace(one_lot(), positions=rules(tmp_path / "config"))

    def read(weights: Mapping[str, float], account: AccountSettings = own) -> Rebalancing:
        return read_rebalancing(targets(tmp_path, weights), 0, source, account)

    assert [each.weight for each in read(LONG_SHORT).targets] == [0.2, -0.1]
    with pytest.raises(ReplayError, match=r"targets.csv: USDJPY is not recorded, there are EURUSD, GBPUSD"):
        read({"EURUSD": 0.1, "USDJPY": 0.1})
    with pytest.raises(ReplayError, match=r'targets.csv needs .* rebalance = "positions/rebalance.toml"'):
        read(LONG_SHORT, one_lot())
    with pytest.raises(ConfigError, match=r"targets.csv:3: weight is 101: must be from -100 to 100"):
        read({"EURUSD": 0.1, "GBPUSD": 101})
    with pytest.raises(ConfigError, match=r"targets.csv:2: weight is 'nan'"):
        read({"EURUSD": float("nan")})
    euro = replace(own.symbols.classes["all"], patterns=("EURUSD*",))
    narrow = replace(own, symbols=replace(own.symbols, classes={"all": euro}))
    with pytest.raises(ReplayError, match=r"targets.csv: GBPUSD matches no pattern"):
        read(LONG_SHORT, narrow)


def command(given: list[str]) -> object:
    with pytest.raises(SystemExit) as ended:
        main(given)
    return ended.value.code


def test_the_command_begins_plans_and_tells_of_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ticks, config, out = tmp_path / "ticks", tmp_path / "config", tmp_path / "run"
    market = make_market(*flat("EURUSD", "GBPUSD"))
    store.save(market, ticks)
    path = targets(tmp_path, {"EURUSD": 0.03, "GBPUSD": -0.02})
    write_defaults(config, "guide")
    common = ("replay", "--ticks", str(ticks), "--targets", str(path), "--out", str(out), "--balance", "100000")
    assert command([*common, "--config", str(config)]) == 1
    assert 'set rebalance = "positions/rebalance.toml"' in capsys.readouterr().err
    assert command([*common, "--config", str(config), "--manage-every", "0"]) == 2
    assert command(["replay", "--rebalance-every", "3"]) == 2
    assert not out.exists()
    text = (config / "bridge.toml").read_text("utf-8")
    table = 'firm = "'
    assert text.count(table) >= 1
    text = text.replace(table, f'rebalance = "positions/rebalance.toml"\n{table}', 1)
    (config / "bridge.toml").write_text(text, "utf-8")
    capsys.readouterr()
    assert command([*common, "--config", str(config)]) == 0
    assert "plans of rebalancing" in capsys.readouterr().out
    run = read_run(out)
    assert run.info.strategy == "none"
    assert run.decisions == []
    assert {each.symbol for each in did(run, "open")} == {"EURUSD", "GBPUSD"}
    told = next(line for line in summary_lines(run) if "plans of rebalancing" in line)
    assert "1, of targets.csv (" in told
    shown = page_data(run)["runs"][0]
    assert shown["figures"]["plans"] == 1
    assert {row["rule"] for row in shown["instructions"]["rows"]} == {"rebalance"}
    assert all(chart["marks"] for chart in shown["instructions"]["symbols"].values())
    report = json.loads((out / "report.json").read_text("utf-8"))
    assert report["targets_file"].startswith("targets.csv (")


# Markets --------------------------------------------------------------------------------------------------------------


def on_a_market(folder: Path, source: TickSource, weights: Mapping[str, float], every_days: int, **broker: Any) -> Run:
    """Beside a strategy, under the shipped limits."""
    made = shipped("ftmo-2step", "leveraged", BALANCE)
    account = replace(made.settings, positions=rules(folder / "config", ""))
    wanted = read_rebalancing(targets(folder, weights), every_days, source, account)
    return both(
        lambda engine: Plan(
            name="rebalanced", source=source, strategy=load_strategy("ma-cross:timeframe=H1,fast=3,slow=8,stop=1.2"),
            settings=account, broker=BrokerWish(balance=BALANCE, slippage_points=2.0, **broker),
            out=folder / engine, engine=engine, manage_every_s=600, rebalancing=wanted,
        )
    )  # fmt: skip


def test_on_the_sample_market(tmp_path: Path) -> None:
    weights = {"EURUSD.sim": 0.04, "GBPUSD.sim": -0.04, "USDJPY.sim": 0.03}
    run = on_a_market(tmp_path, sample(), weights, 1)
    assert run.info.result.plans == len(begun(tmp_path / "fast")) > 2
    assert {each.rule for each in did(run)} >= {"rebalance"}


@needs_data
def test_on_recorded_ticks(tmp_path: Path) -> None:
    run = on_a_market(tmp_path, open_source(DATA), {"EURUSD": 0.04, "NZDUSD": -0.04}, 1, zone="new-york-close")
    assert run.info.result.plans == len(begun(tmp_path / "fast")) >= 1
    assert {each.rule for each in did(run)} >= {"rebalance"}
