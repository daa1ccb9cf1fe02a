"""What every answer keeps, whatever is asked."""

import dataclasses
import math
from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import event, given
from hypothesis import strategies as st

from bridge.journal.records import AccountPart, CorrelationPart, Inputs, PolicyPart, SymbolPart
from sizing.codes import REJECT_CODES
from sizing.engine import size
from sizing.policy import Policy
from sizing.snapshot import Signal, Snapshot
from sizing.standing import stand
from tests.sizing.strategies import EXAMPLES, Case, cases


@EXAMPLES
@given(cases())
def test_lots_are_zero_exactly_when_a_code_says_why(case: Case) -> None:
    decision = case.decide()
    event(str(decision.code))
    assert (decision.lots == 0) == (decision.code is not None) == (decision.message is not None)
    assert decision.code is None or decision.code in REJECT_CODES
    assert decision.lots >= 0
    assert decision.code is not None or decision.binding is not None


@EXAMPLES
@given(cases())
def test_lots_are_an_exact_multiple_of_the_step_within_the_brokers_volumes(case: Case) -> None:
    lots, spec = case.decide().lots, case.snapshot.symbol.spec
    exact = Decimal(repr(lots))
    assert exact % Decimal(repr(spec.volume_step)) == 0
    assert lots == 0 or Decimal(repr(spec.volume_min)) <= exact <= Decimal(repr(spec.volume_max))
    assert lots == 0 or (exact - Decimal(repr(spec.volume_min))) % Decimal(repr(spec.volume_step)) == 0


@EXAMPLES
@given(cases())
def test_lots_stay_within_every_cap_after_rounding(case: Case) -> None:
    decision = case.decide()
    for cap in decision.caps:
        assert cap.lots is None or decision.lots <= cap.lots, cap
        assert cap.lots is None or (math.isfinite(cap.lots) and cap.lots >= 0), cap
    if decision.code is None:
        by_name = {cap.name: cap.lots for cap in decision.caps}
        assert decision.binding is not None
        assert by_name[decision.binding] == min(lots for lots in by_name.values() if lots is not None)


@EXAMPLES
@given(cases())
def test_every_limit_in_money_holds_again_for_the_rounded_lots(case: Case) -> None:
    decision, signal, snapshot, policy = case.decide(), case.signal, case.snapshot, case.policy
    if decision.code is not None:
        return
    lots, account, caps = decision.lots, snapshot.account.account, policy.caps
    every = case.held + case.promised
    # A relative 1e-12 is left for the order in which floats are added up here and there.
    slack = 1 + 1e-12
    assert lots * decision.risk_per_lot <= decision.budget
    # What is shown as risked is the loss at the stop with costs; the size was computed with the larger money per lot.
    assert decision.risk_amount == lots * decision.stop_loss_per_lot
    sized = lots * decision.risk_per_lot
    assert decision.worst_case == lots * decision.worst_per_lot
    at_risk = sum(each.worst for each in every)
    for rule in snapshot.firm.rules:
        nearest = min(rule.headroom, rule.headroom_after_reset)
        assert decision.worst_case + at_risk <= nearest * slack, rule
        share = caps.daily_distance_share_pct if rule.scope == "daily" else caps.total_distance_share_pct
        assert sized <= rule.headroom * share / 100 * slack, rule
    assert decision.worst_case + at_risk <= account.equity * caps.portfolio_shortfall_pct / 100 * slack
    notional = lots * decision.notional_per_lot
    assert notional <= account.equity * snapshot.symbol.symbol_class.max_notional_pct / 100 * slack
    assert notional + sum(each.notional for each in every) <= caps.gross_exposure * account.equity * slack
    net = sum(each.notional if each.side == signal.side else -each.notional for each in case.held)
    # What is only promised on the other side may never come, and nets nothing.
    net += sum(each.notional for each in case.promised if each.side == signal.side)
    assert notional + net <= caps.net_exposure * account.equity + 1e-9 * account.equity
    promised = sum(each.margin for each in every)
    assert lots * decision.margin_per_lot + promised <= account.margin_free * caps.margin_use_pct / 100 * slack
    assert lots <= snapshot.symbol.symbol_class.max_lots
    assert signal.max_lots is None or lots <= signal.max_lots
    if signal.max_risk_pct is not None:
        assert sized <= account.equity * signal.max_risk_pct / 100 * slack
    assert sum(each.positions for each in every) < caps.max_positions
    here = [each for each in every if each.symbol == signal.symbol]
    assert sum(each.positions for each in here) < caps.max_positions_per_symbol
    limit = snapshot.symbol.spec.volume_limit
    if limit > 0:
        assert lots + sum(each.lots for each in here if each.side == signal.side) <= limit * slack


@EXAMPLES
@given(cases())
def test_concentration_holds_for_the_cluster_the_symbol_is_in(case: Case) -> None:
    decision, snapshot, caps = case.decide(), case.snapshot, case.policy.caps
    if decision.code is not None:
        return
    together = 0.0
    for each in case.held + case.promised:
        same = 1.0 if each.side == case.signal.side else -1.0
        if each.symbol == case.signal.symbol:
            correlation = same
        else:
            known = snapshot.correlation.get(case.signal.symbol, {}).get(each.symbol)
            correlation = 1.0 if known is None else known * same
        together += each.risk if correlation > caps.concentration_correlation else 0.0
    daily = [rule.start_distance for rule in snapshot.firm.rules if rule.scope == "daily"]
    equity = snapshot.account.account.equity
    budget = (
        min(daily) * caps.daily_budget_share_pct / 100 if daily else equity * caps.daily_budget_without_rule_pct / 100
    )
    assert decision.lots * decision.risk_per_lot + together <= budget * caps.concentration_pct / 100 * (1 + 1e-12)


@EXAMPLES
@given(cases())
def test_the_budget_never_exceeds_the_base_risk_times_the_largest_product(case: Case) -> None:
    decision, account, budget = case.decide(), case.snapshot.account.account, case.policy.budget
    least = min(account.balance, account.equity)
    assert decision.budget <= least * budget.base_risk_pct / 100 * budget.max_factor_product * (1 + 1e-12)
    # No later step raises the size: what is answered is at most what the budget wants.
    assert decision.lots <= decision.base_lots
    assert decision.lots == 0 or decision.risk_per_lot >= max(decision.stop_loss_per_lot, decision.shortfall_per_lot)
    assert decision.worst_per_lot >= decision.risk_per_lot


@EXAMPLES
@given(cases())
def test_nothing_is_given_away_one_step_more_would_break_a_limit(case: Case) -> None:
    decision, spec = case.decide(), case.snapshot.symbol.spec
    if decision.code is not None:
        return
    more = float(Decimal(repr(decision.lots)) + Decimal(repr(spec.volume_step)))
    lowest = min(cap.lots for cap in decision.caps if cap.lots is not None)
    # A limit met to the last digit may cost one step; more than that is never lost.
    assert more > lowest * (1 - 1e-12)


@EXAMPLES
@given(cases())
def test_the_same_question_gives_the_same_decision(case: Case) -> None:
    copy = dataclasses.replace(
        case.snapshot, correlation={key: dict(row) for key, row in case.snapshot.correlation.items()}
    )
    assert size(case.signal, case.snapshot, case.policy) == size(dataclasses.replace(case.signal), copy, case.policy)


@EXAMPLES
@given(cases(), cases())
def test_what_stands_between_requests_changes_no_answer(case: Case, other: Case) -> None:
    standing = stand(case.snapshot, case.signal.side, case.policy)
    assert size(case.signal, case.snapshot, case.policy, standing) == case.decide()
    # It depends on neither the quote nor the question: another one on the same side may use it too.
    asked = dataclasses.replace(
        case.signal, id="another", confidence=other.signal.confidence, max_lots=other.signal.max_lots,
        market_score=other.signal.market_score, regime=other.signal.regime,
    )  # fmt: skip
    later = dataclasses.replace(
        case.snapshot,
        now_ms=case.snapshot.now_ms + 900,
        quote=case.snapshot.quote._replace(ask=case.snapshot.quote.ask * 1.0001),
    )
    assert size(asked, later, case.policy, standing) == size(asked, later, case.policy)


@EXAMPLES
@given(cases(), st.sampled_from((0, 400_000_000, 10**12)))
def test_standing_figures_are_dropped_when_the_statistics_have_grown_old(case: Case, later_ms: int) -> None:
    standing = stand(case.snapshot, case.signal.side, case.policy)
    shift = {name: getattr(case.snapshot, name) + later_ms for name in ("now_ms", "account_ms", "spec_ms")}
    quote = case.snapshot.quote._replace(time_ms=case.snapshot.quote.time_ms + later_ms)
    later = dataclasses.replace(case.snapshot, quote=quote, **shift)
    assert size(case.signal, later, case.policy, standing) == size(case.signal, later, case.policy)


@EXAMPLES
@given(cases())
def test_what_the_journal_keeps_decides_the_same(case: Case) -> None:
    snapshot = case.snapshot
    inputs = Inputs(
        signal=case.signal, now_ms=snapshot.now_ms, account_ms=snapshot.account_ms, spec_ms=snapshot.spec_ms,
        quote=snapshot.quote, conversion=snapshot.conversion, reserved=snapshot.reserved,
        next_rollover_ms=snapshot.next_rollover_ms, account_part=1, symbol_part=2, correlation_part=3, policy_part=4,
    )  # fmt: skip
    parts = (
        AccountPart(view=snapshot.account, firm=snapshot.firm),
        SymbolPart(view=snapshot.symbol),
        CorrelationPart(table=snapshot.correlation),
        PolicyPart(policy=case.policy),
    )
    account, symbol, correlation, policy = (
        msgspec.msgpack.decode(msgspec.msgpack.encode(part), type=type(part)) for part in parts
    )
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(inputs), type=Inputs)
    assert isinstance(account, AccountPart)
    assert isinstance(symbol, SymbolPart)
    assert isinstance(correlation, CorrelationPart)
    assert isinstance(policy, PolicyPart)
    again = read.snapshot(account, symbol, correlation, None)
    assert (read.signal, again, policy.policy) == (case.signal, snapshot, case.policy)
    assert size(read.signal, again, policy.policy) == case.decide()


@EXAMPLES
@given(cases())
def test_inputs_and_decision_survive_json(case: Case) -> None:
    for value, kind in ((case.signal, Signal), (case.snapshot, Snapshot), (case.policy, Policy)):
        assert msgspec.json.decode(msgspec.json.encode(value), type=kind) == value
    decision = case.decide()
    assert msgspec.json.decode(msgspec.json.encode(decision), type=type(decision)) == decision


@EXAMPLES
@given(cases())
def test_the_loss_at_the_stop_is_at_least_the_distance_in_money(case: Case) -> None:
    decision, spec = case.decide(), case.snapshot.symbol.spec
    if decision.code is not None or decision.entry is None or decision.stop_loss is None:
        return
    # In exact fractions, by the tick value alone: the second source may only make it larger.
    ticks = abs(Fraction(decision.entry) - Fraction(decision.stop_loss)) / Fraction(spec.trade_tick_size)
    assert decision.stop_loss_per_lot >= float(ticks * Fraction(spec.trade_tick_value)) * (1 - 1e-9)
