"""Every reason to answer 0 lots: one good question, and one change to it that is refused."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sizing.codes import REJECT_CODES
from sizing.decision import Decision
from sizing.engine import size
from sizing.policy import Policy
from sizing.snapshot import Account, Conversion, Halt, NewsWindow, OpenLimits, Quote, Signal, Snapshot
from tests.builders import NOW_MS, make_account, make_spec
from tests.sizing.builders import (
    ftmo_state,
    make_exposure,
    make_policy,
    make_signal,
    make_snapshot,
    make_stats,
    make_view,
)

BRIDGE_ONLY = {"terminal_unavailable"}
"""Given before there is a snapshot; their tests stand with the bridge."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """A signal, a snapshot and a policy that give lots, unless changed."""

    signal: Signal = dataclasses.field(default_factory=make_signal)
    snapshot: Snapshot = dataclasses.field(
        default_factory=lambda: make_snapshot(view=make_view(stats=make_stats(atr=0.002)))
    )
    policy: Policy = dataclasses.field(default_factory=make_policy)

    def answer(self) -> Decision:
        return size(self.signal, self.snapshot, self.policy)

    def asking(self, **over: Any) -> "Question":
        return dataclasses.replace(self, signal=dataclasses.replace(self.signal, **over))

    def at(self, **over: Any) -> "Question":
        return dataclasses.replace(self, snapshot=dataclasses.replace(self.snapshot, **over))

    def view(self, **over: Any) -> "Question":
        return self.at(symbol=dataclasses.replace(self.snapshot.symbol, **over))

    def spec(self, **over: Any) -> "Question":
        return self.view(spec=dataclasses.replace(self.snapshot.symbol.spec, **over))

    def account_view(self, **over: Any) -> "Question":
        return self.at(account=dataclasses.replace(self.snapshot.account, **over))

    def account(self, **over: Any) -> "Question":
        return self.account_view(account=dataclasses.replace(self.snapshot.account.account, **over))

    def book(self, **over: Any) -> "Question":
        return self.account_view(book=dataclasses.replace(self.snapshot.account.book, **over))

    def firm(self, **over: Any) -> "Question":
        return self.at(firm=dataclasses.replace(self.snapshot.firm, **over))

    def ruled(self, account: Account, initial: float, anchor: float) -> "Question":
        return self.at(
            account=dataclasses.replace(self.snapshot.account, account=account, peak_equity=account.equity),
            firm=ftmo_state(account, initial, anchor),
        )

    def under(self, **groups: Any) -> "Question":
        return dataclasses.replace(self, policy=make_policy(**groups))


GOOD = Question()
Change = Callable[[Question], Question]

# Far from EURUSD, so that only the limit in question sees it.
ELSEWHERE: dict[str, Any] = {"symbol": "XAUUSD", "risk": 0.0, "worst": 0.0}
APART = {"EURUSD": {"XAUUSD": 0.0}}

REFUSED: list[tuple[str, str, Change]] = [
    ("request_expired", "sent too long ago", lambda q: q.asking(sent_ms=NOW_MS - 5_001)),
    ("stale_account", "account not reported", lambda q: q.at(account_ms=NOW_MS - 10_001)),
    ("stale_account", "day's anchor unknown", lambda q: q.firm(missing=(("daily", "The balance is unknown."),))),
    ("stale_quote", "old quote", lambda q: q.at(quote=Quote(1.1, 1.1, NOW_MS - 10_001))),
    ("stale_quote", "quote from the future", lambda q: q.at(quote=Quote(1.1, 1.1, NOW_MS + 3_600_000))),
    ("stale_quote", "crossed quote", lambda q: q.at(quote=Quote(1.1001, 1.1, NOW_MS))),
    ("stale_quote", "old figures", lambda q: q.at(spec_ms=NOW_MS - 86_400_001)),
    ("trading_halted", "account may not trade", lambda q: q.account(trade_allowed=False)),
    ("trading_halted", "experts may not trade", lambda q: q.account(trade_expert=False)),
    ("market_closed", "session closed", lambda q: q.view(session_open=False)),
    ("market_closed", "disabled", lambda q: q.spec(trade_mode=0)),
    ("market_closed", "buy of a short-only symbol", lambda q: q.spec(trade_mode=2)),
    ("market_closed", "close only", lambda q: q.spec(trade_mode=3)),
    ("weekend", "first moment", lambda q: q.firm(weekend_from_ms=NOW_MS, weekend_until_ms=NOW_MS + 1)),
    ("weekend", "last moment", lambda q: q.firm(weekend_from_ms=NOW_MS - 9, weekend_until_ms=NOW_MS + 1)),
    ("news_window", "base", lambda q: q.firm(news=(NewsWindow(NOW_MS, NOW_MS + 1, ("EUR",), "CPI"),))),
    ("news_window", "profit currency", lambda q: q.firm(news=(NewsWindow(NOW_MS, NOW_MS + 1, ("USD",), "CPI"),))),
    ("news_window", "every symbol", lambda q: q.firm(news=(NewsWindow(NOW_MS - 5, NOW_MS + 1, (), "war"),))),
    ("news_window", "no calendar", lambda q: q.firm(news_missing="calendar.csv does not exist.")),
    ("daily_break", "first moment", lambda q: q.firm(break_from_ms=NOW_MS, break_until_ms=NOW_MS + 1)),
    ("trading_halted", "by hand", lambda q: q.firm(halts=(Halt("trading_halted", "by hand", 0, None),))),
    ("trading_halted", "for a while", lambda q: q.firm(halts=(Halt("trading_halted", "x", 0, NOW_MS + 1),))),
    ("trading_halted", "best day", lambda q: q.firm(pause="Today has earned enough.")),
    ("rule_breached", "some time ago", lambda q: q.firm(halts=(Halt("rule_breached", "x", 0, None, "daily"),))),
    ("firm_limit", "open risk", lambda q: q.firm(limits=OpenLimits(open_risk=1.0))),
    ("firm_limit", "floating loss", lambda q: q.firm(limits=OpenLimits(floating_loss=1.0))),
    ("firm_limit", "lots", lambda q: q.firm(limits=OpenLimits(max_lots_open=0.001))),
    ("firm_limit", "lots of one order", lambda q: q.firm(limits=OpenLimits(max_lots_per_order=0.001))),
    ("firm_limit", "positions today", lambda q: q.firm(limits=OpenLimits(max_positions_per_day=3), opened_today=3)),
    (
        "firm_limit",
        "positions",
        lambda q: q.firm(limits=OpenLimits(max_positions=1)).book(exposures=(make_exposure(**ELSEWHERE),)),
    ),
    ("unpriceable_position", "no stop", lambda q: q.book(unpriceable="position 1 in XAUUSD: no stop loss.")),
    ("rule_breached", "daily", lambda q: q.ruled(make_account(balance=94_999.0), 100_000.0, 100_000.0)),
    ("rule_breached", "total", lambda q: q.ruled(make_account(balance=89_999.0), 100_000.0, 90_000.0)),
    ("rule_breached", "no equity", lambda q: q.account(equity=0.0)),
    ("rule_breached", "no balance", lambda q: q.account(balance=-5.0)),
    ("drawdown_halt", "ten percent", lambda q: q.account_view(peak_equity=111_112.0)),
    ("stop_required", "no ATR", lambda q: q.asking(stop_loss=None).view(stats=None)),
    ("stop_required", "ATR too old", lambda q: q.asking(stop_loss=None).view(stats=make_stats(atr=0.002, as_of_ms=0))),
    ("stop_required", "not allowed", lambda q: q.asking(stop_loss=None).under(stop={"atr_stop": False})),
    ("stop_required", "below zero", lambda q: q.asking(stop_loss=None).view(stats=make_stats(atr=0.6))),
    ("stop_wrong_side", "buy", lambda q: q.asking(stop_loss=1.105)),
    ("stop_wrong_side", "at the entry", lambda q: q.asking(stop_loss=1.1)),
    ("stop_wrong_side", "sell", lambda q: q.asking(side="sell", stop_loss=1.095, take_profit=1.08)),
    ("stop_too_close", "within the spread", lambda q: q.at(quote=Quote(1.0999, 1.1, NOW_MS)).asking(stop_loss=1.09995)),
    ("stop_too_close", "stops level", lambda q: q.spec(trade_stops_level=501)),
    ("target_wrong_side", "buy", lambda q: q.asking(take_profit=1.09)),
    ("target_wrong_side", "at the entry", lambda q: q.asking(take_profit=1.1)),
    ("target_wrong_side", "sell", lambda q: q.asking(side="sell", stop_loss=1.105, take_profit=1.11)),
    ("money_mismatch", "two sources", lambda q: q.view(mismatch="500 here, 50 there")),
    ("money_mismatch", "tick value", lambda q: q.view(spec=make_spec(trade_tick_value=10.0))),
    ("money_mismatch", "no conversion", lambda q: q.spec(currency_profit="XYZ").at(conversion=Conversion(None, 1.1))),
    ("money_mismatch", "no margin", lambda q: q.spec(margin_initial=1.0).at(conversion=Conversion(1.0, None))),
    ("money_mismatch", "mode not traded", lambda q: q.spec(trade_calc_mode=64)),
    ("negative_expectancy", "confidence", lambda q: q.asking(confidence=0.0, take_profit=1.11)),
    ("insufficient_edge", "target", lambda q: q.asking(confidence=50.0, take_profit=1.107)),
    ("below_volume_min", "budget", lambda q: q.under(budget={"base_risk_pct": 0.001})),
    ("below_volume_min", "request", lambda q: q.asking(max_lots=0.009)),
    ("below_volume_min", "no volume is valid", lambda q: q.spec(volume_min=0.03, volume_step=0.02)),
    ("daily_loss_headroom", "all at risk", lambda q: q.book(exposures=(make_exposure(worst=5_000.0, risk=0.0),))),
    (
        "daily_loss_headroom",
        "none after the reset",
        lambda q: q.ruled(make_account(balance=104_000.0, equity=98_900.0), 100_000.0, 100_000.0),
    ),
    ("total_loss_headroom", "all at risk", lambda q: q.ruled(make_account(balance=90_003.0), 100_000.0, 90_003.0)),
    (
        "positions_limit",
        "in all",
        lambda q: q.book(exposures=(make_exposure(**ELSEWHERE, positions=10),)).at(correlation=APART),
    ),
    ("positions_limit", "in the symbol", lambda q: q.book(exposures=(make_exposure("EURUSD", risk=0.0, positions=3),))),
    ("positions_limit", "reserved", lambda q: q.at(reserved=(make_exposure("EURUSD", risk=0.0, positions=3),))),
    ("correlation_limit", "same symbol", lambda q: q.book(exposures=(make_exposure(risk=750.0),))),
    ("correlation_limit", "reserved correlate", lambda q: q.at(reserved=(make_exposure("GBPUSD", risk=750.0),))),
    ("margin", "free margin used up", lambda q: q.account(margin_free=13.0)),
    ("margin", "pendings will take it", lambda q: q.book(exposures=(make_exposure(risk=0.0, margin=80_000.0),))),
    (
        "exposure_limit",
        "gross",
        lambda q: q.book(exposures=(make_exposure(**ELSEWHERE, side="sell", notional=200_000.0),)).at(
            correlation=APART
        ),
    ),
    (
        "exposure_limit",
        "net",
        lambda q: q.book(exposures=(make_exposure(**ELSEWHERE, notional=100_000.0),)).at(correlation=APART),
    ),
    (
        "portfolio_shortfall",
        "tails elsewhere",
        lambda q: (
            q.book(exposures=(make_exposure("XAUUSD", risk=0.0, worst=6_000.0),)).firm(rules=()).at(correlation=APART)
        ),
    ),
    (
        "volume_limit",
        "used up on this side",
        lambda q: q.spec(volume_limit=5.0).book(exposures=(make_exposure(risk=0.0, lots=5.0),)),
    ),
]


def test_the_good_question_gets_lots() -> None:
    decision = GOOD.answer()
    assert decision.code is None
    assert decision.message is None
    assert decision.lots > 0


@pytest.mark.parametrize(
    ("code", "change"),
    [(code, change) for code, _, change in REFUSED],
    ids=[f"{code}: {what}" for code, what, _ in REFUSED],
)
def test_one_change_is_refused_with_its_code(code: str, change: Change) -> None:
    decision = change(GOOD).answer()
    assert (decision.code, decision.lots) == (code, 0.0)
    assert decision.message
    assert decision.message.endswith(".")
    assert decision.risk_amount == decision.worst_case == decision.risk_percent == 0.0


def test_every_code_of_the_engine_is_reached_and_the_rest_are_the_bridges() -> None:
    reached = {code for code, _, _ in REFUSED}
    assert not reached & BRIDGE_ONLY
    assert reached | BRIDGE_ONLY == set(REJECT_CODES)


def test_every_code_names_a_remedy_in_a_sentence() -> None:
    for code, remedy in REJECT_CODES.items():
        assert code.replace("_", "").isalpha()
        assert code.islower()
        assert remedy.endswith(".")
        assert remedy[0].isupper()


ALLOWED: list[tuple[str, Change]] = [
    ("sent just in time", lambda q: q.asking(sent_ms=NOW_MS - 5_000)),
    ("account just fresh", lambda q: q.at(account_ms=NOW_MS - 10_000)),
    ("quote just fresh", lambda q: q.at(quote=Quote(1.1, 1.1, NOW_MS - 10_000))),
    ("figures just fresh", lambda q: q.at(spec_ms=NOW_MS - 86_400_000)),
    ("long-only bought", lambda q: q.spec(trade_mode=1)),
    ("short-only sold", lambda q: q.spec(trade_mode=2).asking(side="sell", stop_loss=1.105, take_profit=1.085)),
    ("the weekend's end", lambda q: q.firm(weekend_from_ms=NOW_MS - 9, weekend_until_ms=NOW_MS)),
    ("before the weekend", lambda q: q.firm(weekend_from_ms=NOW_MS + 1, weekend_until_ms=NOW_MS + 9)),
    ("the window's end", lambda q: q.firm(news=(NewsWindow(NOW_MS - 5, NOW_MS, (), "CPI"),))),
    ("news elsewhere", lambda q: q.firm(news=(NewsWindow(NOW_MS - 5, NOW_MS + 5, ("JPY",), "BoJ"),))),
    ("drawdown below the halt", lambda q: q.account_view(peak_equity=111_111.0)),
    ("a stop of its own from the ATR", lambda q: q.asking(stop_loss=None)),
    ("a stop at the stops level", lambda q: q.spec(trade_stops_level=500)),
    ("one position less than the limit", lambda q: q.book(exposures=(make_exposure(risk=0.0, positions=2),))),
]


@pytest.mark.parametrize("change", [change for _, change in ALLOWED], ids=[name for name, _ in ALLOWED])
def test_what_just_passes_gets_lots(change: Change) -> None:
    assert change(GOOD).answer().code is None


def test_a_refusal_before_there_is_a_size_shows_no_waterfall() -> None:
    decision = GOOD.at(account_ms=0).answer()
    assert (decision.factors, decision.caps, decision.binding, decision.budget) == ((), (), None, 0.0)


def test_a_refusal_by_a_cap_shows_the_whole_waterfall() -> None:
    decision = GOOD.account(margin_free=13.0).answer()
    assert decision.binding == "margin"
    assert len(decision.factors) == 9
    assert {"risk_budget", "margin", "notional", "daily_headroom", "total_headroom"} <= {
        cap.name for cap in decision.caps
    }
