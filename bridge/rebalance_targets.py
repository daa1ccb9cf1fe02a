"""Target weights: read from a TOML or CSV file, or computed from returns (extra "optimize").

TOML holds one table a symbol, CSV a header and one row a symbol; `alpha` and `strategy` may be left out:

    [[targets]]                     symbol,weight,alpha,strategy
    symbol = "EURUSD"               EURUSD,0.04,1.5,trend
    weight = 0.04                   US500,-0.03,,
    alpha = 1.5
    strategy = "trend"

A weight is notional as a share of equity, negative for short.
"""

import importlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from bridge.errors import ConfigError
from bridge.protocol.messages import TargetInfo
from bridge.rebalance_csv import Placed, read_csv
from bridge.settings.schema import parse
from bridge.settings.source import Fault, SourceError, read, report
from sizing.params import param
from sizing.positions.rebalance.targets import Target

Method = Literal["mean_cvar", "risk_parity", "hierarchical"]

MIN_RETURNS = 60
"""Fewer returns say too little of a tail."""
MOST_TARGETS = 1_000
"""In one request."""
_MOST_WEIGHT, _MOST_ALPHA, _LONGEST_SYMBOL, _LONGEST_STRATEGY = 100, 1e9, 64, 32
"""What the wire takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    symbol: str = param(MISSING, "the broker's name of the symbol")
    weight: float = param(MISSING, "share of equity, negative for short", ge=-_MOST_WEIGHT, le=_MOST_WEIGHT)
    alpha: float = param(0.0, "score; a higher one gets room first", ge=-_MOST_ALPHA, le=_MOST_ALPHA)
    strategy: str = param("", "name that profit is attributed to")


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    targets: tuple[_Row, ...] = field(default_factory=tuple)


def read_targets(path: Path) -> tuple[Target, ...]:
    """The targets of a `.toml` or `.csv` file, in its order. Raises `ConfigError` that lists every problem."""
    placed, faults = read_csv(path) if path.suffix.lower() == ".csv" else _toml(path)
    faults = faults + _rows_faults(path.name, placed)
    found = [each.target for each in placed if each.target is not None]
    if not faults and not found:
        problem = "holds no target; to close everything give each symbol the weight 0"
        faults = [Fault(path.name, (), None, problem)]
    if faults:
        raise ConfigError(report(path, faults))
    return tuple(found)


def target_infos(targets: Iterable[Target]) -> list[TargetInfo]:
    """The targets as the wire takes them. Raises `ConfigError` for those that it does not take."""
    found: list[TargetInfo] = []
    problems: list[str] = []
    for each in targets:
        try:
            found.append(msgspec.convert(each._asdict(), TargetInfo))
        except msgspec.ValidationError as fault:
            why, _, key = str(fault).partition(" - at `$.")
            problems.append(f"{each.symbol!r}: {key.rstrip('`')}: {why}")
    if problems:
        raise ConfigError("\n  ".join(["These are no targets:", *problems]))
    return found


def _toml(path: Path) -> tuple[list[Placed], list[Fault]]:
    try:
        source = read(path, path.name)
    except SourceError as error:
        return [], [error.fault]
    parsed, faults = parse(_File, source, source.data)
    faults = [*source.faults, *faults]
    if parsed is None or faults:
        return [], faults
    return [
        Placed(source.fault(("targets", place), "").line, row.symbol, row.weight, row.alpha, row.strategy)
        for place, row in enumerate(parsed.targets)
    ], []


def _rows_faults(name: str, placed: Sequence[Placed]) -> list[Fault]:
    """What is wrong with rows that could be read, by themselves and beside each other."""
    first: dict[str, Placed] = {}
    faults: list[Fault] = []
    for each in placed:
        problems = _row_problems(each)
        if each.symbol.strip() and first.setdefault(each.symbol, each) is not each:
            problems.append(f"{each.symbol!r} stands there twice, on line {first[each.symbol].line} already")
        faults += [Fault(name, (), each.line, problem) for problem in problems]
    if len(placed) > MOST_TARGETS:
        faults.append(Fault(name, (), None, f"holds {len(placed):,} targets; a plan takes {MOST_TARGETS:,} at most"))
    return faults


def _row_problems(row: Placed) -> list[str]:
    problems = [] if row.symbol.strip() else ["names no symbol"]
    if len(row.symbol) > _LONGEST_SYMBOL:
        problems.append(f"symbol is longer than {_LONGEST_SYMBOL} characters")
    if row.weight is not None and not abs(row.weight) <= _MOST_WEIGHT:
        problems.append(
            f"weight is {row.weight:g}: must be from -{_MOST_WEIGHT} to {_MOST_WEIGHT}; it is a share of equity, "
            "0.1 is 10 %"
        )
    if row.alpha is not None and not abs(row.alpha) <= _MOST_ALPHA:
        problems.append(f"alpha is {row.alpha:g}: must be from -{_MOST_ALPHA:g} to {_MOST_ALPHA:g}")
    if len(row.strategy) > _LONGEST_STRATEGY:
        problems.append(f"strategy is longer than {_LONGEST_STRATEGY} characters")
    return problems


def computed_targets(
    method: Method,
    returns: NDArray[np.float64],
    symbols: Sequence[str],
    *,
    total: float = 0.95,
    alphas: Mapping[str, float] | None = None,
) -> tuple[Target, ...]:
    """Long-only weights that add up to `total`, from daily returns (days, symbols) without gaps.

    mean_cvar: least conditional value at risk (95 %); risk_parity: equal shares of the variance; hierarchical:
    hierarchical risk parity. Raises `ConfigError` where the extra is missing or the returns do not do.
    """
    _check_returns(returns, symbols, total)
    optimization, measures = _skfolio()
    models: dict[str, Any] = {
        "mean_cvar": lambda: optimization.MeanRisk(risk_measure=measures.RiskMeasure.CVAR, cvar_beta=0.95),
        "risk_parity": lambda: optimization.RiskBudgeting(risk_measure=measures.RiskMeasure.VARIANCE),
        "hierarchical": lambda: optimization.HierarchicalRiskParity(risk_measure=measures.RiskMeasure.VARIANCE),
    }
    if method not in models:
        raise ConfigError(f"{method!r} is no method; known: {', '.join(models)}")
    try:
        weights = np.asarray(models[method]().fit(returns).weights_, dtype=np.float64)
    except Exception as error:  # whatever its solvers raise, there are no weights
        raise ConfigError(f"{method} finds no weights: {error}") from error
    if weights.shape != (len(symbols),) or not np.all(np.isfinite(weights)) or not weights.sum() > 0:
        raise ConfigError(f"{method} finds no weights")
    scores = alphas or {}
    scaled = weights * (total / np.abs(weights).sum())
    pairs = zip(symbols, scaled, strict=True)
    return tuple(Target(symbol, float(weight), scores.get(symbol, 0.0), method) for symbol, weight in pairs)


def _check_returns(returns: NDArray[np.float64], symbols: Sequence[str], total: float) -> None:
    if returns.ndim != 2 or returns.shape[1] != len(symbols) or len(symbols) < 2 or len(set(symbols)) < len(symbols):
        raise ConfigError(
            f"returns must be (days, symbols) for at least two different symbols; they are {returns.shape}"
        )
    if len(returns) < MIN_RETURNS:
        raise ConfigError(f"{len(returns)} common days of returns; at least {MIN_RETURNS} are needed")
    if not np.all(np.isfinite(returns)):
        raise ConfigError("returns must not have gaps")
    if flat := [symbol for symbol, spread in zip(symbols, returns.std(axis=0), strict=True) if not spread > 0]:
        raise ConfigError(f"{', '.join(flat)} does not move")
    if not (math.isfinite(total) and total > 0):
        raise ConfigError(f"the weights must add up to more than 0; {total} was asked for")


def _skfolio() -> tuple[Any, Any]:
    """Imported on use only: it takes seconds, and few need it."""
    try:
        return importlib.import_module("skfolio.optimization"), importlib.import_module("skfolio")
    except ImportError as error:
        raise ConfigError('computed weights need the extra "optimize": pip install "lotbridge[optimize]"') from error
