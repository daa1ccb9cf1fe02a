"""Share rules as data: one file is one strategy, with rules for entering the market and for what is open."""

from collections.abc import Iterable, Sized
from dataclasses import MISSING, dataclass, field
from functools import cached_property
from typing import Literal, NamedTuple

from sizing.params import check_ranges, param
from sizing.positions.conditions import Condition, check_conditions, parse_condition
from sizing.prop.formats import FieldFault, problems, raise_if

Measure = Literal["notional", "margin", "stop_risk"]
INCREASE = "increase_instrument_share"
DECREASE = "decrease_instrument_share"
MAX_RULES = 200
"""Rules in one rule set: all of them are asked for every symbol, on every `manage` request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRule:
    """If every condition of `all` holds, and one of `any` where there are any: move the share towards its target."""

    name: str = param(MISSING, "short name of the rule, shown with every instruction")
    action: Literal["increase_instrument_share", "decrease_instrument_share"] = param(
        MISSING, "what to do when the conditions hold", choices=(INCREASE, DECREASE)
    )
    target_percent: float = param(MISSING, "percent of virtual equity", ge=0, le=10_000)
    priority: int = param(0, "higher first", ge=-1000, le=1000)
    cooldown_minutes: float = param(
        15.0, "minutes after its order until it orders again for the symbol, or the position", gt=0, le=525_600
    )
    all: tuple[str, ...] = param((), "conditions that must all hold")
    any: tuple[str, ...] = param((), "conditions of which one must hold")

    def __post_init__(self) -> None:
        check_ranges(self)
        faults = problems(self, {"all": check_conditions, "any": check_conditions, "name": _plain})
        raise_if([*faults, *contradictions(self.action, self.target_percent, (*self.all, *self.any))])


class ReadyRule(NamedTuple):
    """A rule with its conditions parsed."""

    rule: ShareRule
    all: tuple[Condition, ...]
    any: tuple[Condition, ...]


@dataclass(frozen=True, kw_only=True)
class RuleSet:
    """Rules with one measure of what a position is worth."""

    measure: Literal["notional", "margin", "stop_risk"] = param(
        "notional",
        "what a position is worth: notional, its margin, or what it loses at its stop",
        choices=("notional", "margin", "stop_risk"),
    )
    match: Literal["first", "all"] = param(
        "first", "first: the first rule that holds acts; all: every one that holds", choices=("first", "all")
    )
    stop_atr: float | None = param(
        None, "ATRs between price and stop of what is opened; left out: the policy's stop", gt=0, le=20
    )
    rules: tuple[ShareRule, ...] = ()

    def __post_init__(self) -> None:
        check_ranges(self)
        faults = too_many(self.rules)
        if self.measure == "stop_risk" and self.stop_atr is None:
            problem = 'is missing; with measure = "stop_risk" the stop decides how many lots are opened'
            faults.append(("stop_atr", problem))
        raise_if(faults)

    @cached_property
    def ready(self) -> tuple[ReadyRule, ...]:
        """The rules by priority, then by name: the order they stand in does not matter."""
        return tuple(
            ReadyRule(rule, tuple(map(parse_condition, rule.all)), tuple(map(parse_condition, rule.any)))
            for rule in sorted(self.rules, key=lambda rule: (-rule.priority, rule.name))
        )


@dataclass(frozen=True, kw_only=True)
class ShareRules:
    """One file: a strategy, its part of the account, and its two rule sets."""

    name: str = param(MISSING, "the file's name without .toml")
    title: str = param(MISSING, "one line on what the rules are for")
    virtual_equity_pct: float = param(100.0, "percent of the balance that the strategy works with", gt=0, le=100)
    max_virtual_equity_per_instrument_percent: float = param(
        10.0, "percent of virtual equity beyond which no increase goes", gt=0, le=10_000
    )
    symbols: tuple[str, ...] = param((), "names, or stems with * for the broker's suffix; empty: every symbol")
    magic: int | None = param(None, "the strategy's positions and orders have this number; left out: all count", ge=0)
    reduce_first: Literal["oldest", "largest"] = param(
        "oldest", "which position of a symbol is reduced first", choices=("oldest", "largest")
    )
    enter_market: RuleSet = field(default_factory=RuleSet)
    open_positions: RuleSet = field(default_factory=RuleSet)

    def __post_init__(self) -> None:
        check_ranges(self)
        sets = (("enter_market", self.enter_market), ("open_positions", self.open_positions))
        raise_if(repeated_names((name, [rule.name for rule in each.rules]) for name, each in sets))


def too_many(rules: Sized) -> list[FieldFault]:
    """What is wrong with how many rules a set has."""
    if len(rules) <= MAX_RULES:
        return []
    return [("rules", f"must hold at most {MAX_RULES} rules; it holds {len(rules)}")]


def contradictions(action: object, target_percent: object, conditions: tuple[object, ...]) -> list[FieldFault]:
    """What is wrong with fields of one rule that are each right."""
    faults: list[FieldFault] = []
    if action == INCREASE and target_percent == 0:
        faults.append(("target_percent", "must be greater than 0 for an increase; it is 0"))
    if not conditions:
        faults.append(("all", "is empty, as is any; add at least one condition"))
    return faults


def repeated_names(sets: Iterable[tuple[str, Iterable[object]]]) -> list[FieldFault]:
    """Names that two rules of a file have. Takes each rule set's name and the names of its rules in order."""
    faults: list[FieldFault] = []
    seen: dict[object, str] = {}
    for rule_set, names in sets:
        for index, name in enumerate(names):
            if name in seen:
                faults.append(((rule_set, "rules", index, "name"), f"stands already in {seen[name]}; choose another"))
            elif isinstance(name, str):
                seen[name] = f"{rule_set}.rules[{index}]"
    return faults


def _plain(name: str) -> None:
    if not name.strip() or "/" in name or not name.isprintable():
        raise ValueError(f"must be a short name without /; it is {name!r}")
