"""What stands before the first bar is played, and how a run is shown."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bridge.demo.records import Asked, Record
from bridge.demo.schedule import Schedule
from bridge.demo.tally import Tally
from bridge.market.recording import RecordedMarket
from bridge.settings import Settings
from bridge.settings.defaults import Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What was asked for on the command line."""

    ticks: Path | None
    days: int
    seed: int
    balance: float
    firm: str
    preset: Preset
    keep: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Market, account and daemon of one run."""

    wish: Wish
    market: RecordedMarket
    schedule: Schedule
    settings: Settings
    address: str
    pid: int


class Show(Protocol):
    """Hears of everything that happens."""

    def note(self, text: str) -> None:
        """Something that takes a while, or went differently than expected."""

    def begin(self, scene: Scene) -> None:
        """The daemon is ready."""

    def decision(self, asked: Asked) -> None:
        """The daemon has answered, and the EA has acted on it."""

    def played(self, bars: int) -> None:
        """So many moments have been played."""

    def end(self, scene: Scene, record: Record, tally: Tally) -> None:
        """The run is over, or was stopped (`record.complete` tells)."""

    def close(self) -> None:
        """Nothing more will be shown; called however the run ended."""
