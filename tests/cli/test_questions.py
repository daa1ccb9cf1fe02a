"""`size`, `status` and `explain` against a running daemon."""

import json
import sqlite3
from pathlib import Path

import pytest

from bridge.client import Client
from tests.cli.conftest import Run, Running
from tests.cli.processes import copied, free_address, priced, settled


def test_size_is_a_dry_run_and_says_so(run: Run, running: Running) -> None:
    """Nothing is reserved unless asked for."""
    with Client(running.address) as client:
        before = client.status().reserved_risk
    outcome = run("size", "XAUUSD.sim", "SELL", "--address", running.address)
    assert outcome.code == 0
    assert "A dry run: nothing is reserved." in outcome.out
    with Client(running.address) as client:
        assert client.status().reserved_risk <= before


def test_size_reserve_names_the_reservation(run: Run, running: Running) -> None:
    """With --reserve the answer says what was reserved and until when."""
    for _ in range(1000):
        arguments = ("size", "GBPUSD.sim", "buy", "--confidence", "75", "--max-lots", "0.02", "--reserve")
        outcome = run(*arguments, "--address", running.address)
        if "stale_quote" not in outcome.out:
            break
    assert outcome.code == 0
    assert "Reserved as r" in outcome.out
    assert "UTC, unless it is filled or released." in outcome.out
    assert "0.02 lots: bound by request_max_lots (0.02)" in outcome.out


def test_size_sends_every_option(run: Run, running: Running) -> None:
    """What was typed is what was asked."""
    options = {
        "--stop": "1.05",
        "--target": "1.2",
        "--entry": "1.07",
        "--confidence": "80",
        "--market-score": "60",
        "--regime": "ranging",
        "--max-lots": "0.5",
        "--max-risk-pct": "0.4",
        "--order": "pending",
    }
    arguments = [text for pair in options.items() for text in pair]
    asked = run("size", "EURUSD.sim", "buy", *arguments, "--account", "1000001", "--address", running.address, "--json")
    key = json.loads(asked.out)["decision"]
    settled(running.journal, key)
    request = json.loads(run("explain", key, "--journal", running.journal, "--json").out)["request"]
    assert request["stop_loss"] == 1.05
    assert request["take_profit"] == 1.2
    assert request["entry"] == 1.07
    assert request["confidence"] == 80
    assert request["market_score"] == 60
    assert request["regime"] == "ranging"
    assert request["max_lots"] == 0.5
    assert request["max_risk_pct"] == 0.4
    assert request["order"] == "pending"
    assert request["dry_run"] is True
    assert request["account"] == 1_000_001


def test_a_refusal_is_an_answer_with_its_remedy(run: Run, running: Running) -> None:
    """A reject ends with exit code 0: the question was answered."""
    for _ in range(1000):
        outcome = run("size", "EURUSD.sim", "buy", "--stop", "9", "--confidence", "75", "--address", running.address)
        if "stale_quote" not in outcome.out:
            break
    assert outcome.code == 0
    assert outcome.out.startswith("0 lots buy EURUSD.sim: stop_wrong_side\n")
    assert "What to do: A buy's stop lies below its entry" in outcome.out


def test_an_error_reply_names_the_code(run: Run, running: Running) -> None:
    """A question at fault ends with exit code 1 and one sentence."""
    outcome = run("size", "NOPE", "buy", "--address", running.address)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("Error: unknown_symbol: NOPE is not known")


def test_an_error_reply_as_json(run: Run, running: Running) -> None:
    """Programs read the code and the field from standard output."""
    outcome = run("size", "NOPE", "buy", "--address", running.address, "--json")
    assert (outcome.code, outcome.err) == (1, "")
    answer = json.loads(outcome.out)
    assert (answer["status"], answer["code"], answer["field"]) == ("error", "unknown_symbol", "symbol")


@pytest.mark.parametrize("command", [("size", "EURUSD.sim", "buy"), ("status",)])
def test_no_daemon_is_one_sentence(run: Run, command: tuple[str, ...]) -> None:
    """Nobody listens: exit code 1, and what that means for the trade."""
    outcome = run(*command, "--address", free_address())
    assert (outcome.code, outcome.out) == (1, "")
    assert "Is the daemon running? Treat it as 0 lots." in outcome.err


def test_a_side_that_is_none_is_a_usage_error(run: Run) -> None:
    """Exit code 2 and the choices."""
    outcome = run("size", "EURUSD", "sideways")
    assert (outcome.code, outcome.out) == (2, "")
    assert "'buy'" in outcome.err


@pytest.mark.parametrize("option", ["--stop", "--target", "--confidence", "--max-lots", "--max-risk-pct"])
def test_a_number_that_is_none_is_never_left_out(run: Run, running: Running, option: str) -> None:
    """JSON has no NaN: sent as null it would ask for the ATR stop, or drop a ceiling."""
    outcome = run("size", "EURUSD.sim", "buy", option, "nan", "--address", running.address)
    assert (outcome.code, outcome.out) == (1, "")
    assert "bad_value" in outcome.err


def test_status_shows_the_account(run: Run, running: Running) -> None:
    """Money, rules with their reset in both time zones, and the clock."""
    outcome = run("status", "--address", running.address)
    assert outcome.code == 0
    assert outcome.out.startswith("Account 1000001: may trade\n")
    for text in ("equity", "100,000.00", "max_daily_loss", "95,000.00", " UTC", " local", "recorded, connected"):
        assert text in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_status_as_json(run: Run, running: Running) -> None:
    """The reply itself."""
    status = json.loads(run("status", "--address", running.address, "--json").out)
    assert status["account"] == 1_000_001
    assert [rule["name"] for rule in status["rules"]] == ["max_daily_loss", "max_loss"]


def test_explain_without_a_name_takes_the_newest(run: Run, running: Running) -> None:
    """The last decision, with evidence and verdict, within 80 columns."""
    with Client(running.address) as client:
        reply = priced(client)
    settled(running.journal, reply.decision)
    outcome = run("explain", "--journal", running.journal)
    assert outcome.code == 0
    assert outcome.out.startswith(f"Decision {reply.decision} of 2024-03-")
    assert "the policy's ATR stop" in outcome.out
    assert "What was known" in outcome.out
    assert outcome.out.endswith("recomputed: identical\n")
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_explain_as_json(run: Run, running: Running) -> None:
    """The reply, the evidence and the verdict."""
    with Client(running.address) as client:
        reply = priced(client)
    settled(running.journal, reply.decision)
    answer = json.loads(run("explain", str(reply.decision), "--journal", running.journal, "--json").out)
    assert answer["recomputed"] == "identical"
    assert answer["differences"] == []
    assert answer["reply"]["lots"] == reply.lots
    assert answer["evidence"]["snapshot"]["account"]["account"]["login"] == 1_000_001


def test_explain_lists_the_newest(run: Run, running: Running) -> None:
    """--last N lists N decisions, newest first."""
    with Client(running.address) as client:
        keys = [str(priced(client).decision) for _ in range(3)]
    settled(running.journal, keys[-1])
    listed = json.loads(run("explain", "--last", "3", "--journal", running.journal, "--json").out)
    assert [row["decision"] for row in listed] == keys[::-1]
    outcome = run("explain", "--last", "3", "--journal", running.journal)
    assert all(key in outcome.out for key in keys)


@pytest.mark.parametrize(
    ("key", "code", "text"),
    [("d999999999", 1, "holds nothing under d999999999"), ("frog", 2, "is no decision"), ("d1", 1, "of type ")],
)
def test_explain_what_is_no_decision(run: Run, running: Running, key: str, code: int, text: str) -> None:
    """A wrong name is one sentence."""
    outcome = run("explain", key, "--journal", running.journal)
    assert (outcome.code, outcome.out) == (code, "")
    assert text in " ".join(outcome.err.replace("│", " ").split())


def test_explain_finds_tampering(run: Run, running: Running, tmp_path: Path) -> None:
    """A journal that was changed is told apart, and the exit code says so."""
    with Client(running.address) as client:
        reply = priced(client)
    settled(running.journal, reply.decision)
    copy = copied(running.journal, tmp_path / "copy.sqlite")
    with sqlite3.connect(copy) as db:
        stored = db.execute("SELECT reply FROM entries WHERE seq = ?", (str(reply.decision)[1:],)).fetchone()[0]
        changed = stored.replace(f'"lots":{reply.lots},"entry"'.encode(), b'"lots":9.99,"entry"')
        assert changed != stored
        db.execute("UPDATE entries SET reply = ? WHERE seq = ?", (changed, str(reply.decision)[1:]))
    db.close()
    outcome = run("explain", str(reply.decision), "--journal", copy)
    assert outcome.code == 1
    assert "recomputed: DIFFERENT" in outcome.out
    assert "9.99" in outcome.out
    answer = run("explain", str(reply.decision), "--journal", copy, "--json")
    assert answer.code == 1
    differences = [{"path": "lots", "stored": 9.99, "recomputed": reply.lots}]
    assert json.loads(answer.out)["differences"] == differences
