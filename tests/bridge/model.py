"""What EAs, traders, markets and networks may do to one account: the moves of the stateful tests."""

from pathlib import Path
from typing import Any

from tests.bridge.builders import size_fields
from tests.bridge.model_broker import DIGITS, GAP, PIP, Held, MarginMode, Side
from tests.bridge.model_checks import Checks
from tests.bridge.model_world import Grant

SECOND = 1_000
DEVIATION_PIPS = 1.0
"""A market order that would open worse than answered by more than this is refused by the broker."""
_SIGN = {"buy": 1, "sell": -1}


class Model(Checks):
    """Every method is something that happens. At first the daemon knows the account and what its rules count from."""

    def __init__(self, folder: Path, firm: str, mode: MarginMode, start: str, *, whole_history: bool) -> None:
        super().__init__(folder, firm, mode, start, whole_history=whole_history)
        self.feed(full=True)
        self.set_anchors()
        self.check()

    def wait(self, seconds: float) -> None:
        """Let time pass, with nobody telling anything; the books are read at each reset on the way."""
        until = self.now_ms + int(seconds * SECOND)
        for reset in self.rules.firm.resets(self.now_ms, until):
            self._advance(reset)
            self.rules.reset()
            if any(each.basis == "midnight higher" for each in self.rules.firm.rules):
                self.mark("other")  # What floats now is what the day counts from.
        self._advance(until)

    def _advance(self, to_ms: int) -> None:
        if self.broker.advance(to_ms):
            self.mark("other")

    # EAs -------------------------------------------------------------------------------------------------------------

    def ask(
        self,
        symbol: str,
        side: Side,
        stop_pips: float,
        reward: float | None,
        magic: int,
        *,
        away_pips: float = 0.0,
        most: float | None = None,
    ) -> Any:
        """An EA asks for a size, of at most so many lots; a pending order where its entry is away from the market."""
        digits, pip, sign = DIGITS[symbol], PIP[symbol], _SIGN[side]
        entry = round(self.broker.opening_price(symbol, side) + away_pips * pip, digits)
        target = None if reward is None else round(entry + sign * reward * stop_pips * pip, digits)
        fields = size_fields(
            symbol=symbol, side=side, stop_loss=round(entry - sign * stop_pips * pip, digits), take_profit=target,
            confidence=100, magic=magic, max_lots=most, **({"entry": entry, "order": "pending"} if away_pips else {}),
        )  # fmt: skip
        before = set(self.ledger.reservations)
        self.hidden = self.hidden or self.effect != "none"
        if self.hidden:
            self.mark("other")
        reply = self.daemon.ask(**fields)
        if reply["lots"]:
            self._granted(reply, fields, magic)
        else:
            assert set(self.ledger.reservations) <= before, reply
        return reply

    def _granted(self, reply: dict[str, Any], fields: dict[str, Any], magic: int) -> None:
        grant = Grant(
            reply["reservation"], fields["symbol"], fields["side"], reply["lots"], reply["entry"],
            reply["stop_loss"], fields["take_profit"] or 0.0, fields.get("order") == "pending", magic,
            reply["expires_ms"],
        )  # fmt: skip
        assert grant.id not in self.grants, "a reservation's id was given twice"
        self.grants[grant.id] = grant
        assert self.connected, f"sized without knowing the account: {reply}"
        assert not self.rules.breached(), f"sized after a breach of {self.rules.breached()}: {reply}"
        self.check_answer(reply)

    def fill(self, grant: Grant, lots: float, *, onto: int | None = None) -> int | None:
        """The broker executes an order, or refuses it where its price or stop no longer holds; the ticket."""
        lots = round(min(lots, grant.rest(self.now_ms)), 2)
        price = self.broker.opening_price(grant.symbol, grant.side)
        worse = (price - grant.entry) * _SIGN[grant.side] / PIP[grant.symbol]
        stop = (self.broker.closing_price(grant.symbol, grant.side) - grant.sl) * _SIGN[grant.side]
        target = (grant.tp - price) * _SIGN[grant.side] if grant.tp else 1.0
        if lots <= 0 or worse > DEVIATION_PIPS + 1e-6 or stop <= 0 or target <= 0:
            return None
        args = grant.symbol, grant.side, lots, grant.sl, grant.tp, grant.magic
        if self._merges(grant):
            self.mark("other")  # It goes into a manual position, whose stop it moves.
        if onto is not None and onto in self.broker.positions:
            self.broker.grow(onto, lots)
            ticket = onto
        else:
            ticket = self.broker.open(*args)
        grant.opened[ticket] = round(grant.opened.get(ticket, 0.0) + lots, 2)
        return ticket

    def _merges(self, grant: Grant) -> bool:
        others = (each for each in self.broker.positions.values() if each.ticket not in grant.opened)
        return self.broker.mode == 0 and any(each.symbol == grant.symbol for each in others)

    def place(self, grant: Grant) -> None:
        """Place the pending order that was answered."""
        lots = grant.rest(self.now_ms)
        if lots > 0:
            args = grant.symbol, grant.side, lots, grant.entry, grant.sl, grant.tp, grant.magic
            grant.opened[self.broker.place(*args)] = lots

    def report(self, grant: Grant, ticket: int, *, again: bool = False) -> dict[str, Any]:
        """The EA reports what a ticket holds; `again` once more under another id."""
        lots = grant.opened[ticket]
        for _ in range(2 if again else 1):
            reply = self.daemon.fill(grant.id, ticket, lots, price=grant.entry)
            assert reply["status"] == "ok", reply
        grant.reported[ticket] = lots
        return reply

    def give_back(self, grant: Grant) -> None:
        """The EA reports what it has, and releases the rest."""
        for ticket in grant.unreported():
            if ticket not in self.broker.orders:
                self.report(grant, ticket)
        if not any(ticket in self.broker.orders for ticket in grant.opened):
            assert self.daemon.release(grant.id)["status"] == "ok"
            grant.given_back = True

    # The market and the trader ---------------------------------------------------------------------------------------

    def move(self, symbol: str, pips: float, *, jump: bool) -> None:
        """The market moves; a jump within the modelled gap, or any way without a gap."""
        within = not jump or abs(pips) * PIP[symbol] <= 0.98 * GAP * self.broker.bids[symbol]
        before = len(self.broker.triggered)
        self.broker.move(symbol, pips, jump=jump)
        triggered = self.broker.triggered[before:]
        for order, position in triggered:
            for grant in self.grants.values():
                if order in grant.opened and order != position:
                    grant.opened[position] = grant.opened.pop(order)
                    grant.told[position] = grant.told.pop(order, 0.0)
        # A stop order that the market jumps over opens worse than it was sized.
        self.mark("market" if within and not (jump and triggered) else "other")

    def trade_by_hand(self, symbol: str, side: Side, lots: float, stop_pips: float | None) -> None:
        """The trader opens a position that nobody sized."""
        price, sign = self.broker.opening_price(symbol, side), _SIGN[side]
        sl = 0.0 if stop_pips is None else round(price - sign * stop_pips * PIP[symbol], DIGITS[symbol])
        self.broker.open(symbol, side, lots, sl, 0.0, 0)
        self.mark("other")

    def close_by_hand(self, held: Held, share: float) -> None:
        """Somebody closes a position, or a part of it."""
        self.broker.close(held.ticket, round(held.lots * share, 2) or None)

    def withdraw(self, money: float) -> None:
        """Money is paid out."""
        self.broker.pay(-money)
        self.mark("other")

    def set_anchors(self) -> list[str]:
        """The trader says what rules count from that the daemon cannot know; which ones."""
        given = []
        for rule in self.ask_rules()["rules"]:
            text = next(each for each in self.rules.firm.rules if each.name == rule["name"])
            basis = self.rules.basis(text)
            if rule["missing"] is not None and basis is not None:
                reply = self.daemon.ask(type="anchor", rule=text.name, value=basis, reason="as the firm shows it")
                assert reply["status"] == "ok", reply
                given.append(text.name)
        return given

    def halt(self, **span: Any) -> None:
        """Somebody halts for a while."""
        assert self.daemon.ask(type="halt", reason="test", **span)["status"] == "ok"

    def resume(self) -> None:
        """Somebody lifts all halts. A breach that is still there comes back with the next report."""
        assert self.daemon.ask(type="resume", reason="test")["status"] == "ok"
        self.rules.resume()
        self.wait(1)
