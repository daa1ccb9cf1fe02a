"""The rule file, the files of weights, and computed weights."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pytest

from bridge.errors import ConfigError
from bridge.rebalance_targets import Method, computed_targets, read_targets, target_infos
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
        ("symbol,weight\nA,0,04\n", "w.csv:2: has 3 cells, the header 2; write decimals with a point"),
        ("symbol,weight\nA,nan\nB,inf\n", "w.csv:3: weight is 'inf': write a number"),
        ("symbol,weight\nA,x\n", "w.csv:2: weight is 'x': write a number with a point such as 0.04"),
        ("symbol,weight\nA,10%\n", "w.csv:2: weight is '10%': weights are shares of equity: 0.1 is 10 %"),
        ("symbol,weight\nA,0_1\n", "w.csv:2: weight is '0_1': write a number"),
        ("symbol,weight\nA,\n", "w.csv:2: weight is missing"),
        ('symbol,weight\nA,"0,1"\n', "w.csv:2: weight is '0,1': write a number with a point"),
        ("symbol,weight\nA,100.5\n", "w.csv:2: weight is 100.5: must be from -100 to 100"),
        ("symbol,weight,alpha\nA,1,-2e9\n", "w.csv:2: alpha is -2e+09: must be from -1e+09 to 1e+09"),
        ("symbol,weight,alpha\nA,1,much\n", "w.csv:2: alpha is 'much': write a number"),
        (f"symbol,weight\n{'A' * 65},1\n", "w.csv:2: symbol is longer than 64 characters"),
        (f"symbol,weight,strategy\nA,1,{'s' * 33}\n", "w.csv:2: strategy is longer than 32 characters"),
        ("symbol,weigth\nA,1\n", "w.csv:1: unknown columns 'weigth'; known: symbol, weight, alpha, strategy"),
        ("weight,alpha\n1,1\n", "w.csv:1: lacks the column symbol"),
        ("symbol,weight\nA,0.1\nA,0.1\n", "w.csv:3: 'A' stands there twice, on line 2 already"),
        ("symbol,weight\n ,0.1\n", "w.csv:2: names no symbol"),
        ("symbol,weight\n", "holds no target"),
        ("", "w.csv:1: the first line must be symbol,weight[,alpha,strategy]; it is empty"),
        (
            "EURUSD.sim,0.1\nUS500,0.1\n",
            "w.csv:1: the first line must be symbol,weight[,alpha,strategy]; it is 'EURUSD.sim,0.1'",
        ),
        ("symbol;weight\nA;0,1\n", "w.csv:1: cells are separated by semicolons; separate them with commas"),
        ("symbol\tweight\nA\t0.1\n", "w.csv:1: cells are separated by tabs; separate them with commas"),
        ('symbol,weight\nB,x\n"A,0.1\n', "w.csv:3: is no CSV: "),
    ],
)
def test_a_csv_that_is_wrong_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_targets(write(tmp_path, text, "w.csv"))
    assert said in str(error.value)


def test_every_mistake_of_a_csv_is_told_with_its_line(tmp_path: Path) -> None:
    """Rows whose number is wrong are looked at, too; a cell of two lines counts as both."""
    text = 'symbol,weight,strategy\nA,0.1,"x\ny"\n\nA,nan,\nC,abc,\n,0.1,\nE,500,\nF,1\n'
    with pytest.raises(ConfigError) as error:
        read_targets(write(tmp_path, text, "w.csv"))
    head, *told = str(error.value).splitlines()
    assert head.startswith("6 problems in ")
    assert [line.strip() for line in told] == [
        "w.csv:5: weight is 'nan': write a number with a point such as 0.04",
        "w.csv:5: 'A' stands there twice, on line 2 already",
        "w.csv:6: weight is 'abc': write a number with a point such as 0.04",
        "w.csv:7: names no symbol",
        "w.csv:8: weight is 500: must be from -100 to 100; it is a share of equity, 0.1 is 10 %",
        "w.csv:9: has 2 cells, the header 3",
    ]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ("symbol,weight\nA,0.1\n".encode("utf-16"), "w.csv: is saved as UTF-16; save it as CSV UTF-8"),
        ("symbol,weight\nA,0.1\n".encode("utf-16-le"), "w.csv: is saved as UTF-16; save it as CSV UTF-8"),
        (b"symbol,weight\n\xc4,0.1\n", "w.csv:2: holds the byte 0xc4, which is not UTF-8; save it as CSV UTF-8"),
        (b"x" * 1_000_001, "w.csv: is larger than 1,000,000 bytes"),
        (None, "w.csv: is a folder; name a file"),
    ],
)
def test_what_is_no_text_is_one_sentence(tmp_path: Path, raw: bytes | None, said: str) -> None:
    path = tmp_path / "w.csv"
    if raw is None:
        path.mkdir()
    else:
        path.write_bytes(raw)
    with pytest.raises(ConfigError) as error:
        read_targets(path)
    assert str(error.value) == f"1 problem in {path}:\n  {said}"


def test_more_targets_than_a_plan_takes_are_refused(tmp_path: Path) -> None:
    rows = [f"S{number},0.0001\n" for number in range(1_001)]
    with pytest.raises(ConfigError, match=r"holds 1,001 targets; a plan takes 1,000 at most"):
        read_targets(write(tmp_path, "symbol,weight\n" + "".join(rows), "w.csv"))
    assert len(read_targets(write(tmp_path, "symbol,weight\n" + "".join(rows[1:]), "w.csv"))) == 1_000


def test_what_the_wire_takes_is_what_a_file_may_hold(tmp_path: Path) -> None:
    """At the ends of every range, and not beyond."""
    ends = (Target("A" * 64, 100.0, 1e9, "s" * 32), Target("B", -100.0, -1e9))
    text = "".join(f"{each.symbol},{each.weight},{each.alpha},{each.strategy}\n" for each in ends)
    found = read_targets(write(tmp_path, "symbol,weight,alpha,strategy\n" + text, "w.csv"))
    assert found == ends
    assert [(each.symbol, each.weight, each.alpha, each.strategy) for each in target_infos(found)] == list(ends)
    with pytest.raises(ConfigError) as error:
        target_infos([Target("C", 0.1), Target("D", 101.0), Target("", 0.1)])
    assert str(error.value).startswith("These are no targets:\n  'D': weight: ")
    assert "\n  '': symbol: " in str(error.value)


def test_a_symbol_that_stands_twice_in_a_toml_is_told_with_both_lines(tmp_path: Path) -> None:
    text = '[[targets]]\nsymbol = "A"\nweight = 0.1\n\n[[targets]]\nsymbol = "A"\nweight = 0.2\n'
    with pytest.raises(ConfigError, match=r"w.toml:5: 'A' stands there twice, on line 1 already"):
        read_targets(write(tmp_path, text, "w.toml"))


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
    with pytest.raises(ConfigError, match="does not exist"):
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
