"""The demo as programs read it: one JSON object, printed at the end."""

from typing import Any

from bridge.cli.screen import line, print_json, screen
from bridge.demo.configuration import LOGIN
from bridge.demo.records import Asked, Record
from bridge.demo.scene import Scene
from bridge.demo.tally import Tally


class MachineReport:
    """Says nothing until the end. Remarks on the way go to standard error."""

    def note(self, text: str) -> None:
        """A remark on the way."""
        line(screen(stderr=True), text)

    def begin(self, scene: Scene) -> None:
        """Nothing yet."""

    def decision(self, asked: Asked) -> None:
        """Nothing yet."""

    def played(self, bars: int) -> None:
        """Nothing yet."""

    def end(self, scene: Scene, record: Record, tally: Tally) -> None:
        """Everything at once."""
        print_json(
            {
                "market": _market(scene),
                "account": {
                    "login": LOGIN,
                    "balance": scene.wish.balance,
                    "firm": scene.wish.firm,
                    "preset": scene.wish.preset,
                },
                "decisions": [_decision(asked) for asked in record.asked],
                "summary": _summary(scene, record, tally),
            }
        )

    def close(self) -> None:
        """Nothing to take down."""


def _market(scene: Scene) -> dict[str, Any]:
    market = scene.market
    return {
        "name": market.name,
        "synthetic": market.synthetic,
        "symbols": list(market.symbols),
        "days": [str(day) for day in scene.schedule.days],
        "notes": list(market.notes),
    }


def _decision(asked: Asked) -> dict[str, Any]:
    return {
        "number": asked.number,
        "at_ms": asked.at_ms,
        "request": asked.idea._asdict(),
        "reply": asked.reply,
        "outcome": asked.outcome._asdict(),
        "round_trip_us": round(asked.round_trip_us, 1),
    }


def _summary(scene: Scene, record: Record, tally: Tally) -> dict[str, Any]:
    return {
        "complete": record.complete,
        "bars_played": record.bars,
        "bars_planned": len(scene.schedule.closes),
        "symbols": tally.symbols,
        "total": tally.total,
        "bound_by": tally.bound,
        "refused_with": tally.refusals,
        "rules": [] if record.status is None else record.status.rules,
        "lowest_headroom": {name: low._asdict() for name, low in record.lows.items()},
        "balance": tally.balance,
        "equity": tally.equity,
        "open_positions": tally.open_positions,
        "round_trip": None if tally.round_trips is None else tally.round_trips._asdict(),
        "kept": None if scene.wish.keep is None else str(scene.wish.keep),
    }
