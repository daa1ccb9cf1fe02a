"""Whether ticks are live. The package has no server clock, so the broker's time is that of a tick that just came."""

from collections.abc import Collection

TOLERANCE_MS = 1_000
"""How far ticks and clock may drift apart and still keep pace: a poll, a slow call, a late packet."""
PROOF_TICKS = 5
"""So many ticks must have kept pace: two old ones may lie as far apart as their arrivals by chance."""
RENEW_S = 60.0
FORGET_S = 10.0
"""What ticks are measured against is given up when none kept pace for so long while others came: it was bad itself."""


class LiveTicks:
    """Ticks count as live when `proof_ticks` of them have kept pace with the clock, over at least `proof_s`.

    A terminal that starts or reconnects shows old ticks first, at a weekend all day long: those jump, or stand still.
    A single tick from the future neither passes for the broker's time nor hides the ticks after it.
    """

    def __init__(self, proof_s: float, proof_ticks: int = PROOF_TICKS) -> None:
        self._proof_s = proof_s
        self._proof_ticks = proof_ticks
        self._anchor: tuple[int, float] | None = None
        self._newest_ms = 0
        self._kept = 0
        self._kept_s = 0.0
        self._since_s = 0.0

    def observe(self, ticks_ms: Collection[int], now_s: float) -> int | None:
        """The trade server's time in seconds if one of these ticks, which have just come, is live; None otherwise."""
        if not ticks_ms:
            return None
        newest_ms = max((tick for tick in ticks_ms if abs(self._lead_ms(tick, now_s)) <= TOLERANCE_MS), default=None)
        if newest_ms is None:
            self._miss(max(ticks_ms), now_s)
            return None
        if newest_ms <= self._newest_ms:
            return None
        self._newest_ms, self._kept_s = newest_ms, now_s
        self._kept += 1
        if self._proven(now_s) and self._anchor is not None and now_s - self._anchor[1] > RENEW_S:
            self._anchor = newest_ms, now_s
        return newest_ms // 1000 if self._proven(now_s) else None

    def broker_ms(self, now_s: float) -> int | None:
        """The broker's clock; None while no tick has proved it."""
        if self._anchor is None or not self._proven(now_s):
            return None
        return self._anchor[0] + int((now_s - self._anchor[1]) * 1000)

    def _proven(self, now_s: float) -> bool:
        return self._kept >= self._proof_ticks and now_s - self._since_s >= self._proof_s

    def _lead_ms(self, tick_ms: int, now_s: float) -> float:
        """How far a tick is ahead of the clock; infinite where there is nothing to measure it against."""
        if self._anchor is None:
            return float("inf")
        return (tick_ms - self._anchor[0]) - (now_s - self._anchor[1]) * 1000

    def _miss(self, tick_ms: int, now_s: float) -> None:
        """No tick kept pace: begin again with this one, unless what others have kept pace with is better evidence."""
        jumped = self._kept <= 1 and self._lead_ms(tick_ms, now_s) > 0
        if jumped or now_s - self._kept_s > FORGET_S:
            self._anchor, self._newest_ms = (tick_ms, now_s), tick_ms
            self._kept, self._kept_s, self._since_s = 1, now_s, now_s
