"""Golden files keep decisions byte for byte, and what changed since is found, whatever it is, with its cause."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import cli
from bridge.errors import ReplayError
from bridge.protocol.messages import Ages, CapInfo, ErrorReply, FactorInfo, RiskInfo, SizeReply, SizeRequest
from bridge.replay.golden import Choice, Golden, Head, golden_bytes, golden_of, read_golden, write_golden
from bridge.replay.regress import ABSENT, Change, causes, compare, differences
from bridge.replay.run import DecisionRow, RunWriter, read_run
from tests.builders import NOW_MS
from tests.replay.runs import make_decision, make_equity, write_run

HEAD = Head(
    strategy="ma-cross",
    market="made up",
    start_ms=NOW_MS,
    end_ms=NOW_MS + 1,
    initial_balance=100_000.0,
    firm="ftmo-2step",
    preset="standard",
    policy_hash="abc",
)


def make_choice(**over: Any) -> Choice:
    """A buy of EURUSD that was granted."""
    values: dict[str, Any] = {
        "time_ms": NOW_MS, "symbol": "EURUSD", "side": "buy", "magic": 7, "asked": {"stop_loss": 1.09},
        "code": None, "lots": 0.5, "binding": "max_daily_loss", "runner_up": "risk_budget", "equity": 100_000.0,
        "prices": {"entry": 1.1, "stop_loss": 1.09, "take_profit": None},
        "factors": (("edge", 0.9), ("regime", 1.0)), "base_lots": 0.8,
        "caps": (("risk_budget", 0.8), ("max_daily_loss", 0.55), ("max_lots", None)),
    }  # fmt: skip
    return Choice(**values | over)


def changes_of(before: Choice, after: Choice, tolerance: float = 0.0) -> tuple[Change, ...]:
    return compare(Golden(HEAD, (before,)), Golden(HEAD, (after,)), tolerance).changes


def make_row(number: int = 0, *, lots: float = 0.5, edge: float = 0.9, **over: Any) -> DecisionRow:
    """A decision with the protocol's messages as an engine writes them."""
    code = over.get("code")
    request = SizeRequest(
        v=1, id=f"q{number}", symbol=over.get("symbol", "EURUSD"), side="buy", stop_loss=1.09, magic=7, strategy="s"
    )
    reply = SizeReply(
        v=1,
        type="size",
        id=f"q{number}",
        status="ok" if code is None else "reject",
        code=code,
        message=None if code is None else "A reason that is prose.",
        server_ms=NOW_MS,
        lots=lots,
        entry=1.1,
        stop_loss=1.09,
        take_profit=None,
        risk=RiskInfo("USD", 500.0, 600.0, 0.5, 1000.0, 550.0),
        binding="max_daily_loss",
        runner_up="risk_budget",
        factors=[FactorInfo("edge", edge, "prose"), FactorInfo("regime", 1.0, "prose")],
        caps=[CapInfo("risk_budget", 0.8, "prose"), CapInfo("max_lots", None, "prose")],
        base_lots=0.8,
        reservation=f"r{number}",
        expires_ms=NOW_MS + 5_000,
        decision=f"d{number}",
        ages=Ages(1, 2, 3, 4),
    )
    return make_decision(
        number,
        **{"time_ms": NOW_MS + number, **over},
        lots=lots,
        request=msgspec.json.encode(request).decode(),
        reply=msgspec.json.encode(reply).decode(),
    )


def run_of(folder: Path, *rows: DecisionRow, **info: Any) -> Path:
    return write_run(RunWriter(folder, decisions=list(rows), equity=[make_equity(100_000.0)]), **info)


# Golden files


@pytest.mark.parametrize("name", ["golden.jsonl", "golden.jsonl.gz"])
def test_the_same_decisions_are_the_same_bytes_and_read_back(tmp_path: Path, name: str) -> None:
    rows = [make_row(number) for number in range(3)]
    first = golden_of(read_run(run_of(tmp_path / "a", *rows, engine="fast", seconds=1.0)))
    again = golden_of(read_run(run_of(tmp_path / "b", *rows, engine="events", seconds=2.0, version="9")))
    for folder, golden in (("a", first), ("b", again)):
        write_golden(tmp_path / folder / name, golden)
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert read_golden(tmp_path / "a" / name) == first


def test_a_golden_file_is_one_line_per_decision_without_prose_and_ids(tmp_path: Path) -> None:
    golden = golden_of(read_run(run_of(tmp_path / "run", make_row(0), make_row(1, code="below_volume_min", lots=0.0))))
    head, *lines = golden_bytes(golden).decode().splitlines()
    assert json.loads(head)["golden"] == "lotbridge decisions"
    assert json.loads(lines[0]) == {
        "time_ms": NOW_MS, "symbol": "EURUSD", "side": "buy", "magic": 7,
        "asked": {"stop_loss": 1.09, "order": "market", "strategy": "s"},
        "code": None, "lots": 0.5, "binding": "max_daily_loss", "runner_up": "risk_budget", "equity": 100_000.0,
        "prices": {"entry": 1.1, "stop_loss": 1.09, "take_profit": None},
        "factors": [["edge", 0.9], ["regime", 1.0]], "base_lots": 0.8,
        "caps": [["risk_budget", 0.8], ["max_lots", None]],
    }  # fmt: skip
    assert json.loads(lines[1])["code"] == "below_volume_min"
    assert "prose" not in "".join(lines)


def test_the_compressed_file_holds_no_time_and_no_name(tmp_path: Path) -> None:
    path = tmp_path / "golden.gz"
    write_golden(path, Golden(HEAD, (make_choice(),)))
    data = path.read_bytes()
    assert data[3:8] == bytes(5)  # no flags, so no name; no time
    assert gzip.decompress(data) == golden_bytes(Golden(HEAD, (make_choice(),)))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"{}\n", "line 1: not of a golden file"),
        (b"time,symbol\n", "line 1: not of a golden file"),
        (b"\xff\xfe\n", "line 1: not of a golden file"),
        (golden_bytes(Golden(HEAD, ())).replace(b'"format":1', b'"format":2'), "line 1: not of a golden file"),
        (golden_bytes(Golden(HEAD, (make_choice(),))) + b'{"time_ms":1}\n', "line 3: not of a golden file"),
    ],
)
def test_what_is_no_golden_file_is_refused_with_its_line(tmp_path: Path, data: bytes, said: str) -> None:
    path = tmp_path / "golden.jsonl"
    path.write_bytes(data)
    with pytest.raises(ReplayError, match=said) as raised:
        read_golden(path)
    assert str(path) in str(raised.value)


@pytest.mark.parametrize("cut", [0, 5, 40])
def test_a_damaged_compressed_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "golden.gz"
    write_golden(path, Golden(HEAD, (make_choice(),)))
    path.write_bytes(path.read_bytes()[:cut] if cut else b"not gzip at all")
    with pytest.raises(ReplayError, match="cannot be read"):
        read_golden(path)


def test_an_interrupted_run_and_one_without_messages_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="was interrupted; continue it first"):
        golden_of(read_run(run_of(tmp_path / "a", make_row(), complete=False)))
    with pytest.raises(ReplayError, match="decision 4: "):
        golden_of(read_run(run_of(tmp_path / "b", make_decision(4))))


def test_a_request_that_was_itself_at_fault_is_a_decision_too(tmp_path: Path) -> None:
    row = make_row()
    reply = ErrorReply(
        v=1, type="size", id="q0", status="error", code="unknown_symbol", message="?", server_ms=NOW_MS, field="symbol"
    )
    asked = row._replace(code="unknown_symbol", lots=0.0, reply=msgspec.json.encode(reply).decode())
    before, after = (
        golden_of(read_run(run_of(tmp_path / name, each))) for name, each in zip("ab", (row, asked), strict=True)
    )
    assert (after.choices[0].code, after.choices[0].lots, after.choices[0].caps) == ("unknown_symbol", 0.0, ())
    (change,) = compare(before, after).changes
    assert (change.cause, change.lots_after) == ("code", 0.0)


# Comparing


def test_the_first_difference_in_the_waterfall_is_the_cause_and_all_are_told() -> None:
    after = make_choice(
        factors=(("edge", 0.9), ("regime", 0.5)),
        base_lots=0.4,
        lots=0.4,
        binding="risk_budget",
        runner_up="max_daily_loss",
        caps=(("risk_budget", 0.4), ("max_daily_loss", 0.55), ("max_lots", None)),
    )
    (change,) = changes_of(make_choice(), after)
    assert (change.kind, change.cause, change.lots_before, change.lots_after) == ("outcome", "factor:regime", 0.5, 0.4)
    assert [each.name for each in change.differences] == [
        "factor:regime", "base_lots", "cap:risk_budget", "binding", "lots", "runner_up",
    ]  # fmt: skip
    assert change.differences[0][1:] == (1.0, 0.5)


def test_a_cap_that_came_or_went_is_a_difference() -> None:
    caps = (("risk_budget", 0.8), ("max_daily_loss", 0.55), ("news", 0.0))
    (change,) = changes_of(make_choice(), make_choice(caps=caps))
    assert [tuple(each) for each in change.differences] == [("cap:news", ABSENT, 0.0), ("cap:max_lots", None, ABSENT)]
    assert change.kind == "waterfall"


def test_two_caps_of_one_name_are_told_apart() -> None:
    before = make_choice(caps=(("trail", 1.0), ("trail", 2.0)))
    (change,) = changes_of(before, make_choice(caps=(("trail", 1.0), ("trail", 3.0))))
    assert change.differences == (("cap:trail#2", 2.0, 3.0),)


def test_a_new_refusal_before_there_is_a_size_is_caused_by_its_code() -> None:
    refused = make_choice(
        code="stale_quote", lots=0.0, binding=None, runner_up=None, factors=(), caps=(), base_lots=0.0, prices={}
    )
    (change,) = changes_of(make_choice(), refused)
    assert change.cause == "code"
    assert [each.name for each in change.differences] == ["code", "binding", "lots"]


def test_another_equity_explains_another_budget_but_no_factor() -> None:
    follows = make_choice(equity=99_000.0, base_lots=0.79, caps=(("risk_budget", 0.79), *make_choice().caps[1:]))
    assert changes_of(make_choice(), follows)[0].cause == "equity"
    both = msgspec.structs.replace(follows, factors=(("edge", 0.8), ("regime", 1.0)))
    assert changes_of(make_choice(), both)[0].cause == "factor:edge"


def test_another_wish_comes_before_everything() -> None:
    prices = {**make_choice().prices, "stop_loss": 1.08}
    after = make_choice(asked={"stop_loss": 1.08}, prices=prices, lots=0.2)
    assert [each.name for each in changes_of(make_choice(), after)[0].differences] == [
        "asked:stop_loss", "price:stop_loss", "lots",
    ]  # fmt: skip


def test_tolerance_is_relative_and_of_numbers_only() -> None:
    near = make_choice(base_lots=0.8 * (1 + 1e-9))
    assert changes_of(make_choice(), near)
    assert not changes_of(make_choice(), near, 1e-8)
    assert changes_of(make_choice(), make_choice(binding="max_lots"), 0.5)
    assert changes_of(make_choice(), make_choice(code="x"), 0.5)


def test_causes_are_counted_with_the_mean_change_of_lots() -> None:
    before = [make_choice(time_ms=NOW_MS + n) for n in range(4)]
    after = [
        make_choice(time_ms=NOW_MS, lots=0.3),
        make_choice(time_ms=NOW_MS + 1, lots=0.4),
        make_choice(time_ms=NOW_MS + 2, base_lots=0.9),
        before[3],
    ]
    result = compare(Golden(HEAD, tuple(before)), Golden(HEAD, tuple(after)))
    told = [(each.name, each.outcomes, each.waterfalls, round(each.mean_lots, 9)) for each in causes(result.changes)]
    assert told == [("lots", 2, 0, -0.15), ("base_lots", 0, 1, 0.0)]


def test_what_was_replayed_is_told_where_it_differs() -> None:
    other = msgspec.structs.replace(HEAD, policy_hash="def")
    result = compare(Golden(HEAD, (make_choice(),)), Golden(other, (make_choice(),)))
    assert result.heads == (("policy_hash", "abc", "def"),)
    assert result.same


NUMBERS = st.floats(0, 1e6, allow_nan=False)
NAMES = st.sampled_from(["edge", "regime", "max_lots", "margin", "risk_budget"])
CHOICES = st.builds(
    make_choice,
    time_ms=st.integers(NOW_MS, NOW_MS + 3),
    symbol=st.sampled_from(["EURUSD", "US30"]),
    side=st.sampled_from(["buy", "sell"]),
    magic=st.integers(1, 2),
    code=st.none() | st.sampled_from(["below_volume_min", "stale_quote"]),
    lots=NUMBERS,
    binding=st.none() | NAMES,
    equity=NUMBERS,
    base_lots=NUMBERS,
    asked=st.dictionaries(NAMES, NUMBERS, max_size=2),
    factors=st.lists(st.tuples(NAMES, NUMBERS), max_size=3).map(tuple),
    caps=st.lists(st.tuples(NAMES, st.none() | NUMBERS), max_size=3).map(tuple),
)
GOLDENS = st.lists(CHOICES, max_size=8).map(lambda choices: Golden(HEAD, tuple(choices)))


@settings(deadline=None)
@given(GOLDENS)
def test_a_run_is_the_same_as_itself_through_a_file(tmp_path_factory: pytest.TempPathFactory, golden: Golden) -> None:
    path = tmp_path_factory.mktemp("golden") / "golden.jsonl"
    write_golden(path, golden)
    kept = read_golden(path)
    assert kept == golden
    assert golden_bytes(kept) == golden_bytes(golden)
    assert compare(kept, golden).same


@settings(deadline=None)
@given(GOLDENS, GOLDENS)
def test_no_change_is_missed_and_every_decision_is_counted_once(before: Golden, after: Golden) -> None:
    there, back = compare(before, after), compare(after, before)
    matched = len(before.choices) - len(there.gone)
    assert matched == len(after.choices) - len(there.new)
    assert (there.gone, there.new) == (back.new, back.gone)
    assert {(each.kind, *each[1:5]) for each in there.changes} == {(each.kind, *each[1:5]) for each in back.changes}
    assert len(there.changes) <= matched
    if there.same:
        assert sorted(map(_unordered, before.choices)) == sorted(map(_unordered, after.choices))
    counted = causes(there.changes)
    assert sum(each.outcomes + each.waterfalls for each in counted) == len(there.changes)


@settings(deadline=None)
@given(CHOICES, CHOICES)
def test_two_decisions_differ_exactly_where_their_values_do(before: Choice, after: Choice) -> None:
    same = {name: getattr(before, name) for name in ("time_ms", "symbol", "side", "magic")}
    after = msgspec.structs.replace(after, **same)
    found = {each.name for each in differences(before, after)}
    for name in ("lots", "code", "binding", "equity"):
        assert (name in found) == (getattr(before, name) != getattr(after, name))
    assert (_unordered(before) == _unordered(after)) == (not found)
    assert not {each.name for each in differences(before, after, 1e-12)} - found


def _unordered(choice: Choice) -> bytes:
    """A decision without the order of its factors and caps, but for those of one name."""
    by_name = {name: tuple(sorted(getattr(choice, name), key=lambda pair: pair[0])) for name in ("factors", "caps")}
    return msgspec.json.encode(msgspec.structs.replace(choice, **by_name), order="deterministic")


# The command

Outcome = tuple[int, str, str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")

    def runner(*arguments: object) -> Outcome:
        with pytest.raises(SystemExit) as ended:
            cli.main(["regress", *map(str, arguments)])
        written = capsys.readouterr()
        return int(ended.value.code or 0), written.out, written.err

    return runner


def test_a_golden_file_is_made_and_the_same_run_passes(tmp_path: Path, run: Callable[..., Outcome]) -> None:
    folder, golden = run_of(tmp_path / "run", make_row(0), make_row(1)), tmp_path / "golden.jsonl.gz"
    code, out, err = run(folder, golden)
    assert (code, out) == (2, "")
    assert "does not exist; make it with --update" in err
    code, out, err = run(folder, golden, "--update")
    assert (code, out) == (0, "")
    assert "2 decisions" in err
    kept = golden.read_bytes()
    assert run(folder, golden)[:2] == (0, "The same: 2 decisions\n")
    run(folder, golden, "--update")
    assert golden.read_bytes() == kept


def test_changes_end_with_one_and_are_told_by_cause_and_in_detail(tmp_path: Path, run: Callable[..., Outcome]) -> None:
    golden = tmp_path / "golden.jsonl"
    run(run_of(tmp_path / "a", make_row(0), make_row(1), make_row(2)), golden, "--update")
    kept = golden.read_bytes()
    other = run_of(tmp_path / "b", make_row(0), make_row(1, lots=0.3, edge=0.6), make_row(5), policy_hash="new")
    code, out, _ = run(other, golden)
    assert code == 1
    assert "policy_hash: abc -> new" in out
    assert "1 with other lots, code or binding cap" in out
    assert "1 gone, 1 new" in out
    assert "factor:edge" in out
    assert "-0.2000" in out
    assert "2026-03-04 10:00:00 UTC EURUSD buy (magic 7): 0.50 -> 0.30 lots" in out
    assert "    factor:edge: 0.9 -> 0.6" in out
    assert golden.read_bytes() == kept
    told = json.loads(run(other, golden, "--json")[1])
    assert (told["same"], told["changed"], told["gone"], told["new"]) == (False, 1, 1, 1)
    assert told["details"]["changes"][0]["differences"][0] == {"name": "factor:edge", "before": 0.9, "after": 0.6}
    code, out, _ = run(other, golden, "--update")
    assert code == 0
    assert "factor:edge" in out
    assert run(other, golden)[0] == 0


def test_tolerance_and_details_are_options(tmp_path: Path, run: Callable[..., Outcome]) -> None:
    golden = tmp_path / "golden.jsonl"
    run(run_of(tmp_path / "a", make_row(0, edge=0.9)), golden, "--update")
    near = run_of(tmp_path / "b", make_row(0, edge=0.9000001))
    assert run(near, golden)[0] == 1
    assert run(near, golden, "--tolerance", "1e-6")[0] == 0
    assert "-> 0.9000001" in run(near, golden)[1]
    assert "-> 0.9000001" not in run(near, golden, "--details", "0")[1]


def test_errors_end_with_two_and_never_overwrite_what_is_no_golden_file(
    tmp_path: Path, run: Callable[..., Outcome]
) -> None:
    folder, other = run_of(tmp_path / "run", make_row()), tmp_path / "notes.txt"
    other.write_text("mine\n", encoding="utf-8")
    code, out, err = run(folder, other, "--update")
    assert (code, out) == (2, "")
    assert "not of a golden file" in err
    assert other.read_text(encoding="utf-8") == "mine\n"
    assert run(tmp_path / "nowhere", other)[0] == 2
    assert run(run_of(tmp_path / "half", make_row(), complete=False), other)[0] == 2
    assert run(folder, tmp_path / "no folder" / "golden", "--update")[0] == 2
    assert run(folder, other, "--tolerance", "2")[0] == 2
