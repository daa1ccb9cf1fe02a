"""The account's deals: all of the last months once, then what has come or changed."""

import time
from collections.abc import Callable

from bridge.protocol.messages import DealInfo
from bridge.terminal.mt5.calls import HISTORY_SILENCE_S, Calls
from bridge.terminal.mt5.records import CREDIT, deals_of

HISTORY_DAYS = 90
DAY_S = 86_400
_BEGINNING_S = 946_684_800
"""The year 2000, before any account."""
_LATE_DAYS = 3
"""A commission may be booked to a deal a day later."""
_EVERY_S, _WHOLE_EVERY_S = 3.0, 600.0
_PAUSE_S = 0.5
_TRIES, _AGREE = 40, 24
"""Looks at a history that does not make the balance, and how many of them in a row must be equal: twelve seconds."""
_AHEAD_S = 14 * 3_600
"""No broker's clock is ahead of UTC by more."""


class Deals:
    """Keeps what was sent, so that only news travel. `pause` waits between two looks at a history still loading."""

    def __init__(self, calls: Calls, pause: Callable[[float], None] = time.sleep) -> None:
        self._calls = calls
        self._pause = pause
        self._sent: dict[int, DealInfo] = {}
        self._read_s = self._whole_s = -1e9

    def whole(self, balance: float, broker_s: int) -> tuple[list[DealInfo], int] | None:
        """All deals of the last months, and from when on they are all there are, in ms by the broker's clock.

        `broker_s` is the newest tick's time, 0 without one: no later than the broker's clock.

        A terminal that has just started may show a part. All deals together make the balance: that proves it. Where
        they never do, for brokers book as they please, they must stand still for some time; else nothing is claimed.
        None where the terminal has lost its broker meanwhile: then nothing is loaded, and standing still is no proof.
        """
        counts: list[int] = []
        while True:
            rows = self._rows(_BEGINNING_S)
            if not self._calls.must("terminal_info").connected:
                return None
            counts.append(len(rows))
            proven = _adds_up(rows, balance) or _stands_still(counts, balance)
            if proven or len(counts) == _TRIES:
                break
            self._pause(_PAUSE_S)
        from_s = min(time.time(), broker_s or time.time()) - (HISTORY_DAYS + 1) * DAY_S
        recent = [deal for deal in deals_of(rows) if deal.time_msc / 1000 >= from_s]
        self._whole_s = self._read_s = time.monotonic()
        # From then on nothing is missed, whatever was.
        since_s = from_s if proven else time.time() + _AHEAD_S
        return self._fresh(recent), int(since_s * 1000)

    def due(self, *, changed: bool) -> bool:
        """Whether to look again: at once when positions, orders or the balance changed, else every few seconds."""
        return changed or time.monotonic() - self._read_s >= _EVERY_S

    def news(self) -> list[DealInfo]:
        """Deals that have come or changed and were not sent yet."""
        now = time.monotonic()
        days: float = _LATE_DAYS
        if now - self._whole_s >= _WHOLE_EVERY_S:
            days, self._whole_s = HISTORY_DAYS, now
        self._read_s = now
        now_s = time.time()
        newest_s = max((deal.time_msc for deal in self._sent.values()), default=0) / 1000
        return self._fresh(deals_of(self._rows(min(now_s, newest_s or now_s) - days * DAY_S)))

    def _rows(self, from_s: float) -> tuple[object, ...]:
        # The broker's clock may be ahead of this computer's by most of a day.
        until_s = int(time.time()) + 2 * DAY_S
        return self._calls.rows("history_deals_get", int(from_s), until_s, silence_s=HISTORY_SILENCE_S)

    def sent(self, deals: list[DealInfo]) -> None:
        """These have gone out; until then they stay news."""
        self._sent.update((deal.ticket, deal) for deal in deals)

    def _fresh(self, deals: list[DealInfo]) -> list[DealInfo]:
        return [deal for deal in deals if self._sent.get(deal.ticket) != deal]


def _stands_still(counts: list[int], balance: float) -> bool:
    """Whether the last looks agree; that there is money and never was a deal is not believed."""
    last = counts[-_AGREE:]
    return len(last) == _AGREE and len(set(last)) == 1 and (last[-1] > 0 or balance == 0)


def _adds_up(rows: tuple[object, ...], balance: float) -> bool:
    nets = [
        getattr(row, "profit", 0.0) + getattr(row, "swap", 0.0) + getattr(row, "commission", 0.0)
        + getattr(row, "fee", 0.0)
        for row in rows
        if getattr(row, "type", 0) != CREDIT
    ]  # fmt: skip
    return bool(nets) and abs(sum(nets) - balance) < 0.01
