"""`lotbridge install-ea` into fake terminals: Wine prefixes on any system, and Windows' folders."""

import importlib
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bridge.errors import ConfigError
from bridge.install_ea import sources
from bridge.install_ea.faults import InstallError
from bridge.install_ea.manifest import MANIFEST, digest
from bridge.install_ea.places import places
from bridge.install_ea.sources import mql5_folder, shipped_files
from bridge.install_ea.terminals import find_terminals, named_terminal
from bridge.install_ea.transaction import Step, carry_out
from tests.cli.conftest import Run

# The package's attribute of this name is the command.
COMMAND = importlib.import_module("bridge.cli.install_ea")
ONE, TWO = "D0E8209F77C8CF37AD8BF550E51FF075", "0123456789abcdef0123456789ABCDEF"
JSON, DEMO, DOCTOR = "Include/LotBridge/Json.mqh", "Experts/LotBridge/Demo.mq5", "Scripts/LotBridge/Doctor.mq5"
NAMES = (JSON, DEMO, DOCTOR)

Data = Callable[..., Path]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with an empty Wine prefix, where the command looks whatever the system."""
    folder = tmp_path / "home of ä"
    (folder / ".wine" / "drive_c" / "users" / "trader").mkdir(parents=True)
    monkeypatch.setattr(COMMAND, "places", lambda *_: places("linux", {}, folder))
    return folder


@pytest.fixture
def drive(home: Path) -> Path:
    return home / ".wine" / "drive_c"


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package of version 1, and what must not be installed from it."""
    folder = tmp_path / "shipped" / "mql5"
    for name in (*NAMES, "Experts/LotBridge/Demo.ex5", "README.md"):
        put(folder / name, f"// {name}, version 1\n")
    monkeypatch.setattr(COMMAND, "mql5_folder", lambda: folder)
    return folder


@pytest.fixture
def data(drive: Path) -> Path:
    """The one terminal's data folder."""
    installation(drive / "Program Files" / "MetaTrader 5")
    return data_folder(roaming(drive), ONE, "C:\\Program Files\\MetaTrader 5")


def roaming(drive: Path) -> Path:
    return drive / "users" / "trader" / "AppData" / "Roaming"


def installation(folder: Path, *, mql5: bool = True) -> Path:
    put(folder / "terminal64.exe", "")
    if mql5:
        (folder / "MQL5").mkdir()
    return folder


def data_folder(appdata: Path, name: str, origin: str | None, encoding: str = "utf-16") -> Path:
    folder = appdata / "MetaQuotes" / "Terminal" / name
    (folder / "MQL5" / "Include").mkdir(parents=True)
    if origin is not None:
        (folder / "origin.txt").write_bytes(origin.encode(encoding))
    return folder


def put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def upgrade(shipped: Path) -> None:
    for name in NAMES:
        put(shipped / name, f"// {name}, version 2\n")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


def states(run: Run, *arguments: str | Path) -> dict[str, str]:
    """What became of each file of the one terminal."""
    outcome = run("install-ea", "--json", *arguments)
    assert outcome.code == 0, outcome
    reply: dict[str, Any] = json.loads(outcome.out)
    (terminal,) = reply["terminals"]
    return {item["name"]: item["state"] for item in terminal["files"]}


# Installing


def test_files_are_copied_and_the_clicks_are_told(run: Run, data: Path, shipped: Path) -> None:
    outcome = run("install-ea")
    assert outcome.code == 0
    installed = contents(data / "MQL5")
    assert installed.keys() == {*NAMES, f"Include/LotBridge/{MANIFEST}"}
    assert all(installed[name] == (shipped / name).read_bytes() for name in NAMES)
    text = " ".join(outcome.out.split())
    assert "C:\\Program Files\\MetaTrader 5" in text
    assert "Files: 3 added." in text
    for wanted in ("Tools > Options > Expert Advisors", "127.0.0.1", "F7", DEMO, DOCTOR, "Navigator"):
        assert wanted in text


def test_manifest_holds_version_and_digests(run: Run, data: Path, shipped: Path) -> None:
    run("install-ea")
    manifest = json.loads((data / "MQL5/Include/LotBridge" / MANIFEST).read_bytes())
    assert manifest["version"]
    assert manifest["files"] == {name: digest((shipped / name).read_bytes()) for name in NAMES}


def test_second_run_writes_nothing(run: Run, data: Path, shipped: Path) -> None:
    run("install-ea")
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    assert set(states(run).values()) == {"unchanged"}
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_unchanged_files_are_upgraded_even_if_an_editor_rewrote_the_line_ends(
    run: Run, data: Path, shipped: Path
) -> None:
    run("install-ea")
    put(data / "MQL5" / JSON, f"\ufeff// {JSON}, version 1\r\n")
    upgrade(shipped)
    assert states(run) == dict.fromkeys(NAMES, "upgraded")
    assert (data / "MQL5" / JSON).read_text() == f"// {JSON}, version 2\n"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_file_saved_as_utf_16_is_not_changed_by_that(run: Run, data: Path, shipped: Path, encoding: str) -> None:
    run("install-ea")
    bom = "" if encoding == "utf-16" else "\ufeff"
    (data / "MQL5" / JSON).write_bytes(f"{bom}// {JSON}, version 1\r\n".encode(encoding))
    assert states(run)[JSON] == "unchanged"
    (data / "MQL5" / JSON).write_bytes(f"{bom}// mine\r\n".encode(encoding))
    assert states(run)[JSON] == "kept"
    (data / "MQL5" / JSON).write_bytes(b"\xff\xfeodd")
    assert states(run)[JSON] == "kept"


def test_second_run_says_that_all_is_up_to_date_and_the_clicks_in_short(run: Run, data: Path, shipped: Path) -> None:
    assert "up to date" not in run("install-ea").out
    text = " ".join(run("install-ea").out.split())
    assert "are there and up to date." in text
    assert "compile with F7" in text
    assert "What remains" not in text
    put(data / "MQL5" / JSON, "mine")
    assert "up to date" not in run("install-ea").out


def test_leftovers_of_an_installation_that_was_killed_are_removed_and_nothing_else(
    run: Run, data: Path, shipped: Path
) -> None:
    run("install-ea")
    mine = data / "MQL5/Experts/LotBridge/.lotbridge-kept-0123456789ab.tmp"
    put(mine, "what an earlier run has told to be the user's")
    before = contents(data)
    for folder in ("Include/LotBridge", "Experts/LotBridge", "Scripts/LotBridge/Deep"):
        put(data / "MQL5" / folder / ".lotbridge-0123456789ab.tmp", "half a file")
    outcome = run("install-ea")
    assert outcome.code == 0
    assert "Removed: 3 files" in outcome.out
    assert contents(data) == before


def test_process_that_is_killed_leaves_nothing_that_the_next_run_does_not_remove(
    run: Run, data: Path, shipped: Path, tmp_path: Path
) -> None:
    code = (
        "import os, sys; from pathlib import Path; from bridge.install_ea.transaction import Step, carry_out\n"
        "Path.replace = lambda *_: os._exit(9)\n"
        "carry_out([Step(Path(name), b'new', None) for name in sys.argv[1:]])"
    )
    names = [str(data / "MQL5" / name) for name in NAMES]
    assert subprocess.run([sys.executable, "-c", code, *names], check=False).returncode == 9
    assert sum(name.endswith(".tmp") for name in contents(data)) == 3
    assert run("install-ea").code == 0
    assert contents(data / "MQL5").keys() == {*NAMES, f"Include/LotBridge/{MANIFEST}"}


def test_changed_file_is_kept_and_the_new_one_put_beside(run: Run, data: Path, shipped: Path) -> None:
    run("install-ea")
    put(data / "MQL5" / JSON, "mine")
    upgrade(shipped)
    outcome = run("install-ea")
    assert outcome.code == 0
    assert f"Kept, since you changed it: {JSON}. The new one: Json.mqh.new" in outcome.out
    assert (data / "MQL5" / JSON).read_text() == "mine"
    assert (data / "MQL5" / f"{JSON}.new").read_bytes() == (shipped / JSON).read_bytes()
    assert (data / "MQL5" / DEMO).read_bytes() == (shipped / DEMO).read_bytes()
    assert states(run) == {JSON: "kept", DEMO: "unchanged", DOCTOR: "unchanged"}


def test_new_file_goes_once_its_content_is_taken_over(run: Run, data: Path, shipped: Path) -> None:
    run("install-ea")
    put(data / "MQL5" / JSON, "mine")
    upgrade(shipped)
    run("install-ea")
    put(data / "MQL5" / JSON, (shipped / JSON).read_text())
    assert states(run)[JSON] == "unchanged"
    assert contents(data / "MQL5").keys() == {*NAMES, f"Include/LotBridge/{MANIFEST}"}


def test_new_file_that_the_user_edited_is_saved_before_it_is_replaced(run: Run, data: Path, shipped: Path) -> None:
    put(data / "MQL5" / JSON, "mine")
    run("install-ea")
    put(data / "MQL5" / f"{JSON}.new", "half merged")
    upgrade(shipped)
    run("install-ea")
    assert (data / "MQL5" / f"{JSON}.new").read_bytes() == (shipped / JSON).read_bytes()
    assert (data / "MQL5" / f"{JSON}.new.bak").read_text() == "half merged"


def test_file_that_was_there_before_counts_as_the_users(run: Run, data: Path, shipped: Path) -> None:
    put(data / "MQL5" / JSON, "mine")
    put(data / "MQL5" / DEMO, (shipped / DEMO).read_text())
    assert states(run) == {JSON: "kept", DEMO: "unchanged", DOCTOR: "added"}


@pytest.mark.parametrize("broken", [b"", b"{", b"\xff\xfe", b"[]", b'{"files": {"a": 1}}'])
def test_broken_manifest_makes_every_difference_the_users(run: Run, data: Path, shipped: Path, broken: bytes) -> None:
    run("install-ea")
    (data / "MQL5/Include/LotBridge" / MANIFEST).write_bytes(broken)
    upgrade(shipped)
    assert set(states(run).values()) == {"kept"}


def test_force_replaces_a_changed_file_and_keeps_every_backup(run: Run, data: Path, shipped: Path) -> None:
    run("install-ea")
    for text, backup in (("mine", "Json.mqh.bak"), ("mine again", "Json.mqh.bak2")):
        put(data / "MQL5" / JSON, text)
        run("install-ea")
        outcome = run("install-ea", "--force")
        assert f"Replaced: {JSON}. Yours is now {backup}" in outcome.out
        assert (data / "MQL5" / JSON).read_bytes() == (shipped / JSON).read_bytes()
        assert (data / "MQL5/Include/LotBridge" / backup).read_text() == text
    assert not (data / "MQL5" / f"{JSON}.new").exists()


def test_file_that_ships_no_longer_is_left_and_named(run: Run, data: Path, shipped: Path) -> None:
    run("install-ea")
    (shipped / JSON).unlink()
    put(shipped / "Include/LotBridge/Other.mqh", "")
    outcome = run("install-ea")
    assert f"No longer part of lotbridge, and left: {JSON}" in outcome.out
    assert (data / "MQL5" / JSON).exists()


def test_dry_run_says_it_and_writes_nothing(run: Run, data: Path, shipped: Path) -> None:
    outcome = run("install-ea", "--dry-run")
    assert (outcome.code, "3 added" in outcome.out, "Nothing was written" in outcome.out) == (0, True, True)
    assert contents(data / "MQL5") == {}
    assert [path.name for path in (data / "MQL5").iterdir()] == ["Include"]


def test_names_of_another_case_are_the_same_folders(run: Run, drive: Path, shipped: Path) -> None:
    folder = roaming(drive) / "metaquotes" / "TERMINAL" / ONE / "mql5"
    put(folder / "include" / "lotbridge" / "json.MQH", "mine")
    assert states(run)[JSON] == "kept"
    assert sorted(path.name for path in folder.iterdir()) == ["Experts", "Scripts", "include"]


# All or nothing


def test_failure_half_way_leaves_everything_as_it_was(
    run: Run, data: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("install-ea")
    put(data / "MQL5" / JSON, "mine")
    upgrade(shipped)
    put(shipped / "Scripts/LotBridge/Deep/Other.mq5", "")
    before = contents(data)
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if target.name == "Doctor.mq5":
            raise PermissionError(13, "denied", str(self), None, str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    outcome = run("install-ea", "--force")
    assert outcome.code == 1
    assert re.search(r"Doctor\.mq5 cannot be written: denied\. Nothing was changed\.", outcome.err)
    assert contents(data) == before
    assert not (data / "MQL5/Scripts/LotBridge/Deep").exists()


def test_interrupt_half_way_leaves_everything_as_it_was(
    run: Run, data: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        replace(self, target)
        if target.name == MANIFEST:
            raise KeyboardInterrupt
        return target

    monkeypatch.setattr(Path, "replace", interrupted)
    assert run("install-ea").code == 130
    assert contents(data / "MQL5") == {}
    assert [path.name for path in (data / "MQL5").iterdir()] == ["Include"]


def test_what_cannot_be_put_back_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a", "old")
    replace = Path.replace

    def once(self: Path, target: Path) -> Path:
        if target.name == "b" or target.read_text() == "new":
            raise PermissionError(13, "denied", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", once)
    with pytest.raises(InstallError, match=r"Not all could be put back: the old .*a is ") as caught:
        carry_out([Step(tmp_path / "a", b"new", b"old"), Step(tmp_path / "b", b"", None)])
    kept = re.search(r"a is (.*?\.tmp) \(denied\)", str(caught.value))
    assert kept is not None
    assert Path(kept[1]).read_text() == "old"


@pytest.mark.parametrize("when", ["before", "while"])
def test_file_saved_meanwhile_is_left_and_nothing_is_installed(
    run: Run, data: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    run("install-ea")
    upgrade(shipped)
    before = contents(data)
    saved = data / "MQL5" / DOCTOR
    carry_out, replace = COMMAND.carry_out, Path.replace

    def late(steps: list[Step]) -> None:
        put(saved, "saved after the plan")
        carry_out(steps)

    def later(self: Path, target: Path) -> Path:
        if target.name == "Demo.mq5":
            put(saved, "saved after the first file")
        return replace(self, target)

    if when == "before":
        monkeypatch.setattr(COMMAND, "carry_out", late)
    else:
        monkeypatch.setattr(Path, "replace", later)
    outcome = run("install-ea")
    assert outcome.code == 1
    assert "Doctor.mq5 was changed at this very moment" in outcome.err
    assert saved.read_text().startswith("saved after")
    assert contents(data) == before | {saved.relative_to(data).as_posix(): saved.read_bytes()}


def test_file_saved_after_it_was_replaced_is_not_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "a", "old")
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if target.name == "b":
            put(tmp_path / "a", "saved just now")
            raise PermissionError(13, "denied", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(InstallError, match=r"the old .*a is .* \(was changed since\)") as caught:
        carry_out([Step(tmp_path / "a", b"new", b"old"), Step(tmp_path / "b", b"", None)])
    assert (tmp_path / "a").read_text() == "saved just now"
    kept = re.search(r"a is (.*?\.tmp) \(was", str(caught.value))
    assert kept is not None
    assert Path(kept[1]).read_text() == "old"


def test_folder_that_takes_no_files_is_said(run: Run, data: Path, shipped: Path) -> None:
    put(data / "MQL5" / "Experts", "a file where a folder must be")
    outcome = run("install-ea")
    assert outcome.code == 1
    assert "Nothing was changed." in outcome.err
    assert contents(data / "MQL5").keys() == {"Experts"}
    assert "Experts is a file where a folder must go: move it away." in " ".join(outcome.err.split())


def test_file_in_the_place_of_our_folder_is_said(run: Run, data: Path, shipped: Path) -> None:
    put(data / "MQL5" / "Include" / "LotBridge", "")
    outcome = run("install-ea")
    assert outcome.code == 1
    assert "LotBridge is a file where a folder must go: move it away. Nothing" in " ".join(outcome.err.split())


def test_folder_in_the_place_of_a_file_is_said(run: Run, data: Path, shipped: Path) -> None:
    (data / "MQL5" / JSON).mkdir(parents=True)
    outcome = run("install-ea")
    assert outcome.code == 1
    assert "is a folder where a file must go" in outcome.err


def test_link_to_the_checkout_is_left_alone(run: Run, data: Path, shipped: Path) -> None:
    try:
        (data / "MQL5/Include/LotBridge").symlink_to(shipped / "Include/LotBridge", target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    outcome = run("install-ea")
    assert outcome.code == 1
    assert "is a link to the file" in outcome.err
    assert not (shipped / "Include/LotBridge" / MANIFEST).exists()


# Finding the terminals


def test_no_terminal_is_said(run: Run, home: Path, shipped: Path) -> None:
    outcome = run("install-ea")
    assert outcome.code == 1
    assert "No MetaTrader 5 terminal was found" in outcome.err
    reply = json.loads(run("install-ea", "--json").out)
    assert (reply["ok"], reply["terminals"]) == (False, [])
    assert str(home / ".wine") in reply["problem"]
    assert f"{home / '.mt5'} (which is not there)" in reply["problem"]


def test_prefix_of_the_environment_that_is_not_there_is_said(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = {"WINEPREFIX": str(tmp_path / "none")}
    monkeypatch.setattr(COMMAND, "places", lambda *_: places("linux", environment, home))
    monkeypatch.setattr(COMMAND.sys, "platform", "linux")
    monkeypatch.setenv("WINEPREFIX", str(tmp_path / "none"))
    problem = json.loads(run("install-ea", "--json").out)["problem"]
    assert f"{tmp_path / 'none'} (which is not there) (from WINEPREFIX)" in problem


def test_help_says_where_it_looks(run: Run) -> None:
    text = " ".join(run("install-ea", "--help").out.split())
    assert all(each in text for each in ("WINEPREFIX", "~/.wine", "~/.mt5", "%APPDATA%"))


def test_several_terminals_are_listed_and_one_is_to_be_named(run: Run, drive: Path, data: Path, shipped: Path) -> None:
    other = data_folder(roaming(drive), TWO, None)
    portable = installation(drive / "Program Files" / "Broker MT5")
    outcome = run("install-ea")
    assert outcome.code == 2
    for named in (data, other, portable / "MQL5"):
        assert f'lotbridge install-ea --terminal "{named}"' in outcome.err
        assert contents(named).keys() <= {"origin.txt"}
    as_json = run("install-ea", "--json")
    reply = json.loads(as_json.out)
    assert (as_json.code, reply["ok"]) == (2, False)
    assert {each["folder"] for each in reply["terminals"]} == {str(data), str(other), str(portable)}

    assert set(states(run, "--terminal", other).values()) == {"added"}
    assert (other / "MQL5" / JSON).exists()
    assert not (data / "MQL5" / JSON).exists()


def test_all_installs_into_every_terminal(run: Run, drive: Path, data: Path, shipped: Path) -> None:
    other = data_folder(roaming(drive), TWO, None)
    assert run("install-ea", "--all").code == 0
    assert (data / "MQL5" / JSON).exists()
    assert (other / "MQL5" / JSON).exists()
    assert run("install-ea", "--all", "--terminal", data).code == 2


def test_other_folders_are_no_terminals(run: Run, drive: Path, data: Path) -> None:
    root = roaming(drive) / "MetaQuotes" / "Terminal"
    (root / "Common" / "MQL5").mkdir(parents=True)
    (root / TWO / "MQL4").mkdir(parents=True)
    put(root / ("A" * 32), "a file")
    assert [each.folder for each in find_terminals(places("linux", {}, drive.parents[1]))] == [data]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8", "utf-8-sig"])
def test_origin_names_the_installation_in_any_encoding(home: Path, drive: Path, encoding: str) -> None:
    installation(drive / "Program Files" / "MetaTrader 5")
    data_folder(roaming(drive), ONE, "c:\\PROGRAM FILES\\metatrader 5\\\r\n", encoding)
    (found,) = find_terminals(places("linux", {}, home))
    assert found.installation == "c:\\PROGRAM FILES\\metatrader 5\\"
    assert not found.portable


def test_prefix_of_the_environment_is_the_only_one(home: Path, data: Path, tmp_path: Path) -> None:
    other = tmp_path / "other prefix"
    appdata = other / "drive_c" / "users" / "me" / "Application Data"
    folder = data_folder(appdata, TWO, "D:\\Trading\\MT5")
    assert [each.folder for each in find_terminals(places("linux", {"WINEPREFIX": str(other)}, home))] == [folder]


def test_other_drives_of_wine_are_followed(home: Path, drive: Path, tmp_path: Path) -> None:
    program = installation(tmp_path / "disk" / "Trading" / "MT5")
    data = data_folder(roaming(drive), ONE, "D:\\trading\\mt5")
    try:
        (home / ".wine" / "dosdevices").mkdir()
        (home / ".wine" / "dosdevices" / "d:").symlink_to(tmp_path / "disk", target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no such links")
    assert named_terminal(program, places("linux", {}, home)).folder == data


def test_folder_linked_under_two_names_is_one_terminal(home: Path, drive: Path, data: Path) -> None:
    try:
        (drive / "users" / "trader" / "Application Data").symlink_to(roaming(drive), target_is_directory=True)
        (home / ".mt5").symlink_to(home / ".wine", target_is_directory=True)
    except OSError:
        pytest.skip("this system makes no links")
    assert len(find_terminals(places("linux", {}, home))) == 1


def test_windows_folders_are_found(tmp_path: Path) -> None:
    programs, appdata = tmp_path / "Program Files", tmp_path / "App Data" / "Roaming"
    first, second = installation(programs / "MetaTrader 5"), installation(programs / "Broker MT5")
    data = data_folder(appdata, ONE, str(first))
    environment = {"APPDATA": str(appdata), "ProgramFiles": str(programs), "ProgramW6432": str(programs)}
    looked_at = places("win32", environment, tmp_path)
    assert [(each.folder, each.portable) for each in find_terminals(looked_at)] == [(data, False), (second, True)]
    assert named_terminal(first, looked_at).folder == data
    assert find_terminals(places("win32", {}, tmp_path)) == []


# Naming one


@pytest.mark.parametrize("ending", ["", "/terminal64.exe", "/TERMINAL64.EXE", '"'])
def test_installation_means_its_data_folder(home: Path, drive: Path, data: Path, ending: str) -> None:
    given = Path(f"{drive}/Program Files/MetaTrader 5{ending}")
    assert named_terminal(given, places("linux", {}, home)).folder == data


def test_installation_in_a_prefix_of_any_name_finds_its_data(home: Path, tmp_path: Path) -> None:
    drive = tmp_path / "my prefix" / "drive_c"
    program = installation(drive / "MT5", mql5=False)
    data = data_folder(roaming(drive), TWO, "C:\\MT5")
    assert named_terminal(program, places("linux", {}, home)).folder == data


def test_mql5_folder_is_taken_as_it_is(home: Path, drive: Path, data: Path) -> None:
    program = drive / "Program Files" / "MetaTrader 5"
    found = named_terminal(program / "MQL5", places("linux", {}, home))
    assert (found.folder, found.portable) == (program, True)


@pytest.mark.parametrize(
    "given", ["C:\\Program Files\\MetaTrader 5", "c:/program files/METATRADER 5/terminal64.exe", 'C:\\Program Files\\"']
)
def test_windows_own_name_is_followed_into_the_prefix(home: Path, drive: Path, data: Path, given: str) -> None:
    looked_at = places("linux", {}, home)
    if given.endswith('"'):
        with pytest.raises(ConfigError, match="holds neither"):
            named_terminal(Path(given), looked_at)
    else:
        assert named_terminal(Path(given), looked_at).folder == data


def test_windows_own_name_that_no_prefix_has_or_several_is_said(home: Path, drive: Path, data: Path) -> None:
    looked_at = places("linux", {}, home)
    with pytest.raises(ConfigError, match=r"Program Files.Nothing is not there; looked in .*\.wine, .*\.mt5"):
        named_terminal(Path("C:\\Program Files\\Nothing"), looked_at)
    installation(home / ".mt5" / "drive_c" / "Program Files" / "MetaTrader 5")
    with pytest.raises(ConfigError, match="is in several Wine prefixes: name one of"):
        named_terminal(Path("C:\\Program Files\\MetaTrader 5"), looked_at)


def test_prefix_itself_means_its_one_terminal(home: Path, drive: Path, data: Path) -> None:
    looked_at = places("linux", {}, home)
    assert named_terminal(drive.parent, looked_at).folder == data
    assert named_terminal(drive, looked_at).folder == data
    data_folder(roaming(drive), TWO, None)
    with pytest.raises(ConfigError, match="with several terminals: name one of"):
        named_terminal(drive.parent, looked_at)


def test_prefix_without_a_terminal_is_said(home: Path, drive: Path) -> None:
    with pytest.raises(ConfigError, match="has no terminal yet"):
        named_terminal(drive.parent, places("linux", {}, home))


def test_portable_terminal_anywhere_is_installed_into(run: Run, home: Path, shipped: Path, tmp_path: Path) -> None:
    program = installation(tmp_path / "USB stick" / "MT5")
    assert set(states(run, "--terminal", program).values()) == {"added"}
    assert (program / "MQL5" / DEMO).exists()


def test_path_that_is_no_terminal_is_said(run: Run, home: Path, tmp_path: Path) -> None:
    installation(tmp_path / "fresh", mql5=False)
    (tmp_path / "empty").mkdir()
    put(tmp_path / "file", "")
    for name, said in (("fresh", "start that terminal once"), ("empty", "holds neither"), ("file", "is no folder")):
        outcome = run("install-ea", "--terminal", tmp_path / name)
        assert outcome.code == 2
        assert said in outcome.err
        assert said in json.loads(run("install-ea", "--terminal", tmp_path / name, "--json").out)["problem"]


def test_installation_with_several_data_folders_is_said(run: Run, drive: Path, data: Path) -> None:
    other = data_folder(drive / "users" / "wife" / "AppData" / "Roaming", TWO, "C:\\Program Files\\MetaTrader 5")
    outcome = run("install-ea", "--terminal", drive / "Program Files" / "MetaTrader 5")
    assert outcome.code == 2
    assert str(data) in outcome.err
    assert str(other) in outcome.err


# What ships


def test_checkout_ships_sources_only() -> None:
    names = shipped_files(mql5_folder())
    assert "Include/LotBridge/Json.mqh" in names
    assert {name.rpartition(".")[2] for name in names} <= {"mqh", "mq5"}


def test_wheel_ships_them_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "bridge"
    monkeypatch.setattr(sources, "__file__", str(package / "install_ea" / "sources.py"))
    with pytest.raises(ConfigError, match="install lotbridge again"):
        mql5_folder()
    (package / "mql5" / "Include" / "LotBridge").mkdir(parents=True)
    assert mql5_folder() == package.resolve() / "mql5"
    text = (Path(__file__).resolve().parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert 'mql5 = "bridge/mql5"' in text
