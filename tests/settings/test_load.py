"""What a right folder gives, whatever it is called and however it was saved; and that no bytes give a traceback."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import ConfigError
from bridge.settings import AuthUser, MarketSettings, Settings, load, policy_hash, write_defaults
from bridge.settings.source import dotted, read
from tests.settings.builders import append, swap, write_folder

FILES = ["bridge.toml", "policy.toml", "symbols.toml", "firms/ftmo-2step.toml"]
WORDS = (
    "[ ] = . \" ' , { } # accounts login rules caps classes nan 1 - é server bind policy firm true 1e999 0x 2026-11-20"
    " \\u0000 patterns auth users"
)
TOKENS = st.sampled_from([*WORDS.split(), " ", "\n"])


@pytest.mark.parametrize("name", ["with space", "Größe und Maß", "設定", "a.b'c"])
def test_folder_of_any_name_loads(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path, name)
    (folder / "policy.toml").rename(folder / "meine größe.toml")
    (folder / "firms" / "ftmo-2step.toml").rename(folder / "firms" / "böse firma.toml")
    swap(folder, "bridge.toml", '"policy.toml"', '"meine größe.toml"')
    swap(folder, "bridge.toml", '"ftmo-2step"', '"böse firma"')
    swap(folder, "bridge.toml", '"journal.sqlite"', '"daten/jour nal.sqlite"')

    loaded = load(folder)

    assert loaded.accounts[0].firm.name == "böse firma"
    assert loaded.journal.path == folder / "daten" / "jour nal.sqlite"


@pytest.mark.parametrize("name", FILES)
def test_byte_order_mark_and_windows_line_ends_are_tolerated(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path)
    before = policy_hash(load(folder).accounts[0])
    text = (folder / name).read_text(encoding="utf-8")
    (folder / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())

    assert policy_hash(load(folder).accounts[0]) == before


def test_whole_number_is_a_number(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    before = policy_hash(load(folder).accounts[0])
    swap(folder, "policy.toml", "halt_pct = 10.0", "halt_pct = 10")

    assert policy_hash(load(folder).accounts[0]) == before


def test_accounts_keep_their_order_and_own_files(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "bold.toml").write_text("[budget]\nbase_risk_pct = 2\n", encoding="utf-8")
    table = '[[accounts]]\nlogin = 7\nterminal = "ea_feed"\nfirm = "own-account"\n'
    append(folder, "bridge.toml", table + 'initial_balance = 5000\npolicy = "bold.toml"\n')

    first, second = load(folder).accounts

    assert (first.login, second.login) == (1000001, 7)
    assert second.policy.budget.base_risk_pct == 2.0
    assert second.firm.name == "own-account"
    assert second.initial_balance == 5000.0
    assert second.symbols is first.symbols


def test_recorded_account_takes_sample_with_defaults(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "bridge.toml", 'terminal = "ea_feed"', 'terminal = "recorded"\nmarket = "sample"')

    market = load(folder).accounts[0].market

    assert market == MarketSettings(path=None, balance=100_000.0, leverage=100, currency="USD")


def test_recorded_account_takes_a_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    (folder / "meine ticks").mkdir()
    keys = 'market = "meine ticks"\nbalance = 180791\nleverage = 30\ncurrency = "EUR"'
    swap(folder, "bridge.toml", 'terminal = "ea_feed"', f'terminal = "recorded"\n{keys}')

    market = load(folder).accounts[0].market

    assert market == MarketSettings(path=folder / "meine ticks", balance=180_791.0, leverage=30, currency="EUR")


@pytest.mark.parametrize("bind", ["tcp://localhost:5757", "tcp://[::1]:5757", "tcp://127.0.0.1:*", "tcp://127.0.0.2:0"])
def test_loopback_needs_no_keys(tmp_path: Path, bind: str) -> None:
    folder = write_folder(tmp_path)
    swap(folder, "bridge.toml", "tcp://127.0.0.1:5757", bind)

    assert load(folder).server.bind == bind


def test_open_address_with_curve_keys_loads(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
    (folder / "server.key_secret").write_text("", encoding="utf-8")
    swap(folder, "bridge.toml", "tcp://127.0.0.1:5757", "tcp://0.0.0.0:5757")
    swap(folder, "bridge.toml", 'mechanism = "null"', 'mechanism = "curve"\nsecret_key_file = "server.key_secret"')
    append(folder, "bridge.toml", f"[[auth.users]]\nname = 'ea'\naccounts = [1000001]\npublic_key = '{key}'\n")

    auth = load(folder).auth

    assert auth.secret_key_file == folder / "server.key_secret"
    assert auth.users == (AuthUser(name="ea", public_key=key, accounts=(1000001,)),)


def test_password_is_not_in_the_repr() -> None:
    assert "secret" not in repr(AuthUser(name="ea", password="secret", accounts=(1,)))  # noqa: S106  # not a secret


def test_lines_of_nested_tables_are_found(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('a = 1\n[[t]]\nb = 1\n[[t.u]]\nc = 1\n[[t]]\n[[t.u]]\n"x/y" = 1\nd.e = [\n 1]\n', encoding="utf-8")

    lines = {dotted(loc): line for loc, line in read(path, "x.toml").lines.items()}

    assert lines == {"a": 1, "t[0]": 2, "t[0].b": 3, "t[0].u[0]": 4, "t[0].u[0].c": 5} | {
        "t[1]": 6,
        "t[1].u[0]": 7,
        "t[1].u[0].x/y": 8,
        "t[1].u[0].d.e": 9,
    }


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(FILES),
    content=st.one_of(
        st.binary(max_size=200), st.lists(TOKENS, max_size=30).map(lambda tokens: "".join(tokens).encode())
    ),
    replace=st.booleans(),
)
def test_any_bytes_give_settings_or_config_error(name: str, content: bytes, replace: bool) -> None:
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "config"
        write_defaults(folder, "guide")
        before = b"" if replace else (folder / name).read_bytes()
        (folder / name).write_bytes(before + content)
        assert_settings_or_config_error(folder)


VALUES = st.recursive(
    st.sampled_from(
        ["0", "-1", "1.5", "nan", "-inf", "true", '""', '"x"', '"\\u0000"', '"../x"', "2026-11-20", "0x1" + 40 * "0"]
    )
    | st.text(max_size=300).map(
        lambda text: '"' + "".join(f"\\U{ord(c):08x}" for c in text if not 0xD800 <= ord(c) < 0xE000) + '"'
    ),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        | inner.map(lambda item: "{ a = " + item + " }")
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(FILES), position=st.integers(min_value=0), value=VALUES)
def test_any_value_at_any_key_gives_settings_or_config_error(name: str, position: int, value: str) -> None:
    with TemporaryDirectory() as parent:
        folder = Path(parent) / "config"
        write_defaults(folder, "guide")
        lines = (folder / name).read_text(encoding="utf-8").splitlines()
        keys = [number for number, line in enumerate(lines) if " = " in line and line[0] != "#" and line[-1] != "["]
        chosen = keys[position % len(keys)]
        lines[chosen] = lines[chosen].split(" = ")[0] + " = " + value
        (folder / name).write_text("\n".join(lines), encoding="utf-8")
        assert_settings_or_config_error(folder)


def assert_settings_or_config_error(folder: Path) -> None:
    try:
        loaded = load(folder)
    except ConfigError as caught:
        error = str(caught)
        count = int(error.split(maxsplit=1)[0])
    else:
        assert isinstance(loaded, Settings)
        assert len(policy_hash(loaded.accounts[0])) == 16
        return
    assert len(error.splitlines()) == count + 1
