"""From decisions and errors to the messages that carry them."""

from typing import Any

from bridge.protocol.codec import ProtocolError
from bridge.protocol.messages import (
    PROTOCOL_VERSION,
    Ages,
    CapInfo,
    ErrorReply,
    FactorInfo,
    RiskInfo,
    SizeReply,
    SizeRequest,
)
from sizing.decision import Decision
from sizing.snapshot import Signal, Snapshot

NO_AGES = Ages(None, None, None, None)


def signal_of(request: SizeRequest) -> Signal:
    """The engine's view of a request."""
    return Signal(
        id=request.id,
        symbol=request.symbol,
        side=request.side,
        stop_loss=request.stop_loss,
        entry=request.entry,
        take_profit=request.take_profit,
        confidence=request.confidence,
        market_score=request.market_score,
        regime=request.regime,
        order=request.order,
        horizon_minutes=request.horizon_minutes,
        max_lots=request.max_lots,
        max_risk_pct=request.max_risk_pct,
        sent_ms=request.sent_ms,
        magic=request.magic or 0,
        adds_to=request.adds_to,
    )


def ages_of(snapshot: Snapshot) -> Ages:
    """How old the evidence was."""
    now, stats = snapshot.now_ms, snapshot.symbol.stats
    return Ages(
        now - snapshot.quote.time_ms,
        now - snapshot.account_ms,
        now - snapshot.spec_ms,
        None if stats is None else now - stats.as_of_ms,
    )


def size_reply(
    request_id: str,
    decision: Decision,
    *,
    now_ms: int,
    currency: str,
    ages: Ages,
    decision_key: str | None,
    reservation: str | None,
    expires_ms: int | None,
) -> SizeReply:
    """The reply that carries a decision."""
    return SizeReply(
        v=PROTOCOL_VERSION,
        type="size",
        id=request_id,
        status="ok" if decision.code is None else "reject",
        code=decision.code,
        message=decision.message,
        server_ms=now_ms,
        lots=decision.lots,
        entry=decision.entry,
        stop_loss=decision.stop_loss,
        take_profit=decision.take_profit,
        risk=RiskInfo(
            currency,
            round(decision.risk_amount, 2),
            round(decision.worst_case, 2),
            round(decision.risk_percent, 4),
            round(decision.risk_per_lot, 4),
            round(decision.lots * decision.shortfall_per_lot, 2),
        ),
        binding=decision.binding,
        runner_up=decision.runner_up,
        factors=[FactorInfo(name, value, detail) for name, value, detail in decision.factors],
        caps=[CapInfo(room[0], lots, room[3]) for room, lots in zip(decision.rooms, decision.ceilings, strict=True)],
        base_lots=decision.base_lots,
        reservation=reservation,
        expires_ms=expires_ms,
        decision=decision_key,
        ages=ages,
    )


def error_reply(error: ProtocolError, now_ms: int) -> ErrorReply:
    """The reply that says what is wrong with a request."""
    return ErrorReply(
        v=PROTOCOL_VERSION,
        type=error.request_type,
        id=error.request_id,
        status="error",
        code=error.code,
        message=error.message,
        server_ms=now_ms,
        field=error.field,
    )


def ok(kind: str, request_id: str, now_ms: int) -> dict[str, Any]:
    """What every reply to a request that was done as asked carries."""
    return {
        "v": PROTOCOL_VERSION,
        "type": kind,
        "id": request_id,
        "status": "ok",
        "code": None,
        "message": None,
        "server_ms": now_ms,
    }
