"""`lotbridge explain`: a past decision from the journal, recomputed and compared."""

import re
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from bridge.cli import options
from bridge.cli.evidence import draw_evidence, draw_request
from bridge.cli.journals import find_journal, opened
from bridge.cli.screen import BAD, GOOD, QUIET, line, lots_of, minute_utc, money, print_json, screen, show, table, utc
from bridge.cli.waterfall import draw
from bridge.errors import JournalError
from bridge.journal.reader import JournalReader
from bridge.journal.records import Entry
from bridge.protocol.codes import CODES
from bridge.protocol.messages import SizeReply
from bridge.recompute import Recomputed, recompute

_KEY = re.compile(r"[dr]?(\d{1,18})", re.ASCII)


def explain(
    *,
    decision: Annotated[
        str | None,
        typer.Argument(metavar="DECISION", help="Such as d12. Default: the newest decision.", show_default=False),
    ] = None,
    last: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, max=10_000, help="List the newest N decisions.", show_default=False),
    ] = None,
    config: options.Config = None,
    journal: options.JournalFile = None,
    as_json: options.Json = False,
) -> None:
    """Show a past decision and everything it was made from, compute it again, and compare.

    The journal is read beside a running daemon; nothing is asked or changed. A difference ends with exit code 1.
    """
    if decision is not None and last is not None:
        raise typer.BadParameter("Either a decision or --last, not both.", param_hint="--last")
    path = find_journal(config)[0] if journal is None else journal
    with opened(path, named=journal is not None) as reader:
        if last is not None:
            _list(reader.latest("size", last), as_json)
            return
        entry = _find(reader, decision)
        result = recompute(reader, entry)
    if as_json:
        print_json(_as_json(entry, result))
    else:
        _show(screen(), entry, result)
    if result.evidence is not None and not result.identical:
        raise typer.Exit(1)


def _find(reader: JournalReader, key: str | None) -> Entry:
    if key is None:
        newest = reader.latest("size", 1)
        if not newest:
            raise JournalError("The journal holds no decision yet.")
        return newest[0]
    match = _KEY.fullmatch(key)
    if match is None:
        raise typer.BadParameter(f"{key!r} is no decision; they are called d1, d2 and so on.", param_hint="DECISION")
    entry = reader.entry(int(match[1]))
    if entry is None or entry.type != "size":
        what = "nothing" if entry is None else f"an entry of type {entry.type}"
        raise JournalError(f"The journal holds {what} under {key}. `lotbridge explain --last 20` lists decisions.")
    return entry


def _list(found: list[Entry], as_json: bool) -> None:
    rows = [(entry, _reply(entry)) for entry in found]
    if as_json:
        print_json([{"decision": f"d{entry.seq}", "account": entry.account, "reply": reply} for entry, reply in rows])
        return
    console = screen()
    if not rows:
        line(console, "The journal holds no decision yet.")
        return
    made = table(console, "decision", "time (UTC)", "account", "lots", "risk", "why", right=("lots", "risk"))
    for entry, reply in rows:
        made.add_row(
            f"d{entry.seq}",
            minute_utc(entry.at_ms).removesuffix(" UTC"),
            str(entry.account),
            lots_of(reply.lots),
            money(reply.risk.amount),
            reply.code or reply.binding or "",
            style="" if reply.code is None else QUIET,
        )
    show(console, made)


def _reply(entry: Entry) -> SizeReply:
    try:
        return msgspec.json.decode(entry.reply or b"", type=SizeReply)
    except msgspec.MsgspecError as fault:
        raise JournalError(f"Decision d{entry.seq} cannot be read from the journal: {fault}.") from fault


def _show(console: Console, entry: Entry, result: Recomputed) -> None:
    line(console, f"Decision d{entry.seq} of {utc(entry.at_ms)}, account {entry.account}", "bold")
    signal = None if result.evidence is None else result.evidence.signal
    draw_request(console, result.request, signal)
    if result.evidence is not None:
        line(console, "\nWhat was known", "bold")
        draw_evidence(console, result.evidence, result.stored.ages)
    line(console, "\nThe answer", "bold")
    asked = signal or result.request
    if asked is not None:
        draw(console, asked.symbol, asked.side, result.stored)
    _verdict(console, result)


def _verdict(console: Console, result: Recomputed) -> None:
    if result.evidence is None:
        code = result.stored.code
        line(console, f"recomputed: there was nothing to compute ({code})")
    elif result.identical:
        line(console, "recomputed: identical", f"bold {GOOD}")
    else:
        line(console, "recomputed: DIFFERENT", f"bold {BAD}")
        line(console, "The journal was changed, or another version of lotbridge made this decision.", BAD)
        made = table(console, "value", "in the journal", "recomputed")
        for difference in result.differences:
            made.add_row(difference.path, str(difference.stored), str(difference.recomputed))
        show(console, made)


def _as_json(entry: Entry, result: Recomputed) -> dict[str, Any]:
    verdict = "nothing_to_compute" if result.evidence is None else "identical" if result.identical else "different"
    evidence = result.evidence
    return {
        "decision": f"d{entry.seq}",
        "account": entry.account,
        "at_ms": entry.at_ms,
        "request": result.request,
        "evidence": None if evidence is None else {"snapshot": evidence.snapshot, "policy": evidence.policy},
        "reply": result.stored,
        "remedy": CODES.get(result.stored.code or ""),
        "recomputed": verdict,
        "differences": [difference._asdict() for difference in result.differences],
    }
