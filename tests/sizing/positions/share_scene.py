"""Share rules, states and a broker that fills, with good defaults: 0.01 lots are 1,000, which is 1 % of the account."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bridge.settings import defaults_folder
from bridge.settings.share_rules import load_share_rules
from sizing.positions.instruction import Advice, Done, Instruction
from sizing.positions.rulesets import DECREASE, INCREASE, RuleSet, ShareRule, ShareRules
from sizing.positions.share import evaluate
from sizing.positions.state import Held, Market, Opinion, State
from sizing.snapshot import Quote
from tests.builders import NOW_MS, make_spec

MINUTE_MS = 60_000
DAY_MS = 86_400_000


def market(**over: Any) -> Market:
    """Quoted 1.00000 without a spread: a lot is 100,000 of notional and 1,000 of margin."""
    spec = make_spec(**over.pop("spec", {}))
    values: dict[str, Any] = {
        "spec": spec, "quote": Quote(1.0, 1.0, NOW_MS), "money_per_price": 100_000.0, "notional_per_lot": 100_000.0,
        "margin_per_lot": 1_000.0, "fresh": True, "atr": 0.005,
    }  # fmt: skip
    return Market(**{**values, **over})


def held(ticket: int = 1, volume: float = 0.05, symbol: str = "EURUSD", **over: Any) -> Held:
    """A long position of 5 %, a day old, stop 100 points of money per 0.01 lots away."""
    values: dict[str, Any] = {
        "ticket": ticket, "symbol": symbol, "side": "buy", "volume": volume, "price_open": 1.0, "price": 1.0,
        "sl": 0.99, "tp": None, "profit": 0.0, "magic": 0, "opened_ms": NOW_MS - DAY_MS + ticket,
        "initial_volume": volume, "initial_sl": 0.99, "notional": volume * 100_000, "margin": volume * 1_000,
        "stop_risk": volume * 1_000,
    }  # fmt: skip
    return Held(**{**values, **over})


def state(*positions: Held, **over: Any) -> State:
    """A hedging account of 100,000 with a bullish EURUSD."""
    values: dict[str, Any] = {
        "now_ms": NOW_MS, "balance": 100_000.0, "equity": 100_000.0, "margin_free": 100_000.0, "leverage": 100,
        "hedging": True, "drawdown_pct": 0.0, "held": positions,
        "markets": {"EURUSD": market()}, "opinions": {"EURUSD": Opinion(direction="bullish", confidence=80.0)},
        "headroom_pct": {"daily": 80.0, "total": 90.0},
    }  # fmt: skip
    return State(**{**values, **over})


def rule(action: str, target: float, *conditions: str, name: str = "", **over: Any) -> ShareRule:
    """A rule that holds always, if no condition is given."""
    return ShareRule(
        **{
            "name": name or f"{action[0]}{target:g}",
            "action": action,
            "target_percent": target,
            "all": conditions or ("drawdown >= 0",),
            **over,
        }
    )


def up(target: float, *conditions: str, **over: Any) -> ShareRule:
    """An increase."""
    return rule(INCREASE, target, *conditions, **over)


def down(target: float, *conditions: str, **over: Any) -> ShareRule:
    """A decrease."""
    return rule(DECREASE, target, *conditions, **over)


def rules(*of_open: ShareRule, enter: Iterable[ShareRule] = (), in_set: dict[str, Any] | None = None,
          **over: Any) -> ShareRules:  # fmt: skip
    """A file whose rules of open positions these are; `in_set` are keys of both rule sets."""
    return ShareRules(
        **{
            "name": "test",
            "title": "Test",
            "enter_market": RuleSet(rules=tuple(enter), **(in_set or {})),
            "open_positions": RuleSet(rules=of_open, **(in_set or {})),
            **over,
        }
    )


def shipped(name: str) -> ShareRules:
    """One of the shipped files."""
    return load_share_rules(Path(defaults_folder()) / "positions" / f"{name}.toml")


def done(advice: Advice, now_ms: int = NOW_MS) -> dict[str, Done]:
    """The memory of advice that was carried out."""
    return {each.key: Done(1, now_ms) for each in advice.instructions}


def lots_of(advice: Advice) -> list[tuple[str, int, float]]:
    """Kind, ticket and lots of each instruction."""
    return [(each.kind, each.ticket, each.lots) for each in advice.instructions]


def reasons(advice: Advice) -> str:
    """What was skipped, as one text."""
    return "\n".join(f"{each.symbol} {each.rule}: {each.reason}" for each in advice.skipped)


class Desk:
    """Evaluates and fills, minute by minute: what the daemon, the EA and the broker do together."""

    def __init__(self, rules: ShareRules, **over: Any) -> None:
        self.rules = rules
        self.state = state(**over)
        self.memory: dict[str, Done] = {}
        self._ticket = 0

    def share(self, symbol: str = "EURUSD") -> float:
        """Percent of the balance that is held, by notional."""
        return round(sum(each.notional for each in self.state.of(symbol)) / self.state.balance * 100, 6)

    def says(self, direction: str = "bullish", confidence: float = 80.0, symbol: str = "EURUSD", **over: Any) -> "Desk":
        """A signal for a symbol."""
        opinion = Opinion(direction=direction, confidence=confidence, **over)  # type: ignore[arg-type]
        self.state = replace(self.state, opinions={**self.state.opinions, symbol: opinion})
        return self

    def knows(self, **over: Any) -> "Desk":
        """Other figures of the state, or of the market of EURUSD."""
        figures = {key: over.pop(key) for key in ("regime", "volatility_percentile") if key in over}
        markets = {symbol: replace(each, **figures) for symbol, each in self.state.markets.items()}
        self.state = replace(self.state, markets=markets, **over)
        return self

    def moved(self, percent: float) -> "Desk":
        """Profit of every position in percent of its notional, in its favour."""
        self.state = replace(
            self.state, held=tuple(replace(each, profit=each.notional * percent / 100) for each in self.state.held)
        )
        return self

    def cycle(self, minutes: float = 120) -> Advice:
        """Time goes by, then the rules are asked and what they say is done."""
        self.state = replace(self.state, now_ms=self.state.now_ms + round(minutes * MINUTE_MS))
        advice = evaluate(self.rules, self.state, self.memory)
        for each in advice.instructions:
            self.fill(each)
            self.memory[each.key] = Done(1, self.state.now_ms)
        return advice

    def fill(self, instruction: Instruction, part: float = 1.0) -> None:
        """Fill lots of an instruction, or a part of them."""
        lots = round(instruction.lots * part, 2)
        if instruction.kind == "open":
            self._ticket += 1
            opened = held(
                self._ticket, lots, instruction.symbol, side=instruction.side, opened_ms=self.state.now_ms,
                sl=instruction.stop_loss,
            )  # fmt: skip
            self.state = replace(self.state, held=(*self.state.held, opened))
            return
        left = []
        for each in self.state.held:
            volume = round(each.volume - lots, 2) if each.ticket == instruction.ticket else each.volume
            assert volume >= 0, "a position was flipped"
            scale = volume / each.volume
            if volume:
                left.append(
                    replace(
                        each,
                        volume=volume,
                        notional=each.notional * scale,
                        margin=each.margin * scale,
                        stop_risk=None if each.stop_risk is None else each.stop_risk * scale,
                        profit=each.profit * scale,
                    )
                )
        self.state = replace(self.state, held=tuple(left))
