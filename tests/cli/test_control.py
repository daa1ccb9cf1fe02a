"""`rules`, `halt`, `resume` and `anchor set` against a running daemon, and what `status` says then."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bridge.settings import AuthSettings, AuthUser
from sizing.prop.firm import CalendarRule
from tests.bridge import sockets
from tests.bridge.builders import Rig, account_info, account_settings, position_info
from tests.builders import LOGIN
from tests.cli.conftest import Run, Running
from tests.cli.processes import free_address
from tests.sizing.builders import ftmo, loss_rule, total_rule

TRAILING = total_rule(name="trailing", anchor="equity", sampled="tick", ratchet=True)
COMMANDS = [("rules",), ("halt",), ("resume",), ("anchor", "set", "daily", "100000")]
MINUTE_MS = 60_000


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """One FTMO account that has been fed."""
    rig = Rig(tmp_path / "journal")
    rig.feed()
    yield rig
    rig.close()


@pytest.fixture(autouse=True)
def _journal_folder(tmp_path: Path) -> None:
    (tmp_path / "journal").mkdir()


def flat(text: str) -> str:
    return " ".join(text.split())


def test_rules_of_a_daemon_process(run: Run, running: Running) -> None:
    """Every rule of the sample's firm, its reset, its limits and progress, within 80 columns."""
    outcome = run("rules", "--address", running.address)
    assert outcome.code == 0
    assert outcome.out.startswith("Account 1000001, FTMO 2-step (ftmo-2step)\n")
    for text in ("max_daily_loss", "95,000.00", "max_loss", "90,000.00", "Europe/Prague (UTC+1)", "positions today",
                 "trading days", "worst case of all that is open", "Firms change their rules"):  # fmt: skip
        assert text in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert "https://" in run("rules", "--sources", "--address", running.address).out


def test_rules_as_json(run: Run, running: Running) -> None:
    """The reply itself, with what the screen leaves out."""
    reply = json.loads(run("rules", "--address", running.address, "--json").out)
    assert [rule["name"] for rule in reply["rules"]] == ["max_daily_loss", "max_loss"]
    assert all(rule["source"] and rule["as_of"] for rule in reply["rules"])
    assert reply["timezone"] == "Europe/Prague"


@pytest.mark.parametrize("command", COMMANDS)
def test_no_daemon_is_one_sentence(run: Run, command: tuple[str, ...]) -> None:
    """Exit code 1, as with the other commands."""
    outcome = run(*command, "--address", free_address())
    assert (outcome.code, outcome.out) == (1, "")
    assert "Is the daemon running?" in outcome.err


def test_a_halt_stands_until_it_is_lifted(run: Run, rig: Rig) -> None:
    """Status and rules say why; resume says that the account may trade."""
    with sockets.serving(rig) as server:
        halted = run("halt", "--reason", "lunch", "--address", server.address)
        status = run("status", "--address", server.address)
        rules = run("rules", "--address", server.address)
        resumed = run("resume", "--address", server.address)
        after = run("status", "--address", server.address)
    assert halted.code == 0
    assert "Halted: no entries until `lotbridge resume` lifts it." in halted.out
    assert "Reason: lunch. What is open stays open." in halted.out
    assert status.out.startswith(f"Account {LOGIN}: no trades, trading_halted\nNo entries until `lotbridge resume`: ")
    assert "trading_halted, lunch." in flat(status.out)
    assert "trading_halted, lunch." in flat(rules.out)
    assert resumed.out == f"Every halt is lifted.\nSizes are whole.\nAccount {LOGIN} may trade.\n"
    assert after.out.startswith(f"Account {LOGIN}: may trade\n")


def test_a_halt_for_minutes_does_not_shorten_a_longer_one(run: Run, rig: Rig) -> None:
    """Of several by hand the longest stands, and that is what is told."""
    with sockets.serving(rig) as server:
        run("halt", "--until-reset", "--address", server.address)
        outcome = run("halt", "--minutes", "30", "--address", server.address)
    assert "(in 13 h 0 min)." in outcome.out
    assert "Reason: by hand." in outcome.out


def test_halt_and_resume_as_json(run: Run, rig: Rig) -> None:
    """The replies, and what was asked is what holds."""
    with sockets.serving(rig) as server:
        halted = json.loads(run("halt", "--minutes", "5", "--address", server.address, "--json").out)
        wish = ("--factor", "0.25", "--days", "3", "--reason", "careful")
        resumed = json.loads(run("resume", *wish, "--address", server.address, "--json").out)
    (halt,) = halted["halts"]
    assert (halt["code"], halt["reason"]) == ("trading_halted", "by hand")
    assert halt["until_ms"] == halted["server_ms"] + 5 * MINUTE_MS
    assert resumed["halts"] == []
    assert resumed["recovery"]["factor"] == 0.25
    assert resumed["recovery"]["until_ms"] == resumed["server_ms"] + 3 * 1440 * MINUTE_MS
    assert resumed["recovery"]["reason"] == "careful"


def test_resume_says_what_is_smaller_from_then_on(run: Run, rig: Rig) -> None:
    """The factor and its end; whole sizes where it is 1."""
    with sockets.serving(rig) as server:
        smaller = run("resume", "--factor", "0.5", "--days", "2", "--address", server.address)
        whole = run("resume", "--factor", "1", "--address", server.address)
    assert "For now: sizes times 0.5 until" in smaller.out
    assert "(in 2 d 0 h)" in flat(smaller.out)
    assert "Sizes are whole." in whole.out


def test_resume_says_when_the_account_is_halted_again_at_once(run: Run, rig: Rig) -> None:
    """A rule that is still breached halts again: with its name and the remedy."""
    rig.feed(account_info=account_info(equity=94_000.0, balance=94_000.0))
    with sockets.serving(rig) as server:
        outcome = run("resume", "--address", server.address)
    assert outcome.code == 0
    assert f"But account {LOGIN} may not trade: rule_breached." in outcome.out
    assert "daily is breached: the account is lost." in outcome.out
    assert "What to do: A loss rule of the firm is breached" in outcome.out


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("halt", "--minutes", "5", "--until-reset"), "give one of the two"),
        (("halt", "--minutes", "0"), "--minutes"),
        (("resume", "--factor", "1.5"), "--factor"),
        (("resume", "--days", "0"), "--days"),
        (("anchor", "set", "daily", "much"), "VALUE"),
        (("anchor", "set", "daily"), "VALUE"),
    ],
)
def test_what_contradicts_itself_is_a_usage_error(run: Run, options: tuple[str, ...], text: str) -> None:
    """Exit code 2, and nothing is asked."""
    outcome = run(*options)
    assert (outcome.code, outcome.out) == (2, "")
    assert text in outcome.err


def test_an_anchor_that_was_set_shows_its_floor(run: Run, rig: Rig) -> None:
    """And the headroom, also what is left after the reset."""
    with sockets.serving(rig) as server:
        lower = ("anchor", "set", "daily", "99000", "--address", server.address)
        assert "would leave more" in run(*lower).err
        outcome = run(*lower, "--force", "--reason", "dashboard")
        again = run("anchor", "set", "daily", "99500", "--address", server.address, "--json")
    assert outcome.code == 0
    assert outcome.out.startswith("daily counts from 99,000.00 now.\nFloor 94,000.00, headroom 6,000.00 (0.0 % used)")
    assert "5,000.00 after the reset." in flat(outcome.out)
    assert json.loads(again.out)["rule"]["anchor"] == 99_500.0


def test_an_anchor_under_which_the_account_is_breached_says_so(run: Run, rig: Rig) -> None:
    """It is taken all the same: the trader knows."""
    with sockets.serving(rig) as server:
        outcome = run("anchor", "set", "daily", "105500", "--address", server.address)
    assert "headroom -500.00" in outcome.out
    assert "daily is breached: the account is lost." in outcome.out


@pytest.mark.parametrize(
    ("rule", "value", "text"),
    [
        ("nope", "100000", "ftmo has no rule 'nope'; its rules are: daily, total."),
        ("total", "100000", "set initial_balance in bridge.toml"),
        ("daily", "5", "check the figure"),
        ("daily", "nan", "must be a finite number"),
    ],
)
def test_an_anchor_that_cannot_be_is_one_sentence(run: Run, rig: Rig, rule: str, value: str, text: str) -> None:
    """Exit code 1, and nothing has changed."""
    with sockets.serving(rig) as server:
        outcome = run("anchor", "set", rule, value, "--address", server.address)
        anchors = [
            each["anchor"] for each in json.loads(run("rules", "--address", server.address, "--json").out)["rules"]
        ]
    assert (outcome.code, outcome.out) == (1, "")
    assert text in outcome.err
    assert anchors == [100_000.0, 100_000.0]


def test_a_rule_whose_anchor_is_unknown_is_told_everywhere_until_it_is_set(run: Run, tmp_path: Path) -> None:
    """By `rules` and `status` with the command that helps; the command helps."""
    rig = Rig(tmp_path / "journal", account_settings(firm=ftmo(rules=(loss_rule(), TRAILING))))
    rig.feed(positions=[position_info()])
    with sockets.serving(rig) as server:
        rules, status = run("rules", "--address", server.address), run("status", "--address", server.address)
        outcome = run("anchor", "set", "trailing", "101000", "--address", server.address)
        after = run("rules", "--address", server.address)
    rig.close()
    for told in (rules.out, status.out):
        assert "What trailing counts from is unknown" in flat(told)
        assert "lotbridge anchor set trailing" in flat(told)
    assert "unknown" in rules.out
    assert "no trades, stale_account" in status.out
    assert "trailing counts from 101,000.00 now." in outcome.out
    assert "unknown" not in after.out


def test_a_calendar_that_is_missing_is_told(run: Run, tmp_path: Path) -> None:
    """The firm wants one: nothing is traded without it."""
    calendar = CalendarRule(file="calendar.csv", source="test", as_of="2026-11-20")
    account = account_settings(firm=ftmo(calendar=calendar))
    rig = Rig(tmp_path / "journal", dataclasses.replace(account, calendar=tmp_path / "calendar.csv"))
    rig.feed()
    with sockets.serving(rig) as server:
        outcome = run("rules", "--address", server.address)
    rig.close()
    assert "calendar.csv does not exist; put the calendar there." in flat(outcome.out)


def test_who_may_not_control_may_halt_but_neither_resume_nor_set_anchors(run: Run, rig: Rig) -> None:
    """The error says what to change."""
    one, two = "swordfish", "tench"
    users = (
        AuthUser(name="ea", password=one, accounts=(LOGIN,)),
        AuthUser(name="me", password=two, accounts=(LOGIN,), may_control=True),
    )
    with sockets.serving(rig, AuthSettings(mechanism="plain", users=users)) as server:
        ea = ("--address", server.address, "--user", "ea", "--password", one)
        me = ("--address", server.address, "--user", "me", "--password", two)
        assert run("halt", *ea).code == 0
        for command in (("resume",), ("anchor", "set", "daily", "99000", "--force")):
            refused = run(*command, *ea)
            assert (refused.code, refused.out) == (1, "")
            assert "unauthorized: This user may not" in refused.err
            assert "may_control" in refused.err
            assert run(*command, *me).code == 0
