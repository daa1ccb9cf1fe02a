"""Fields of one table that must fit each other."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

from bridge.settings.model import AuthSettings
from sizing.policy import AuditPolicy, DiversificationPolicy, DrawdownPolicy, PerformancePolicy, VolatilityPolicy
from sizing.positions.rebalance.rules import ValidationRules
from sizing.prop.formats import FieldFault
from sizing.symbols import SymbolTable

Faults = list[FieldFault]


def _bands(limits_name: str, limits: Sequence[float], factors_name: str, factors: Sequence[float]) -> Faults:
    faults: Faults = []
    if len(factors) != len(limits) + 1:
        problem = f"must have one value more than {limits_name}, which has {len(limits)}; it has {len(factors)}"
        faults.append((factors_name, problem))
    if any(high <= low for low, high in pairwise(limits)):
        faults.append((limits_name, "must be in ascending order, no value twice"))
    return faults


def _volatility(policy: VolatilityPolicy) -> Faults:
    return _bands("percentiles", policy.percentiles, "factors", policy.factors)


def _drawdown(policy: DrawdownPolicy) -> Faults:
    return _bands("levels_pct", policy.levels_pct, "factors", policy.factors)


def _diversification(policy: DiversificationPolicy) -> Faults:
    return _bands("tier_limits", policy.tier_limits, "tier_factors", policy.tier_factors)


def _performance(policy: PerformancePolicy) -> Faults:
    if policy.min_trades > policy.trades:
        return [("min_trades", f"must not exceed trades, which is {policy.trades}; it is {policy.min_trades}")]
    return []


def _audit(policy: AuditPolicy) -> Faults:
    if policy.min_forecasts > policy.forecasts:
        problem = f"must not exceed forecasts, which is {policy.forecasts}; it is {policy.min_forecasts}"
        return [("min_forecasts", problem)]
    return []


def _validation(rules: ValidationRules) -> Faults:
    faults: Faults = []
    if rules.scale_sum < rules.warn_sum:
        problem = f"must not be less than warn_sum, which is {rules.warn_sum:g}; it is {rules.scale_sum:g}"
        faults.append(("scale_sum", problem))
    if rules.scaled_to > rules.scale_sum:
        problem = f"must not exceed scale_sum, which is {rules.scale_sum:g}; it is {rules.scaled_to:g}"
        faults.append(("scaled_to", problem))
    return faults


def _auth(auth: AuthSettings) -> Faults:
    faults: Faults = []
    if auth.mechanism == "null" and auth.users:
        faults.append(("users", 'would be ignored with mechanism "null"; choose "plain" or "curve", or remove them'))
    if auth.mechanism != "null" and not auth.users:
        faults.append(("users", f'must name at least one user with mechanism "{auth.mechanism}"; add [[auth.users]]'))
    if auth.mechanism == "curve" and auth.secret_key_file is None:
        faults.append(("secret_key_file", 'is missing; mechanism "curve" needs the daemon\'s secret key'))
    names = [user.name for user in auth.users]
    faults += [("users", f"must have different names; {name!r} stands twice") for name in _repeated(names)]
    needed = {"plain": "password", "curve": "public_key"}.get(auth.mechanism)
    if needed:
        lacking = [user.name for user in auth.users if getattr(user, needed) is None]
        faults += [("users", f'{name!r} has no {needed}, which mechanism "{auth.mechanism}" needs') for name in lacking]
    return faults


def _symbols(table: SymbolTable) -> Faults:
    return [*_patterns(table), *_aliases(table), *_priors(table)]


def _patterns(table: SymbolTable) -> Faults:
    if not table.classes:
        return [("classes", "must hold at least one class; without one every symbol is refused")]
    faults: Faults = []
    owners: dict[str, str] = {}
    for name, symbol_class in table.classes.items():
        key = ("classes", name, "patterns")
        if not symbol_class.patterns:
            faults.append((key, "must list at least one pattern"))
        for pattern in symbol_class.patterns:
            stem = pattern.removesuffix("*")
            if not stem or "*" in stem or stem != stem.strip():
                faults.append((key, f"must hold name stems with at most one * at the end; {pattern!r} is none"))
            elif stem in owners:
                faults.append((key, f"{pattern!r} stands already in class {owners[stem]!r}; keep it in one class"))
            else:
                owners[stem] = name
    return faults


def _aliases(table: SymbolTable) -> Faults:
    stems = _stems(table)
    faults: Faults = []
    for alias, name in table.aliases.items():
        key = ("aliases", alias)
        if alias not in stems:
            faults.append((key, f"names no pattern; add {alias + '*'!r} to a class or remove the alias"))
        if name not in stems:
            faults.append((key, f"must point to the stem of a pattern; {name!r} is none"))
        elif name in table.aliases:
            faults.append((key, f"must point to the canonical name {table.aliases[name]!r}, not to the alias {name!r}"))
    return faults


def _priors(table: SymbolTable) -> Faults:
    canonical = _stems(table) - set(table.aliases)
    faults: Faults = []
    for pair in table.correlations:
        key = ("correlations", pair)
        first, _, second = pair.partition("/")
        for name in dict.fromkeys((first, second)):
            if name in table.aliases:
                faults.append((key, f"must use the canonical name {table.aliases[name]!r} instead of {name!r}"))
            elif name not in canonical:
                faults.append((key, f'must be two canonical names "A/B"; {name!r} is the stem of no pattern'))
        if first == second:
            faults.append((key, "must be two different instruments"))
        elif f"{second}/{first}" in table.correlations and first < second:
            faults.append((key, f'stands also as "{second}/{first}"; keep one'))
    return faults


def _stems(table: SymbolTable) -> set[str]:
    return {pattern.removesuffix("*") for entry in table.classes.values() for pattern in entry.patterns}


def _repeated(names: list[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


TABLE_CHECKS: dict[type[Any], Callable[[Any], Faults]] = {
    VolatilityPolicy: _volatility,
    DrawdownPolicy: _drawdown,
    DiversificationPolicy: _diversification,
    PerformancePolicy: _performance,
    AuditPolicy: _audit,
    ValidationRules: _validation,
    AuthSettings: _auth,
    SymbolTable: _symbols,
}
"""Checks of one table whose fields are each right."""
