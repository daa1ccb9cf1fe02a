"""The shipped files: they load, they equal the code's defaults, and they explain every key."""

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import ConfigError
from bridge.settings import AuthUser, defaults_folder, load, policy_hash, write_defaults
from bridge.settings.model import AccountEntry, AuthSettings, JournalSettings, LogSettings, ServerSettings
from bridge.settings.wording import allowed
from sizing.policy import Policy
from sizing.prop.firm import CalendarRule, Consistency, Firm, FirmLimits, NewsBlackout
from sizing.prop.rules import LossRule
from sizing.symbols import SymbolClass
from tests.settings.builders import write_folder

FIRMS = sorted(path.stem for path in (defaults_folder() / "firms").glob("*.toml"))
POLICIES = [(field.name, getattr(Policy(), field.name)) for field in dataclasses.fields(Policy)]


def comments_of(text: str, key: str) -> list[str]:
    """For each place a key stands, commented out or not: the comment lines above it as one line of text."""
    lines = text.splitlines()
    found = []
    for number, line in enumerate(lines):
        if not re.match(rf"(# )?{key} = ", line):
            continue
        above = []
        for other in reversed(lines[:number]):
            if not other.startswith("#") or re.match(r"# \w+ = ", other):
                break
            above.append(other.lstrip("# "))
        found.append(" ".join(reversed(above)))
    return found


def section(text: str, name: str) -> str:
    """The lines of one table of a TOML file."""
    return text.split(f"\n[{name}]\n")[1].split("\n[", maxsplit=1)[0]


def test_default_folder_loads_with_the_code_defaults() -> None:
    settings = load(defaults_folder())

    assert settings.accounts[0].policy == Policy()
    assert settings.server == ServerSettings()
    assert settings.auth == AuthSettings()
    assert settings.log == LogSettings()
    assert settings.journal == JournalSettings(path=defaults_folder() / "journal.sqlite")


def test_empty_policy_file_means_the_defaults(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "policy.toml").write_text("", encoding="utf-8")

    assert load(folder).accounts[0].policy == Policy()


@pytest.mark.parametrize("name", ["policy.toml", "policy-leveraged.toml"])
@pytest.mark.parametrize(("group", "values"), POLICIES)
def test_policy_key_stands_in_the_file_with_unit_and_range(name: str, group: str, values: Any) -> None:
    text = section((defaults_folder() / name).read_text(encoding="utf-8"), group)
    for field in dataclasses.fields(values):
        comments = comments_of(text, field.name)
        assert len(comments) == 1, f"{name}: [{group}] {field.name}"
        assert field.metadata["unit"] in comments[0]
        assert allowed(field.metadata).replace('"', "") in comments[0]


@pytest.mark.parametrize("cls", [ServerSettings, AuthSettings, AuthUser, JournalSettings, LogSettings, AccountEntry])
def test_bridge_key_stands_in_the_file_with_its_unit(cls: Any) -> None:
    text = (defaults_folder() / "bridge.toml").read_text(encoding="utf-8")
    for field in dataclasses.fields(cls):
        if "unit" in field.metadata:
            comments = comments_of(text, field.name)
            assert any(field.metadata["unit"] in comment for comment in comments), field.name


@pytest.mark.parametrize("cls", [Firm, LossRule, Consistency, FirmLimits, CalendarRule, NewsBlackout])
def test_firm_key_stands_in_the_file_with_its_unit(cls: Any) -> None:
    text = (defaults_folder() / "firms" / "ftmo-2step.toml").read_text(encoding="utf-8")
    for field in dataclasses.fields(cls):
        if "unit" in field.metadata and (cls, field.name) != (Firm, "name"):
            wanted = "Unit: text" if (cls, field.name) == (Firm, "title") else field.metadata["unit"]
            assert any(wanted in comment for comment in comments_of(text, field.name)), field.name


@pytest.mark.parametrize("name", ["symbols.toml", "symbols-leveraged.toml"])
def test_symbol_class_keys_are_explained_and_set_in_every_class(name: str) -> None:
    text = (defaults_folder() / name).read_text(encoding="utf-8")
    for field in dataclasses.fields(SymbolClass):
        assert text.count(f"\n{field.name} = ") == text.count("\n[classes.")
        assert f"# {field.name} " in text
        assert field.metadata.get("unit", "Name stems") in text


def test_guide_limits_are_the_designs(tmp_path: Path) -> None:
    classes = load(write_folder(tmp_path)).accounts[0].symbols.classes

    limits = {name: (classes[name].max_lots, classes[name].max_notional_pct) for name in classes}
    assert limits["forex"] == (10.0, 20.0)
    assert limits["gold"] == (25.0, 15.0)
    assert limits["indices"] == (10.0, 10.0)
    assert limits["oil"] == (10.0, 10.0)


def test_leveraged_preset_differs_in_limits_only(tmp_path: Path) -> None:
    guide = load(write_folder(tmp_path)).accounts[0]
    write_defaults(tmp_path / "leveraged", "leveraged")
    leveraged = load(tmp_path / "leveraged").accounts[0]

    assert leveraged.policy == dataclasses.replace(
        guide.policy, caps=dataclasses.replace(guide.policy.caps, gross_exposure=20.0, net_exposure=15.0)
    )
    limits = {name: (entry.max_lots, entry.max_notional_pct) for name, entry in leveraged.symbols.classes.items()}
    assert limits["gold"] == (25.0, 500.0)
    assert limits["crypto"] == (5.0, 200.0)
    for name, entry in guide.symbols.classes.items():
        lots, notional = limits[name]
        assert leveraged.symbols.classes[name] == dataclasses.replace(entry, max_lots=lots, max_notional_pct=notional)
    assert leveraged.symbols.aliases == guide.symbols.aliases
    assert leveraged.symbols.correlations == guide.symbols.correlations


@pytest.mark.parametrize("firm", FIRMS)
def test_every_shipped_firm_loads_with_a_source_and_date_per_rule(tmp_path: Path, firm: str) -> None:
    folder = write_folder(tmp_path)
    path = folder / "bridge.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('"ftmo-2step"', f'"{firm}"'), encoding="utf-8")

    loaded = load(folder).accounts[0].firm
    assert loaded.name == firm
    assert "total" in {rule.scope for rule in loaded.rules}
    assert all(rule.source and rule.as_of for rule in loaded.rules)


@pytest.mark.parametrize(
    ("symbol", "found"),
    [
        ("EURUSD.sim", ("forex", "EURUSD")),
        ("USDMXN", ("forex_exotic", "USDMXN")),
        ("XAUUSD", ("gold", "XAU")),
        ("GOLD.f", ("gold", "XAU")),
        ("GOLDMAN", ("stocks", "GOLDMAN")),
        ("WS30", ("indices", "US30")),
        ("US30.cash", ("indices", "US30")),
        ("US30Y", ("bonds", "US30Y")),
        ("USOILF26", ("oil", "USOIL")),
        ("XTIUSD", ("oil", "USOIL")),
        ("BTCUSD", ("crypto", "BTCUSD")),
        ("US300", None),
        ("NOTHING", None),
    ],
)
def test_symbol_is_classed_or_refused(symbol: str, found: tuple[str, str] | None) -> None:
    assert load(defaults_folder()).accounts[0].symbols.find(symbol) == found


def test_policy_hash_is_stable_and_follows_every_part(tmp_path: Path) -> None:
    account = load(write_folder(tmp_path)).accounts[0]
    again = load(write_folder(tmp_path, "again")).accounts[0]
    policy = dataclasses.replace(account.policy, heat=dataclasses.replace(account.policy.heat, factor=0.6))
    symbols = dataclasses.replace(account.symbols, aliases={})
    firm = dataclasses.replace(account.firm, reset="01:00")

    assert re.fullmatch("[0-9a-f]{16}", policy_hash(account))
    assert policy_hash(account) == policy_hash(again)
    changed = [
        dataclasses.replace(account, **part) for part in ({"policy": policy}, {"symbols": symbols}, {"firm": firm})
    ]
    assert len({policy_hash(each) for each in [account, *changed]}) == 4


def test_init_writes_nothing_where_a_file_exists(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (folder / "policy.toml").write_text("mine", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"policy\.toml"):
        write_defaults(folder, "guide")
    assert [path.name for path in tmp_path.rglob("*")] == ["config", "policy.toml"]
    assert (folder / "policy.toml").read_text(encoding="utf-8") == "mine"


def test_init_fills_a_folder_that_holds_other_files(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "notes.txt").write_text("mine", encoding="utf-8")

    written = write_defaults(tmp_path / "config", "guide")

    assert all(path.is_file() for path in written)
    assert (tmp_path / "config" / "notes.txt").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["config"]
    load(tmp_path / "config")


def test_init_undoes_everything_when_a_move_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    rename = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "symbols.toml":
            raise PermissionError(13, "denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(ConfigError, match="denied"):
        write_defaults(folder, "guide")
    assert list(tmp_path.rglob("*")) == [folder]


def test_init_into_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="is a file"):
        write_defaults(tmp_path / "config", "guide")
