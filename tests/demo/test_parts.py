"""The parts that need no daemon."""

import signal
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.demo.compact import compact
from bridge.demo.configuration import AccountWish, write_configuration
from bridge.demo.records import Asked, Outcome
from bridge.demo.schedule import schedule
from bridge.demo.strategy import CrossEA, Idea
from bridge.errors import ConfigError, MarketError
from bridge.interrupts import Interrupts
from bridge.market.broker import SimulatedBroker
from bridge.market.recording import RecordedMarket
from bridge.protocol.messages import Ages, CapInfo, FactorInfo, RiskInfo, SizeReply
from bridge.replay.cross import confidence
from sizing.policy import BudgetPolicy

MOMENT = 1_709_600_000_000
IDEA = Idea("EURUSD", "buy", 1.09, 1.12, 75.0, 7001)
FILLED = Outcome("filled", "open", 42, 1.1)


def make_reply(**over: object) -> SizeReply:
    values: dict[str, object] = {
        "v": 1, "type": "size", "id": "one", "status": "ok", "code": None, "message": None, "server_ms": MOMENT,
        "lots": 1.5, "entry": 1.1, "stop_loss": 1.09, "take_profit": 1.12,
        "risk": RiskInfo("USD", 1050.0, 1200.0, 1.05, 700.0, 1050.0), "binding": "concentration",
        "runner_up": "risk_budget", "factors": [], "caps": [], "base_lots": 2.0, "reservation": "r7",
        "expires_ms": MOMENT, "decision": "d7", "ages": Ages(0, 0, 0, 0), **over,
    }  # fmt: skip
    return SizeReply(**values)  # type: ignore[arg-type]


def lines(reply: SizeReply, outcome: Outcome = FILLED, width: int = 76) -> list[str]:
    return compact(Asked(3, MOMENT, IDEA, reply, outcome, 500.0), BudgetPolicy(), width)


def test_a_size_in_brief_shows_budget_ceilings_and_fill() -> None:
    reply = make_reply(
        factors=[FactorInfo("edge", 1.0, ""), FactorInfo("regime", 1.2, ""), FactorInfo("heat", 0.7, "")],
        caps=[
            CapInfo("risk_budget", 2.0, ""), CapInfo("notional", 9.25, ""), CapInfo("margin", 80.0, ""),
            CapInfo("positions", None, ""), CapInfo("concentration", 1.5, ""),
        ],
    )  # fmt: skip
    assert lines(reply) == [
        "#3 2024-03-05 00:53 UTC EURUSD buy 1.50 lots, risk 1,050.00 USD (1.05 %)",
        "base 1.1 % x regime 1.20 x heat 0.70 = 1400.00",
        "caps: concentration 1.5, risk_budget 2, notional 9.25",
        "reserved r7, now open: ticket 42 at 1.1",
    ]


def test_factors_above_the_most_are_said_to_be_cut() -> None:
    reply = make_reply(factors=[FactorInfo("regime", 1.2, ""), FactorInfo("performance", 1.3, "")])
    assert lines(reply)[1] == "base 1.1 % x regime 1.20 x performance 1.30 (factors cut to 1.50) = 1400.00"


def test_a_refusal_in_brief_shows_code_and_reason() -> None:
    reply = make_reply(lots=0.0, code="stale_quote", message="The quote is old.", reservation=None)
    assert lines(reply, Outcome("none")) == [
        "#3 2024-03-05 00:53 UTC EURUSD buy 0 lots: stale_quote",
        "The quote is old.",
    ]


def test_an_order_the_broker_refused_is_shown_as_given_back() -> None:
    shown = lines(make_reply(), Outcome("released", "released", reason="no_money: 5.00 free"))
    assert shown[-1] == "reserved r7, released: the broker refused, no_money: 5.00 free"


def test_lines_break_between_factors_only() -> None:
    factors = [FactorInfo(name, 0.9, "") for name in ("edge", "regime", "volatility", "diversification")]
    _, *others = lines(make_reply(factors=factors), width=40)
    assert max(map(len, others)) <= 40
    assert others[0] == "base 1.1 % x edge 0.90 x regime 0.90"
    assert others[1].startswith("x volatility 0.90 x")


def test_days_are_the_markets_and_a_week_has_five(market: RecordedMarket) -> None:
    days = schedule(market, 6).days
    assert [day.isoweekday() for day in days] == [1, 2, 3, 4, 5, 1]


def test_closes_ascend_and_lie_within_their_days(market: RecordedMarket) -> None:
    one = schedule(market, 1)
    assert len(one.closes) == 96
    assert list(one.closes) == sorted(set(one.closes))
    assert datetime.fromtimestamp(one.closes[0] / 1000, UTC).isoformat() == "2024-03-03T22:15:00+00:00"


def test_more_days_than_there_are_play_all(market: RecordedMarket) -> None:
    assert schedule(market, 1_000) == schedule(market, 10)


def test_a_market_without_the_bars_is_refused(market: RecordedMarket) -> None:
    bare = replace(market, symbols={name: replace(each, bars={}) for name, each in market.symbols.items()})
    with pytest.raises(MarketError, match="has no M15 bars"):
        schedule(bare, 1)


def test_confidence_follows_the_slope_and_stays_a_percentage() -> None:
    assert confidence(-9.0, 1.0) == 0.0
    assert confidence(0.0, 1.0) < confidence(0.3, 1.0) < confidence(0.6, 1.0)
    assert confidence(9.0, 1.0) <= 100.0
    assert confidence(1.0, 0.0) == confidence(0.0, 1.0)


def test_ideas_come_after_the_close_with_stop_and_target_around_the_quote(market: RecordedMarket) -> None:
    broker = SimulatedBroker(market, login=1, balance=100_000.0)
    ea, seen = CrossEA(broker), 0
    for close_ms in schedule(market, 1).closes:
        broker.advance(close_ms)
        for cross in ea.crosses(close_ms):
            assert cross.act_ms >= close_ms
            broker.advance(cross.act_ms)
            idea, quote = ea.idea(cross), broker.quote(cross.symbol)
            assert idea is not None
            assert quote is not None
            assert quote.time_ms >= close_ms
            low, high = sorted((idea.stop_loss, idea.take_profit))
            assert low < quote.bid < quote.ask < high
            assert (idea.stop_loss < quote.bid) == (idea.side == "buy")
            seen += 1
    assert seen >= 5


def test_tick_values_follow_the_rates_as_a_terminals_do(market: RecordedMarket) -> None:
    """Those of the recording's first tick would contradict the broker's own profit once the yen has moved 1 %."""
    broker = SimulatedBroker(market, login=1, balance=100_000.0)
    broker.advance(schedule(market, 2).closes[-1])
    spec, quote = broker.specs["USDJPY.sim"], broker.quote("USDJPY.sim")
    assert quote is not None
    assert abs(quote.bid / market.symbols["USDJPY.sim"].ticks.bid[0] - 1) > 0.005
    assert spec.trade_tick_value_loss == pytest.approx(100 / quote.bid, rel=1e-6)
    assert spec.trade_tick_value_profit == pytest.approx(100 / quote.ask, rel=1e-6)
    assert broker.specs["EURUSD.sim"] is market.symbols["EURUSD.sim"].spec


def test_the_configuration_is_a_daemons_own_with_the_wish_in_it(tmp_path: Path) -> None:
    settings = write_configuration(tmp_path / "new", AccountWish(balance=12_345.5, firm="own-account", preset="guide"))
    (account,) = settings.accounts
    assert (settings.server.bind, settings.server.clock, settings.log.format) == ("tcp://127.0.0.1:*", "feed", "json")
    assert (account.initial_balance, account.firm.name) == (12_345.5, "own-account")
    assert account.symbols.classes["forex"].max_notional_pct == 20.0


def test_an_unknown_firm_is_refused_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"available: .*ftmo-2step, .*own-account"):
        write_configuration(tmp_path / "new", AccountWish(balance=1.0, firm="nobody", preset="guide"))


def test_a_signal_interrupts_unless_it_is_held() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts, pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    assert interrupts.exit_code == 130
    with Interrupts() as interrupts:
        interrupts.held = True
        signal.raise_signal(signal.SIGTERM)
        assert interrupts.number == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert interrupts.exit_code == 128 + signal.SIGTERM
    assert signal.getsignal(signal.SIGINT) is before
