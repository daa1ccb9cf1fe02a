"""Drawing what a decision was made from: the question, and what was known at that moment."""

from rich.console import Console

from bridge.cli.screen import age, facts, line, lots_of, minute_utc, money, price, show, table
from bridge.protocol.messages import Ages, SizeRequest
from bridge.recompute import Evidence
from sizing.snapshot import Exposure, FirmState, Signal, Snapshot


def draw_request(console: Console, request: SizeRequest | None, signal: Signal | None) -> None:
    """What was asked."""
    asked = signal if request is None else request
    if asked is None:
        line(console, "The request was too long to be kept; only its digest is.")
        return
    rows = [("asked", f"{asked.side} {asked.symbol}, {asked.order} order, id {asked.id}")]
    rows.append(("stop", "the policy's ATR stop" if asked.stop_loss is None else price(asked.stop_loss)))
    optional = (
        ("entry", asked.entry),
        ("target", asked.take_profit),
        ("confidence", asked.confidence),
        ("market score", asked.market_score),
        ("max lots", asked.max_lots),
        ("max risk %", asked.max_risk_pct),
    )
    rows += [(name, price(value)) for name, value in optional if value is not None]
    if asked.regime is not None:
        rows.append(("regime", asked.regime))
    if request is not None:
        rows.append(("mode", "dry run" if request.dry_run else "reserve"))
    facts(console, rows)


def draw_evidence(console: Console, evidence: Evidence, ages: Ages) -> None:
    """What was known."""
    snapshot = evidence.snapshot
    account = snapshot.account.account
    quote = f"bid {price(snapshot.quote.bid)}, ask {price(snapshot.quote.ask)}"
    facts(
        console,
        [
            ("quote", f"{quote}, {age(ages.quote_ms)} old"),
            ("equity", f"{money(account.equity, account.currency)}, peak {money(snapshot.account.peak_equity)}"),
            ("balance", money(account.balance, account.currency)),
            ("free margin", f"{money(account.margin_free, account.currency)} at 1:{account.leverage}"),
            ("reported", f"account {age(ages.account_ms)} ago, symbol {age(ages.spec_ms)} ago"),
            ("statistics", _statistics(snapshot, ages)),
            ("closed trades", _performance(snapshot)),
            ("firm", snapshot.firm.name if snapshot.firm.rules else f"{snapshot.firm.name}, no loss rules"),
        ],
    )
    _rules(console, snapshot.firm)
    _exposures(console, snapshot)


def _performance(snapshot: Snapshot) -> str:
    performance = snapshot.account.performance
    parts = [f"{performance.trades} looked at, {performance.wins} won"]
    if performance.trades:
        parts.append(f"{money(performance.mean)} on average")
    if performance.profit_factor is not None:
        parts.append(f"profit factor {performance.profit_factor:.2f}")
    if performance.sharpe is not None:
        parts.append(f"Sharpe ratio {performance.sharpe:.2f} a trade")
    return ", ".join(parts)


def _statistics(snapshot: Snapshot, ages: Ages) -> str:
    stats = snapshot.symbol.stats
    if stats is None:
        return "none"
    parts = [f"as of {minute_utc(stats.as_of_ms)}, {age(ages.stats_ms)} before"]
    if stats.atr is not None:
        parts.append(f"ATR {stats.atr:.5g}")
    if stats.atr_percentile is not None:
        parts.append(f"daily ATR at percentile {stats.atr_percentile:.0f}")
    if stats.regime is not None:
        parts.append(stats.regime)
    tail = stats.measured
    parts.append("assumed tail" if tail is None else f"tail measured on {tail.buy.rows[-1].windows} daily paths")
    return ", ".join(parts)


def _rules(console: Console, firm: FirmState) -> None:
    for _, why in firm.missing:
        line(console, why)
    if not firm.rules:
        return
    made = table(console, "loss rule", "floor", "headroom", "used %", right=("floor", "headroom", "used %"))
    for rule in firm.rules:
        made.add_row(rule.name, money(rule.floor), money(rule.headroom), f"{rule.used_percent:.1f}")
    show(console, made)


def _exposures(console: Console, snapshot: Snapshot) -> None:
    book = snapshot.account.book
    if book.unpriceable is not None:
        line(console, f"Not priceable: {book.unpriceable}")
    rows: list[tuple[str, Exposure]] = [
        *(("open", each) for each in book.exposures),
        *(("pending", each) for each in book.pending),
        *(("reserved", each) for each in snapshot.reserved),
    ]
    if not rows:
        line(console, "Nothing open, pending or reserved.")
        return
    made = table(console, "book", "symbol", "side", "lots", "risk", "worst case", right=("lots", "risk", "worst case"))
    for state, each in rows:
        made.add_row(state, each.symbol, each.side, lots_of(each.lots), money(each.risk), money(each.worst))
    show(console, made)
