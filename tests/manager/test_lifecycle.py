"""One instruction's life: whatever is reported and shown, in whatever order, it ends once, and its end stands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.kept import Failure, Issued
from bridge.manager.lifecycle import LATE_MS, SETTLE_MS, Seen, failed, gave_up, happened, settle, told, waits
from bridge.protocol.messages import ReportRequest
from sizing.ledger import Fill, Reservation
from sizing.snapshot import Deal, Position
from tests.builders import NOW_MS

EXPIRES_MS = NOW_MS + 30_000
OVER_MS = EXPIRES_MS + LATE_MS + SETTLE_MS


def make_issued(**over: object) -> Issued:
    """Half of a lot of position 7 is to be closed."""
    values: dict[str, object] = {
        "id": "i1-1", "key": "active/partial_profit/1/7", "source": "active", "kind": "close_partial",
        "symbol": "EURUSD", "side": "buy", "rule": "partial_profit", "reason": "why", "ticket": 7, "lots": 0.5,
        "stop_loss": None, "take_profit": None, "magic": 0, "price": 1.1, "money_per_price": 1e5, "before": 1.0,
        "given_ms": NOW_MS, "expires_ms": EXPIRES_MS,
    }  # fmt: skip
    return Issued(**{**values, **over})  # type: ignore[arg-type]


def make_report(status: str = "done", lots: float = 0.0, **over: object) -> ReportRequest:
    values: dict[str, object] = {"v": 1, "id": "q", "instruction": "i1-1", "status": status, "lots": lots}
    return ReportRequest(**{**values, **over})  # type: ignore[arg-type]


def make_position(volume: float = 1.0, sl: float | None = 1.095) -> Position:
    return Position(
        ticket=7, symbol="EURUSD", side="buy", volume=volume, price_open=1.1, price_current=1.1, sl=sl, tp=None,
        profit=0.0, swap=0.0, magic=0, time_ms=NOW_MS - 60_000,
    )  # fmt: skip


def make_deal(lots: float, time_ms: int, ticket: int = 50) -> Deal:
    return Deal(
        ticket=ticket, time_ms=time_ms, profit=1.0, entry=1, position_id=7, symbol="EURUSD", volume=lots, price=1.1
    )


def make_seen(*positions: Position, deals: tuple[Deal, ...] = (), at_ms: int = NOW_MS, orders: tuple[int, ...] = ()):  # type: ignore[no-untyped-def]
    return Seen({each.ticket: each for each in positions}, frozenset(orders), deals, at_ms)


lots = st.sampled_from([0.0, 0.1, 0.3, 0.5])
reports = st.builds(make_report, st.sampled_from(["done", "partial", "failed"]), lots, ticket=st.sampled_from([0, 7]))
kinds = st.sampled_from(["open", "close", "close_partial", "modify_stop", "cancel"])
issueds = st.builds(
    make_issued,
    kind=kinds,
    stop_loss=st.sampled_from([None, 1.094, 1.096]),
    reservation=st.sampled_from([None, "r1"]),
    ticket=st.sampled_from([7, 8]),
)
positions = st.builds(make_position, st.sampled_from([0.5, 0.9, 1.0, 3.0]), st.sampled_from([None, 1.095, 1.097]))
seens = st.builds(
    lambda held, deals, after_ms, orders: make_seen(*held, deals=tuple(deals), at_ms=NOW_MS + after_ms, orders=orders),
    st.lists(positions, max_size=1),
    st.lists(st.builds(make_deal, lots, st.integers(NOW_MS - 5_000, NOW_MS + 5_000)), max_size=2),
    st.sampled_from([-1_000, 0, 500, 5_000, 37_000, 40_000]),
    st.sampled_from([(), (7,), (8,)]),
)
reservations = st.none() | st.builds(
    Reservation,
    id=st.just("r1"), symbol=st.just("EURUSD"), side=st.just("buy"), lots=st.just(0.5), rest_lots=lots,
    risk_cents=st.just(1), worst_cents=st.just(1), notional_cents=st.just(1), margin_cents=st.just(1),
    created_ms=st.just(NOW_MS), expires_ms=st.just(EXPIRES_MS), stop_loss=st.just(1.09),
    fills=st.sampled_from([(), (Fill(9, 0.2, NOW_MS),), (Fill(9, 0.2, NOW_MS, 0.2),)]),
)  # fmt: skip
steps = st.lists(st.tuples(reports | seens, reservations, st.sampled_from([0, 100, 6_000, 20_000])), max_size=8)


@given(issueds, steps)
def test_it_ends_once_and_nothing_is_forgotten(issued: Issued, steps: list) -> None:  # type: ignore[type-arg]
    now_ms = NOW_MS
    for step, reservation, wait_ms in steps:
        now_ms += wait_ms
        before = issued
        if isinstance(step, Seen):
            issued = settle(issued, step._replace(received_ms=min(now_ms, step.received_ms)), reservation, now_ms)
        else:
            issued = told(issued, step, now_ms)
        assert not before.settled or issued.settled
        assert issued.filled >= before.filled
        assert happened(issued) or not happened(before), "what was done is done"
        if before.final and issued.filled == before.filled:
            assert issued.standing == before.standing, "the first final word stands"
        assert issued._replace(
            standing=before.standing, filled=before.filled, fill_ticket=before.fill_ticket,
            fill_price=before.fill_price, retcode=before.retcode, heard_ms=before.heard_ms, settled=before.settled,
        ) == before  # fmt: skip


@given(issueds, st.lists(reports, max_size=4), seens, reservations, st.sampled_from([0, 1_000, 50_000]))
def test_settling_again_changes_nothing(
    issued: Issued, words: list[ReportRequest], seen: Seen, reservation: Reservation | None, wait_ms: int
) -> None:
    for each in words:
        issued = told(issued, each, NOW_MS)
    once = settle(issued, seen, reservation, NOW_MS + wait_ms)
    assert settle(once._replace(settled=False), seen, reservation, NOW_MS + wait_ms) == once or not once.settled
    assert once is issued or once.settled


@given(issueds, reports)
def test_a_report_that_comes_again_is_no_news(issued: Issued, report: ReportRequest) -> None:
    once = told(issued, report, NOW_MS)
    again = told(once, report, NOW_MS + 1)
    assert again._replace(heard_ms=0) == once._replace(heard_ms=0)


@given(issueds, seens, reservations)
def test_it_stays_in_play_until_its_time_is_certainly_over(
    issued: Issued, seen: Seen, reservation: Reservation | None
) -> None:
    early = seen._replace(received_ms=OVER_MS - 1)
    assert settle(issued, early, reservation, OVER_MS + 9) is issued
    assert settle(issued, seen._replace(received_ms=OVER_MS), reservation, OVER_MS - 1) is issued


def test_it_stays_in_play_until_the_terminal_shows_what_was_reported() -> None:
    done = told(make_issued(), make_report("done", 0.5), NOW_MS + 1_000)
    not_yet = make_seen(make_position(1.0), at_ms=NOW_MS + 2_000)
    assert not settle(done, not_yet, None, NOW_MS + 2_000).settled
    old = make_seen(make_position(0.5), at_ms=NOW_MS + 1_000)
    assert not settle(done, old, None, NOW_MS + 2_000).settled
    shown = make_seen(make_position(0.5), at_ms=NOW_MS + 2_000)
    assert settle(done, shown, None, NOW_MS + 2_000).settled
    too_late = make_seen(make_position(1.0), at_ms=NOW_MS + 1_000 + SETTLE_MS + 1)
    assert settle(done, too_late, None, NOW_MS + 9_000).settled


@pytest.mark.parametrize(
    ("volume", "filled", "standing"), [(1.0, 0.0, "expired"), (0.7, 0.3, "done"), (None, 1.0, "done")]
)
def test_without_a_word_the_terminal_tells_what_came_of_it(volume: float | None, filled: float, standing: str) -> None:
    held = () if volume is None else (make_position(volume),)
    after = settle(make_issued(), make_seen(*held, at_ms=OVER_MS), None, OVER_MS)
    assert (after.settled, after.filled, after.standing) == (True, filled, standing)


def test_what_was_dealt_before_it_was_given_is_not_its_own() -> None:
    """An instruction for the same position may have ended a moment ago."""
    issued = make_issued(before=0.5, lots=0.3, deals_until=50)
    before = make_deal(0.5, NOW_MS - 500)
    done = told(issued, make_report("done", 0.3), NOW_MS + 1_000)
    late = make_seen(make_position(0.5), deals=(before,), at_ms=NOW_MS + 1_100)
    assert not settle(done, late, None, NOW_MS + 1_100).settled
    silent = settle(issued, make_seen(make_position(0.5), deals=(before,), at_ms=OVER_MS), None, OVER_MS)
    assert (silent.standing, silent.filled) == ("expired", 0.0)
    own = make_deal(0.3, NOW_MS + 900, 51)
    grown = make_seen(make_position(1.2), deals=(before, own), at_ms=NOW_MS + 1_100)
    assert settle(done, grown, None, NOW_MS + 1_100).settled


def test_waits_longer_after_each_failure() -> None:
    failure: Failure | None = None
    found = []
    for _ in range(6):
        failure = failed(failure, make_issued(retcode=10018), NOW_MS)
        found.append(next(s for s in range(4_000) if waits(failure, NOW_MS + s * 1000) is None))
    assert found == [15, 30, 60, 120, 3600, 3600]
    assert gave_up(failed(Failure("k", 4, NOW_MS, ""), make_issued(), NOW_MS))
    assert not gave_up(failed(Failure("k", 5, NOW_MS, ""), make_issued(), NOW_MS))
