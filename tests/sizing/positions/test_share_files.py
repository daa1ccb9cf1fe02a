"""The shipped files of share rules, each played through, and files with mistakes."""

import re
from pathlib import Path

import pytest

from bridge.errors import ConfigError
from bridge.settings import defaults_folder
from bridge.settings.share_rules import load_share_rules
from sizing.positions.conditions import CONDITIONS, check_conditions
from sizing.positions.state import Opinion
from tests.sizing.positions.share_scene import Desk, lots_of, market, reasons, shipped

FILES = sorted((defaults_folder() / "positions").glob("share-*.toml"))


def test_five_use_cases_and_two_rule_sets_are_shipped() -> None:
    assert [path.stem for path in FILES] == [
        "share-adaptive-sizing", "share-confidence", "share-diversification", "share-gradual", "share-profit-ladder",
        "share-risk-adjusted", "share-risk-grades",
    ]  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_file_loads_and_is_named_after_its_file(path: Path) -> None:
    rules = load_share_rules(path)

    assert rules.name == path.stem
    assert rules.enter_market.rules
    assert rules.open_positions.rules


def test_the_first_file_explains_every_key() -> None:
    text = (defaults_folder() / "positions" / "share-diversification.toml").read_text(encoding="utf-8")

    for key in ("virtual_equity_pct", "max_virtual_equity_per_instrument_percent", "reduce_first", "symbols", "magic",
                "measure", "match", "stop_atr", "priority", "cooldown_minutes", "all"):  # fmt: skip
        assert re.search(rf"^# .*\n(# )?{key} = ", text, re.MULTILINE), key


def test_every_condition_but_the_rarest_stands_in_a_shipped_file() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in FILES)

    assert [name for name in CONDITIONS if not re.search(rf'"{name}\b', text)] == ["has_position"]


def test_diversification_opens_every_signal_small_and_cuts_what_outgrows() -> None:
    names = ("AUDUSD", "EURUSD", "GBPUSD", "USDJPY")
    desk = Desk(
        shipped("share-diversification"),
        markets={name: market() for name in names},
        opinions={name: Opinion(direction="bullish", confidence=55.0 + 5 * at) for at, name in enumerate(names)},
    )

    desk.cycle()
    assert [desk.share(name) for name in names] == [0, 2, 2, 2]

    desk.knows(balance=50_000.0)  # shares double
    assert lots_of(desk.cycle()) == [("close_partial", ticket, 0.01) for ticket in (1, 2, 3)]
    assert [desk.share(name) for name in names] == [0, 2, 2, 2]
    assert not desk.cycle().instructions


def test_confidence_scales_the_share_up_and_down() -> None:
    desk = Desk(shipped("share-confidence"))

    shares = [(desk.says(confidence=each).cycle(), desk.share())[1] for each in (55, 62, 75, 90, 75, 58, 45)]

    assert shares == [0, 2, 5, 8, 8, 2, 0]


def test_gradual_building_takes_a_step_for_each_proof_and_stops_at_the_cap() -> None:
    desk = Desk(shipped("share-gradual"))

    shares = [(desk.moved(percent).cycle(), desk.share())[1] for percent in (0, 0, 0.3, 0.3, 0.5, 0.7, 0.9)]

    assert shares == [3, 3, 6, 6, 9, 10, 10]


def test_gradual_building_takes_no_step_before_the_hour_is_over() -> None:
    desk = Desk(shipped("share-gradual"))
    desk.cycle()
    desk.moved(0.3).cycle()

    desk.knows(held=desk.state.held[:1])  # half of it was closed by hand

    assert "it was done less than 60 minutes ago" in reasons(desk.cycle(10))
    assert lots_of(desk.cycle(60)) == [("open", 0, 0.03)]


def test_risk_grades_bound_the_share() -> None:
    desk = Desk(shipped("share-risk-grades"))

    shares = [
        (desk.says(risk_grade=grade, confidence=confidence).cycle(), desk.share())[1]
        for grade, confidence in (("high", 70), ("high", 80), ("medium", 70), ("low", 70), ("medium", 70), ("high", 70))
    ]

    assert shares == [0, 2, 5, 8, 5, 2]


def test_profit_ladder_takes_parts_on_the_way_up() -> None:
    desk = Desk(shipped("share-profit-ladder"))

    shares = [(desk.moved(percent).cycle(300), desk.share())[1] for percent in (0, 0.5, 1, 1.5, 2.2, 3.5, 5)]

    assert shares == [8, 8, 6, 6, 4, 2, 2]


def test_profit_ladder_gives_up_a_loser_and_what_went_nowhere() -> None:
    loser, idle = Desk(shipped("share-profit-ladder")), Desk(shipped("share-profit-ladder"))
    loser.cycle()
    idle.cycle()

    assert [each.rule for each in loser.moved(-2.5).cycle(30).instructions] == ["share-profit-ladder/stop_losing"]
    assert loser.share() == 0
    idle.moved(0.1).cycle(11 * 1440)
    assert idle.share() == 4


def test_adaptive_sizing_follows_market_and_account() -> None:
    desk = Desk(shipped("share-adaptive-sizing"))

    desk.knows(regime="normal", volatility_percentile=50.0).cycle()
    assert desk.share() == 4
    desk.knows(regime="trending").cycle()
    assert desk.share() == 8
    desk.knows(regime="volatile", volatility_percentile=95.0).cycle()
    assert desk.share() == 3
    desk.knows(regime="normal", volatility_percentile=50.0, drawdown_pct=7.0).cycle()
    assert desk.share() == 2
    desk.knows(headroom_pct={"daily": 12.0, "total": 70.0}).cycle()
    assert desk.share() == 0


def test_adaptive_sizing_opens_nothing_on_figures_that_are_not_known() -> None:
    desk = Desk(shipped("share-adaptive-sizing"), headroom_pct={})
    desk.knows(regime="normal", volatility_percentile=50.0)

    assert not desk.cycle().instructions
    assert desk.share() == 0


def test_risk_adjusted_allocation_sizes_by_what_the_stop_loses() -> None:
    desk = Desk(shipped("share-risk-adjusted"), balance=200_000.0)  # 100,000 of virtual equity

    (grade,) = desk.says(confidence=80.0, risk_grade="high").cycle().instructions
    assert (grade.lots, grade.stop_loss) == (0.25, 0.99)  # 1,000 a lot at the stop: 0.25 % are 250
    (sure,) = desk.says(confidence=85.0, risk_grade="low").cycle().instructions
    assert sure.lots == 0.75  # to 1 %
    (halved,) = [each for each in desk.knows(drawdown_pct=6.5).cycle().instructions if each.kind != "open"]
    assert halved.lots == 0.5
    assert [each.kind for each in desk.knows(drawdown_pct=9.5).cycle().instructions] == ["close", "close"]


WRONG = """
title = "Wrong"
virtual_equity = 50.0
reduce_first = "newest"

[enter_market]
measure = "stop_risk"

[[enter_market.rules]]
name = "entry"
action = "increase_instrument_shares"
target_percent = 5.0
all = ["confidense > 50", "bullish"]

[[open_positions.rules]]
name = "entry"
action = "increase_instrument_share"
target_percent = 0
all = []

[[open_positions.rules]]
name = "cut"
action = "decrease_instrument_share"
target_percent = -1.0
cooldown = 5
any = ["instrument_share > 5", "drawdown > much"]

[[open_positions.rules]]
action = "decrease_instrument_share"
target_percent = 1.0
all = ["has_position"]
"""


def test_a_file_with_mistakes_tells_all_of_them_with_rule_key_and_line(tmp_path: Path) -> None:
    (tmp_path / "share-wrong.toml").write_text(WRONG, encoding="utf-8")

    with pytest.raises(ConfigError) as error:
        load_share_rules(tmp_path / "share-wrong.toml")

    lines = str(error.value).splitlines()
    for expected in (
        ':3: virtual_equity: is not a known key; did you mean "virtual_equity_pct"?',
        ':4: reduce_first: must be one of "oldest", "largest"',
        "enter_market.stop_atr: is missing; with measure",
        ':11: enter_market.rules[0].action: rule "entry": must be one of "increase_instrument_share"',
        ":13: enter_market.rules[0].all[0]: rule \"entry\": 'confidense' is not a known condition; "
        'did you mean "confidence"?',
        ':16: open_positions.rules[0].name: rule "entry": stands already in enter_market.rules[0]; choose another',
        ':18: open_positions.rules[0].target_percent: rule "entry": must be greater than 0 for an increase',
        ':19: open_positions.rules[0].all: rule "entry": is empty, as is any',
        ':24: open_positions.rules[1].target_percent: rule "cut": must be at least 0',
        ':25: open_positions.rules[1].cooldown: rule "cut": is not a known key; did you mean "cooldown_minutes"?',
        ":26: open_positions.rules[1].any[0]: rule \"cut\": 'instrument_share' is not a known condition; "
        'did you mean "instrument_account_share"?',
        ":26: open_positions.rules[1].any[1]: rule \"cut\": drawdown must be compared with a number; it is 'much'",
        "open_positions.rules[2].name: is missing; add it",
    ):
        assert [line for line in lines if expected in line], f"{expected}\nnot in\n{error.value}"
    assert lines[0] == f"13 problems in {tmp_path}:"
    assert len(lines) == 14


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("enter_market = 5", "enter_market: must be a table"),
        ("[enter_market]\nrules = 5", "enter_market.rules: must be a list"),
        ("[enter_market]\nrules = [5]", "enter_market.rules[0]: must be a table"),
        ('[[open_positions.rules]]\nname = "a/b"\naction = "decrease_instrument_share"\ntarget_percent = 1.0\n'
         'all = ["bullish"]', 'open_positions.rules[0].name: rule "a/b": must be a short name without /'),
        ("virtual_equity_pct = 0", "virtual_equity_pct: must be greater than 0"),
        ("virtual_equity_pct = 99999999999999999999", "virtual_equity_pct: does not fit into 64 bits"),
        ("virtual_equity_pct =", "is not valid TOML"),
    ],
)  # fmt: skip
def test_one_mistake_in_the_form_of_a_file(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "share-x.toml").write_text('title = "X"\n' + text, encoding="utf-8")

    with pytest.raises(ConfigError, match=re.escape(problem)):
        load_share_rules(tmp_path / "share-x.toml")


def told(folder: Path, text: str) -> list[str]:
    """What is said of a file with this text, a line each."""
    (folder / "share-x.toml").write_text('title = "X"\n' + text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load_share_rules(folder / "share-x.toml")
    return [line.strip() for line in str(error.value).splitlines()[1:]]


RULE = '[[{set}.rules]]\nname = "{name}"\naction = "decrease_instrument_share"\ntarget_percent = 1.0\n'


def test_what_is_no_text_hides_no_other_mistake_of_its_list(tmp_path: Path) -> None:
    rule = RULE.format(set="open_positions", name="cut")

    found = told(
        tmp_path, rule + 'all = ["bulish", 5, "confidence > 160", "bullish"]\nany = [true, "headroom() > 5"]\n'
    )

    assert [line.split(": ")[1] for line in found] == [f"open_positions.rules[0].{at}" for at in (
        "all[1]", "all[0]", "all[2]", "any[0]", "any[1]",
    )]  # fmt: skip
    assert all('rule "cut": ' in line for line in found)
    assert "must be text in quotes" in found[0]
    assert 'did you mean "bullish"?' in found[1]


@pytest.mark.parametrize("name", ["confidence", "volatility_percentile"])
def test_a_percentage_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    for condition in ("> 160", ">= 100.5", "< 101", "== -1", ">= -5", "<= -0.1", "> 100", "< 0"):
        rule = RULE.format(set="enter_market", name="r") + f'all = ["{name} {condition}"]\n'
        assert told(tmp_path, rule) == [
            f'share-x.toml:6: enter_market.rules[0].all[0]: rule "r": {name} lies between 0 and 100, '
            f"so that {condition} never holds, or always"
        ]
    for condition in (">= 100", "== 100", "<= 100", "< 100", "> 0", ">= 0", "== 0", "<= 0"):
        check_conditions([f"{name} {condition}"])
    check_conditions(["profit_loss_percent < -160", "instrument_account_share > 160"])


@pytest.mark.parametrize("wrong", ["", "priority = 1.5\n"])
def test_more_than_200_rules_in_a_set_are_refused_with_the_number(tmp_path: Path, wrong: str) -> None:
    """Also where something else is wrong with the file."""
    full, beyond = (
        "".join(RULE.format(set=name, name=f"{name}{at}") + 'all = ["bearish"]\n' for at in range(count))
        for name, count in (("enter_market", 200), ("open_positions", 201))
    )
    (tmp_path / "share-full.toml").write_text('title = "X"\n' + full, encoding="utf-8")
    assert len(load_share_rules(tmp_path / "share-full.toml").enter_market.rules) == 200

    found = told(tmp_path, full + beyond + wrong)

    assert [line for line in found if "open_positions.rules: must hold at most 200 rules; it holds 201" in line]
    assert len(found) == (2 if wrong else 1)


def test_a_file_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load_share_rules(Path("nowhere") / "share-x.toml")
