"""Rule files that change while the daemon runs: all of them are taken together, or what was read before holds."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.errors import ConfigError
from bridge.manager import rule_files
from bridge.manager.rule_files import LOOK_MS, PositionRules, Reloaded, RuleFiles
from bridge.settings import PositionFiles
from bridge.settings.position_files import read_positions
from sizing.positions.active_rules import ActiveRules
from sizing.positions.rebalance import Rebalance

SHARE = """title = "Shares"
[[enter_market.rules]]
name = "entry"
action = "increase_instrument_share"
target_percent = 2.0
all = ["confidence >= 60"]
[[open_positions.rules]]
name = "cut"
action = "decrease_instrument_share"
target_percent = 1.0
all = ["drawdown >= 5"]
"""
TEXTS = {"share.toml": SHARE, "active.toml": "breakeven_threshold = 3.0\n", "rebalance.toml": "[limits]\ngross = 1.0\n"}


class Folder:
    """Three rule files, and the daemon's look at them at times of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name, text in TEXTS.items():
            self.write(name, text)
        share, active, rebalance = (path / name for name in TEXTS)
        self.files = PositionFiles(share=(share,), active=active, rebalance=rebalance, folder=path)
        self.now_ms = 0

    def write(self, name: str, text: str) -> None:
        (self.path / name).write_text(text, encoding="utf-8")

    def look(self, rules: RuleFiles, times: int = 1) -> list[Reloaded]:
        told = []
        for _ in range(times):
            told += rules.poll(self.now_ms)
            self.now_ms += LOOK_MS
        return told


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def rules(folder: Folder) -> RuleFiles:
    return RuleFiles(folder.files)


def breakeven(rules: RuleFiles) -> float:
    assert rules.rules.active is not None
    return rules.rules.active.breakeven_threshold


def gross(rules: RuleFiles) -> float:
    assert rules.rules.rebalance is not None
    return rules.rules.rebalance.limits.gross


def target(rules: RuleFiles) -> float:
    return rules.rules.share[0].enter_market.rules[0].target_percent


def test_the_files_are_read_at_the_start(rules: RuleFiles) -> None:
    assert (target(rules), breakeven(rules), gross(rules)) == (2.0, 3.0, 1.0)
    assert rules.names == ("share.toml", "active.toml", "rebalance.toml")
    assert rules.problems == ()
    assert not rules.rules.empty


def test_names_that_the_account_does_not_know_are_refused_at_the_start_and_afterwards(folder: Folder) -> None:
    files = replace(folder.files, loss_rules=("max_daily_loss", "max_loss"), classes=("forex", "gold"))
    rules = RuleFiles(files)
    before = rules.rules
    folder.write("share.toml", SHARE.replace("drawdown >= 5", "headroom(daily) < 5"))
    folder.write("rebalance.toml", "[classes.forx]\nmax_leverage = 2.0\n")

    told = folder.look(rules, 3)

    assert (
        [each.text for each in told]
        == list(rules.problems)
        == [
            'rebalance.toml:1: classes.forx: is no class in the account\'s symbols file; did you mean "forex"? '
            "Correct the name or remove the table",
            "share.toml:11: open_positions.rules[0].all[0]: rule \"cut\": 'daily' is no loss rule of the account's "
            'firm; did you mean "max_daily_loss"? it has max_daily_loss, max_loss',
        ]
    )
    assert not any(each.taken for each in told)
    assert rules.rules is before
    with pytest.raises(ConfigError, match="2 problems"):
        RuleFiles(files)

    folder.write("share.toml", SHARE.replace("drawdown >= 5", "headroom(max_loss) < 5"))
    folder.write("rebalance.toml", "[classes.forex]\nmax_leverage = 2.0\n")

    assert folder.look(rules, 2) == [Reloaded(True, "share.toml, rebalance.toml: read again")]
    assert rules.rules != before


def test_without_files_there_are_no_rules_and_nothing_to_tell() -> None:
    rules = RuleFiles(PositionFiles())

    assert [rules.poll(now_ms) for now_ms in range(0, 10_000, LOOK_MS)] == [[]] * 5
    assert rules.rules == PositionRules()
    assert rules.rules.empty
    assert rules.names == ()


def test_wrong_files_stop_the_start_with_every_problem_of_each(folder: Folder) -> None:
    folder.write("share.toml", SHARE.replace("confidence", "confidense"))
    folder.write("active.toml", "breakeven_treshold = 3.0\n")
    (folder.path / "rebalance.toml").unlink()

    with pytest.raises(ConfigError) as caught:
        RuleFiles(folder.files)

    first, *problems = str(caught.value).splitlines()
    assert first == f"3 problems in {folder.path}:"
    assert problems[0] == (
        '  active.toml:1: breakeven_treshold: is not a known key; did you mean "breakeven_threshold"?'
    )
    assert problems[1].startswith("  rebalance.toml: does not exist; the folder holds active.toml, share.toml.")
    assert problems[2] == (
        "  share.toml:6: enter_market.rules[0].all[0]: rule \"entry\": 'confidense' is not a known condition; "
        'did you mean "confidence"?'
    )


def test_a_changed_file_holds_from_the_second_look_that_finds_it_and_is_told_once(
    folder: Folder, rules: RuleFiles
) -> None:
    before = rules.rules
    assert folder.look(rules, 3) == []
    folder.write("active.toml", "breakeven_threshold = 4.0\n")

    assert folder.look(rules) == []
    assert rules.rules is before
    assert folder.look(rules, 4) == [Reloaded(True, "active.toml: read again")]
    assert breakeven(rules) == 4.0
    assert rules.rules.share == before.share


def test_between_two_looks_nothing_is_looked_at(
    folder: Folder, rules: RuleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Path] = []
    reads: list[Path] = []
    monkeypatch.setattr(rule_files, "_stamp", _counted(looks, rule_files._stamp))
    monkeypatch.setattr(rule_files, "_content", _counted(reads, rule_files._content))

    for now_ms in range(0, 5 * LOOK_MS, 100):
        assert rules.poll(now_ms) == []

    assert len(looks) == 5 * 3
    # Twice each: the first look tells nothing yet of what changed within a tick of the clock before it.
    assert len(reads) == 2 * 3
    rules.poll(0)  # a clock that went back
    assert len(looks) == 6 * 3


def _counted(calls: list[Path], real: Callable[[Path], object]) -> Callable[[Path], object]:
    def count(path: Path) -> object:
        calls.append(path)
        return real(path)

    return count


def test_changed_files_are_taken_together_or_not_at_all(folder: Folder, rules: RuleFiles) -> None:
    before = rules.rules
    folder.write("share.toml", SHARE.replace("target_percent = 2.0", "target_percent = 3.0"))
    folder.write("active.toml", "breakeven_threshold = 4.0\nbreakeven_bufer = 1.0\n")
    folder.write("rebalance.toml", "[limits]\ngross = -1.0\n")

    problems = (
        'active.toml:2: breakeven_bufer: is not a known key; did you mean "breakeven_buffer"?',
        "rebalance.toml:2: limits.gross: must be greater than 0 (multiple of equity, all notional, long and short "
        "added); it is -1.0",
    )
    assert folder.look(rules, 5) == [Reloaded(False, problem) for problem in problems]
    assert rules.problems == problems
    assert rules.rules is before

    folder.write("active.toml", "breakeven_threshold = 4.0\n")
    assert folder.look(rules, 3) == [Reloaded(False, problems[1])]
    assert rules.problems == problems[1:]
    assert rules.rules is before

    folder.write("rebalance.toml", "[limits]\ngross = 2.0\n")
    assert folder.look(rules, 3) == [Reloaded(True, "share.toml, active.toml, rebalance.toml: read again")]
    assert rules.problems == ()
    assert (target(rules), breakeven(rules), gross(rules)) == (3.0, 4.0, 2.0)


def test_a_change_taken_back_ends_its_problems(folder: Folder, rules: RuleFiles) -> None:
    before = rules.rules
    folder.write("active.toml", "breakeven_threshold =")
    folder.look(rules, 2)
    assert rules.problems
    folder.write("active.toml", TEXTS["active.toml"])

    assert folder.look(rules, 3) == [Reloaded(True, "share.toml, active.toml, rebalance.toml: as before, and in order")]
    assert rules.problems == ()
    assert rules.rules is before


def test_a_file_saved_in_pieces_is_never_taken_for_whole(folder: Folder, rules: RuleFiles) -> None:
    """Every piece is valid by itself, and would lose the second rule set."""
    before = rules.rules
    longer = SHARE + "priority = 5\n"
    for end in (0, SHARE.index("[[open"), SHARE.index('all = ["drawdown'), len(SHARE)):
        folder.write("share.toml", longer[:end])
        assert folder.look(rules) == []
        assert rules.rules is before
    folder.write("share.toml", longer)

    assert folder.look(rules, 2) == [Reloaded(True, "share.toml: read again")]
    assert rules.rules.share[0].open_positions.rules[0].priority == 5


def test_a_file_that_is_away_keeps_its_rules_and_is_tried_until_it_is_back(folder: Folder, rules: RuleFiles) -> None:
    before = rules.rules
    (folder.path / "active.toml").unlink()
    assert folder.look(rules) == []  # an editor that replaces the file may be between two steps

    (told,) = folder.look(rules, 5)

    assert not told.taken
    assert told.text.startswith("active.toml: does not exist; ")
    assert rules.problems == (told.text,)
    assert rules.rules is before
    assert rules.names == ("share.toml", "active.toml", "rebalance.toml")
    folder.write("active.toml", "breakeven_threshold = 4.0\n")
    assert folder.look(rules, 2) == [Reloaded(True, "active.toml: read again")]
    assert breakeven(rules) == 4.0


def test_a_file_away_for_one_look_is_not_worth_a_word(folder: Folder, rules: RuleFiles) -> None:
    before = rules.rules
    (folder.path / "active.toml").rename(folder.path / "aside")
    folder.look(rules)
    (folder.path / "aside").rename(folder.path / "active.toml")

    assert folder.look(rules, 5) == []
    assert rules.rules is before
    assert rules.problems == ()


def test_a_folder_in_place_of_a_file_is_told(folder: Folder, rules: RuleFiles) -> None:
    (folder.path / "active.toml").unlink()
    (folder.path / "active.toml").mkdir()

    assert folder.look(rules, 3) == [Reloaded(False, "active.toml: cannot be read: it is not a file")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes with names")
def test_a_pipe_in_place_of_a_file_is_not_waited_for(folder: Folder, rules: RuleFiles) -> None:
    (folder.path / "active.toml").unlink()
    os.mkfifo(folder.path / "active.toml")

    assert folder.look(rules, 3) == [Reloaded(False, "active.toml: cannot be read: it is not a file")]


def test_a_locked_file_keeps_its_rules_and_is_read_once_it_can_be(
    folder: Folder, rules: RuleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows while another program holds it: its stamp stays the same when it is let go."""
    read_bytes = Path.read_bytes

    def locked(path: Path) -> bytes:
        if path.name == "active.toml":
            raise PermissionError(13, "in use")
        return read_bytes(path)

    before = rules.rules
    folder.write("active.toml", "breakeven_threshold = 4.0\n")
    monkeypatch.setattr(Path, "read_bytes", locked)
    assert folder.look(rules, 5) == [Reloaded(False, "active.toml: cannot be read: [Errno 13] in use")]
    assert rules.rules is before
    monkeypatch.undo()

    assert folder.look(rules, 2) == [Reloaded(True, "active.toml: read again")]
    assert breakeven(rules) == 4.0


def test_contents_decide_not_times(folder: Folder, rules: RuleFiles) -> None:
    """The same contents saved again are no change; other ones of the same size and time are."""
    path = folder.path / "active.toml"
    before = path.stat()
    folder.look(rules, 3)
    folder.write("active.toml", TEXTS["active.toml"])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert folder.look(rules, 3) == []

    folder.write("active.toml", TEXTS["active.toml"].replace("3.0", "5.0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 10**9))
    assert folder.look(rules, 3) == [Reloaded(True, "active.toml: read again")]
    assert breakeven(rules) == 5.0


@pytest.mark.parametrize("first", ["breakeven_threshold = 4.0\n", TEXTS["active.toml"]])
def test_a_second_change_within_a_tick_of_the_clock_is_found(
    folder: Folder, rules: RuleFiles, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    """As on a file system that keeps times in steps of two seconds: the look between two changes sees one stamp."""
    stamps = dict.fromkeys(folder.files.paths, 0)
    monkeypatch.setattr(rule_files, "_stamp", stamps.__getitem__)
    folder.look(rules, 3)
    stamps[folder.path / "active.toml"] = 1
    folder.write("active.toml", first)
    folder.look(rules)
    folder.write("active.toml", "breakeven_threshold = 5.0\n")

    folder.look(rules, 3)

    assert breakeven(rules) == 5.0


def test_a_file_that_changes_while_it_is_read_is_read_again(
    folder: Folder, rules: RuleFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(files: PositionFiles) -> object:
        found = read_positions(files)
        monkeypatch.undo()
        folder.write("active.toml", "breakeven_threshold = 5.0\n")
        return found

    folder.write("active.toml", "breakeven_threshold = 4.0\n")
    monkeypatch.setattr(rule_files, "read_positions", slow)

    assert folder.look(rules, 2) == []
    assert breakeven(rules) == 3.0
    assert folder.look(rules, 3) == [Reloaded(True, "active.toml: read again")]
    assert breakeven(rules) == 5.0


def test_another_comment_leaves_the_rules_the_same_object(folder: Folder, rules: RuleFiles) -> None:
    before = rules.rules
    folder.write("active.toml", "# mine\n" + TEXTS["active.toml"])

    assert folder.look(rules, 3) == [Reloaded(True, "active.toml: read again")]
    assert rules.rules is before


def test_files_outside_the_folder_are_told_by_their_full_names(tmp_path: Path) -> None:
    path = tmp_path / "active.toml"
    path.write_text("", encoding="utf-8")

    rules = RuleFiles(PositionFiles(active=path))

    assert rules.names == (path.as_posix(),)
    assert rules.rules == PositionRules(active=ActiveRules())
    assert rules.rules != PositionRules(rebalance=Rebalance())


EDITS = st.sampled_from(
    [
        ("active.toml", "breakeven_threshold = 4.0\n"),
        ("active.toml", "breakeven_threshold = 5.0\n"),
        ("active.toml", "breakeven_threshold ="),
        ("active.toml", None),
        ("rebalance.toml", "[limits]\ngross = 2.0\n"),
        ("rebalance.toml", "[limits]\ngross = -2.0\n"),
        ("rebalance.toml", None),
        ("share.toml", SHARE.replace("2.0", "4.0")),
        ("share.toml", SHARE[: SHARE.index("[[open")]),
        ("share.toml", SHARE.replace("drawdown", "drowdown")),
        ("share.toml", SHARE),
    ]
)


@settings(max_examples=60, deadline=None)
@given(turns=st.lists(st.lists(EDITS, max_size=3), max_size=8))
def test_what_holds_is_always_the_last_whole_state_of_the_folder_that_stood_still(
    turns: list[list[tuple[str, str | None]]],
) -> None:
    with TemporaryDirectory() as path:
        folder = Folder(Path(path))
        rules = RuleFiles(folder.files)
        texts: dict[str, str | None] = dict(TEXTS)
        seen, held = dict(texts), rules.rules
        for edits in turns:
            for name, text in edits:
                texts[name] = text
                (folder.path / name).unlink(missing_ok=True) if text is None else folder.write(name, text)
            found, faults = read_positions(folder.files)
            still = texts == seen
            if still and not faults:
                held = found
            seen = dict(texts)

            told = folder.look(rules)

            assert rules.rules == held
            assert still or not told
            if still:
                assert bool(rules.problems) == bool(faults)
                assert all(each.taken != bool(faults) for each in told)
        folder.look(rules, 2)
        found, faults = read_positions(folder.files)
        assert rules.rules == (held if faults else found)
        assert len(rules.problems) == len(faults)
