"""What each rule counts from, kept along as reports come in.

A state and an observation give the next state; nothing else decides it. What cannot be known is left unknown, with the
reason: an account that was not watched with positions open may have had any equity meanwhile.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sizing.prop.calendar import resets_between
from sizing.prop.firm import Firm
from sizing.prop.history import (
    balances_at,
    balances_since,
    begins_with_the_account,
    traded_since,
    was_flat,
    withdrawn_since,
)
from sizing.prop.rules import LossRule
from sizing.snapshot import Deal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATE_MS = 600_000
"""A deal may be told so much later than the balance that it made."""
_LEAST_PAYOUT = 0.001
"""Of the initial balance."""
_STEP_MS = 20 * 3_600_000
"""A reset so much earlier is another day's, and not the same one by a broker's clock that has changed."""


class RuleState(NamedTuple):
    """One rule's anchor, in account currency; None where it was never established."""

    rule: str
    kind: str
    """`LossRule.kind` when it was established."""
    anchor: float | None
    day_ms: int
    """The reset that began the day it belongs to."""
    upto_ms: int
    """Everything up to this moment is in it."""
    given_ms: int = 0
    """When the trader said what it is: nothing from before is weighed against that. 0: never."""
    missing: str = ""
    """Why it does not hold now; empty where it does."""
    raised: float | None = None
    """A higher anchor that the last report gave and no report before it; it counts until the next one has come."""


class Seen(NamedTuple):
    """The account as it stood at one moment."""

    at_ms: int
    balance: float
    equity: float
    flat: bool
    """Nothing was open."""


class Observation(NamedTuple):
    """What is known when a report has come in. Money is in account currency, times are UTC milliseconds."""

    now: Seen
    before: Seen | None
    """The report before it."""
    opened_ms: tuple[int, ...]
    """When each open position was opened."""
    deals: Sequence[Deal]
    """In order of time."""
    since_ms: int | None
    """All deals from here on are known; None where that cannot be said."""
    day_ms: int
    """The reset that began the firm's day."""
    unwatched_ms: int
    """So long the account may go unwatched with positions open."""
    broker_offset_ms: int = 0
    highest: float | None = None
    """The highest equity at any moment since the report before it, where every tick was followed."""

    def knows_deals_since(self, moment_ms: int) -> bool:
        """Whether every deal from a moment on is known."""
        if self.since_ms is None or self.now.at_ms < moment_ms:
            return False
        return self.since_ms <= moment_ms or begins_with_the_account(self.now.balance, self.deals)

    def watched_since(self, moment_ms: int) -> bool:
        """Whether equity cannot have been above what was seen: reports followed each other, or nothing was open."""
        before = self.before
        near = before is not None and moment_ms == before.at_ms <= self.now.at_ms + self.unwatched_ms
        if near and before is not None and self.now.at_ms - before.at_ms <= self.unwatched_ms:
            return True
        if near and self.highest is not None:
            return True
        # What is not open now and was not closed since was not open then either.
        return self.now.flat and self.knows_deals_since(moment_ms) and not traded_since(moment_ms + 1, self.deals)


def observe(firm: Firm, initial: float, states: dict[str, RuleState], seen: Observation) -> dict[str, RuleState]:
    """The states of all the firm's rules after an observation. A state of another kind is not used."""
    after = {}
    for rule in firm.rules:
        state = states.get(rule.name)
        if state is None or state.kind != rule.kind:
            state = RuleState(rule.name, rule.kind, None, 0, 0)
        after[rule.name] = _locked(rule, initial, state, _observe_rule(firm, rule, initial, state, seen), seen)
    return after


def given(rule: LossRule, anchor: float, seen: Observation) -> RuleState:
    """The state after the trader has said what the rule counts from."""
    now_ms = max(seen.day_ms, seen.now.at_ms)
    return RuleState(rule.name, rule.kind, anchor, seen.day_ms, now_ms, given_ms=now_ms)


def _observe_rule(firm: Firm, rule: LossRule, initial: float, state: RuleState, seen: Observation) -> RuleState:
    if rule.sampled == "inception":
        return RuleState(
            state.rule, state.kind, initial, seen.day_ms, seen.now.at_ms, state.given_ms, state.missing, state.raised
        )
    state = _set_back(rule, state, seen)
    if rule.scope == "daily" and state.day_ms - seen.day_ms > _STEP_MS:
        return state  # what is known of the later day is kept until it comes
    if rule.sampled == "reset":
        return _best_reset(firm, rule, initial, state, seen) if rule.ratchet else _this_reset(rule, state, seen)
    if rule.scope == "daily" and not _has_begun(state, seen):
        state = _new_day(rule, state, seen)
    elif rule.scope == "total" and state.anchor is None:
        state = _from_inception(rule, initial, state, seen)
    if state.anchor is None:
        return state
    return _highest_close(rule, state, seen) if rule.sampled == "close" else _highest_equity(rule, state, seen)


def _set_back(rule: LossRule, state: RuleState, seen: Observation) -> RuleState:
    """The state after the clock ran ahead and was set back: what seemed to be in it is still to come.

    Not so for equity at any moment: there a step back is a gap like any other.
    """
    now_ms = seen.now.at_ms
    if rule.sampled == "tick" and rule.scope == "total":
        return state
    if state.upto_ms <= now_ms:
        return state
    if rule.scope == "daily":
        return state._replace(upto_ms=now_ms)
    known_ms = now_ms if rule.sampled == "reset" else min(now_ms, seen.since_ms or now_ms)
    return state._replace(day_ms=min(state.day_ms, seen.day_ms), upto_ms=known_ms, given_ms=min(state.given_ms, now_ms))


def _has_begun(state: RuleState, seen: Observation) -> bool:
    """Whether a day's anchor has been taken at its reset, or no report has come since that."""
    return state.day_ms == seen.day_ms and (state.upto_ms >= state.day_ms or seen.now.at_ms < seen.day_ms)


def _this_reset(rule: LossRule, state: RuleState, seen: Observation) -> RuleState:
    """The anchor of a day: what balance or equity was when it began."""
    known = state.anchor if state.day_ms == seen.day_ms else None
    if known is not None and state.given_ms >= seen.day_ms:
        return state._replace(upto_ms=seen.now.at_ms)
    settled = known is not None and state.upto_ms >= seen.day_ms
    if settled and rule.anchor == "equity":
        return state._replace(upto_ms=seen.now.at_ms)
    sample = _sample("balance" if settled else rule.anchor, seen)
    if sample is None and known is None:
        return _unknown(state, rule)
    new = RuleState(rule.name, rule.kind, known, seen.day_ms, seen.now.at_ms)
    if known is not None and settled:
        return _raised(new._replace(raised=state.raised), sample)
    return new._replace(anchor=max(each for each in (known, sample) if each is not None))


def _raised(state: RuleState, sample: float | None) -> RuleState:
    """The state after a report that gives the same reset another sample.

    A report may know a new balance before its deals: of two anchors the higher leaves less room. What only one report
    says is not believed for good: a win whose deal is to come would raise the floor for the rest of the day.
    """
    if sample is None or state.anchor is None or sample <= state.anchor:
        return state._replace(raised=None)
    return state._replace(anchor=sample, raised=None) if state.raised == sample else state._replace(raised=sample)


def _sample(anchor: str, seen: Observation) -> float | None:
    """Balance, equity or the higher of both when the day began; None where that cannot be told."""
    balance = _balance_then(seen)
    if anchor == "balance":
        return balance
    equity = _equity_then(seen)
    if equity is None and balance is not None and _flat_then(seen):
        equity = balance
    if equity is None or (anchor == "higher" and balance is None):
        return None
    return equity if anchor == "equity" or balance is None else max(balance, equity)


def _balance_then(seen: Observation) -> float | None:
    if seen.knows_deals_since(seen.day_ms):
        return balances_at([seen.day_ms], seen.now.balance, seen.deals)[0]
    around = _around(seen)
    return max(each.balance for each in around) if around else None


def _booked_then(seen: Observation) -> float | None:
    """The balance when the day began, money paid in since then taken off; None where not all deals are known."""
    if not seen.knows_deals_since(seen.day_ms):
        return None
    return list(balances_since(seen.day_ms, seen.now.balance, seen.deals))[-1]


def _equity_then(seen: Observation) -> float | None:
    """The higher of the reports on both sides of the reset, where they are near enough."""
    around = _around(seen)
    return max(each.equity for each in around) if around else None


def _around(seen: Observation) -> list[Seen]:
    """The last report before the day began, and the first one after it if that has come; none where they are far.

    Between the reset and the first report after it, the last one before it stands for the moment.
    """
    now, before, limit = seen.now, seen.before, seen.unwatched_ms
    if now.at_ms <= seen.day_ms:
        return [now] if seen.day_ms - now.at_ms <= limit else []
    near = before is not None and before.at_ms <= seen.day_ms and now.at_ms - before.at_ms <= limit
    return [before, now] if near and before is not None else []


def _flat_then(seen: Observation) -> bool:
    if not seen.knows_deals_since(seen.day_ms):
        return False
    return was_flat(seen.day_ms, seen.opened_ms, seen.deals)


def _best_reset(firm: Firm, rule: LossRule, initial: float, state: RuleState, seen: Observation) -> RuleState:
    """The highest of the initial balance and every sample up to the day's beginning."""
    if state.anchor is not None and state.day_ms >= seen.day_ms and state.upto_ms >= state.day_ms:
        now = state._replace(upto_ms=max(state.upto_ms, seen.now.at_ms), missing="")
        told = state.given_ms < seen.day_ms == state.day_ms and rule.anchor != "equity"
        return _raised(now, _booked_then(seen)) if told else now
    best, since_ms = state.anchor, state.day_ms
    if best is None:
        if not begins_with_the_account(seen.now.balance, seen.deals):
            return _unknown(state, rule)
        best, since_ms = initial, seen.deals[0].time_ms
    elif state.upto_ms < state.day_ms:
        since_ms = state.day_ms - 1  # that reset has been sampled from the report before it only
    earlier = list(resets_between(firm, since_ms, seen.day_ms, seen.broker_offset_ms))
    samples = _samples(rule, earlier, seen)
    if samples is None:
        return _unknown(state, rule)
    best = max([best, *samples])
    return RuleState(rule.name, rule.kind, best, seen.day_ms, seen.now.at_ms)


def _samples(rule: LossRule, resets_ms: list[int], seen: Observation) -> list[float] | None:
    """What the anchor's basis was at each of these resets; None where one of them cannot be told."""
    if not resets_ms:
        return []
    if resets_ms == [seen.day_ms]:
        sample = _sample(rule.anchor, seen)
        return None if sample is None else [sample]
    if not seen.knows_deals_since(resets_ms[0]):
        return None
    if rule.anchor != "balance" and not all(was_flat(each, seen.opened_ms, seen.deals) for each in resets_ms):
        return None
    return balances_at(resets_ms, seen.now.balance, seen.deals)


def _new_day(rule: LossRule, state: RuleState, seen: Observation) -> RuleState:
    """A rule that follows closes or equity within a day begins from what there was at the reset."""
    start = _sample(rule.anchor, seen)
    if start is None:
        return _unknown(state._replace(anchor=None), rule)
    kept = state.day_ms == seen.day_ms and state.anchor is not None
    if kept and state.given_ms >= seen.day_ms:
        return state
    start = max(start, state.anchor) if kept and state.anchor is not None else start
    # Everything since the reset is still to be looked at.
    return RuleState(rule.name, rule.kind, start, seen.day_ms, min(seen.day_ms, seen.now.at_ms))


def _from_inception(rule: LossRule, initial: float, state: RuleState, seen: Observation) -> RuleState:
    """An account whose whole history is at hand; for equity only while it has never traded."""
    if not begins_with_the_account(seen.now.balance, seen.deals):
        return _unknown(state, rule)
    first_ms = seen.deals[0].time_ms
    if rule.sampled == "tick" and (not seen.now.flat or traded_since(first_ms, seen.deals)):
        return _unknown(state, rule)
    upto_ms = first_ms if rule.sampled == "close" else seen.now.at_ms
    return RuleState(rule.name, rule.kind, max(initial, seen.now.balance), seen.day_ms, upto_ms)


def _highest_close(rule: LossRule, state: RuleState, seen: Observation) -> RuleState:
    if not seen.knows_deals_since(state.upto_ms):
        return state._replace(missing=_gap(state.upto_ms, "the deals since then are not all known"))
    # A deal may be told later than the balance it made: the last minutes are looked at again.
    since_ms = max(state.upto_ms - _LATE_MS, state.given_ms, seen.day_ms if rule.scope == "daily" else 0)
    best = max(balances_since(since_ms, seen.now.balance, seen.deals))
    best = max(best, state.anchor or best)
    return state._replace(anchor=best, day_ms=seen.day_ms, upto_ms=max(state.upto_ms, seen.now.at_ms), missing="")


def _highest_equity(rule: LossRule, state: RuleState, seen: Observation) -> RuleState:
    now = seen.now
    # A state that reaches up to this very report has just begun.
    if state.upto_ms != now.at_ms and not seen.watched_since(_last_report(state, seen)):
        return state._replace(missing=_gap(state.upto_ms, "positions were open and nobody watched the equity"))
    highest = now.equity if seen.highest is None else max(now.equity, seen.highest)
    best = max(state.anchor or highest, highest, now.balance if rule.anchor == "higher" else highest)
    return state._replace(anchor=best, day_ms=seen.day_ms, upto_ms=now.at_ms, missing="")


def _last_report(state: RuleState, seen: Observation) -> int:
    """From when on the state needs to be watched: a new day's needs no more than the report before its reset."""
    before = seen.before
    straddles = before is not None and before.at_ms <= state.upto_ms == state.day_ms
    return before.at_ms if straddles and before is not None else state.upto_ms


def _locked(rule: LossRule, initial: float, before: RuleState, state: RuleState, seen: Observation) -> RuleState:
    """After a withdrawal, the anchor at which the floor stands at its lock, where the rule says so."""
    lock = rule.lock(initial)
    if rule.after_payout == "keep" or lock is None or state.anchor is None:
        return state
    if before.anchor is not None and not seen.knows_deals_since(before.upto_ms):
        missing = _gap(before.upto_ms, "a payout since then would have moved the floor")
        return state._replace(upto_ms=before.upto_ms, missing=missing)
    # However long ago: a payout's deal may be told later than the balance it left. Less than that is a charge.
    if withdrawn_since(state.given_ms, seen.deals, initial * _LEAST_PAYOUT) == 0:
        return state
    anchor = lock / (1 - (rule.amount_pct or 0.0) / 100) if rule.of == "anchor" else lock + rule.amount(initial, lock)
    return state._replace(anchor=max(state.anchor, anchor))


def _unknown(state: RuleState, rule: LossRule) -> RuleState:
    if rule.sampled == "reset" and (not rule.ratchet or state.anchor is not None):
        what = f"{_BASIS[rule.anchor]} at the last reset"
    elif rule.scope == "daily":
        what = f"{_BASIS[rule.anchor]} since the last reset"
    else:
        what = f"the highest {rule.anchor if rule.anchor != 'higher' else 'balance or equity'} so far"
    return state._replace(missing=f"{what} is not known")


_BASIS = {"balance": "the balance", "equity": "the equity", "higher": "the higher of balance and equity"}


def _gap(upto_ms: int, why: str) -> str:
    return f"it was last known at {_EPOCH + timedelta(milliseconds=upto_ms):%Y-%m-%d %H:%M:%S} UTC: {why}"
