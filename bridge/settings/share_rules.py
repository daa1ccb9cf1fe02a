"""Files of share rules (`config/positions/share-*.toml`): read whole, or refused with every problem at once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bridge.errors import ConfigError
from bridge.settings.schema import parse
from bridge.settings.source import Fault, Loc, Source, SourceError, listed, read, report
from sizing.positions.conditions import condition_faults
from sizing.positions.rulesets import RuleSet, ShareRules, contradictions, repeated_names, too_many
from sizing.prop.formats import FieldFault

_SETS = ("enter_market", "open_positions")


def load_share_rules(path: Path) -> ShareRules:
    """The rules of a file, named after it. Raises `ConfigError` that lists every problem with rule name and key."""
    rules, faults = read_share_rules(path, path.name)
    if rules is None:
        raise ConfigError(report(path.parent, faults))
    return rules


def read_share_rules(
    path: Path, name: str, loss_rules: Sequence[str] | None = None
) -> tuple[ShareRules | None, list[Fault]]:
    """The rules of a file, or None and everything that is wrong with it; `name` is what faults call the file.

    `loss_rules` are the rules of the account's firm that a headroom may name; None: not checked.
    """
    try:
        source = read(path, name)
    except SourceError as error:
        return None, [error.fault]
    data = {**source.data, "name": path.stem}
    rules, faults = parse(ShareRules, source, data)
    # Checks of whole lists and between fields wait for the fields: made here all the same, so that one look shows
    # everything.
    faults = [*source.faults, *faults, *_between_fields(source, data), *_in_conditions(source, data, loss_rules)]
    if rules is not None and not faults:
        return rules, []
    written = {each: _rules(data.get(each)) for each in _SETS}
    return None, [_named(fault, written) for fault in dict.fromkeys(faults)]


def _between_fields(source: Source, data: dict[str, Any]) -> list[Fault]:
    """What is wrong between fields that may each be right, found in the tables as they are written."""
    written = {name: _rules(data.get(name)) for name in _SETS}
    names = repeated_names((name, [_text(rule.get("name")) for rule in rules]) for name, rules in written.items())
    faults = _placed(source, (), names)
    for name, rules in written.items():
        table = data.get(name)
        if isinstance(table, dict):
            faults += parse(RuleSet, source, {**table, "rules": ()}, (name,))[1]
            faults += _placed(source, (name,), too_many(rules))
        for index, rule in enumerate(rules):
            conditions = tuple(each for key in ("all", "any") for each in listed(rule.get(key)))
            found = contradictions(rule.get("action"), rule.get("target_percent"), conditions)
            faults += _placed(source, (name, "rules", index), found)
    return faults


def _in_conditions(source: Source, data: dict[str, Any], loss_rules: Sequence[str] | None) -> list[Fault]:
    """What is wrong with each condition, whatever else stands in its list."""
    return [
        fault
        for name in _SETS
        for index, rule in enumerate(_rules(data.get(name)))
        for key in ("all", "any")
        for fault in _placed(source, (name, "rules", index, key), condition_faults(listed(rule.get(key)), loss_rules))
    ]


def _placed(source: Source, loc: Loc, found: list[FieldFault]) -> list[Fault]:
    return [source.fault((*loc, *((key,) if isinstance(key, str) else key)), problem) for key, problem in found]


def _rules(table: Any) -> list[dict[str, Any]]:
    """The rules of a set as written; an empty one for each that is no table, so that places stay right."""
    rules = table.get("rules") if isinstance(table, dict) else None
    return [rule if isinstance(rule, dict) else {} for rule in listed(rules)]


def _text(value: Any) -> str | None:
    """A text; None for anything else, some of which cannot be looked up."""
    return value if isinstance(value, str) else None


def _named(fault: Fault, written: dict[str, list[dict[str, Any]]]) -> Fault:
    """The fault with the name of the rule that it is in, of the rules of each set."""
    rules = written.get(str(fault.loc[0])) if fault.loc[1:2] == ("rules",) else None
    if not rules or len(fault.loc) < 3 or not isinstance(index := fault.loc[2], int):
        return fault
    name = rules[index].get("name")
    return fault._replace(problem=f'rule "{name}": {fault.problem}') if isinstance(name, str) else fault
