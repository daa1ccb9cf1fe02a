"""Sets the scene, starts the daemon, plays, and takes everything down again however it ended."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bridge.client import Client, NoAnswerError
from bridge.demo.configuration import LOGIN, AccountWish, write_configuration
from bridge.demo.daemon import Daemon
from bridge.demo.errors import DemoError
from bridge.demo.play import Play
from bridge.demo.scene import Scene, Show, Wish
from bridge.demo.schedule import schedule
from bridge.demo.tally import tally
from bridge.interrupts import Interrupts
from bridge.market.broker import SimulatedBroker
from bridge.market.files import read_folder
from bridge.market.recording import RecordedMarket
from bridge.market.store import sample_market

_DEADLINE_MS, _ATTEMPTS = 1_000, 5


def run(wish: Wish, show: Show, interrupts: Interrupts) -> None:
    """The whole demo. Raises LotbridgeError, and KeyboardInterrupt if stopped before there is anything to show."""
    market = _market(wish, show)
    plan = schedule(market, wish.days)
    if len(plan.days) < wish.days:
        show.note(f"{market.name} has {len(plan.days)} trading days, not {wish.days}: all of them are played.")
    with _folder(wish.keep) as folder:
        settings = write_configuration(folder, AccountWish(balance=wish.balance, firm=wish.firm, preset=wish.preset))
        # From here on a signal waits for the end of the bar at hand: no trade is left half-told.
        interrupts.held = True
        interrupts.check()
        with Daemon(folder) as daemon:
            address = daemon.wait_until_ready(interrupts.check)
            scene = Scene(wish=wish, market=market, schedule=plan, settings=settings, address=address, pid=daemon.pid)
            _play(scene, daemon, show, interrupts)


def _market(wish: Wish, show: Show) -> RecordedMarket:
    if wish.ticks is not None:
        return read_folder(wish.ticks)
    return sample_market(seed=wish.seed, progress=show.note)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    """The folder of configuration and journal: the one to keep, or one that is gone afterwards."""
    if keep is not None:
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="lotbridge-demo-", ignore_cleanup_errors=True) as made:
        yield Path(made) / "config"


def _play(scene: Scene, daemon: Daemon, show: Show, interrupts: Interrupts) -> None:
    broker = SimulatedBroker(scene.market, login=LOGIN, balance=scene.wish.balance)
    show.begin(scene)
    with Client(scene.address, account=LOGIN, deadline_ms=_DEADLINE_MS, attempts=_ATTEMPTS) as client:
        play = Play(broker, client, show.decision)
        try:
            for bars, close_ms in enumerate(scene.schedule.closes, start=1):
                if interrupts.number is not None:
                    break
                play.bar(close_ms)
                show.played(bars)
            else:
                play.record.complete = True
        except NoAnswerError as fault:
            raise DemoError(daemon.account_of_end()) from fault
    show.end(scene, play.record, tally(play.record, broker))
