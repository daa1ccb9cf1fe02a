"""Target weights: read from a TOML or CSV file, or computed from returns (extra "optimize").

TOML holds one table a symbol, CSV a header and one row a symbol; `alpha` and `strategy` may be left out:

    [[targets]]                     symbol,weight,alpha,strategy
    symbol = "EURUSD"               EURUSD,0.04,1.5,trend
    weight = 0.04                   US500,-0.03,,
    alpha = 1.5
    strategy = "trend"

A weight is notional as a share of equity, negative for short.
"""

import csv
import importlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bridge.errors import ConfigError
from bridge.settings.schema import parse
from bridge.settings.source import SourceError, read
from sizing.params import param
from sizing.positions.rebalance.targets import Target

Method = Literal["mean_cvar", "risk_parity", "hierarchical"]

MIN_RETURNS = 60
"""Fewer returns say too little of a tail."""
_COLUMNS = ("symbol", "weight", "alpha", "strategy")
_MAX_BYTES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    symbol: str = param(MISSING, "the broker's name of the symbol")
    weight: float = param(MISSING, "share of equity, negative for short", ge=-100, le=100)
    alpha: float = param(0.0, "score; a higher one gets room first", ge=-1e9, le=1e9)
    strategy: str = param("", "name that profit is attributed to")


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    targets: tuple[_Row, ...] = field(default_factory=tuple)


def read_targets(path: Path) -> tuple[Target, ...]:
    """The targets of a `.toml` or `.csv` file, in its order. Raises `ConfigError` that lists every problem."""
    found, problems = _csv(path) if path.suffix.lower() == ".csv" else _toml(path)
    problems = problems or _rows_faults(found)
    if not problems and not found:
        problems = ["holds no target; to close everything give each symbol the weight 0"]
    if problems:
        raise ConfigError("\n  ".join([f"{len(problems)} problem{'s' * (len(problems) > 1)} in {path}:", *problems]))
    return tuple(found)


def _toml(path: Path) -> tuple[list[Target], list[str]]:
    try:
        source = read(path, path.name)
    except SourceError as error:
        return [], [str(error.fault)]
    parsed, faults = parse(_File, source, source.data)
    faults = [*source.faults, *faults]
    if parsed is None or faults:
        return [], [str(fault) for fault in faults]
    return [Target(row.symbol, row.weight, row.alpha, row.strategy) for row in parsed.targets], []


def _csv(path: Path) -> tuple[list[Target], list[str]]:
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        return [], [f"cannot be read: {error}"]
    if len(raw) > _MAX_BYTES:
        return [], [f"is larger than {_MAX_BYTES} bytes"]
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    found: list[Target] = []
    problems: list[str] = []
    try:
        header = [name.strip().lower() for name in next(rows, [])]
        if problems := _header_faults(header):
            return [], problems
        for row in rows:
            if any(cell.strip() for cell in row):
                target, problem = _row(
                    dict(zip(header, (cell.strip() for cell in row), strict=False)), len(row), header
                )
                found += [target] if target is not None else []
                problems += [f"line {rows.line_num}: {problem}"] if problem else []
    except csv.Error as error:
        problems.append(f"line {rows.line_num}: {error}")
    return found, problems


def _header_faults(header: list[str]) -> list[str]:
    unknown = [name for name in header if name not in _COLUMNS]
    twice = sorted({name for name in header if header.count(name) > 1})
    missing = [name for name in ("symbol", "weight") if name not in header]
    problems = [f"unknown columns {', '.join(map(repr, unknown))}; known: {', '.join(_COLUMNS)}"] if unknown else []
    problems += [f"columns stand there twice: {', '.join(twice)}"] if twice else []
    return problems + ([f"lacks the columns {', '.join(missing)}"] if missing else [])


def _row(cells: Mapping[str, str], count: int, header: Sequence[str]) -> tuple[Target | None, str]:
    if count != len(header):
        return None, f"has {count} cells, the header {len(header)}"
    try:
        weight, alpha = float(cells["weight"]), float(cells.get("alpha") or 0.0)
    except ValueError as error:
        return None, f"{error}; write a number with a point such as 0.04"
    return Target(cells["symbol"], weight, alpha, cells.get("strategy", "")), ""


def _rows_faults(targets: list[Target]) -> list[str]:
    names = [each.symbol for each in targets]
    problems = [f"target {place} names no symbol" for place, name in enumerate(names, start=1) if not name.strip()]
    problems += [f"{name} stands there twice" for name in sorted(set(names)) if names.count(name) > 1 and name.strip()]
    for each in targets:
        if not (math.isfinite(each.weight) and math.isfinite(each.alpha)):
            problems.append(f"{each.symbol}: weight and alpha must be given as finite numbers")
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
