"""Whether ticks are live. The package has no server clock, so the broker's time is that of a tick that just came."""

TOLERANCE_MS = 1_000
"""How far ticks and clock may drift apart and still keep pace: a poll, a slow call, a late packet."""
RENEW_S = 60.0


class LiveTicks:
    """Ticks count as live when they have kept pace with the clock for `proof_s`.

    A terminal that starts or reconnects shows old ticks first, at a weekend all day long: those jump, or stand still.
    """

    def __init__(self, proof_s: float) -> None:
        self._proof_s = proof_s
        self._newest_ms = 0
        self._anchor: tuple[int, float] | None = None
        self._since_s = 0.0

    def observe(self, newest_ms: int, now_s: float) -> int | None:
        """The trade server's time in seconds if the newest tick has just come and is live; None otherwise."""
        if newest_ms <= self._newest_ms:
            return None
        first = self._newest_ms == 0
        self._newest_ms = newest_ms
        if first or self._anchor is None or not self._keeps_pace(newest_ms, now_s, self._anchor):
            self._anchor, self._since_s = (newest_ms, now_s), now_s
            return None
        if now_s - self._anchor[1] > RENEW_S:
            self._anchor = (newest_ms, now_s)
        return newest_ms // 1000 if now_s - self._since_s >= self._proof_s else None

    @staticmethod
    def _keeps_pace(newest_ms: int, now_s: float, anchor: tuple[int, float]) -> bool:
        return abs((newest_ms - anchor[0]) - (now_s - anchor[1]) * 1000) <= TOLERANCE_MS
