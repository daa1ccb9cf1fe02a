"""One trade while it is being sized: the inputs side by side with the figures derived from them so far."""

from sizing.snapshot import Account, Exposure, Signal, Snapshot
from sizing.policy import Policy


class Trade:
    """The engine's scratch pad. Each step of `engine.size` fills in what the next ones read; nothing outlives the call."""

    __slots__ = (
        "account", "base_lots", "budget", "correlations", "entry", "exposures", "expected_return", "loss_per_lot",
        "margin_per_lot", "notional_per_lot", "open_risk", "open_worst", "policy", "reward_risk", "risk_per_lot",
        "rooms", "shortfall_per_lot", "signal", "sign", "snapshot", "stop_loss", "take_profit", "win_probability",
        "worst_per_lot",
    )  # fmt: skip

    def __init__(self, signal: Signal, snapshot: Snapshot, policy: Policy) -> None:
        self.signal = signal
        self.snapshot = snapshot
        self.policy = policy
        self.account: Account = snapshot.account.account
        self.sign = 1 if signal.side == "buy" else -1
        self.exposures: tuple[Exposure, ...] = snapshot.account.book.exposures + snapshot.reserved
        self.open_risk = 0.0
        self.open_worst = 0.0
        for exposure in self.exposures:
            self.open_risk += exposure.risk
            self.open_worst += exposure.worst
        self.correlations: list[float] = []
        self.entry = 0.0
        self.stop_loss = 0.0
        self.take_profit: float | None = signal.take_profit
        self.reward_risk = 0.0
        self.win_probability = 0.0
        self.expected_return = 0.0
        self.loss_per_lot = 0.0
        self.shortfall_per_lot = 0.0
        self.risk_per_lot = 0.0
        self.worst_per_lot = 0.0
        self.notional_per_lot = 0.0
        self.margin_per_lot = 0.0
        self.budget = 0.0
        self.base_lots = 0.0
        self.rooms: list[tuple[float, float]] = []
        """Money that must not be exceeded, and money per lot that counts against it; proved again after rounding."""
