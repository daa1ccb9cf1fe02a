"""From the journal alone every decision comes out the same, and a journal that was changed does not."""

import itertools
import sqlite3
from pathlib import Path

import msgspec
import pytest

from bridge.cli.explain import _as_json
from bridge.client import Client
from bridge.journal.reader import JournalReader
from bridge.protocol.messages import SizeReply
from bridge.recompute import Recomputed, recompute
from tests.cli.conftest import Run, Running
from tests.cli.processes import copied, free_address, priced, serving, settled

SYMBOLS = ("EURUSD.sim", "USDJPY.sim", "EURGBP.sim", "XAUUSD.sim", "US30.sim", "USOIL.sim")


def recomputed(journal: Path, key: str | None) -> Recomputed:
    """One decision of a journal, recomputed."""
    settled(journal, key)
    reader = JournalReader(journal)
    try:
        entry = reader.entry(int(str(key)[1:]))
        assert entry is not None
        return recompute(reader, entry)
    finally:
        reader.close()


def test_every_kind_of_answer_comes_out_the_same(running: Running) -> None:
    """Grants, dry runs, reservations in between, refusals of the signal, the edge, the stop and the smallest volume."""
    asked: list[SizeReply] = []
    with Client(running.address) as client:
        for symbol, side in itertools.product(SYMBOLS, ("buy", "sell")):
            for options in (
                {"confidence": 75.0},
                {"confidence": 75.0, "dry_run": True, "market_score": 80.0, "regime": "volatile"},
                {"confidence": 5.0},
                {"confidence": 75.0, "max_lots": 0.001},
                {"confidence": 75.0, "max_risk_pct": 0.25, "order": "pending", "magic": 7, "strategy": "night"},
                {"confidence": 75.0, "horizon_minutes": 5, "sent_ms": 1},
            ):
                asked.append(client.size(symbol, side, stop_loss=None, **options))
            asked.append(client.size(symbol, side, stop_loss=1e6 if side == "buy" else 1e-6))
        for reply in asked:
            if reply.reservation is not None:
                client.release(reply.reservation, reason="the test is over")
    assert len({reply.code for reply in asked}) > 3
    for reply in asked:
        result = recomputed(running.journal, reply.decision)
        assert result.differences == ()
        assert result.identical
        assert result.reply == msgspec.json.encode(reply)


@pytest.mark.parametrize(
    ("column", "old", "new", "path"),
    [
        ("reply", b'"status":"ok"', b'"status":"no"', "unreadable"),
        ("reply", b'"binding":"', b'"binding":"x', "binding"),
        ("reply", b'"expires_ms":17', b'"expires_ms":18', "expires_ms"),
        ("reply", b'"name":"edge"', b'"name":"EDGE"', "factors[0].name"),
        ("reply", b'"v":1', b'"v": 1', "reply"),
        ("request", b'"side":"buy"', b'"side":"sell"', "request.side"),
        ("request", b'"confidence":75', b'"confidence":74', "request.confidence"),
    ],
)
def test_a_changed_journal_is_noticed(
    *, running: Running, tmp_path: Path, column: str, old: bytes, new: bytes, path: str
) -> None:
    """Whatever was changed is named."""
    with Client(running.address) as client:
        granted = priced(client, dry_run=False)
        client.release(str(granted.reservation), reason="the test is over")
    key = str(granted.decision)
    settled(running.journal, key)
    copy = copied(running.journal, tmp_path / "copy.sqlite")
    tamper(copy, key, column, old, new)
    if path == "unreadable":
        with pytest.raises(Exception, match="cannot be read"):
            recomputed(copy, key)
        return
    result = recomputed(copy, key)
    assert not result.identical
    assert path in [difference.path for difference in result.differences]


def test_changed_evidence_is_noticed(running: Running, tmp_path: Path) -> None:
    """The inputs must lead to the reply: another stop distance, another result."""
    with Client(running.address) as client:
        key = str(priced(client).decision)
    settled(running.journal, key)
    copy = copied(running.journal, tmp_path / "copy.sqlite")
    tamper(copy, key, "inputs", b"EURUSD.sim", b"XAUUSD.sim")
    assert not recomputed(copy, key).identical


def tamper(journal: Path, key: str, column: str, old: bytes, new: bytes) -> None:
    """Change one column of one entry."""
    db = sqlite3.connect(journal)
    seq = int(key[1:])
    stored = db.execute(f"SELECT {column} FROM entries WHERE seq = ?", (seq,)).fetchone()[0]  # noqa: S608 - constant
    assert old in stored
    db.execute(f"UPDATE entries SET {column} = ? WHERE seq = ?", (stored.replace(old, new, 1), seq))  # noqa: S608
    db.commit()
    db.close()


def test_a_decision_without_evidence_has_nothing_to_compute(run: Run, tmp_path: Path) -> None:
    """Before an EA feeds the account, the terminal is unavailable: explained, not recomputed, exit code 0."""
    run("init", tmp_path / "config")
    bridge = tmp_path / "config" / "bridge.toml"
    address = free_address()
    bridge.write_text(bridge.read_text("utf-8").replace("tcp://127.0.0.1:5757", address), "utf-8")
    with serving("--config", str(tmp_path / "config"), address=address):
        outcome = run("size", "EURUSD", "buy", "--stop", "1.08", "--target", "1.2")
        assert outcome.code == 0
        assert outcome.out.startswith("0 lots buy EURUSD: terminal_unavailable\n")
        status = run("status")
        assert status.out.startswith("Account 1000001: no trades, terminal_unavailable\n")
        assert "What to do: The terminal does not answer" in status.out
    outcome = run("explain")
    assert outcome.code == 0
    assert outcome.out.endswith("recomputed: there was nothing to compute (terminal_unavailable)\n")
    reader = JournalReader(tmp_path / "config" / "journal.sqlite")
    entry = reader.latest("size", 1)[0]
    assert _as_json(entry, recompute(reader, entry))["recomputed"] == "nothing_to_compute"
    reader.close()
