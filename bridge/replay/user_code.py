"""A strategy that is the user's own code: loaded only when it is named, and every error in it is told as theirs.

What it wishes is checked before the engine sees it, and numpy's numbers become Python's.
"""

import importlib
import importlib.util
import operator
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.errors import ReplayError
from bridge.market.recording import TIMEFRAME_MS
from bridge.replay.entries import Fault, entry_faults, stance_faults
from bridge.replay.strategy import Entry, Exit, Stance, Strategy, View

_FRAMES = 3
"""Of a traceback, the last ones: they are in the user's code, or in what it called."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UserStrategy:
    """Somebody's strategy. `on_time` raises ReplayError for whatever goes wrong in it, with the moment."""

    def __init__(self, text: str, inner: Strategy) -> None:
        self.text = text
        self._inner = inner
        with _told(f"{text}, when it was asked for its name, timeframe and times"):
            self.name = str(inner.name)
            self.timeframe = inner.timeframe
            self._times = _whole_times(inner.times())
        if self.timeframe is None and self._times is None:
            raise ReplayError(f"{text} has neither a timeframe nor times; return the times at which it is to be asked")
        if self.timeframe is not None and self._times is not None:
            raise ReplayError(f"{text} has both a timeframe and times; make one of them None")
        if self.timeframe is not None and self.timeframe not in TIMEFRAME_MS:
            raise ReplayError(f"{text} has the timeframe {self.timeframe!r}; give one of {', '.join(TIMEFRAME_MS)}")
        if self._times is not None and (not len(self._times) or (np.diff(self._times) <= 0).any()):
            raise ReplayError(f"{text} has times that do not ascend, or none; sort them, each once")

    def times(self) -> NDArray[np.int64] | None:
        return self._times

    def on_time(self, view: View) -> list[Entry | Exit | Stance]:
        """What it wishes, checked. Raises ReplayError."""
        at = f"{self.text}, at {_utc(view.now_ms)}"
        with _told(at):
            return [_checked(item, view) for item in self._inner.on_time(view)]


def load_user_code(text: str) -> Strategy:
    """`module:function` or `file.py:function`, called without arguments. Raises ReplayError."""
    place, _, function = text.rpartition(":")
    if not place or not function.isidentifier():
        raise ReplayError(f"{text} names no function; write module:function or file.py:function")
    with _told(f"{text}, while it was loaded"):
        module = _file(Path(place)) if place.endswith(".py") else _module(place)
    factory = getattr(module, function, None)
    if not callable(factory):
        raise ReplayError(f"{place} has no function {function}")
    with _told(f"{text}, when it was called"):
        made = factory()
    return UserStrategy(text, _demand_strategy(text, made))


def file_of(text: str) -> Path | None:
    """The file of code that was loaded as `text`; None for a module without one."""
    place = text.rpartition(":")[0]
    if place.endswith(".py"):
        return Path(place)
    origin = getattr(sys.modules.get(place), "__file__", None)
    return None if origin is None else Path(origin)


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ReplayError(f"{path} is not a file; name the one that holds the strategy")
    _look_in(path.resolve().parent)
    name = f"lotbridge_strategy_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ReplayError(f"{path} cannot be loaded as Python; name a .py file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


def _module(name: str) -> ModuleType:
    _look_in(Path.cwd())
    return importlib.import_module(name)


def _look_in(folder: Path) -> None:
    """Let the code find its neighbours. Last, so that no neighbour takes the place of an installed module."""
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _demand_strategy(text: str, made: Any) -> Strategy:
    lacking = [name for name in ("name", "timeframe", "times", "on_time") if not hasattr(made, name)]
    lacking += [name for name in ("times", "on_time") if name not in lacking and not callable(getattr(made, name))]
    if lacking:
        kind = type(made).__name__
        raise ReplayError(f"{text} returned {kind}, which lacks {', '.join(lacking)}; return a Strategy")
    strategy: Strategy = made
    return strategy


def _whole_times(times: Any) -> NDArray[np.int64] | None:
    if times is None:
        return None
    found = np.asarray(times)
    if found.ndim != 1 or (found.size and not np.issubdtype(found.dtype, np.integer)):
        raise TypeError("times() must be one column of whole numbers, UTC milliseconds")
    return found.astype(np.int64)


def _checked(item: Any, view: View) -> Entry | Exit | Stance:
    if not isinstance(item, Entry | Exit | Stance):
        raise TypeError(f"on_time must give Entry, Exit or Stance, not {type(item).__name__}")
    if item.symbol not in view.symbols:
        raise ValueError(f"{item.symbol} is not replayed; there are {', '.join(view.symbols)}")
    if isinstance(item, Exit):
        if item.side not in (None, "buy", "sell"):
            raise ValueError(f"side is {item.side!r}, neither buy nor sell nor None")
        return item._replace(magic=operator.index(item.magic))
    if isinstance(item, Stance):
        stance = item._replace(confidence=_float(item.confidence))
        _demand_sound(stance_faults(stance))
        return stance
    entry = item._replace(
        stop_loss=_float(item.stop_loss),
        take_profit=_float(item.take_profit),
        confidence=_float(item.confidence),
        market_score=_float(item.market_score),
        exit_ms=None if item.exit_ms is None else operator.index(item.exit_ms),
        magic=operator.index(item.magic),
        reverse=bool(item.reverse),
    )
    _demand_sound(entry_faults(entry, view.now_ms))
    return entry


def _demand_sound(faults: list[Fault]) -> None:
    if faults:
        raise ValueError("; ".join(f"{fault.field} {fault.text}" for fault in faults))


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Every error inside is the user's: told with the last lines of its traceback."""
    try:
        yield
    except ReplayError:
        raise
    except (Exception, SystemExit) as fault:
        lines = traceback.format_exception(fault, limit=-_FRAMES)
        told = "".join(lines).rstrip().replace("\n", "\n  ")
        raise ReplayError(f"{where}: {type(fault).__name__}: {fault}\n  {told}") from fault


def _utc(moment_ms: int) -> str:
    return (_EPOCH + timedelta(milliseconds=moment_ms)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
