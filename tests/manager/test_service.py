"""`manage` and `report` against the whole service: what is given, once, and what becomes of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bridge.builders import Rig, account_info, quote_info, recomputed
from tests.manager.rig import ACTIVE, REBALANCE, SHARE, held, manage, managed, report, show

PROFIT = 1.115
"""A price 1.36 % above the opening: past the first level."""


@pytest.fixture
def active(tmp_path: Path) -> Iterator[Rig]:
    """An account under active management."""
    rig = managed(tmp_path, active=ACTIVE)
    yield rig
    rig.close()


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Rig]:
    """An account under share rules."""
    rig = managed(tmp_path, share=SHARE)
    yield rig
    rig.close()


def in_profit(rig: Rig, **over: object) -> None:
    rig.tick(60_000)
    show(rig, held(bid=PROFIT, **over), bid=PROFIT)


def test_takes_part_of_a_profit_and_moves_the_stop(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    close, stop = manage(active)
    assert (close["kind"], close["ticket"], close["lots"], close["side"]) == ("close_partial", 7, 0.5, "buy")
    assert close["rule"] == "partial_profit"
    assert "1.36" in close["reason"]
    assert (stop["kind"], stop["ticket"], stop["stop_loss"]) == ("modify_stop", 7, 1.1011)
    assert close["expires_ms"] == active.clock.now_ms() + 30_000


def test_gives_nothing_twice(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    close, stop = manage(active)
    assert manage(active) == []
    assert report(active, close, ticket=7, lots=0.5, price=PROFIT)["state"] == "done"
    assert report(active, stop)["state"] == "done"
    # The terminal does not show it yet.
    assert manage(active) == []
    active.tick(1_000)
    show(active, held(bid=PROFIT, volume=0.5, sl=1.1011), bid=PROFIT)
    assert manage(active) == []
    active.tick(60_000)
    show(active, held(bid=PROFIT, volume=0.5, sl=1.1011), bid=PROFIT)
    assert manage(active) == []


def test_the_same_question_gets_the_same_answer(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    raw = active.body(type="manage")
    assert active.send(raw) == active.send(raw)


def test_what_was_not_reported_is_given_again_only_when_nothing_came_of_it(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    first = manage(active)
    active.tick(31_000)
    show(active, held(bid=PROFIT), bid=PROFIT)
    assert manage(active) == []
    active.tick(7_000)
    show(active, held(bid=PROFIT), bid=PROFIT)
    again = manage(active)
    assert [each["kind"] for each in again] == [each["kind"] for each in first]
    assert {each["id"] for each in again}.isdisjoint(each["id"] for each in first)


def test_what_was_done_without_a_word_is_found_in_the_positions(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    first = manage(active)
    active.tick(40_000)
    show(active, held(bid=PROFIT, volume=0.5, sl=1.1011), bid=PROFIT)
    assert manage(active) == []
    past = active.ask(type="positions", history=10)["history"]
    assert {each["id"]: each["state"] for each in past} == {each["id"]: "done" for each in first}
    assert {each["filled"] for each in past} == {0.5, 0.0}


def test_nothing_is_forgotten_when_the_daemon_is_killed(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    first = manage(active)
    active.reopen()
    active.tick(1_000)
    show(active, held(bid=PROFIT), bid=PROFIT)
    assert manage(active) == []
    for each in first:
        lots = {"lots": 0.5, "price": PROFIT} if each["kind"] == "close_partial" else {}
        report(active, each, ticket=7, **lots)
    active.reopen(clean=True)
    active.tick(60_000)
    show(active, held(bid=PROFIT, volume=0.5, sl=1.1011), bid=PROFIT)
    assert manage(active) == []


def test_a_rejected_instruction_is_tried_again_later_and_then_rests(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    waits = []
    for _ in range(6):
        start = active.clock.now_ms()
        given = manage(active)
        while not any(each["kind"] == "close_partial" for each in given):
            active.tick(5_000)
            show(active, held(bid=PROFIT, sl=1.1011), bid=PROFIT)
            given = manage(active)
            assert active.clock.now_ms() - start < 4_000_000
        waits.append((active.clock.now_ms() - start) // 1000)
        for each in given:
            report(active, each, "failed" if each["kind"] == "close_partial" else "done", retcode=10018)
    assert waits == [0, 15, 30, 60, 120, 3600]


def test_a_partial_fill_counts_as_done(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    close, stop = manage(active)
    assert report(active, close, "partial", ticket=7, lots=0.2, price=PROFIT)["state"] == "partial"
    report(active, stop)
    active.tick(45_000)
    show(active, held(bid=PROFIT, volume=0.8, sl=1.1011), bid=PROFIT)
    assert manage(active) == []
    history = active.ask(type="positions", history=5)
    assert {each["state"] for each in history["history"]} == {"done"}
    assert history["positions"][0]["actions"] == ["breakeven", "partial_profit"]


def test_an_unknown_instruction_is_an_error(active: Rig) -> None:
    reply = active.ask(type="report", instruction="i1-1", status="done")
    assert (reply["code"], reply["field"]) == ("bad_value", "instruction")


def test_a_stop_that_fills_lots_is_an_error(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    _, stop = manage(active)
    assert report(active, stop, lots=0.1)["field"] == "lots"


def test_a_blind_daemon_says_nothing(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    active.tick(120_000)
    reply = active.ask(type="manage")
    assert (reply["status"], reply["instructions"]) == ("reject", [])
    assert reply["code"] in ("stale_account", "terminal_unavailable")


def test_closes_go_on_while_entries_are_halted(active: Rig) -> None:
    show(active, held())
    active.ask(type="halt", reason="enough")
    in_profit(active)
    assert [each["kind"] for each in manage(active)] == ["close_partial", "modify_stop"]


def test_without_rules_the_answer_says_so(rig_without: Rig) -> None:
    reply = rig_without.ask(type="manage")
    assert (reply["status"], reply["instructions"]) == ("ok", [])
    assert "share_rules" in reply["problems"][0]


@pytest.fixture
def rig_without(tmp_path: Path) -> Iterator[Rig]:
    """An account without rules about open positions."""
    rig = managed(tmp_path)
    yield rig
    rig.close()


# What opens ----------------------------------------------------------------------------------------------------------

BULLISH = [{"symbol": "EURUSD", "direction": "bullish", "confidence": 80}]


def test_an_entry_is_sized_like_any_other(share: Rig) -> None:
    show(share)
    (entry,) = manage(share, signals=BULLISH)
    assert (entry["kind"], entry["side"], entry["ticket"]) == ("open", "buy", 0)
    assert 0 < entry["lots"] <= 1.0
    assert entry["stop_loss"] < entry["price"]
    assert share.reserved() > 0
    assert entry["reservation"] is not None
    assert recomputed(share.path) == 1


def test_an_open_in_play_blocks_its_symbol(share: Rig) -> None:
    show(share)
    manage(share, signals=BULLISH)
    share.tick(1_000)
    show(share)
    reply = share.ask(type="manage", signals=BULLISH)
    assert reply["instructions"] == []
    assert "in play" in reply["skipped"][0]["reason"]


def test_a_fill_is_booked_from_the_report(share: Rig) -> None:
    show(share)
    (entry,) = manage(share, signals=BULLISH)
    before = share.reserved()
    assert report(share, entry, ticket=9, lots=entry["lots"], price=1.1002)["state"] == "done"
    assert share.reserved() == before
    share.tick(1_000)
    show(share, held(9, volume=entry["lots"], price_open=1.1002, sl=entry["stop_loss"]))
    assert share.reserved() == 0
    (past,) = share.ask(type="positions", history=1)["history"]
    assert (past["filled"], past["price"], past["state"]) == (entry["lots"], 1.1002, "done")
    assert past["slippage_bps"] == pytest.approx((1.1002 - 1.1001) / 1.1001 * 10_000, abs=1e-3)


def test_a_failed_entry_gives_its_money_back(share: Rig) -> None:
    show(share)
    (entry,) = manage(share, signals=BULLISH)
    assert report(share, entry, "failed", retcode=10019)["state"] == "failed"
    assert share.reserved() == 0


def test_an_entry_that_was_never_heard_of_lapses(share: Rig) -> None:
    show(share)
    (entry,) = manage(share, signals=BULLISH)
    share.tick(40_000)
    show(share)
    assert share.reserved() == 0
    (again,) = manage(share, signals=BULLISH)
    assert again["id"] != entry["id"]


def test_an_entry_that_filled_without_a_word_is_not_given_again(share: Rig) -> None:
    show(share)
    (entry,) = manage(share, signals=BULLISH)
    share.tick(40_000)
    mine = held(9, volume=entry["lots"], sl=entry["stop_loss"], time_msc=share.clock.now_ms() - 30_000)
    show(share, mine)
    share.tick(1_000)
    show(share, mine)
    given = manage(share, signals=BULLISH)
    (past,) = [each for each in share.ask(type="positions", history=9)["history"] if each["id"] == entry["id"]]
    assert (past["state"], past["filled"]) == ("done", entry["lots"])
    assert given == [] or given[0]["lots"] < entry["lots"]


def test_nothing_is_opened_while_entries_are_halted(share: Rig) -> None:
    show(share)
    share.ask(type="halt", reason="enough")
    reply = share.ask(type="manage", signals=BULLISH)
    assert reply["instructions"] == []
    assert "enough" in reply["skipped"][0]["reason"]


def test_a_signal_twice_is_an_error(share: Rig) -> None:
    reply = share.ask(type="manage", signals=BULLISH * 2)
    assert (reply["code"], reply["field"]) == ("bad_value", "signals[1].symbol")


def test_only_the_symbols_asked_for(share: Rig) -> None:
    show(share)
    assert manage(share, signals=BULLISH, symbols=["USDJPY"]) == []
    assert len(manage(share, signals=BULLISH, symbols=["EURUSD"])) == 1


# Rebalancing ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def plan(tmp_path: Path) -> Iterator[Rig]:
    """An account with a rebalancing."""
    rig = managed(tmp_path, rebalance=REBALANCE)
    yield rig
    rig.close()


def begin(rig: Rig, weight: float) -> dict[str, object]:
    return rig.ask(type="rebalance", reason="test", targets=[{"symbol": "EURUSD", "weight": weight}])


def test_a_plan_reduces_to_its_target(plan: Rig) -> None:
    show(plan, held(volume=2.0))
    assert begin(plan, 1.1)["status"] == "ok"
    (cut,) = manage(plan)
    assert (cut["kind"], cut["ticket"], cut["lots"]) == ("close_partial", 7, 1.01)
    assert manage(plan) == []
    plan.reopen()
    report(plan, cut, ticket=7, lots=1.01, price=1.1)
    plan.tick(1_000)
    show(plan, held(volume=0.99))
    assert manage(plan) == []
    assert plan.ask(type="positions")["plan"]["phase"] == "done"


def test_a_plan_adds_through_the_sizer(plan: Rig) -> None:
    show(plan)
    begin(plan, 0.5)
    (added,) = manage(plan)
    assert (added["kind"], added["side"]) == ("open", "buy")
    assert 0 < added["lots"] <= 0.45
    assert added["expires_ms"] <= plan.clock.now_ms() + 30_000


def test_a_plan_needs_rules(active: Rig) -> None:
    assert begin(active, 0.5)["field"] == "targets"


def test_a_plan_that_is_cancelled_orders_nothing(plan: Rig) -> None:
    show(plan, held(volume=2.0))
    begin(plan, 1.1)
    assert plan.ask(type="rebalance", reason="no", cancel=True)["plan"]["phase"] == "cancelled"
    assert manage(plan) == []


def test_what_no_ea_fetched_expires_and_is_ordered_again(plan: Rig) -> None:
    show(plan, held(volume=2.0))
    begin(plan, 1.1)
    assert manage(plan, symbols=["USDJPY"]) == []
    assert len(manage(plan, symbols=["EURUSD"])) == 1


def test_a_position_without_a_price_halts_nothing(plan: Rig) -> None:
    """A terminal that has just started shows its positions before their prices."""
    plan.reopen()
    plan.feed(positions=[held(volume=0.1)], quotes=[])
    plan.tick(5_000)
    plan.feed(positions=[held(volume=0.1)], quotes=[])
    assert plan.ask(type="rules")["halts"] == []
    assert any(event.name == "portfolio_unpriced" for event in plan.service.events)


def test_a_breach_halts_entries_until_somebody_resumes(tmp_path: Path) -> None:
    rig = managed(tmp_path, rebalance=REBALANCE + '[emergency]\ngross = "halt"\n', share=SHARE)
    show(rig, held(volume=30.0, sl=1.0999))
    rig.tick(3_000)
    show(rig, held(volume=30.0, sl=1.0999))
    (halt,) = rig.ask(type="rules")["halts"]
    assert "gross" in halt["reason"]
    assert [each["kind"] for each in manage(rig, signals=BULLISH)] == ["close_partial"]
    assert rig.ask(type="positions")["portfolio"]["mode"] == "halted"
    rig.ask(type="resume", reason="seen")
    assert rig.ask(type="positions")["portfolio"]["mode"] == "limited"
    assert rig.ask(type="rules")["halts"] == []
    rig.close()


# Files ---------------------------------------------------------------------------------------------------------------


def look_again(rig: Rig) -> None:
    """The daemon has looked at its files twice since."""
    for _ in range(3):
        rig.tick(2_500)
        rig.service.housekeep()


def test_an_edited_file_holds_without_a_restart(active: Rig) -> None:
    show(active, held())
    path = active.accounts[0].positions.paths[0]
    path.write_text(ACTIVE.replace("partial_profit_threshold = 1.0", "partial_profit_threshold = 1.9"), "utf-8")
    look_again(active)
    in_profit(active)
    assert [each["kind"] for each in manage(active)] == ["modify_stop"]


def test_a_file_that_is_wrong_changes_nothing_and_is_told(active: Rig) -> None:
    show(active, held())
    path = active.accounts[0].positions.paths[0]
    path.write_text(ACTIVE.replace("partial_profit_threshold", "partial_profit_treshold"), "utf-8")
    look_again(active)
    in_profit(active)
    reply = active.ask(type="manage")
    assert [each["kind"] for each in reply["instructions"]] == ["close_partial", "modify_stop"]
    assert "partial_profit_threshold" in reply["problems"][0]
    assert any(event.name == "rules_kept" for event in active.service.events)
    path.write_text(ACTIVE, "utf-8")
    look_again(active)
    assert active.ask(type="positions")["problems"] == []


def test_an_ea_gets_only_what_has_its_magic_number(active: Rig) -> None:
    show(active, held(7, magic=1), held(8, magic=2))
    active.tick(60_000)
    show(active, held(7, bid=PROFIT, magic=1), held(8, bid=PROFIT, magic=2), bid=PROFIT)
    assert manage(active, magics=[3]) == []
    assert {each["ticket"] for each in manage(active, magics=[2])} == {8}
    assert {each["ticket"] for each in manage(active)} == {7}


def test_what_is_added_to_a_netting_position_brings_its_stop_and_target(plan: Rig) -> None:
    account = account_info(margin_mode=0)
    one = held(volume=0.1, sl=1.0973, tp=1.12)
    for _ in range(2):
        plan.tick(1_000)
        plan.feed(account_info=account, positions=[one], quotes=[quote_info(time_msc=plan.clock.now_ms())])
    begin(plan, 0.5)
    (added,) = manage(plan)
    assert (added["kind"], added["stop_loss"], added["take_profit"]) == ("open", 1.0973, 1.12)


# What cannot be ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"lots": 0.51}, "lots"), ({"price": 1e11}, "price"), ({"price": 1e-12}, "price"), ({"ticket": 8}, "ticket")],
)
def test_a_report_of_what_cannot_have_happened_is_refused(active: Rig, wrong: dict[str, float], field: str) -> None:
    show(active, held())
    in_profit(active)
    close, _ = manage(active)
    reply = report(active, close, **{"ticket": 7, "lots": 0.5, "price": PROFIT, **wrong})
    assert (reply["code"], reply["field"]) == ("bad_value", field)
    assert report(active, close, ticket=7, lots=0.5, price=PROFIT)["state"] == "done"


def test_an_entry_is_not_another_symbols_position(share: Rig) -> None:
    show(share)
    (entry,) = manage(share, signals=BULLISH)
    share.tick(1_000)
    show(share, held(9, type=1, sl=1.2))
    reply = report(share, entry, ticket=9, lots=entry["lots"], price=1.1001)
    assert (reply["code"], reply["field"]) == ("bad_value", "ticket")


def test_a_symbol_that_nobody_knows_is_named(share: Rig) -> None:
    show(share)
    reply = share.ask(type="manage", signals=[{"symbol": "NOPE", "direction": "bullish"}])
    assert [(each["symbol"], "does not know" in each["reason"]) for each in reply["skipped"]] == [("NOPE", True)]


def test_a_target_twice_replaces_no_plan(plan: Rig) -> None:
    show(plan, held(volume=2.0))
    begin(plan, 1.1)
    targets = [{"symbol": "EURUSD", "weight": 0.1}] * 2
    reply = plan.ask(type="rebalance", reason="test", targets=targets)
    assert (reply["code"], reply["field"]) == ("bad_value", "targets[1].symbol")
    assert len(manage(plan)) == 1


def test_what_nobody_carries_out_is_told_to_the_log(active: Rig) -> None:
    show(active, held())
    in_profit(active)
    manage(active)
    active.tick(40_000)
    show(active, held(bid=PROFIT), bid=PROFIT)
    unheard = [event.fields["rule"] for event in active.service.events if event.name == "instruction_unheard"]
    assert sorted(unheard) == ["breakeven", "partial_profit"]


# Without a price -----------------------------------------------------------------------------------------------------


def losing(rig: Rig, *, ticks: int = 2) -> None:
    """12 % of the account are gone; one position has a price, the other's symbol has none."""
    for _ in range(ticks):
        rig.tick(2_500)
        quote = quote_info(time_msc=rig.clock.now_ms())
        positions = [held(7, volume=0.1), held(8, symbol="GBPUSD", volume=0.1, sl=1.2)]
        account = account_info(equity=88_000.0)
        assert rig.feed(account_info=account, positions=positions, quotes=[quote])["status"] == "ok"


def test_a_position_without_a_price_hides_no_lost_day(plan: Rig) -> None:
    show(plan, held(volume=0.1))
    losing(plan)
    assert any("drawdown" in halt["reason"] for halt in plan.ask(type="rules")["halts"])


def test_an_emergency_waits_for_no_price(tmp_path: Path) -> None:
    rig = managed(tmp_path, rebalance=REBALANCE + '[emergency]\ndrawdown = "close"\n')
    show(rig, held(volume=0.1))
    losing(rig)
    assert {(each["kind"], each["ticket"]) for each in manage(rig)} == {("close", 7), ("close", 8)}
    rig.close()


def test_a_breach_does_not_end_because_its_position_has_no_price_for_a_moment(tmp_path: Path) -> None:
    """Else the emergency would begin again, and halve what is left."""
    rig = managed(tmp_path, rebalance=REBALANCE.replace("gross = 20", "gross = 1") + '[emergency]\ngross = "reduce"\n')
    one = held(volume=2.0)
    show(rig, one)
    rig.tick(2_500)
    show(rig, one)
    first = rig.ask(type="positions")["plan"]["id"]
    rig.tick(2_500)
    rig.reopen()  # no quote is known any more
    for _ in range(2):
        rig.tick(2_500)
        rig.feed(positions=[one], quotes=[])
    assert rig.ask(type="positions")["portfolio"]["gross"] is None
    rig.tick(2_500)
    show(rig, one)
    assert rig.ask(type="positions")["plan"]["id"] == first
    rig.close()


def test_the_risk_of_the_others_is_known_where_one_has_no_stop(active: Rig) -> None:
    show(active, held(7), held(8, sl=0.0))
    risks = {each["ticket"]: each["stop_risk"] for each in active.ask(type="positions")["positions"]}
    assert risks[7] == pytest.approx(500.0)
    assert risks[8] is None


def test_an_open_that_is_refused_leaves_nothing_in_the_journal_but_the_reply(share: Rig) -> None:
    before = share.journal.next_part
    for _ in range(3):
        share.tick(1_000)
        show(share, *(held(ticket, volume=0.1) for ticket in (7, 8, 9)))
        reply = share.ask(type="manage", signals=BULLISH)
        assert reply["instructions"] == []
        assert "positions_limit" in reply["skipped"][0]["reason"]
    assert share.journal.next_part == before
