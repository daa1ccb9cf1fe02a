"""Nights for which a position is charged."""

from sizing.snapshot import SymbolSpec

DAY_MS = 86_400_000


def nights(spec: SymbolSpec, now_ms: int, rollover_ms: int | None, minutes: int) -> int:
    """Nights charged within so many minutes, two more where the triple swap may be among them.

    `rollover_ms` is when the broker next charges; None where that is not known, and nothing is counted.
    """
    end_ms = now_ms + minutes * 60_000
    if rollover_ms is None or end_ms < rollover_ms:
        return 0
    count = 1 + (end_ms - rollover_ms) // DAY_MS
    # The day charged is the broker's day that ends at the rollover; half a day earlier it is that day in UTC too,
    # wherever the broker is. The epoch began on a Thursday, day 4 of a week that starts on Sunday.
    first_day = ((rollover_ms - DAY_MS // 2) // DAY_MS + 4) % 7
    meets_triple = (spec.swap_rollover3days - first_day) % 7 < count
    return int(count + 2 * meets_triple)
