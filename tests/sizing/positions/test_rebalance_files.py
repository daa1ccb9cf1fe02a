"""The rule file, the files of weights, and computed weights."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from bridge.errors import ConfigError
from bridge.rebalance_targets import Method, computed_targets, read_targets
from bridge.settings import defaults_folder
from bridge.settings.rebalance import load_rebalance
from bridge.settings.wording import allowed
from sizing.positions.rebalance import Rebalance, Target

SHIPPED = defaults_folder() / "positions" / "rebalance.toml"


def write(folder: Path, text: str, name: str = "rebalance.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_holds_the_defaults_and_explains_every_key() -> None:
    rules, text = load_rebalance(SHIPPED), SHIPPED.read_text(encoding="utf-8")
    assert dataclasses.replace(rules, classes={}) == Rebalance()
    for group in ("validation", "limits", "execution", "emergency"):
        section = text.split(f"\n[{group}]\n")[1].split("\n[", maxsplit=1)[0]
        for field in dataclasses.fields(getattr(rules, group)):
            lines = section.splitlines()
            above = lines[next(number for number, line in enumerate(lines) if line.startswith(f"{field.name} = ")) - 1]
            assert field.metadata["unit"] in above
            assert allowed(field.metadata).replace('"', "") in above


def test_every_mistake_is_told_at_once_with_the_nearest_name(tmp_path: Path) -> None:
    text = """
[limits]
positon_pct = 5.0
gross = -1.0
[classes.forex]
margin_pct = 200.0
[sectors]
tech = ["AAPL*", "*"]
big = ["AAPL*"]
[emergency]
gross = "panic"
"""
    with pytest.raises(ConfigError) as error:
        load_rebalance(write(tmp_path, text))
    said = str(error.value)
    assert said.startswith("6 problems in ")
    assert 'rebalance.toml:3: limits.positon_pct: is not a known key; did you mean "position_pct"?' in said
    assert "limits.gross: must be greater than 0" in said
    assert "classes.forex.margin_pct: must be greater than 0 and at most 100" in said
    assert 'emergency.gross: must be one of "alert", "halt", "reduce", "close"' in said
    assert "sectors.tech: names no symbol: '*'" in said
    assert "sectors.big: 'AAPL*' stands in sector 'tech' already" in said


def test_keys_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    text = '[validation]\nwarn_sum = 2.0\nscale_sum = 0.9\n[sectors]\ntech = ["AAPL*", "*"]\nbig = ["AAPL*"]\n'
    with pytest.raises(ConfigError) as error:
        load_rebalance(write(tmp_path, text))
    said = str(error.value)
    assert "validation.scale_sum: must not be less than warn_sum, which is 2; it is 0.9" in said
    assert "validation.scaled_to: must not exceed scale_sum, which is 0.9; it is 0.95" in said
    assert "sectors.tech: names no symbol: '*'" in said
    assert "sectors.big: 'AAPL*' stands in sector 'tech' already" in said


@pytest.mark.parametrize("text", ["[limits", "\x00", "limits = 3"])
def test_what_is_no_rule_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError):
        load_rebalance(write(tmp_path, text))


WANTED = (Target("EURUSD", 0.04, 1.5, "trend"), Target("US500", -0.03))


def test_the_same_weights_as_toml_and_csv(tmp_path: Path) -> None:
    toml = """
[[targets]]
symbol = "EURUSD"
weight = 0.04
alpha = 1.5
strategy = "trend"
[[targets]]
symbol = "US500"
weight = -0.03
"""
    rows = "Symbol,weight,alpha,strategy\nEURUSD,0.04,1.5,trend\n\nUS500,-0.03,,\n"
    assert read_targets(write(tmp_path, toml, "w.toml")) == WANTED
    assert read_targets(write(tmp_path, "\ufeff" + rows, "w.csv")) == WANTED


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("symbol,weight\nA,0,04\n", "line 2: has 3 cells, the header 2"),
        ("symbol,weight\nA,nan\nB,inf\n", "A: weight and alpha must be given as finite numbers"),
        ("symbol,weight\nA,x\n", "line 2: could not convert string to float: 'x'"),
        ("symbol,weigth\nA,1\n", "unknown columns 'weigth'"),
        ("symbol,weight\nA,0.1\nA,0.1\n", "A stands there twice"),
        ("symbol,weight\n ,0.1\n", "target 1 names no symbol"),
        ("symbol,weight\n", "holds no target"),
        ("", "lacks the columns symbol, weight"),
        ('symbol,weight\n"A,0.1\n', "line 2"),
    ],
)
def test_a_csv_that_is_wrong_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_targets(write(tmp_path, text, "w.csv"))
    assert said in str(error.value)


def test_a_toml_that_is_wrong_is_refused_with_all_of_it(tmp_path: Path) -> None:
    text = '[[targets]]\nsymbl = "A"\nweight = "much"\n[[targets]]\nsymbol = "B"\n'
    with pytest.raises(ConfigError) as error:
        read_targets(write(tmp_path, text, "w.toml"))
    said = str(error.value)
    assert 'did you mean "symbol"?' in said
    assert "targets[0].weight: must be a number" in said
    assert "targets[1].weight: is missing" in said
    with pytest.raises(ConfigError, match="does not exist"):
        read_targets(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_targets(tmp_path / "none.csv")


def returns(days: int = 500) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Three independent symbols; the second moves twice, the third half as much as the first."""
    return np.random.default_rng(7).standard_normal((days, 3)) * [0.01, 0.02, 0.005]


@pytest.mark.parametrize("method", ["mean_cvar", "risk_parity", "hierarchical"])
def test_computed_weights_give_the_calmest_symbol_most(method: Method) -> None:
    pytest.importorskip("skfolio")
    found = computed_targets(method, returns(), ("A", "B", "C"), alphas={"B": 2.0})
    weights = {each.symbol: each.weight for each in found}
    assert sum(weights.values()) == pytest.approx(0.95)
    assert weights["C"] > weights["A"] > weights["B"] > 0
    assert [(each.alpha, each.strategy) for each in found] == [(0.0, method), (2.0, method), (0.0, method)]


def test_risk_parity_of_independent_symbols_weighs_by_one_over_volatility() -> None:
    pytest.importorskip("skfolio")
    found = computed_targets("risk_parity", returns(20_000), ("A", "B", "C"), total=1.0)
    assert [each.weight for each in found] == pytest.approx([2 / 7, 1 / 7, 4 / 7], abs=0.01)


def test_returns_that_say_too_little_are_refused() -> None:
    with pytest.raises(ConfigError, match="at least 60 are needed"):
        computed_targets("risk_parity", returns(59), ("A", "B", "C"))
    with pytest.raises(ConfigError, match="two different symbols"):
        computed_targets("risk_parity", returns(), ("A", "B"))
    with pytest.raises(ConfigError, match="gaps"):
        computed_targets("risk_parity", np.full((100, 2), np.nan), ("A", "B"))
    with pytest.raises(ConfigError, match="A does not move"):
        computed_targets("risk_parity", returns() * [0.0, 1.0, 1.0], ("A", "B", "C"))


def test_without_the_extra_its_name_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skfolio.optimization", None)
    with pytest.raises(ConfigError, match=r"lotbridge\[optimize\]"):
        computed_targets("risk_parity", returns(), ("A", "B", "C"))
