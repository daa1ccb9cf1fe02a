"""What is to be replayed, and how the broker behaves."""

import hashlib
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import msgspec

from bridge.replay.digest import digest
from bridge.replay.rebalancing import Rebalancing
from bridge.replay.strategy import Strategy
from bridge.replay.ticks import TickSource
from bridge.settings import AccountSettings, policy_hash

EngineName = Literal["fast", "events"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerWish:
    """The simulated broker. Latency is from an order's sending to its fill; slippage is lost on market fills.

    `zone` is its wall clock, as `bridge.market.broker_zone` knows it: at its midnight swaps are charged and days begin.
    """

    balance: float
    currency: str = "USD"
    leverage: int = 100
    hedging: bool = True
    latency_ms: int = 100
    slippage_points: float = 0.0
    zone: str = "UTC"


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
    said: str = ""
    """What the strategy was named as, with its parameters; its own name where empty."""
    notes: tuple[str, ...] = ()
    """What was left out or changed, one sentence each."""
    manage_every_s: int = 60
    """Seconds of market time between two questions about what is open; 0: never, nor without files of rules."""
    rebalancing: Rebalancing | None = None
    """The weights that plans of rebalancing are begun for; only where the configuration has rules for that."""

    @property
    def strategy_text(self) -> str:
        """The strategy as a run tells of it."""
        return self.said or self.strategy.name

    @property
    def manages(self) -> bool:
        """Whether the rules about open positions are asked."""
        return self.manage_every_s > 0 and bool(self.settings.positions.paths)

    def rules_files(self) -> tuple[str, ...]:
        """The files of those rules that are asked, each with a digest. Raises ReplayError."""
        positions = self.settings.positions
        return tuple(f"{positions.name_of(path)} ({digest(path)})" for path in positions.paths if self.manages)

    def key(self) -> dict[str, Any]:
        """What must be the same to go on with an interrupted run, in words that an error can name."""
        source, plan = self.source, self.rebalancing
        specs = msgspec.json.encode([each.spec for each in source.symbols.values()])
        return {
            "lotbridge": version("lotbridge"),
            "market": [
                source.name, list(source.symbols), source.start_ms, source.end_ms, source.count,
                hashlib.sha256(specs).hexdigest(),
            ],
            "strategy": self.strategy_text,
            "configuration": [
                self.settings.login, policy_hash(self.settings), list(self.rules_files()),
                self.manage_every_s if self.manages else 0,
            ],
            "broker": asdict(self.broker),
            "engine": self.engine,
            "plan of rebalancing": None if plan is None else [plan.file, plan.every_days],
        }  # fmt: skip
