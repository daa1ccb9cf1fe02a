"""`check`, `init`, and every command that needs a configuration folder."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_init_writes_a_folder_that_check_accepts(run: Run, tmp_path: Path) -> None:
    """The two next steps work as printed, on a path with spaces and letters beyond ASCII."""
    folder = tmp_path / "my config é"
    outcome = run("init", folder)
    assert outcome.code == 0
    assert str(folder / "bridge.toml") in outcome.out
    assert f'lotbridge check --config "{folder}"' in outcome.out
    assert f'lotbridge serve --config "{folder}"' in outcome.out
    outcome = run("check", "--config", folder)
    assert outcome.code == 0
    assert "1000001" in outcome.out
    assert "ftmo-2step" in outcome.out


def test_init_overwrites_nothing(run: Run, tmp_path: Path) -> None:
    """A second init is exit code 2."""
    run("init", tmp_path / "config")
    before = (tmp_path / "config" / "bridge.toml").read_bytes()
    outcome = run("init", tmp_path / "config", "--preset", "leveraged")
    assert (outcome.code, outcome.out) == (2, "")
    assert "nothing is overwritten" in outcome.err
    assert (tmp_path / "config" / "bridge.toml").read_bytes() == before


def test_check_as_json(run: Run, tmp_path: Path) -> None:
    """The summary for programs; the default folder is ./config."""
    run("init", tmp_path / "config", "--preset", "leveraged")
    answer = json.loads(run("check", "--json").out)
    assert answer["ok"] is True
    assert answer["bind"] == "tcp://127.0.0.1:5757"
    assert answer["accounts"][0]["firm"] == "ftmo-2step"
    assert len(answer["accounts"][0]["policy_hash"]) == 16


def test_the_user_folder_is_found(run: Run, tmp_path: Path) -> None:
    """Without ./config the user's own folder counts."""
    run("init", tmp_path / "user config")
    assert json.loads(run("check", "--json").out)["folder"] == str(tmp_path / "user config")


@pytest.mark.parametrize(
    "command",
    [("serve",), ("check",), ("explain",), ("check", "--config", "no"), ("serve", "--config", "no")],
)
def test_a_missing_configuration_says_how_to_write_one(run: Run, command: tuple[str, ...]) -> None:
    """One sentence and exit code 2."""
    outcome = run(*command)
    assert (outcome.code, outcome.out) == (2, "")
    assert "lotbridge init" in outcome.err
    assert len(outcome.err.splitlines()) == 1


def with_three_mistakes(folder: Path) -> Path:
    """A folder with one mistake in each of three files."""
    for name, right, wrong in (
        ("bridge.toml", 'sync = "normal"', 'sync = "sometimes"'),
        ("policy.toml", "base_risk_pct", "base_risk_percent"),
        ("firms/ftmo-2step.toml", "Europe/Prague", "Europe/Praga"),
    ):
        path = folder / name
        text = path.read_text("utf-8")
        assert right in text
        path.write_text(text.replace(right, wrong), "utf-8")
    return folder


@pytest.mark.parametrize("command", ["check", "serve", "size X buy", "status", "explain"])
def test_three_mistakes_are_three_lines(run: Run, tmp_path: Path, command: str) -> None:
    """Every command that reads the folder lists all problems at once, and nothing is written."""
    run("init", tmp_path / "config")
    folder = with_three_mistakes(tmp_path / "config")
    before = sorted(folder.rglob("*"))
    outcome = run(*command.split(), "--config", folder)
    assert (outcome.code, outcome.out) == (2, "")
    first, *problems = outcome.err.splitlines()
    assert first == f"Error: 3 problems in {folder}:"
    assert [problem.split(":")[0].strip() for problem in problems] == [
        "bridge.toml", "firms/ftmo-2step.toml", "policy.toml",
    ]  # fmt: skip
    assert sorted(folder.rglob("*")) == before


def test_three_mistakes_as_json(run: Run, tmp_path: Path) -> None:
    """A list for programs, and exit code 2 all the same."""
    run("init", tmp_path / "config")
    outcome = run("check", "--config", with_three_mistakes(tmp_path / "config"), "--json")
    assert (outcome.code, outcome.err) == (2, "")
    answer = json.loads(outcome.out)
    assert answer["ok"] is False
    assert len(answer["problems"]) == 3


def with_calendar(run: Run, folder: Path, events: str | None) -> Path:
    """A folder whose firm wants a news calendar; the calendar has these rows, or is not there."""
    run("init", folder)
    path = folder / "bridge.toml"
    path.write_text(path.read_text("utf-8").replace('"ftmo-2step"', '"ftmo-2step-funded"'), "utf-8")
    if events is not None:
        (folder / "calendar.csv").write_text(f"time,currency,impact,title\n{events}", "utf-8")
    return folder


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (None, "calendar.csv does not exist"),
        ("2020-03-11T12:30:00Z,USD,high,CPI\n", "covers only until 2020-03-11 12:30 UTC"),
        ("tomorrow,USD,high,CPI\n", "cannot be used"),
        ("", "holds no event"),
    ],
)
def test_check_warns_of_a_calendar_that_would_stop_trading(
    run: Run, tmp_path: Path, events: str | None, text: str
) -> None:
    """The folder is valid all the same: exit code 0."""
    folder = with_calendar(run, tmp_path / "config", events)
    outcome = run("check", "--config", folder)
    assert outcome.code == 0
    assert f"{folder} is valid." in outcome.out
    assert "Warning, 1000001: ftmo-2step-funded: " in outcome.out
    assert text in " ".join(outcome.out.split())
    (account,) = json.loads(run("check", "--config", folder, "--json").out)["accounts"]
    assert text in account["warnings"][0]


def test_check_says_until_when_the_calendar_reaches(run: Run, tmp_path: Path) -> None:
    """Without a warning while something is still to come."""
    folder = with_calendar(run, tmp_path / "config", "2099-12-11T12:30:00Z,USD,high,CPI\n")
    outcome = " ".join(run("check", "--config", folder).out.split())
    assert "calendar.csv holds news until 2099-12-11 12:30 UTC." in outcome
    assert "calendar.csv does not" not in outcome
    (account,) = json.loads(run("check", "--config", folder, "--json").out)["accounts"]
    assert account["calendar_until"] == "2099-12-11 12:30 UTC"


def test_check_warns_of_rules_that_were_read_long_ago(run: Run, tmp_path: Path) -> None:
    """All of one date in one sentence, limits too; a rule read today is none of them."""
    run("init", tmp_path / "config")
    path = tmp_path / "config" / "firms" / "ftmo-2step.toml"
    text = re.sub(r'(?m)^as_of = ".*"', 'as_of = "2020-02-29"', path.read_text("utf-8"))
    path.write_text(text.replace("2020-02-29", f"{datetime.now(UTC):%Y-%m-%d}", 1), "utf-8")
    (account,) = json.loads(run("check", "--json").out)["accounts"]
    assert account["warnings"] == [
        "ftmo-2step: max_loss, limits read on 2020-02-29, more than a year ago: "
        "compare with your contract, put in the new date."
    ]


def test_init_writes_the_rules_about_open_positions_and_check_says_which_hold(run: Run, tmp_path: Path) -> None:
    """None after `init`; those that an account names, in its line and in JSON."""
    outcome = run("init", tmp_path / "config")
    assert str(tmp_path / "config" / "positions" / "share-gradual.toml") in outcome.out
    (account,) = json.loads(run("check", "--json").out)["accounts"]
    assert account["position_rules"] == []
    assert "rules about open positions" not in run("check").out
    named = switch_on(tmp_path / "config")
    assert f"1000001: rules about open positions: {', '.join(named)}.\n" in run("check").out
    (account,) = json.loads(run("check", "--json").out)["accounts"]
    assert account["position_rules"] == named


def test_check_lists_the_mistakes_of_every_rule_file(run: Run, tmp_path: Path) -> None:
    """One line each, with file, line, rule and the nearest name."""
    run("init", tmp_path / "config")
    for name in reversed(switch_on(tmp_path / "config")):
        path = tmp_path / "config" / name
        path.write_text(path.read_text("utf-8") + "\n[unknown]\n", "utf-8")
    path.write_text(path.read_text("utf-8").replace('"confidence >= 65"', '"confidense >= 65"', 1), "utf-8")
    outcome = run("check")
    assert (outcome.code, outcome.out) == (2, "")
    first, *problems = outcome.err.splitlines()
    assert first == f"Error: 4 problems in {tmp_path / 'config'}:"
    assert sum("unknown: is not a known key" in problem for problem in problems) == 3
    (condition,) = (problem for problem in problems if "confidense" in problem)
    assert "positions/share-gradual.toml:" in condition
    assert 'rule "first_step"' in condition
    assert 'did you mean "confidence"?' in condition
    assert json.loads(run("check", "--json").out)["problems"] == [problem.strip() for problem in problems]


def switch_on(folder: Path) -> list[str]:
    """Take the comment signs away from the three keys; the files that they name, as they are told."""
    path = folder / "bridge.toml"
    text = path.read_text("utf-8")
    path.write_text(re.sub(r"(?m)^# (share_rules|active|rebalance) = ", r"\1 = ", text), "utf-8")
    return ["positions/share-gradual.toml", "positions/active.toml", "positions/rebalance.toml"]
