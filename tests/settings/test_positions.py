"""Rule files about open positions: which an account names, and everything that is wrong with any of them at once."""

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import ConfigError
from bridge.settings import PositionFiles, defaults_folder, load, policy_hash
from bridge.settings.position_files import PositionRules, read_positions
from tests.settings.builders import append, swap, with_rules, write_folder
from tests.settings.test_load import VALUES, assert_settings_or_config_error
from tests.settings.test_mistakes import problems

GRADUAL = "positions/share-gradual.toml"
ADAPTIVE = "positions/share-adaptive-sizing.toml"
SHIPPED = sorted(path.name for path in (defaults_folder() / "positions").glob("*.toml"))
ACCOUNT = '[[accounts]]\nlogin = 7\nterminal = "ea_feed"\nfirm = "own-account"\ninitial_balance = 5000\n'
SWITCHED_ON = f'share_rules = ["{GRADUAL}"]\nactive = "positions/active.toml"\nrebalance = "positions/rebalance.toml"'


def test_nothing_holds_unless_it_is_named(tmp_path: Path) -> None:
    files = load(write_folder(tmp_path)).accounts[0].positions

    assert files.paths == files.names == ()
    assert read_positions(files) == (PositionRules(), [])
    assert PositionRules().empty
    assert PositionFiles().names == ()


def test_the_keys_of_the_shipped_file_hold_without_their_comment_signs(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    for key in ("share_rules", "active", "rebalance"):
        swap(folder, "bridge.toml", f"\n# {key} = ", f"\n{key} = ")

    files = load(folder).accounts[0].positions
    rules, faults = read_positions(files)

    assert files.names == (GRADUAL, "positions/active.toml", "positions/rebalance.toml")
    assert files.share == (folder / "positions" / "share-gradual.toml",)
    assert files.active == folder / "positions" / "active.toml"
    assert files.rebalance == folder / "positions" / "rebalance.toml"
    assert [each.name for each in rules.share] == ["share-gradual"]
    assert rules.active is not None
    assert rules.rebalance is not None
    assert not faults
    assert not rules.empty


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_file_says_how_to_switch_it_on_and_that_works(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path)
    header = (folder / "positions" / name).read_text(encoding="utf-8").split("\n\n")[0]
    (line,) = (line for line in header.splitlines() if "bridge.toml" in line)

    with_rules(folder, line.split("bridge.toml: ")[1])

    assert load(folder).accounts[0].positions.names == (f"positions/{name}",)


@pytest.mark.parametrize("name", ["'positions\\share-gradual.toml'", '"positions//./share-gradual.toml"'])
def test_slashes_of_both_kinds_lead_to_the_same_file(tmp_path: Path, name: str) -> None:
    folder = with_rules(write_folder(tmp_path), f"share_rules = [{name}]")

    assert load(folder).accounts[0].positions.names == (GRADUAL,)


def test_each_account_has_rules_of_its_own_and_sizes_do_not_depend_on_them(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    before = policy_hash(load(folder).accounts[0])
    with_rules(folder, SWITCHED_ON)
    append(folder, "bridge.toml", ACCOUNT)

    first, second = load(folder).accounts

    assert len(first.positions.paths) == 3
    assert second.positions.paths == ()
    assert policy_hash(first) == before


def test_every_problem_of_every_file_is_told_at_once_with_file_line_rule_and_key(tmp_path: Path) -> None:
    folder = with_rules(write_folder(tmp_path), SWITCHED_ON + '\nleverage = "x"')
    swap(folder, GRADUAL, '"profit_loss_percent >= 0.2"', '"profit_los_percent >= 0.2"')
    swap(folder, GRADUAL, "target_percent = 3.0", "target = 3.0")
    swap(folder, "positions/active.toml", "breakeven_buffer = 2.0", 'breakeven_buffer = "2"')
    swap(folder, "positions/active.toml", "\ntime_based_tightening = ", "\ntime_based_tightning = ")
    swap(folder, "positions/rebalance.toml", "warn_sum = 1.1", "warn_sum = 1.6")
    swap(folder, "positions/rebalance.toml", "gross = 2.0", "gross = -2.0")
    swap(folder, "policy.toml", "base_risk_pct", "base_risk_percent")

    found = problems(folder)

    for expected in (
        "bridge.toml:",
        "policy.toml:",
        'enter_market.rules[0].target: rule "first_step": is not a known key; did you mean "target_percent"?',
        'enter_market.rules[0].target_percent: rule "first_step": is missing',
        "open_positions.rules[0].all[1]: rule \"second_step\": 'profit_los_percent' is not a known condition; "
        'did you mean "profit_loss_percent"?',
        "breakeven_buffer: must be a number",
        'time_based_tightning: is not a known key; did you mean "time_based_tightening"?',
        "validation.scale_sum: must not be less than warn_sum, which is 1.6; it is 1.5",
        "limits.gross: must be greater than 0",
    ):
        assert [line for line in found if expected in line], f"{expected}\nnot in\n{found}"
    assert len(found) == 9
    line = (
        (folder / "positions" / "active.toml").read_text(encoding="utf-8").splitlines().index('breakeven_buffer = "2"')
    )
    assert [text for text in found if text.startswith(f"positions/active.toml:{line + 1}: ")]


def test_a_rule_file_of_two_accounts_is_reported_once(tmp_path: Path) -> None:
    folder = with_rules(write_folder(tmp_path), f'share_rules = ["{GRADUAL}"]')
    append(folder, "bridge.toml", ACCOUNT + f'share_rules = ["{GRADUAL}"]\n')
    swap(folder, GRADUAL, "target_percent = 3.0", "target_percent = -3.0")

    (found,) = problems(folder)

    assert 'rule "first_step": must be at least 0' in found


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            'share_rules = ["positions/share-gradul.toml"]',
            "accounts[0].share_rules[0]: names no file in this folder: 'positions/share-gradul.toml'; "
            'did you mean "positions/share-gradual.toml"? available: positions/active-forex-day.toml, ',
        ),
        (
            'share_rules = ["position/share-gradual.toml"]',
            "'position/share-gradual.toml'; did you mean \"positions/share-gradual.toml\"?",
        ),
        (
            'active = "active.toml"',
            "accounts[0].active: names no file in this folder: 'active.toml'; did you mean \"positions/active.toml\"?",
        ),
        (
            'rebalance = "positions"',
            "accounts[0].rebalance: must name a file; 'positions' is a folder; available: positions/",
        ),
        ('rebalance = "nowhere/a.toml"', "available: positions/active-forex-day.toml, "),
        (
            f"share_rules = [\"{GRADUAL}\", 'positions\\share-gradual.toml']",
            "accounts[0].share_rules[1]: 'positions\\\\share-gradual.toml' stands there already; name each file once",
        ),
        (
            f'share_rules = ["{GRADUAL}", "mine/share-gradual.toml"]',
            f"accounts[0].share_rules[1]: 'mine/share-gradual.toml' has the name of '{GRADUAL}'",
        ),
        ('share_rules = ["/x.toml"]', "accounts[0].share_rules[0]: must be a file inside this folder"),
        ("active = 'C:\\x.toml'", "accounts[0].active: must be a file inside this folder"),
        ("active = '..\\x.toml'", "accounts[0].active: must be a file inside this folder"),
        ('rebalance = "positions/../../x.toml"', "accounts[0].rebalance: must be a file inside this folder"),
        ('active = " "', "accounts[0].active: must be a file inside this folder"),
        ('active = ["positions/active.toml"]', "accounts[0].active: must be text in quotes"),
        (f'share_rules = "{GRADUAL}"', "accounts[0].share_rules: must be a list in [ ]"),
        ("share_rules = [3]", "accounts[0].share_rules[0]: must be text in quotes"),
        (f'share_rule = ["{GRADUAL}"]', 'accounts[0].share_rule: is not a known key; did you mean "share_rules"?'),
    ],
)
def test_a_name_that_leads_to_no_file_is_told(tmp_path: Path, keys: str, expected: str) -> None:
    folder = with_rules(write_folder(tmp_path), keys)
    (folder / "mine").mkdir()
    (folder / "mine" / "share-gradual.toml").write_bytes((folder / GRADUAL).read_bytes())

    (found,) = problems(folder)

    assert expected in found
    line = (folder / "bridge.toml").read_text(encoding="utf-8").splitlines().index(keys) + 1
    assert found.startswith(f"bridge.toml:{line}: ")


def test_what_is_no_file_is_told_as_that_and_never_offered(tmp_path: Path) -> None:
    folder = with_rules(write_folder(tmp_path), 'active = "positions/mine.toml"\nrebalance = "positions/mime.toml"')
    (folder / "positions" / "mine.toml").mkdir()

    first, second = problems(folder)

    assert "accounts[0].active: must name a file; 'positions/mine.toml' is a folder; available: " in first
    assert "accounts[0].rebalance: names no file in this folder: 'positions/mime.toml'; " in second
    assert "positions/mine.toml" not in first.split("available: ")[1] + second


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_told_and_not_waited_for(tmp_path: Path) -> None:
    folder = with_rules(write_folder(tmp_path), 'active = "positions/mine.toml"')
    os.mkfifo(folder / "positions" / "mine.toml")

    (found,) = problems(folder)

    assert "must name a file; 'positions/mine.toml' is a device or a pipe; available: " in found


FIRMS = sorted(path.stem for path in (defaults_folder() / "firms").glob("*.toml"))


@pytest.mark.parametrize("firm", FIRMS)
def test_every_shipped_file_is_valid_with_every_shipped_firm(tmp_path: Path, firm: str) -> None:
    folder = write_folder(tmp_path)
    share = [f"positions/{name}" for name in SHIPPED if name.startswith("share-")]
    with_rules(folder, f"share_rules = {json.dumps(share)}\nrebalance = 'positions/rebalance.toml'")
    swap(folder, "bridge.toml", 'firm = "ftmo-2step"', f'firm = "{firm}"')

    files = load(folder).accounts[0].positions

    assert files.loss_rules
    assert read_positions(files)[1] == []


@pytest.mark.parametrize(
    ("name", "hint"),
    [("daily", 'did you mean "max_daily_loss"? '), ("MAX_LOSS", 'did you mean "max_loss"? '), ("?", "")],
)
def test_a_headroom_of_no_loss_rule_is_told_with_those_of_the_firm(tmp_path: Path, name: str, hint: str) -> None:
    folder = with_rules(write_folder(tmp_path), f'share_rules = ["{ADAPTIVE}"]')
    swap(folder, ADAPTIVE, '"headroom < 30"', f'"headroom({name}) < 30"')
    lines = (folder / ADAPTIVE).read_text(encoding="utf-8").splitlines()
    line = next(number for number, text in enumerate(lines, 1) if f"headroom({name}) < 30" in text)

    assert problems(folder) == [
        f"{ADAPTIVE}:{line}: open_positions.rules[1].any[1]: rule \"shrink\": '{name}' is no loss rule of the "
        f"account's firm; {hint}it has max_daily_loss, max_loss"
    ]


def test_a_headroom_of_the_firms_own_rule_is_valid_for_that_firm_only(tmp_path: Path) -> None:
    folder = with_rules(write_folder(tmp_path), f'share_rules = ["{ADAPTIVE}"]')
    swap(folder, ADAPTIVE, '"headroom < 30"', '"headroom( max_daily_loss ) < 30"')
    assert load(folder).accounts[0].positions.loss_rules == ("max_daily_loss", "max_loss")

    append(folder, "bridge.toml", ACCOUNT + f'share_rules = ["{ADAPTIVE}"]\n')

    (found,) = problems(folder)
    assert "'max_daily_loss' is no loss rule of the account's firm; " in found
    assert "it has own_daily_limit, own_total_limit" in found


def test_where_the_firm_has_no_loss_rule_every_headroom_is_told(tmp_path: Path) -> None:
    folder = with_rules(write_folder(tmp_path), f'share_rules = ["{ADAPTIVE}"]')
    swap(folder, "bridge.toml", 'firm = "ftmo-2step"', 'firm = "own-account"')
    path = folder / "firms" / "own-account.toml"
    path.write_text(path.read_text(encoding="utf-8").split("[[rules]]")[0], encoding="utf-8")
    swap(folder, ADAPTIVE, '"headroom < 30"', '"headroom(max_loss) < 30"')

    found = problems(folder)

    assert len(found) == 4
    for rule, text in zip(("quiet_trend", "usual", "near_the_floor", "shrink"), found, strict=True):
        assert f'rule "{rule}": the account\'s firm has no loss rule, so that headroom is never known' in text


def test_a_class_that_no_symbol_has_is_told_with_the_nearest_name(tmp_path: Path) -> None:
    folder = with_rules(write_folder(tmp_path), SWITCHED_ON)
    swap(folder, "positions/rebalance.toml", "[classes.forex]", "[classes.forx]")
    append(folder, "positions/rebalance.toml", "[classes.zzzz]\nmargin_pct = 200.0\n")
    lines = (folder / "positions" / "rebalance.toml").read_text(encoding="utf-8").splitlines()

    first, second, third = problems(folder)

    assert first == (
        f"positions/rebalance.toml:{lines.index('[classes.forx]') + 1}: classes.forx: is no class in the account's "
        'symbols file; did you mean "forex"? Correct the name or remove the table'
    )
    assert "classes.zzzz: is no class in the account's symbols file; it has forex, forex_exotic, gold, " in second
    assert "classes.zzzz.margin_pct: must be greater than 0 and at most 100" in third


def test_classes_are_those_of_the_accounts_own_symbols_file(tmp_path: Path) -> None:
    folder = with_rules(write_folder(tmp_path), SWITCHED_ON)
    swap(folder, "symbols.toml", "[classes.softs]", "[classes.grain]")
    append(folder, "positions/rebalance.toml", "[classes.grain]\nmargin_pct = 5.0\n")
    assert "grain" in (load(folder).accounts[0].positions.classes or ())

    swap(folder, "positions/rebalance.toml", "[classes.grain]", "[classes.softs]")

    (found,) = problems(folder)
    assert "classes.softs: is no class in the account's symbols file" in found


def test_without_a_positions_folder_it_is_said_how_to_get_one(tmp_path: Path) -> None:
    folder = with_rules(write_folder(tmp_path), 'active = "positions/active.toml"')
    (folder / "positions").rename(folder / "elsewhere")

    (found,) = problems(folder)

    assert "positions/ holds none; `lotbridge init` writes them" in found


def test_a_number_beyond_64_bits_is_one_problem(tmp_path: Path) -> None:
    folder = with_rules(write_folder(tmp_path), SWITCHED_ON)
    swap(folder, "positions/rebalance.toml", "gross = 2.0", "gross = 99999999999999999999")

    (found,) = problems(folder)

    assert "limits.gross: does not fit into 64 bits" in found


@settings(max_examples=60, deadline=None)
@given(
    name=st.sampled_from([GRADUAL, "positions/active.toml", "positions/rebalance.toml"]),
    position=st.integers(min_value=0),
    value=VALUES,
)
def test_any_value_at_any_key_of_a_rule_file_gives_settings_or_config_error(
    name: str, position: int, value: str
) -> None:
    with TemporaryDirectory() as parent:
        folder = with_rules(write_folder(Path(parent)), SWITCHED_ON)
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        keys = [number for number, line in enumerate(lines) if " = " in line and line[0] != "#"]
        chosen = keys[position % len(keys)]
        lines[chosen] = lines[chosen].split(" = ")[0] + " = " + value
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
        assert_settings_or_config_error(folder)


@settings(max_examples=60, deadline=None)
@given(share=VALUES, active=VALUES, rebalance=VALUES)
def test_any_value_of_the_three_keys_gives_settings_or_config_error(share: str, active: str, rebalance: str) -> None:
    with TemporaryDirectory() as parent:
        folder = write_folder(Path(parent))
        with_rules(folder, f"share_rules = {share}\nactive = {active}\nrebalance = {rebalance}")
        with pytest.raises(ConfigError):
            load(folder)
