"""What is kept of positions: any way from one state to another comes back from the journal, order included."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge import kept as module
from bridge.kept import (
    NOTHING,
    Day,
    Failure,
    Issued,
    Kept,
    Origin,
    PositionKeeper,
    PositionsChange,
    changed,
    difference,
)
from sizing.positions.instruction import Done, Instruction
from sizing.positions.rebalance import Guard, Target, begin, cancel

FEW = 4
"""How many ended instructions are kept here: so few that they are dropped often."""

tickets = st.integers(1, 5)
keys = st.sampled_from(["active/breakeven/1/1", "active/time/2/3", "share/a/b/EURUSD/0"])
figures = st.sampled_from([0.0, 0.1, 1.5])
moments = st.integers(0, 10)


def make_issued(number: int, filled: float, settled: bool, full: bool) -> Issued:
    """An instruction in some state; `full`: with everything that may be left out."""
    issued = Issued(
        id=f"i{number}-1", key="active/breakeven/1/1", source="active", kind="close", symbol="EURUSD", side="buy",
        rule="breakeven", reason="why", ticket=number, lots=1.0, stop_loss=None, take_profit=None, magic=0, price=None,
        money_per_price=None, before=1.0, given_ms=1, expires_ms=2, filled=filled, settled=settled,
    )  # fmt: skip
    if not full:
        return issued
    return issued._replace(
        source="rebalance", stop_loss=1.1, take_profit=1.2, price=1.15, money_per_price=1e5, covers=("a", "b"),
        adds_to=3, reservation="r1", decision="d1", standing="done", fill_ticket=9, fill_price=1.15, retcode=10009,
        heard_ms=5,
    )  # fmt: skip


issueds = st.builds(make_issued, st.integers(1, 9), figures, st.booleans(), st.booleans())
orders = st.builds(
    Instruction,
    key=keys,
    kind=st.just("close"),
    symbol=st.just("EURUSD"),
    side=st.just("buy"),
    rule=st.just("rebalance"),
    reason=st.just("why"),
    ticket=tickets,
    lots=figures,
    expires_ms=st.none() | moments,
)
plans = st.builds(
    lambda name, weight: begin(f"p{name}", (Target("EURUSD", weight, 0.0, ""),), 5), moments, st.sampled_from([0.5, -1])
)
small = st.builds(
    Kept,
    memory=st.dictionaries(keys, st.builds(Done, moments, moments), max_size=2),
    origins=st.lists(
        st.tuples(tickets, figures, figures, st.none() | figures).map(lambda found: Origin(*found)), max_size=3
    ).map(lambda found: {each.ticket: each for each in found}),
    failures=st.lists(st.builds(Failure, keys, moments, moments, st.just("no")), max_size=2).map(
        lambda found: {each.key: each for each in found}
    ),
    plan=st.none() | plans | plans.map(lambda plan: cancel(plan, "no")),
    waiting=st.lists(orders, max_size=2).map(tuple),
    guard=st.tuples(st.sampled_from(["normal", "halted"]), st.just("why"), moments).map(lambda found: Guard(*found)),
    day=st.builds(Day, moments, figures),
)


def through_the_journal(change: PositionsChange) -> PositionsChange:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(change), type=PositionsChange)


def same(one: Kept, other: Kept) -> None:
    assert one == other
    assert list(one.ended) == list(other.ended)
    assert list(one.issued) == list(other.issued)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HISTORY", FEW)


@given(st.lists(st.tuples(small, st.lists(issueds, max_size=6)), max_size=4), st.integers(0, 4))
def test_any_sequence_of_changes_restores_the_same_state(
    steps: list[tuple[Kept, list[Issued]]], whole_after: int
) -> None:
    now = restored = NOTHING
    used: set[str] = set()
    for number, (rest, issued) in enumerate(steps):
        before, now = now, replace(rest, issued=now.issued, ended=now.ended)
        for each in issued:
            known = now.find(each.id)
            if known is None and each.id in used:
                continue  # ids are never used again
            used.add(each.id)
            # What has ended stays ended.
            now = now.with_issued(each._replace(settled=each.settled or (known is not None and known.settled)))
        if number == whole_after:  # the whole state was written, as at a clean stop
            whole = difference(NOTHING, now)
            restored = NOTHING if whole is None else changed(NOTHING, through_the_journal(whole))
        else:
            change = difference(before, now)
            restored = restored if change is None else changed(restored, through_the_journal(change))
        same(restored, now)


def test_more_may_end_at_once_than_are_kept() -> None:
    numbers = range(1, FEW + 3)
    before = now = NOTHING
    for number in numbers:
        before = before.with_issued(make_issued(number, 0.0, False, False))
    now = before
    for number in numbers:
        now = now.with_issued(make_issued(number, 0.0, True, False))
    change = difference(before, now)
    assert change is not None
    same(changed(before, through_the_journal(change)), now)


@given(small)
def test_no_difference_is_none(kept: Kept) -> None:
    assert difference(kept, kept) is None
    assert difference(kept, replace(kept, memory=dict(kept.memory), origins=dict(kept.origins))) is None


@given(small)
def test_the_keeper_knows_what_the_journal_lacks(kept: Kept) -> None:
    keeper, other = PositionKeeper(), PositionKeeper()
    keeper.kept = kept
    change = keeper.change()
    if change is not None:
        other.restore(through_the_journal(change))
    same(other.kept, kept)
    assert other.change() is None
    assert keeper.change() == change, "it counts only once it is written"
    keeper.written()
    assert keeper.change() is None


@given(st.lists(issueds, max_size=20))
def test_no_more_than_so_many_ended_ones_are_kept(issued: list[Issued]) -> None:
    kept = NOTHING
    for each in issued:
        kept = kept.with_issued(each)
        assert kept.find(each.id) == each
        assert not kept.issued.keys() & kept.ended.keys()
    assert len(kept.ended) <= FEW
