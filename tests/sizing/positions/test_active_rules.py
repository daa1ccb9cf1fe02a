"""Presets of the active rules: what ships, and what is said of a file that is wrong."""

import dataclasses
import re
from pathlib import Path

import pytest

from bridge.errors import ConfigError
from bridge.settings import defaults_folder
from bridge.settings.active import load_active
from bridge.settings.wording import allowed
from sizing.positions.active_rules import ActiveRules
from sizing.positions.instruction import Instruction
from tests.builders import make_spec
from tests.settings.test_defaults import comments_of
from tests.sizing.positions.active_builders import SYMBOL, at

PRESETS = sorted((defaults_folder() / "positions").glob("active*.toml"))
FIELDS = dataclasses.fields(ActiveRules)
FOREX = {"price_open": 1.1, "sl": 1.095, "initial_sl": 1.095, "tp": None}
"""A buy at 1.1 with 50 pips to its stop."""


def write(folder: Path, text: str) -> Path:
    path = folder / "active.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_says_the_defaults_and_so_does_an_empty_one(tmp_path: Path) -> None:
    assert load_active(defaults_folder() / "positions" / "active.toml") == ActiveRules()
    assert load_active(write(tmp_path, "")) == ActiveRules()


def test_presets_for_leveraged_forex_ship_in_r() -> None:
    in_r = [path.name for path in PRESETS if load_active(path).unit == "r"]

    assert in_r == ["active-forex-day.toml", "active-forex-swing.toml"]


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_every_key_of_every_preset_has_its_unit_and_range_above_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    for field in FIELDS:
        comments = comments_of(text, field.name)
        assert len(comments) == 1, field.name
        for part in (field.metadata["unit"].replace("`", ""), allowed(field.metadata)):
            assert part in comments[0], f"{field.name}: {part!r}"


def test_a_preset_with_every_comment_taken_away_is_still_valid(tmp_path: Path) -> None:
    text = PRESETS[-1].read_text(encoding="utf-8")
    shown = re.sub(r"^# (\w+_unit = )", r"\1", text, flags=re.MULTILINE)
    assert shown != text

    assert load_active(write(tmp_path, shown)).time_unit == "r"


def test_the_forex_day_preset_manages_a_move_of_50_pips() -> None:
    rules = load_active(defaults_folder() / "positions" / "active-forex-day.toml")
    keys = {field.name: getattr(rules, field.name) for field in FIELDS}
    spec = make_spec(SYMBOL, trade_stops_level=10)

    orders = at(1.105, minutes=31, keys=keys, market={"spec": spec, "volatility_pct": 0.5}, **FOREX).instructions

    assert [_short(each) for each in orders] == [("close_partial", 0.5, None), ("modify_stop", 0.0, 1.1005)]
    # In percent of the price the same move is half a percent, and nothing happens.
    assert at(1.105, minutes=31, market={"spec": spec}, **FOREX).instructions == ()


def _short(order: Instruction) -> tuple[str, float, float | None]:
    return order.kind, order.lots, order.stop_loss


def test_every_problem_of_a_file_is_said_at_once_with_line_and_key(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'partial_profit_treshold = 10.0\nunit = "pips"\nscaling_share = 0.0\nbreakeven_buffer = "2"\nrest = true\n'
        "time_tightening_max_hours = 2.5\n",
    )

    with pytest.raises(ConfigError) as caught:
        load_active(path)

    lines = str(caught.value).splitlines()
    assert lines[0] == f"6 problems in {path}:"
    assert lines[1].strip() == (
        'active.toml:1: partial_profit_treshold: is not a known key; did you mean "partial_profit_threshold"?'
    )
    for number, words in enumerate(
        ["unit: must be one of", "scaling_share: must be greater than 0", "breakeven_buffer: must be a number",
         'rest: must be one of "close", "leave"', "time_tightening_max_hours: must be a whole number"], start=2,
    ):  # fmt: skip
        assert f"active.toml:{number}: {words}" in lines[number]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("aggressive_profit_threshold = 15.0", "aggressive_profit_threshold: must be above partial_profit_threshold"),
        ("breakeven_buffer = 10.0", "breakeven_buffer: must be below breakeven_threshold"),
        ("scaling_max_share = 20.0", "scaling_max_share: must not be below scaling_share"),
        ("breakeven_threshold = 99999999999999999999", "breakeven_threshold: does not fit into 64 bits"),
        ("unit = ", "is not valid TOML"),
    ],
)
def test_keys_that_contradict_each_other_are_refused(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(key)):
        load_active(write(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        'aggressive_profit_threshold = 3.0\naggressive_profit_unit = "r"',
        "aggressive_profit_threshold = 0",
        "breakeven_threshold = 0",
        "scaling_profit_threshold = 0\nscaling_max_share = 0",
    ],
    ids=["other units cannot be compared", "aggressive off", "break-even off", "scaling off"],
)
def test_what_does_not_contradict_is_taken(tmp_path: Path, text: str) -> None:
    assert load_active(write(tmp_path, text)) != ActiveRules()


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_active(tmp_path / "active.toml")
