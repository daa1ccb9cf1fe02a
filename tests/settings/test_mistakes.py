"""Every mistake stops the start with one sentence that names file, key and fix."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.errors import ConfigError
from bridge.settings import load
from tests.settings.builders import append, swap, write_folder

ACCOUNT = '[[accounts]]\nlogin = 7\nterminal = "{terminal}"\nfirm = "ftmo-2step"\ninitial_balance = 5000\n'
RECORDED = ACCOUNT.format(terminal="recorded") + 'market = "sample"\n'
USER = '[[auth.users]]\nname = "ea"\naccounts = [{login}]\n'
Z85 = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"


def problems(folder: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder)
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_three_mistakes_in_three_files_are_three_problems(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "bridge.toml", 'sync = "normal"', 'sync = "slow"')
    swap(folder, "policy.toml", "base_risk_pct = 1.1", "base_risk_pct = 11.0")
    swap(folder, "firms/ftmo-2step.toml", "amount_pct = 5.0", "amount = 5.0")

    found = problems(folder)

    assert len(found) == 3
    assert {line.split(":")[0] for line in found} == {"bridge.toml", "policy.toml", "firms/ftmo-2step.toml"}
    assert any("journal.sync" in line and '"normal", "full"' in line for line in found)
    assert any("budget.base_risk_pct" in line and "at most 10" in line and "11.0" in line for line in found)
    assert any("rules[0].amount:" in line and 'did you mean "amount_pct"?' in line for line in found)


def test_problem_names_the_line(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "policy.toml", "halt_pct = 10.0", 'halt_pct = "ten"')
    lines = (folder / "policy.toml").read_text(encoding="utf-8").splitlines()

    line = lines.index('halt_pct = "ten"') + 1
    assert problems(folder)[0].startswith(f"policy.toml:{line}: drawdown.halt_pct: must be a number")


def test_mistakes_show_together_with_those_of_a_broken_account(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "bridge.toml", "login = 1000001", 'login = "1000001"')
    swap(folder, "policy.toml", "trending = 1.2", "trending = -1")

    found = problems(folder)
    assert len(found) == 2
    assert "accounts[0].login: must be a whole number without quotes" in found[0]
    assert "regime.trending" in found[1]


def test_file_shared_by_two_accounts_is_reported_once(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    append(folder, "bridge.toml", ACCOUNT.format(terminal="ea_feed"))
    swap(folder, "policy.toml", "trending = 1.2", "trending = -1")

    assert len(problems(folder)) == 1


def _policy(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: swap(folder, "policy.toml", old, new)


def _bridge(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: swap(folder, "bridge.toml", old, new)


def _symbols(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: swap(folder, "symbols.toml", old, new)


def _firm(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: swap(folder, "firms/ftmo-2step.toml", old, new)


def _whole(name: str, text: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / name).write_text(text, encoding="utf-8")

    return spoil


def _auth(mechanism: str, users: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        swap(folder, "bridge.toml", 'mechanism = "null"', f'mechanism = "{mechanism}"')
        append(folder, "bridge.toml", users)

    return spoil


CROSS_CHECKS: dict[str, tuple[Callable[[Path], None], str]] = {
    "unknown firm": (
        _bridge('"ftmo-2step"', '"ftmo"'),
        "accounts[0].firm: names no file in firms/: 'ftmo'; available: apex-eod, ",
    ),
    "firm with a folder": (_bridge('"ftmo-2step"', '"../policy"'), "must name a file in firms/"),
    "missing policy file": (
        _bridge('"policy.toml"', '"polcy.toml"'),
        "polcy.toml: does not exist; the folder holds bridge.toml, policy.toml",
    ),
    "missing symbols file": (_bridge('"symbols.toml"', '"sub/symbols.toml"'), "sub/symbols.toml: does not exist"),
    "duplicate login": (
        lambda folder: append(folder, "bridge.toml", ACCOUNT.format(terminal="ea_feed").replace("7", "1000001")),
        "accounts[1].login: 1000001 stands already in accounts[0]",
    ),
    "no accounts": (
        _whole("bridge.toml", "[server]\n"),
        "accounts: holds no account",
    ),
    "mixed terminals": (lambda folder: append(folder, "bridge.toml", RECORDED), "mixes recorded and ea_feed"),
    "market of an EA feed": (
        lambda folder: append(folder, "bridge.toml", "leverage = 30"),
        "accounts[0].leverage: is for terminal",
    ),
    "recorded without market": (_bridge('"ea_feed"', '"recorded"'), "accounts[0].market: is missing"),
    "recorded market missing": (
        _bridge('terminal = "ea_feed"', 'terminal = "recorded"\nmarket = "nowhere"'),
        'must be "sample" or a folder',
    ),
    "no initial balance": (_bridge("initial_balance = 100000.0", ""), "accounts[0].initial_balance: is missing"),
    "initial balance zero": (
        _bridge("initial_balance = 100000.0", "initial_balance = 0"),
        "accounts[0].initial_balance: must be greater than 0",
    ),
    "open bind": (
        _bridge("tcp://127.0.0.1:5757", "tcp://*:5757"),
        "Another bind address needs CURVE keys, or the daemon refuses to start",
    ),
    "no address": (_bridge("tcp://127.0.0.1:5757", "127.0.0.1:5757"), "server.bind: must be an address"),
    "port too high": (_bridge("127.0.0.1:5757", "127.0.0.1:70000"), "server.bind: must be an address"),
    "plain without users": (_auth("plain", ""), "auth.users: must name at least one user"),
    "null with users": (_auth("null", USER.format(login=1000001)), "auth.users: would be ignored"),
    "plain without password": (_auth("plain", USER.format(login=1000001)), "'ea' has no password"),
    "curve without key file": (
        _auth("curve", USER.format(login=1000001) + f"public_key = '{Z85}'\n"),
        "auth.secret_key_file: is missing",
    ),
    "bad public key": (_auth("curve", USER.format(login=1000001) + "public_key = 'short'\n"), "40 characters of Z85"),
    "user of an unknown login": (
        _auth("plain", USER.format(login=8) + "password = 'x'\n"),
        "8 is no account here; the accounts are 1000001",
    ),
    "two users of one name": (
        _auth("plain", 2 * (USER.format(login=1000001) + "password = 'x'\n")),
        "'ea' stands twice",
    ),
    "factors too few": (
        _policy("factors = [1.1, 1.05, 1.0, 0.9, 0.7, 0.5]", "factors = [1.1]"),
        "volatility.factors: must have one value more than percentiles, which has 5; it has 1",
    ),
    "percentiles descending": (
        _policy("percentiles = [20.0, 40.0,", "percentiles = [40.0, 20.0,"),
        "volatility.percentiles: must be in ascending order",
    ),
    "percentile out of range": (
        _policy("80.0, 95.0]", "80.0, 195.0]"),
        "volatility.percentiles[4]: must be at least 0 and at most 100",
    ),
    "drawdown levels": (
        _policy("levels_pct = [1.0, 3.0, 5.0, 8.0]", "levels_pct = [1.0]"),
        "drawdown.factors: must have one value more",
    ),
    "tiers": (
        _policy("tier_limits = [0.3, 0.5, 0.7]", "tier_limits = [0.3, 0.3, 0.7]"),
        "diversification.tier_limits: must be in ascending order",
    ),
    "min trades": (_policy("min_trades = 5", "min_trades = 50"), "performance.min_trades: must not exceed trades"),
    "number as truth": (_policy("atr_multiple = 2.0", "atr_multiple = true"), "stop.atr_multiple: must be a number"),
    "not a number": (
        _policy("gap_probability = 0.01", "gap_probability = nan"),
        "tail.gap_probability: must be a finite number",
    ),
    "fraction as count": (
        _policy("max_positions = 10", "max_positions = 10.5"),
        "caps.max_positions: must be a whole number",
    ),
    "beyond 64 bits": (
        _policy("max_quote_age_ms = 10000", "max_quote_age_ms = 0x" + 5000 * "f"),
        "freshness.max_quote_age_ms: does not fit into 64 bits",
    ),
    "digits without end": (
        _policy("max_quote_age_ms = 10000", "max_quote_age_ms = " + 5000 * "9"),
        "policy.toml: is not valid TOML",
    ),
    "table instead of value": (
        _policy("[money]\n", "[money.mismatch_pct]\nx = 1\n[moneyx]\n"),
        "money.mismatch_pct: must be a number",
    ),
    "unknown zone": (_firm("Europe/Prague", "Europe/Prag"), 'timezone: must be "broker" or an IANA time zone'),
    "zone that is a folder": (_firm("Europe/Prague", "../Europe"), 'timezone: must be "broker" or an IANA time zone'),
    "reset": (_firm('reset = "00:00"', 'reset = "24:00"'), 'reset: must be a time "HH:MM"'),
    "weekend": (_firm("Fri 20:00", "Friday 20:00"), "weekend_from: must be a day and time"),
    "daily from initial": (
        _firm('anchor = "balance"', 'anchor = "initial"'),
        'rules[0].anchor: must be "balance" or "equity" or "higher" where sampled is "reset"',
    ),
    "size without an amount": (
        _firm("amount_pct = 5.0", 'amount_by_size = { "50000" = 2000.0 }'),
        "accounts[0].initial_balance: does not fit firms/ftmo-2step.toml: rules.0.amount_by_size has no entry",
    ),
    "calendar of another kind": (
        lambda folder: append(
            folder, "firms/ftmo-2step.toml", '[calendar]\nfile = "news.xml"\nsource = "x"\nas_of = "2026-11-20"\n'
        ),
        "calendar.file: must end in .csv or .ics",
    ),
    "two rules of one name": (
        _firm('name = "max_loss"', 'name = "max_daily_loss"'),
        "rules: must have different names",
    ),
    "date": (_firm('as_of = "2026-11-20"', 'as_of = "20.11.2026"'), "rules[0].as_of: must be a date"),
    "date without quotes": (
        _firm('as_of = "2026-11-20"', "as_of = 2026-11-20"),
        "rules[0].as_of: must be text in quotes",
    ),
    "news ends first": (
        lambda folder: append(
            folder,
            "firms/ftmo-2step.toml",
            '[[news]]\nstart = "2026-12-10T13:28:00Z"\nend = "2026-12-10T13:20:00Z"\ntitle = "x"',
        ),
        "news[0].end: must be later than start",
    ),
    "news in local time": (
        lambda folder: append(
            folder,
            "firms/ftmo-2step.toml",
            '[[news]]\nstart = "2026-12-10T13:28:00"\nend = "2026-12-10T13:30:00Z"\ntitle = "x"',
        ),
        "news[0].start: must be a UTC time",
    ),
    "pattern in two classes": (
        _symbols('patterns = ["XAG*", ', 'patterns = ["XAG*", "XAU*", '),
        "classes.silver.patterns: 'XAU*' stands already in class 'gold'",
    ),
    "pattern that matches all": (
        _symbols('patterns = ["XAG*", ', 'patterns = ["XAG*", "*", '),
        "classes.silver.patterns: must hold name stems",
    ),
    "prior of an alias": (
        _symbols('"EURUSD/XAU"', '"EURUSD/GOLD"'),
        "correlations.EURUSD/GOLD: must use the canonical name 'XAU'",
    ),
    "prior of an unknown name": (_symbols('"EURUSD/XAU"', '"EURUSD/XAUUSD"'), "'XAUUSD' is the stem of no pattern"),
    "prior twice": (lambda folder: append(folder, "symbols.toml", '"XAU/EURUSD" = 0.1'), 'stands also as "XAU/EURUSD"'),
    "correlation above 1": (
        _symbols('"EURUSD/XAU" = 0.3', '"EURUSD/XAU" = 1.3'),
        "correlations.EURUSD/XAU: must lie between -1 and 1",
    ),
    "alias of nothing": (_symbols('GOLD = "XAU"', 'GOLDEN = "XAU"'), "aliases.GOLDEN: names no pattern"),
    "alias to nothing": (
        _symbols('GOLD = "XAU"', 'GOLD = "XAUX"'),
        "aliases.GOLD: must point to the stem of a pattern",
    ),
    "no classes": (
        _whole("symbols.toml", ""),
        "classes: must hold at least one class",
    ),
    "policy that is a folder": (_bridge('"policy.toml"', '"firms"'), "firms: cannot be read"),
    "policy without a name": (_bridge('"policy.toml"', '" "'), "accounts[0].policy: must name a file"),
    "policy that is a number": (_bridge('"policy.toml"', "3"), "accounts[0].policy: must be text in quotes"),
    "account that is no table": (_whole("bridge.toml", "accounts = [1]"), "accounts[0]: must be a table"),
    "user without accounts": (_auth("plain", USER.format(login="")), "auth.users[0].accounts: must list at least one"),
    "empty password": (
        _auth("plain", USER.format(login=1000001) + "password = ''\n"),
        "auth.users[0].password: must have 1 to 255 bytes",
    ),
    "class without patterns": (
        _symbols('patterns = ["XAG*", "SILVER*"]', "patterns = []"),
        "classes.silver.patterns: must list at least one pattern",
    ),
    "alias of an alias": (_symbols('WTI = "USOIL"', 'WTI = "XTIUSD"'), "aliases.WTI: must point to the canonical name"),
    "prior with itself": (
        _symbols('"EURUSD/XAU" = 0.3', '"XAU/XAU" = 0.3'),
        "correlations.XAU/XAU: must be two different instruments",
    ),
    "unknown section": (
        lambda folder: append(folder, "bridge.toml", "[journals]\n"),
        'journals: is not a known key; did you mean "journal"?',
    ),
    "syntax": (_policy("[edge]", "[edge"), "policy.toml:7: is not valid TOML"),
    "nesting": (lambda folder: append(folder, "policy.toml", "x = " + 5000 * "["), "nested too deeply"),
    "dotted nesting": (
        lambda folder: append(folder, "policy.toml", ".".join(5000 * "a") + " = 1"),
        "nested too deeply",
    ),
}


@pytest.mark.parametrize("name", CROSS_CHECKS)
def test_mistake_is_named(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path)
    spoil, expected = CROSS_CHECKS[name]
    spoil(folder)

    found = problems(folder)
    assert any(expected in line for line in found), found


def test_password_never_stands_in_a_message(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    _auth("plain", USER.format(login=1000001) + "password = 271828\n")(folder)

    found = problems(folder)
    assert len(found) == 1
    assert "271828" not in found[0]


def test_syntax_error_gives_line_and_column(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "policy.toml").write_text("[edge]\nconfidence_shrink = \n", encoding="utf-8")

    assert problems(folder) == ["policy.toml:2: is not valid TOML: Invalid value (at line 2, column 21)"]


def test_utf16_from_notepad_is_explained(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    text = (folder / "policy.toml").read_text(encoding="utf-8")
    (folder / "policy.toml").write_text(text, encoding="utf-16")

    assert problems(folder) == ["policy.toml: is saved as UTF-16; in Notepad choose Save as and the encoding UTF-8"]


def test_ansi_file_is_explained(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "policy.toml").write_bytes(b"[edge]\n# gr\xf6\xdfer\n")

    assert "policy.toml:2: holds the byte 0xf6, which is not UTF-8" in problems(folder)[0]


def test_missing_folder_points_to_init(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lotbridge init"):
        load(tmp_path / "nowhere")


def test_empty_folder_points_to_init(tmp_path: Path) -> None:
    assert "lotbridge init" in problems(tmp_path)[0]


def test_missing_curve_key_file_is_named(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "bridge.toml", 'mechanism = "null"', 'mechanism = "curve"\nsecret_key_file = "no such"')
    append(folder, "bridge.toml", USER.format(login=1000001) + f"public_key = '{Z85}'\n")

    assert any("auth.secret_key_file: 'no such' does not exist" in line for line in problems(folder))
