"""What the firm's rules count from, kept along by a real desk: reports in sequence, restarts, gaps, halts, payouts."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.rulekeeper import RuleKeeper
from bridge.terminal.base import AccountReport
from sizing.prop.firm import Consistency, FirmLimits
from tests.bridge.builders import account_settings, granted, roomy_policy
from tests.bridge.paper import PaperAccount, PaperRig
from tests.bridge.test_review import DAY, HOUR, MINUTE
from tests.builders import at, make_account, make_deal
from tests.sizing.builders import ftmo, loss_rule, total_rule

SECOND = 1_000
OPENED = at("2026-03-01 12:00")
"""A Sunday: every deal of the account is among the last 48 hours of a snapshot, or the account is older than that."""
WIDE = roomy_policy(
    freshness={"max_account_age_ms": 3_600_000, "max_quote_age_ms": 3_600_000}, drawdown={"halt_pct": 50.0}
)
"""Neither age nor drawdown refuses: only the rules do."""

Make = Callable[..., PaperRig]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes rigs under FTMO's rules, or others, with an account that is older than what a snapshot tells of."""
    rigs: list[PaperRig] = []

    def make(*rules: Any, young: bool = False, firm: dict[str, Any] | None = None, **over: Any) -> PaperRig:
        named = {**({"rules": rules} if rules else {}), **(firm or {})}
        paper = over.pop("paper", None) or PaperAccount(OPENED if young else OPENED - 60 * DAY)
        if not young:
            paper.deals.clear()  # too old to be reported
        settings = {"firm": ftmo(**named), "policy": WIDE, **over}
        rigs.append(PaperRig(tmp_path / f"rig-{len(rigs)}", paper=paper, **settings))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


def best_reset(**over: Any) -> Any:
    """The highest balance of all resets."""
    values: dict[str, Any] = {"name": "best", "scope": "total", "amount_pct": 10.0, "ratchet": True}
    return loss_rule(**{**values, **over})


def best_tick(**over: Any) -> Any:
    """The highest equity at any moment."""
    return best_reset(**{"name": "peak", "anchor": "equity", "sampled": "tick", **over})


def best_close(**over: Any) -> Any:
    """The highest balance after any trade."""
    return best_reset(**{"name": "close", "sampled": "close", **over})


# The balance at midnight ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("known_before", [True, False])
def test_a_daemon_that_was_down_at_midnight_counts_from_the_balance_then(make: Make, known_before: bool) -> None:
    rig = make()
    if known_before:
        rig.at("2026-03-04 18:00")
        rig.report()
        assert rig.anchor() == 100_000
    rig.paper.trade(at("2026-03-04 20:00"), 4_000.0)
    held = rig.paper.open(at("2026-03-04 21:00"))
    rig.paper.trade(at("2026-03-04 23:30"), -1_000.0)  # 00:30 in Prague: of the new day
    rig.paper.floats(held, -6_000.0)
    rig.reopen()
    rig.at("2026-03-05 06:00")
    rig.report()
    rule = rig.rule()
    assert (rule["anchor"], rule["floor"], rule["missing"]) == (104_000, 99_000, None)
    assert rule["breached"]
    assert rig.refusal() == "rule_breached"


def test_the_equity_at_the_start_is_never_the_anchor(make: Make) -> None:
    rig = make()
    held = rig.paper.open(at("2026-03-04 21:00"))
    for hour, floating in ((6, -3_000.0), (9, 2_500.0)):
        rig.reopen()
        rig.clock.advance_to(at("2026-03-05 00:00") + hour * HOUR)
        rig.paper.floats(held, floating)
        rig.report()
        assert rig.anchor() == 100_000


def test_without_deals_since_midnight_the_answer_is_stale_and_names_the_remedy(make: Make) -> None:
    rig = make()
    rig.at("2026-03-05 06:00")
    rig.report(deals=None)
    assert rig.rule()["anchor"] is None
    reply = rig.size()
    assert (reply["lots"], reply["code"]) == (0, "stale_account")
    assert "`lotbridge anchor set daily`" in reply["message"]
    assert rig.status()["halted"] == "stale_account"
    assert rig.rule("total")["anchor"] == 100_000


def test_deals_that_come_later_repair_it(make: Make) -> None:
    rig = make()
    rig.at("2026-03-05 06:00")
    rig.report(deals=None)
    assert rig.refusal() == "stale_account"
    rig.tick(SECOND)
    rig.ask(**{**rig.broker_fields(0, **rig.paper.parts()), "sequence": 9})  # a gap: everything again
    assert rig.refusal() is None
    assert rig.anchor() == 100_000


# A trader's word -----------------------------------------------------------------------------------------------------


def test_an_anchor_that_was_set_repairs_survives_a_restart_and_holds_for_its_day(make: Make) -> None:
    rig = make()
    rig.at("2026-03-05 06:00")
    rig.report(deals=None)
    reply = rig.set_anchor(103_000.0)
    assert (reply["status"], reply["rule"]["anchor"], reply["rule"]["missing"]) == ("ok", 103_000, None)
    assert rig.refusal() is None
    rig.reopen()
    rig.tick(MINUTE)
    rig.report(deals=None)
    assert (rig.anchor(), rig.refusal()) == (103_000, None)
    rig.at("2026-03-05 22:59:59")
    rig.report(deals=None)
    assert rig.anchor() == 103_000
    rig.reopen()
    rig.at("2026-03-06 08:00")
    rig.report(deals=None)
    assert (rig.anchor(), rig.refusal()) == (None, "stale_account")


def test_an_anchor_below_the_known_one_wants_force(make: Make) -> None:
    """Who types the floor in place of the anchor would double the day's limit."""
    rig = make()
    rig.at("2026-03-05 06:00")
    rig.report()
    reply = rig.set_anchor(95_000.0, force=False)
    assert (reply["code"], reply["field"], rig.anchor()) == ("bad_value", "value", 100_000)
    assert rig.set_anchor(101_000.0, force=False)["status"] == "ok"
    assert rig.set_anchor(95_000.0)["status"] == "ok"


def test_deals_that_do_not_make_the_balance_are_not_believed(make: Make) -> None:
    """They begin with the first deposit of 100,000, and a loss of 2,900 is missing: its floor would be too low."""
    rig = make(young=True)
    rig.at("2026-03-05 06:00")
    rig.paper.trade(rig.clock.now_ms() - HOUR, -2_900.0)
    rig.report(deals=rig.paper.parts()["deals"][:1])
    assert rig.refusal() == "stale_account"
    rig.report()
    assert rig.anchor() == 100_000


def test_an_anchor_that_was_set_is_not_weighed_against_the_days_deals(make: Make) -> None:
    rig = make()
    rig.at("2026-03-05 06:00")
    rig.report()
    assert rig.anchor() == 100_000
    rig.set_anchor(99_000.0)
    for _ in range(3):
        rig.tick(HOUR)
        rig.report()
        assert rig.anchor() == 99_000
    rig.reopen(clean=True)
    rig.report()
    assert rig.anchor() == 99_000
    rig.at("2026-03-05 23:00:01")
    rig.report()
    assert rig.anchor() == 100_000


def test_an_anchor_before_the_first_report_is_refused(make: Make) -> None:
    rig = make()
    rig.at("2026-03-05 06:00")
    reply = rig.set_anchor(103_000.0)
    assert (reply["code"], reply["field"]) == ("bad_value", "account")
    rig.report(deals=None)
    assert rig.anchor() is None


def test_an_anchor_set_after_the_reset_and_before_its_first_report_is_the_new_days(make: Make) -> None:
    rig = make()
    rig.at("2026-03-04 22:59:58")
    rig.report(deals=None)
    rig.at("2026-03-04 23:00:02")
    assert rig.set_anchor(101_000.0)["rule"]["anchor"] == 101_000
    rig.tick(SECOND)
    rig.report(deals=None)
    assert rig.anchor() == 101_000


def test_an_anchor_set_for_a_ratchet_holds_over_days_and_still_rises(make: Make) -> None:
    rig = make(best_reset())
    rig.at("2026-03-05 06:00")
    rig.report()
    assert rig.refusal() == "stale_account"
    rig.set_anchor(105_000.0, "best")
    rig.paper.trade(at("2026-03-05 07:00"), 3_000.0)
    rig.at("2026-03-06 08:00")
    rig.reopen()
    rig.report()
    assert rig.anchor("best") == 105_000
    rig.paper.trade(at("2026-03-06 09:00"), 4_000.0)
    rig.at("2026-03-07 08:00")
    rig.report()
    assert rig.anchor("best") == 107_000


# Ratchets over days --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("down", [(), (2,), (2, 3), (1, 2, 3)])
def test_the_highest_balance_of_all_resets_is_found_though_the_daemon_was_down(
    make: Make, down: tuple[int, ...]
) -> None:
    rig = make(best_reset(), young=True)
    rig.at("2026-03-01 13:00")
    rig.report()
    for day, profit in ((1, 2_000.0), (2, 5_000.0), (3, -4_000.0)):
        rig.paper.trade(at(f"2026-03-0{day} 15:00"), profit)
        rig.paper.trade(at(f"2026-03-0{day} 16:00"), 9_000.0)
        rig.paper.trade(at(f"2026-03-0{day} 17:00"), -9_000.0)  # not at a reset: does not count
        rig.at(f"2026-03-0{day} 20:00")
        if day in down:
            rig.reopen()
        else:
            rig.report()
    rig.at("2026-03-04 20:00")
    rig.report()
    assert rig.anchor("best") == 107_000
    assert rig.rule("best")["floor"] == 97_000


@pytest.mark.parametrize("days", [2, 5])
def test_a_ratchet_whose_resets_lie_before_the_known_deals_is_stale(make: Make, days: int) -> None:
    rig = make(best_reset())
    rig.at("2026-03-04 10:00")
    rig.report()
    rig.set_anchor(101_000.0, "best")
    rig.reopen()
    rig.tick(days * DAY)
    rig.report()
    known = days <= 2
    assert (rig.anchor("best"), rig.refusal()) == ((101_000, None) if known else (None, "stale_account"))


def test_a_close_ratchet_takes_every_close_and_no_floating_profit(make: Make) -> None:
    rig = make(best_close(), young=True)
    rig.at("2026-03-01 13:00")
    rig.report()
    rig.paper.trade(at("2026-03-01 14:00"), 6_000.0)
    rig.paper.trade(at("2026-03-01 15:00"), -2_000.0)
    held = rig.paper.open(at("2026-03-01 16:00"))
    rig.paper.floats(held, 8_000.0)
    rig.reopen()
    rig.at("2026-03-02 13:00")
    rig.report()
    assert rig.anchor("close") == 106_000
    rig.paper.close(held, rig.clock.now_ms() + 500)
    rig.tick(SECOND)
    rig.report()
    assert rig.anchor("close") == 112_000


def test_closes_whose_deals_come_a_message_later_count(make: Make) -> None:
    rig = make(best_close(), young=True)
    rig.at("2026-03-01 13:00")
    rig.report()
    rig.paper.trade(rig.clock.now_ms() + 100, 4_000.0)
    rig.paper.trade(rig.clock.now_ms() + 200, -4_000.0)
    rig.tick(2 * SECOND)
    rig.report(deals=rig.paper.deals[:1])
    rig.tick(SECOND)
    rig.report()
    assert rig.anchor("close") == 104_000


# Every moment --------------------------------------------------------------------------------------------------------


def peaked(make: Make, **over: Any) -> PaperRig:
    """A young account under a floor that follows every moment of its equity, reported flat."""
    rig = make(best_tick(**over), young=True)
    rig.at("2026-03-01 13:00")
    rig.report()
    assert rig.anchor("peak") == 100_000
    return rig


def test_every_peak_that_was_seen_counts_and_survives_a_kill(make: Make) -> None:
    rig = peaked(make)
    held = rig.paper.open(rig.clock.now_ms())
    for floating in (500.0, 3_200.0, 1_000.0, -2_000.0):
        rig.paper.floats(held, floating)
        rig.tick(SECOND)
        rig.report()
    assert rig.anchor("peak") == 103_200
    rig.reopen()
    rig.tick(MINUTE - SECOND * 5)
    rig.report()
    assert (rig.anchor("peak"), rig.refusal()) == (103_200, None)


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize(("gap_ms", "code"), [(MINUTE, None), (MINUTE + SECOND, "stale_account")])
def test_a_gap_with_positions_open_may_last_a_minute(make: Make, gap_ms: int, code: str | None, killed: bool) -> None:
    rig = peaked(make)
    rig.paper.open(rig.clock.now_ms())
    rig.tick(SECOND)
    rig.report()
    rig.tick(SECOND)
    rig.report()
    if killed:
        rig.reopen()
    rig.tick(gap_ms - (4 * SECOND if killed and code is None else 0))
    rig.report()
    assert rig.refusal() == code
    rig.reports(rig.clock.now_ms() + 2 * MINUTE, 30 * SECOND)
    assert rig.refusal() == code, "what was missed stays missed"
    if code is not None:
        assert "`lotbridge anchor set peak`" in rig.size()["message"]
        rig.set_anchor(101_500.0, "peak")
        assert (rig.anchor("peak"), rig.refusal()) == (101_500, None)
        rig.reports(rig.clock.now_ms() + MINUTE, 30 * SECOND)
        assert rig.refusal() is None


@pytest.mark.parametrize("killed", [False, True])
def test_a_gap_without_positions_is_fine(make: Make, killed: bool) -> None:
    rig = peaked(make)
    if killed:
        rig.reopen()
    rig.tick(30 * HOUR)
    rig.report()
    assert (rig.anchor("peak"), rig.refusal()) == (100_000, None)


def test_a_gap_in_which_something_was_traded_is_not(make: Make) -> None:
    rig = peaked(make)
    rig.reopen()
    rig.paper.trade(rig.clock.now_ms() + HOUR, 100.0)
    rig.tick(2 * HOUR)
    rig.report()
    assert rig.refusal() == "stale_account"


def test_a_flat_gap_whose_deals_come_in_the_second_message_is_fine(make: Make) -> None:
    rig = peaked(make)
    rig.reopen()
    rig.tick(HOUR)
    rig.report(deals=None)
    assert rig.refusal() == "stale_account"
    rig.tick(SECOND)
    rig.ask(**{**rig.broker_fields(0, **rig.paper.parts()), "sequence": 9})  # a gap: everything again
    assert rig.refusal() is None


# Halts that come by themselves ---------------------------------------------------------------------------------------


def breach(rig: PaperRig, loss: float) -> None:
    """One report of a floating loss, and another without it."""
    held = rig.paper.open(rig.clock.now_ms())
    rig.paper.floats(held, -loss)
    rig.tick(SECOND)
    rig.report()
    rig.paper.close(held, rig.clock.now_ms(), 0.0)
    rig.tick(SECOND)
    rig.report()


def test_a_breach_that_ends_the_account_halts_until_it_is_lifted(make: Make) -> None:
    rig = make()
    rig.at("2026-03-04 10:00")
    rig.report()
    breach(rig, 5_001.0)
    assert rig.halts() == [("rule_breached", None)]
    for _ in range(2):
        assert rig.refusal() == "rule_breached"
        rig.reopen()
        rig.tick(DAY)
        rig.report()
    assert rig.ask(type="resume", reason="the firm agreed")["halts"] == []
    rig.tick(SECOND)
    rig.report()
    assert rig.refusal() is None


@pytest.mark.parametrize(
    ("strict", "loss", "halted"), [(True, 5_000.0, False), (False, 5_000.0, True), (False, 4_999.99, False)]
)
def test_touching_the_floor_halts_where_the_rule_is_not_strict(
    make: Make, strict: bool, loss: float, halted: bool
) -> None:
    rig = make(loss_rule(strict=strict))
    rig.at("2026-03-04 10:00")
    rig.report()
    breach(rig, loss)
    assert bool(rig.halts()) is halted


def test_a_breach_that_pauses_halts_until_the_reset_and_again_after_it(make: Make) -> None:
    rig = make(loss_rule(breach="pauses"), total_rule())
    rig.at("2026-03-04 10:00")
    rig.report()
    breach(rig, 5_001.0)
    reset = at("2026-03-04 23:00")
    assert rig.halts() == [("rule_breached", reset)]
    rig.reopen()
    rig.clock.advance_to(reset - 1)
    rig.report()
    assert rig.refusal() == "rule_breached"
    rig.clock.advance_to(reset + 1_000)
    rig.report()
    assert (rig.refusal(), rig.halts()) == (None, [])
    breach(rig, 5_001.0)
    assert rig.halts() == [("rule_breached", at("2026-03-05 23:00"))]


def test_a_breach_in_the_first_report_of_the_next_day_halts_too(make: Make) -> None:
    rig = make(loss_rule(breach="pauses"), total_rule(amount_pct=50.0))
    rig.at("2026-03-04 10:00")
    rig.report()
    breach(rig, 5_001.0)
    held = rig.paper.open(rig.clock.now_ms())
    rig.paper.floats(held, -6_000.0)
    rig.at("2026-03-04 23:00:01")
    rig.report()
    rig.paper.floats(held, 0.0)
    rig.tick(SECOND)
    rig.report()
    assert rig.halts() == [("rule_breached", at("2026-03-05 23:00"))]


def test_a_pause_that_is_lifted_while_the_rule_is_still_breached_comes_back(make: Make) -> None:
    rig = make(loss_rule(breach="pauses"), total_rule(amount_pct=50.0))
    rig.at("2026-03-04 10:00")
    rig.report()
    rig.paper.floats(rig.paper.open(rig.clock.now_ms()), -6_000.0)
    rig.tick(SECOND)
    rig.report()
    rig.ask(type="resume", reason="all is well")
    rig.tick(SECOND)
    rig.report()
    assert rig.halts() == [("rule_breached", at("2026-03-04 23:00"))]


def test_a_breach_on_the_day_of_a_payout_halts(make: Make) -> None:
    rig = make()
    rig.at("2026-03-04 10:00")
    rig.report()
    rig.paper.pay(-1.0, rig.clock.now_ms() + 500)
    rig.tick(HOUR)
    rig.report()
    breach(rig, 6_000.0)
    assert rig.halts() == [("rule_breached", None)]


def test_a_payout_beyond_the_daily_limit_is_no_breach(make: Make) -> None:
    rig = make(loss_rule(), total_rule(amount_pct=50.0))
    rig.at("2026-03-04 10:00")
    rig.report()
    rig.paper.pay(-6_000.0, rig.clock.now_ms() + 500)
    rig.tick(SECOND)
    rig.report()
    assert (rig.halts(), rig.refusal()) == ([], "rule_breached")
    rig.at("2026-03-04 23:00:01")
    rig.report()
    assert rig.refusal() is None


# Drawdown ------------------------------------------------------------------------------------------------------------


def drawn_down(make: Make, halt_days: int) -> PaperRig:
    """10 % below its peak of 100,000 under no rules, half the size for five days after a halt."""
    policy = roomy_policy(
        freshness={"max_account_age_ms": 3_600_000, "max_quote_age_ms": 3_600_000},
        drawdown={"halt_pct": 10.0, "halt_days": halt_days, "levels_pct": (90.0,), "factors": (1.0, 1.0)},
    )
    rig = make(firm={"rules": ()}, policy=policy)
    rig.at("2026-03-04 10:00")
    rig.report()
    rig.paper.trade(rig.clock.now_ms(), -10_000.0)
    rig.tick(2 * SECOND)
    rig.report()
    return rig


def recovery(rig: PaperRig) -> float | None:
    """The factor after a halt."""
    found = rig.rules()["recovery"]
    return None if found is None else float(found["factor"])


def test_the_drawdown_halts_until_resume_which_counts_the_peak_anew_and_sizes_less(make: Make) -> None:
    rig = drawn_down(make, halt_days=0)
    for _ in range(2):
        assert rig.halts() == [("drawdown_halt", None)]
        assert rig.refusal() == "drawdown_halt"
        rig.reopen()
        rig.tick(30 * DAY)
        rig.report()
    reply = rig.ask(type="resume", reason="seen to it")
    assert (reply["halts"], reply["recovery"]["factor"]) == ([], 0.5)
    assert rig.refusal() is None
    for _ in range(2):
        factors = {factor["name"]: factor["value"] for factor in rig.size(dry_run=True)["factors"]}
        assert (factors["drawdown"], factors["recovery"]) == (1.0, 0.5)
        rig.reopen()
        rig.tick(SECOND)
        rig.report()
    assert rig.halts() == []


def test_a_halt_for_the_drawdown_ends_after_its_days(make: Make) -> None:
    rig = drawn_down(make, halt_days=2)
    end = at("2026-03-06 10:00:02")
    assert rig.halts() == [("drawdown_halt", end)]
    rig.clock.advance_to(end - 1)
    rig.report()
    assert rig.refusal() == "drawdown_halt"
    rig.reopen()
    rig.clock.advance_to(end)
    rig.report()
    assert (rig.halts(), rig.refusal(), recovery(rig)) == ([], None, 0.5)
    rig.paper.trade(rig.clock.now_ms(), -9_000.0)
    rig.tick(2 * SECOND)
    rig.report()
    assert rig.halts()[0][0] == "drawdown_halt", "10 % of 90,000 are lost again"


def test_recovery_ends_with_its_days(make: Make) -> None:
    rig = drawn_down(make, halt_days=0)
    rig.ask(type="resume", reason="seen to it")
    rig.tick(5 * DAY - 1_000)
    rig.report()
    assert recovery(rig) == 0.5
    rig.tick(1_000)
    rig.report()
    assert recovery(rig) is None
    rig.reopen()
    rig.report()
    assert recovery(rig) is None


def test_recovery_ends_when_equity_is_back_at_the_old_peak(make: Make) -> None:
    rig = drawn_down(make, halt_days=0)
    rig.ask(type="resume", reason="seen to it")
    for profit, factor in ((9_999.0, 0.5), (1.0, None), (-500.0, None)):
        rig.paper.trade(rig.clock.now_ms(), profit)
        rig.tick(2 * SECOND)
        rig.report()
        assert recovery(rig) == factor
        rig.reopen()
        rig.report()
        assert recovery(rig) == factor


def test_a_wish_stands_in_place_of_the_policy(make: Make) -> None:
    rig = drawn_down(make, halt_days=0)
    reply = rig.ask(type="resume", reason="slowly", factor=0.25, days=2)
    assert reply["recovery"]["factor"] == 0.25
    rig.tick(2 * DAY - 1_000)
    rig.report()
    assert recovery(rig) == 0.25
    rig.tick(1_000)
    rig.report()
    assert recovery(rig) is None


def test_resume_before_the_first_report_after_a_restart_counts_the_peak_anew(make: Make) -> None:
    rig = drawn_down(make, halt_days=0)
    rig.reopen()
    reply = rig.ask(type="resume", reason="seen to it")
    if reply["status"] == "ok":
        assert reply["halts"] == []
        rig.tick(SECOND)
        rig.report()
        assert rig.halts() == [], "what was lifted came back with the first report"


# Payouts -------------------------------------------------------------------------------------------------------------


def locking(**over: Any) -> Any:
    """Topstep's floor: the best balance of all resets less 3,000, up to the initial one, where a payout locks it."""
    values = {"amount_pct": 3.0, "lock_pct": 100.0, "after_payout": "locks", "strict": False}
    return best_reset(**{**values, **over})


@pytest.mark.parametrize("down", [False, True])
def test_a_withdrawal_locks_the_floor(make: Make, down: bool) -> None:
    rig = make(locking(), young=True)
    rig.at("2026-03-01 13:00")
    rig.report()
    rig.paper.trade(rig.clock.now_ms(), 2_000.0)
    rig.at("2026-03-02 13:00")
    rig.report()
    assert rig.rule("best")["floor"] == 99_000
    if down:
        rig.reopen()
    rig.paper.pay(-500.0, rig.clock.now_ms() + 500)
    rig.tick(SECOND)
    rig.report()
    assert (rig.rule("best")["floor"], rig.anchor("best")) == (100_000, 103_000)
    rig.reopen()
    rig.tick(DAY)
    rig.report()
    assert rig.rule("best")["floor"] == 100_000


def test_a_deposit_locks_nothing(make: Make) -> None:
    rig = make(locking(), young=True)
    rig.at("2026-03-02 13:00")
    rig.report()
    rig.paper.pay(500.0, rig.clock.now_ms() + 500)
    rig.tick(SECOND)
    rig.report()
    assert rig.rule("best")["floor"] == 97_000


def test_a_withdrawal_before_the_first_report_ever_locks_the_floor(make: Make) -> None:
    rig = make(locking(), young=True)
    rig.paper.trade(at("2026-03-01 13:00"), 2_000.0)
    rig.paper.pay(-500.0, at("2026-03-02 13:00"))
    rig.at("2026-03-03 10:00")
    rig.report()
    assert rig.rule("best")["floor"] in (None, 100_000)


def test_a_withdrawal_whose_deal_comes_a_message_later_locks_the_floor(make: Make) -> None:
    rig = make(locking(), young=True)
    rig.at("2026-03-02 13:00")
    rig.report()
    rig.paper.pay(-500.0, rig.clock.now_ms() + 500)
    rig.tick(SECOND)
    rig.report(deals=rig.paper.deals[:-1])
    rig.tick(SECOND)
    rig.report()
    assert rig.rule("best")["floor"] == 100_000


# Days ----------------------------------------------------------------------------------------------------------------

BEST_DAY = Consistency(best_day_pct=50.0, of="target", when_reached="pause", source="test", as_of="2026-11-20")


def test_the_best_day_pauses_until_the_reset(make: Make) -> None:
    rig = make(young=True, firm={"target_pct": 6.0, "consistency": BEST_DAY})
    rig.at("2026-03-02 10:00")
    rig.paper.trade(rig.clock.now_ms() - HOUR, 2_999.0)
    rig.report()
    assert rig.refusal() is None
    rig.paper.trade(rig.clock.now_ms(), 1.0)
    rig.tick(2 * SECOND)
    rig.report()
    for _ in range(2):
        reply = rig.size()
        assert (reply["code"], "3000.00" in reply["message"]) == ("trading_halted", True)
        rig.reopen()
        rig.report()
    rig.at("2026-03-02 23:00:01")
    rig.report()
    assert rig.refusal() is None
    progress = rig.rules()["progress"]
    assert (progress["best_day"], progress["today"]) == (3_000, 0)


@pytest.mark.parametrize("killed", [False, True])
def test_positions_of_the_day_are_counted_by_the_firms_day(make: Make, killed: bool) -> None:
    rig = make(young=True, firm={"limits": FirmLimits(max_positions_per_day=2)})
    rig.at("2026-03-04 22:30")
    rig.report()
    for minute in (31, 32):
        rig.paper.trade(at(f"2026-03-04 22:{minute}"), 0.0)
    rig.at("2026-03-04 22:40")
    if killed:
        rig.reopen()
    rig.report()
    (limit,) = rig.rules()["limits"]
    assert (limit["limit"], limit["used"]) == (2, 2)
    assert rig.refusal() == "firm_limit"
    rig.paper.trade(at("2026-03-04 23:10"), 0.0)
    rig.at("2026-03-04 23:20")
    if killed:
        rig.reopen()
    rig.report()
    assert rig.rules()["limits"][0]["used"] == 1
    assert rig.refusal() is None
    granted(rig.size(max_lots=0.01))
    assert rig.refusal() == "firm_limit"


def test_days_and_progress_are_the_same_after_a_kill(make: Make) -> None:
    rig = make(young=True, firm={"target_pct": 10.0, "min_days": 4})
    for day, profit in ((2, 700.0), (3, 0.0), (4, -300.0), (5, 1_000.0)):
        rig.at(f"2026-03-0{day} 10:00")
        rig.report()
        if profit:
            rig.paper.trade(rig.clock.now_ms(), profit)
        rig.tick(MINUTE)
        rig.report()
    before = rig.rules()
    kept = rig.desks[0].rules.kept
    rig.reopen()
    rig.report()
    assert rig.desks[0].rules.kept.days == kept.days
    after = rig.rules()
    assert (before["progress"], before["rules"]) == (after["progress"], after["rules"])
    assert (after["progress"]["days"], after["progress"]["earned"]) == (3, 1_400)


def test_days_come_out_the_same_told_deal_by_deal_or_at_once(make: Make) -> None:
    """Of deals that follow each other within a day only that day is counted anew; a late one of the day before, too."""
    trades = [("02 10:00", 700.0), ("02 11:00", -50.0), ("03 09:00", 20.0), ("03 12:00", -300.0), ("02 15:00", 90.0)]
    progress = []
    for every in (True, False):
        rig = make(young=True, firm={"target_pct": 10.0, "min_days": 4})
        rig.at("2026-03-01 10:00")
        rig.report()
        for moment, profit in trades:
            rig.clock.advance_to(max(rig.clock.now_ms(), at(f"2026-03-{moment}") + SECOND))
            rig.paper.trade(at(f"2026-03-{moment}"), profit)
            if every:
                rig.report()
        rig.report()
        progress.append((rig.rules()["progress"], rig.desks[0].rules.kept.days))
    assert progress[0] == progress[1]
    assert progress[0][0]["earned"] == 460


# The broker's own clock ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [2, 3, -5])
def test_a_firm_on_its_brokers_clock_resets_at_the_brokers_midnight(make: Make, hours: int) -> None:
    paper = PaperAccount(OPENED - 60 * DAY, offset_ms=hours * HOUR)
    rig = make(paper=paper, firm={"timezone": "broker"})
    reset = at("2026-03-05 00:00") - hours * HOUR
    rig.clock.advance_to(reset - HOUR)
    rig.report()
    paper.trade(reset - HOUR + MINUTE, 2_000.0)
    rig.clock.advance_to(reset - SECOND)
    rig.report()
    assert (rig.anchor(), rig.rules()["resets_ms"]) == (100_000, reset)
    paper.trade(reset + MINUTE, -700.0)
    rig.reopen()
    rig.clock.advance_to(reset + 2 * HOUR)
    rig.report()
    assert (rig.anchor(), rig.rules()["day_from_ms"]) == (102_000, reset)


def test_a_firm_on_its_brokers_clock_knows_nothing_before_the_clock_is_known(make: Make) -> None:
    rig = make(firm={"timezone": "broker"})
    rig.at("2026-03-05 06:00")
    fields = rig.broker_fields(2 * HOUR, time_trade_server=None, quotes=[], **rig.paper.parts())
    assert rig.ask(**fields)["status"] == "ok"
    assert (rig.anchor(), rig.status()["halted"]) == (None, "stale_account")


def test_a_peak_between_two_reports_of_the_same_equity_counts() -> None:
    """A terminal that follows every tick says how high equity was, also where it is back a moment later."""
    keeper = RuleKeeper(account_settings(firm=ftmo(rules=(best_tick(),))))
    keeper.poll(OPENED, 0)
    deposit = make_deal(symbol="", position_id=0, volume=0.0, profit=100_000.0, time_ms=OPENED)
    first = AccountReport(
        account=make_account(), received_ms=OPENED, deals=(deposit,), deals_since_ms=OPENED, highest_equity=100_000.0
    )
    keeper.note(first, 100_000.0, OPENED)
    later = replace(first, received_ms=OPENED + 100, highest_equity=103_000.0)
    keeper.note(later, 100_000.0, OPENED + 100)
    rule = keeper.rule("peak")
    assert rule is not None
    assert keeper.anchor_of(rule) == 103_000.0
