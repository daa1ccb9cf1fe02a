"""What is to be replayed, and how the broker behaves."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bridge.replay.strategy import Strategy
from bridge.replay.ticks import TickSource
from bridge.settings import AccountSettings

EngineName = Literal["fast", "events"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerWish:
    """The simulated broker. Latency is from an order's sending to its fill; slippage is lost on market fills."""

    balance: float
    currency: str = "USD"
    leverage: int = 100
    hedging: bool = True
    latency_ms: int = 100
    slippage_points: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One replay. `settings` says whose rules and policy hold; its terminal does not matter."""

    name: str
    source: TickSource
    strategy: Strategy
    settings: AccountSettings
    broker: BrokerWish
    out: Path
    engine: EngineName = "fast"
    preset: str | None = None
