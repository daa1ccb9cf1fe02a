"""One trade while it is being sized: the inputs side by side with the figures derived from them so far."""

from sizing.policy import Policy
from sizing.snapshot import Account, Signal, Snapshot
from sizing.standing import Standing


class Trade:
    """The engine's scratch pad. Each step of `engine.size` fills in what the next ones read; nothing outlives the call.

    Money per lot is in account currency.
    """

    __slots__ = (
        "account", "entry", "expected_return", "loss_per_lot", "margin_per_lot", "notional_per_lot", "policy",
        "reach_per_lot", "reward_risk", "risk_per_lot", "shortfall_per_lot", "sign", "signal", "snapshot", "standing",
        "stop_loss", "tail_source", "unit", "value_at_risk_per_lot", "win_probability", "worst_per_lot",
    )  # fmt: skip

    account: Account
    entry: float
    expected_return: float
    loss_per_lot: float
    margin_per_lot: float
    notional_per_lot: float
    reach_per_lot: float
    """What may be gained first, up to the target, where the account's floor follows."""
    reward_risk: float
    risk_per_lot: float
    shortfall_per_lot: float
    stop_loss: float
    tail_source: str
    unit: float
    """Money per lot and 1.0 of price."""
    value_at_risk_per_lot: float
    win_probability: float
    worst_per_lot: float

    def __init__(self, signal: Signal, snapshot: Snapshot, policy: Policy, standing: Standing) -> None:
        self.signal = signal
        self.snapshot = snapshot
        self.policy = policy
        self.standing = standing
        self.account = snapshot.account.account
        self.sign = 1 if signal.side == "buy" else -1
        self.entry = self.stop_loss = 0.0
        self.unit = self.value_at_risk_per_lot = self.reach_per_lot = 0.0
        self.loss_per_lot = self.shortfall_per_lot = self.risk_per_lot = self.worst_per_lot = 0.0

    @property
    def distance(self) -> float:
        """From entry to stop, in price."""
        return abs(self.entry - self.stop_loss)

    @property
    def near(self) -> float:
        """How much earlier than by its bids the symbol reaches the stop: the spread, and what it may widen by."""
        quote = self.snapshot.quote
        return min(self.distance, (quote.ask - quote.bid) * (1.0 + self.policy.cost.spread_allowance))
