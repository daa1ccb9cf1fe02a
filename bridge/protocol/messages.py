"""The messages of protocol version 1, one frozen type each. PROTOCOL.md is their normative description.

Requests are decoded strictly: unknown fields are errors. Records of the terminal inside `snapshot` carry MT5's own
names; there only, fields that lotbridge does not use are accepted, so that an EA can pass its structures on whole.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from sizing.snapshot import OrderKind, Regime, Side

PROTOCOL_VERSION: Literal[1] = 1

Id = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[ -~]+\Z")]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Strategy = Annotated[str, Meta(min_length=1, max_length=32)]
Reason = Annotated[str, Meta(min_length=1, max_length=200)]
Price = Annotated[float, Meta(ge=1e-12, le=1e12)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Lots = Annotated[float, Meta(gt=0, le=1e12)]
Volume = Annotated[float, Meta(ge=1e-8, le=1e12)]
Money = Annotated[float, Meta(ge=-1e15, le=1e15)]
"""Every number has bounds: the journal holds 64 bits, and products of unbounded floats are not finite."""
NotNegative = Annotated[float, Meta(ge=0, le=1e15)]
Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Ticket = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Count = Ticket
Millis = Annotated[int, Meta(ge=0, le=2**53)]
Login = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="type"):
    """What every request carries."""

    v: Literal[1]
    id: Id
    account: Login | None = None


class SizeRequest(Request, frozen=True, kw_only=True, tag="size"):
    """How many lots?"""

    symbol: Name
    side: Side
    stop_loss: Price | None
    entry: Price | None = None
    take_profit: Price | None = None
    confidence: Percent | None = None
    market_score: Percent | None = None
    regime: Regime | None = None
    strategy: Strategy | None = None
    magic: Whole | None = None
    order: OrderKind = "market"
    horizon_minutes: Annotated[int, Meta(ge=1, le=525_600)] | None = None
    max_lots: Annotated[float, Meta(gt=0)] | None = None
    max_risk_pct: Annotated[float, Meta(gt=0, le=100)] | None = None
    sent_ms: Millis | None = None
    dry_run: bool = False
    adds_to: Annotated[int, Meta(ge=1, le=2**63 - 1)] | None = None


class FillRequest(Request, frozen=True, kw_only=True, tag="fill"):
    """A reservation became a position, or a part of it did."""

    reservation: Id
    ticket: Ticket
    lots: Lots
    price: Price


class ReleaseRequest(Request, frozen=True, kw_only=True, tag="release"):
    """A reservation will not be used."""

    reservation: Id
    reason: Annotated[str, Meta(max_length=200)]


class StatusRequest(Request, frozen=True, kw_only=True, tag="status"):
    """How is the account?"""


class PingRequest(Request, frozen=True, kw_only=True, tag="ping"):
    """Are you alive?"""


class RulesRequest(Request, frozen=True, kw_only=True, tag="rules"):
    """What does the firm allow now?"""


class HaltRequest(Request, frozen=True, kw_only=True, tag="halt"):
    """No entries from now on: for some minutes, until the firm's next reset, or until somebody lifts it."""

    reason: Reason
    minutes: Annotated[int, Meta(ge=1, le=525_600)] | None = None
    until_reset: bool = False


class ResumeRequest(Request, frozen=True, kw_only=True, tag="resume"):
    """Lift every halt. Sizes are multiplied by `factor` for so many days after it, where it is given."""

    reason: Reason
    factor: Annotated[float, Meta(gt=0, le=1)] | None = None
    days: Annotated[int, Meta(ge=1, le=365)] | None = None


class AnchorRequest(Request, frozen=True, kw_only=True, tag="anchor"):
    """What a loss rule counts from, where the daemon cannot know it."""

    rule: Name
    value: Annotated[float, Meta(gt=0, le=1e15)]
    reason: Reason
    force: bool = False


class SignalInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the trader's model says of a symbol. What is left out is not known."""

    symbol: Name
    direction: Literal["bullish", "bearish"] | None = None
    confidence: Percent | None = None
    risk: Literal["high", "medium", "low"] | None = None


class ManageRequest(Request, frozen=True, kw_only=True, tag="manage"):
    """What is to be done with what is open? Without `symbols` in all of them, without `magics` for every number."""

    symbols: Annotated[list[Name], Meta(min_length=1, max_length=1_000)] | None = None
    magics: Annotated[list[Whole], Meta(min_length=1, max_length=100)] | None = None
    signals: Annotated[list[SignalInfo], Meta(max_length=1_000)] | None = None


class ReportRequest(Request, frozen=True, kw_only=True, tag="report"):
    """What became of an instruction. `lots` are all that were filled so far; `ticket` is the position's."""

    instruction: Id
    status: Literal["done", "partial", "failed"]
    ticket: Ticket = 0
    lots: Annotated[float, Meta(ge=0, le=1e12)] = 0.0
    price: Price | None = None
    retcode: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0


class PositionsRequest(Request, frozen=True, kw_only=True, tag="positions"):
    """What is open, what was done with it and why. `history`: so many of the instructions that have ended."""

    history: Annotated[int, Meta(ge=0, le=500)] = 0


class TargetInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One symbol's notional as a share of equity, negative for short. A higher `alpha` gets room first."""

    symbol: Name
    weight: Annotated[float, Meta(ge=-100, le=100)]
    alpha: Annotated[float, Meta(ge=-1e9, le=1e9)] = 0.0
    strategy: Annotated[str, Meta(max_length=32)] = ""


class RebalanceRequest(Request, frozen=True, kw_only=True, tag="rebalance"):
    """Begin a plan with `targets`, or cancel the one that runs. `magics` are the EAs whose positions it may move."""

    reason: Reason
    targets: Annotated[list[TargetInfo], Meta(min_length=1, max_length=1_000)] | None = None
    cancel: bool = False
    magic: Whole = 0
    magics: Annotated[list[Whole], Meta(max_length=100)] | None = None


class AccountInfo(Struct, frozen=True, kw_only=True):
    """MT5's account_info."""

    login: Login
    currency: Annotated[str, Meta(min_length=3, max_length=8)]
    balance: Money
    equity: Money
    margin: Money
    margin_free: Money
    leverage: Annotated[int, Meta(ge=1, le=2**31 - 1)]
    margin_mode: Whole = 2
    trade_allowed: bool = True
    trade_expert: bool = True


class SymbolInfo(Struct, frozen=True, kw_only=True):
    """MT5's symbol_info. margin_rate_* are MQL5's SymbolInfoMarginRate, initial."""

    name: Name
    trade_calc_mode: Whole
    digits: Annotated[int, Meta(ge=0, le=12)]
    point: Price
    trade_tick_size: Price
    trade_tick_value: NotNegative
    trade_contract_size: Price
    volume_min: Volume
    volume_max: Volume
    volume_step: Volume
    currency_base: str
    currency_profit: str
    currency_margin: str
    trade_tick_value_profit: NotNegative = 0.0
    trade_tick_value_loss: NotNegative = 0.0
    volume_limit: NotNegative = 0.0
    trade_mode: Whole = 4
    trade_stops_level: Count = 0
    trade_freeze_level: Count = 0
    margin_initial: NotNegative = 0.0
    margin_maintenance: NotNegative = 0.0
    margin_rate_buy: NotNegative = 1.0
    margin_rate_sell: NotNegative = 1.0
    swap_mode: Whole = 0
    swap_long: Money = 0.0
    swap_short: Money = 0.0
    swap_rollover3days: Annotated[int, Meta(ge=0, le=6)] = 3
    trade_face_value: Money = 0.0
    trade_accrued_interest: Money = 0.0
    session_open: bool = True


class PositionInfo(Struct, frozen=True, kw_only=True):
    """MT5's TradePosition. `type`: 0 buy, 1 sell. Times are broker wall clock."""

    ticket: Ticket
    symbol: Name
    type: Literal[0, 1]
    volume: Lots
    price_open: Price
    price_current: Price
    sl: NotNegative = 0.0
    tp: NotNegative = 0.0
    profit: Money = 0.0
    swap: Money = 0.0
    magic: Whole = 0
    time_msc: Whole = 0


class OrderInfo(Struct, frozen=True, kw_only=True):
    """MT5's TradeOrder, pending. `type`: ENUM_ORDER_TYPE, even is buying, odd is selling."""

    ticket: Ticket
    symbol: Name
    type: Annotated[int, Meta(ge=0, le=7)]
    volume_current: Lots
    price_open: NotNegative
    sl: NotNegative = 0.0
    tp: NotNegative = 0.0
    magic: Whole = 0
    time_setup_msc: Whole = 0


class QuoteInfo(Struct, frozen=True, kw_only=True):
    """MT5's tick of one symbol. `time_msc` is broker wall clock."""

    symbol: Name
    time_msc: Whole
    bid: Price
    ask: Price


class RateInfo(Struct, frozen=True, kw_only=True):
    """MT5's MqlRates. `time` is broker wall clock, seconds; `tick_volume` 0 where it is not known."""

    time: Whole
    open: Price
    high: Price
    low: Price
    close: Price
    tick_volume: Count = 0


class BarsInfo(Struct, frozen=True, kw_only=True):
    """Closed bars of one symbol and timeframe ("H1"), oldest first."""

    symbol: Name
    timeframe: Literal["M1", "M5", "M15", "M30", "H1", "H4", "D1"]
    rates: list[RateInfo]


class DealInfo(Struct, frozen=True, kw_only=True):
    """MT5's TradeDeal. `entry`: ENUM_DEAL_ENTRY. Times are broker wall clock."""

    ticket: Ticket
    time_msc: Whole
    profit: Money
    entry: Whole = 0
    position_id: Whole = 0
    symbol: str = ""
    volume: Money = 0.0
    price: Money = 0.0
    swap: Money = 0.0
    commission: Money = 0.0
    fee: Money = 0.0
    magic: Whole = 0


class CheckInfo(Struct, frozen=True, kw_only=True):
    """One lot: OrderCalcProfit from `price_open` to `price_close`, and OrderCalcMargin at `price_open`."""

    symbol: Name
    side: Side
    price_open: Price
    price_close: Price
    profit: Money | None = None
    margin: Money | None = None


class SnapshotRequest(Request, frozen=True, kw_only=True, tag="snapshot"):
    """The EA as the daemon's eyes. Every part is optional; what is absent has not changed.

    `time_trade_server` (seconds, MQL5's TimeTradeServer) lets the daemon measure the broker's offset to UTC; without
    it the offset is taken from the newest tick. `positions` and `orders` are whole lists; `deals` and `bars` add up.
    `deals_since` (broker wall clock, ms) says from when on the session has told every deal.
    """

    session: Id
    sequence: Count
    time_trade_server: Annotated[int, Meta(ge=0, le=4_000_000_000)] | None = None
    account_info: AccountInfo | None = None
    symbols: list[SymbolInfo] | None = None
    positions: list[PositionInfo] | None = None
    orders: list[OrderInfo] | None = None
    quotes: list[QuoteInfo] | None = None
    bars: list[BarsInfo] | None = None
    deals: list[DealInfo] | None = None
    deals_since: Whole | None = None
    checks: list[CheckInfo] | None = None


AnyRequest = (
    SizeRequest
    | FillRequest
    | ReleaseRequest
    | SnapshotRequest
    | StatusRequest
    | RulesRequest
    | HaltRequest
    | ResumeRequest
    | AnchorRequest
    | ManageRequest
    | ReportRequest
    | PositionsRequest
    | RebalanceRequest
    | PingRequest
)


class Reply(Struct, frozen=True, kw_only=True):
    """What every reply carries."""

    v: int
    type: str | None
    id: str | None
    status: Literal["ok", "reject", "error"]
    code: str | None
    message: str | None
    server_ms: int


class ErrorReply(Reply, frozen=True, kw_only=True):
    """The request is at fault, or the daemon cannot answer. `field` names the culprit where there is one."""

    field: str | None


class RiskInfo(Struct, frozen=True):
    """Money of the answer, in account currency, and its percentage of equity."""

    currency: str
    amount: float
    worst_case: float
    percent: float
    per_lot: float
    expected_shortfall: float


class FactorInfo(Struct, frozen=True):
    """One multiplier of the waterfall."""

    name: str
    value: float
    detail: str


class CapInfo(Struct, frozen=True):
    """One ceiling of the waterfall; `lots` is None where it does not limit."""

    name: str
    lots: float | None
    detail: str


class Ages(Struct, frozen=True):
    """How old each piece of evidence was, in milliseconds; None where there was none."""

    quote_ms: int | None
    account_ms: int | None
    spec_ms: int | None
    stats_ms: int | None


class SizeReply(Reply, frozen=True, kw_only=True):
    """The lots and the whole reckoning behind them."""

    lots: float
    entry: float | None
    stop_loss: float | None
    take_profit: float | None
    risk: RiskInfo
    binding: str | None
    runner_up: str | None
    factors: list[FactorInfo]
    caps: list[CapInfo]
    base_lots: float
    reservation: str | None
    expires_ms: int | None
    decision: str | None
    ages: Ages


class ReservationReply(Reply, frozen=True, kw_only=True):
    """What became of a reservation: reserved, open, released or lapsed."""

    reservation: str
    state: str


class SnapshotReply(Reply, frozen=True, kw_only=True):
    """Whether the feed must start over with everything."""

    resync: bool


class RuleInfo(Struct, frozen=True):
    """One loss rule now."""

    name: str
    floor: float
    headroom: float
    used_percent: float
    resets_ms: int | None


class TerminalInfo(Struct, frozen=True):
    """The terminal behind the account."""

    connected: bool
    source: str
    quote_age_ms: int | None


class StatusReply(Reply, frozen=True, kw_only=True):
    """The account at a glance."""

    account: int
    equity: float | None
    balance: float | None
    rules: list[RuleInfo]
    open_risk: float
    reserved_risk: float
    halted: str | None
    terminal: TerminalInfo
    protocol: int
    version: str
    policy_hash: str
    currency: str | None


class RuleDetail(Struct, frozen=True, kw_only=True):
    """One loss rule in full. Figures are None while what it counts from is not known."""

    name: str
    scope: Literal["daily", "total"]
    anchor: float | None
    floor: float | None
    headroom: float | None
    used_percent: float | None
    floor_after_reset: float | None
    headroom_after_reset: float | None
    resets_ms: int | None
    breached: bool
    breach: Literal["ends", "pauses"]
    missing: str | None
    source: str
    as_of: str


class HaltInfo(Struct, frozen=True):
    """Why there are no entries, and until when; None until it is lifted."""

    code: str
    reason: str
    since_ms: int
    until_ms: int | None


class RecoveryInfo(Struct, frozen=True):
    """Smaller sizes after a halt."""

    factor: float
    until_ms: int
    equity: float | None
    reason: str


class LimitInfo(Struct, frozen=True):
    """One limit of the firm beside its loss rules, and how much of it is used; None where that is not known."""

    name: str
    limit: float
    used: float | None


class ProgressInfo(Struct, frozen=True, kw_only=True):
    """How far the account is with its firm."""

    earned: float
    target: float | None
    days: int
    min_days: int
    best_day: float
    best_day_pct: float | None
    best_day_limit: float | None
    today: float
    since_ms: int | None


class WindowInfo(Struct, frozen=True):
    """When there are no entries."""

    kind: Literal["weekend", "break", "news"]
    start_ms: int
    end_ms: int
    title: str
    currencies: list[str]


class RulesReply(Reply, frozen=True, kw_only=True):
    """Everything that the firm's rules say of the account now."""

    account: int
    currency: str | None
    balance: float | None
    equity: float | None
    firm: str
    title: str
    timezone: str
    day_from_ms: int
    resets_ms: int
    broker_offset_ms: int
    at_risk: float
    rules: list[RuleDetail]
    limits: list[LimitInfo]
    halts: list[HaltInfo]
    recovery: RecoveryInfo | None
    progress: ProgressInfo | None
    windows: list[WindowInfo]
    news_missing: str | None


class HaltReply(Reply, frozen=True, kw_only=True):
    """The halts that stand after a `halt` or a `resume`, and what holds after one."""

    halts: list[HaltInfo]
    recovery: RecoveryInfo | None


class AnchorReply(Reply, frozen=True, kw_only=True):
    """The rule as it stands with its new anchor."""

    rule: RuleDetail


class InstructionInfo(Struct, frozen=True, kw_only=True):
    """One thing to do, once, before `expires_ms`. Of an `open` the lots are sized and their money is reserved.

    `ticket` is 0 for an `open`. Prices of None: of a `modify_stop` there shall be none, of others they do not matter.
    """

    id: str
    kind: Literal["open", "close", "close_partial", "modify_stop", "cancel"]
    ticket: int
    symbol: str
    side: Side
    lots: float
    price: float | None
    stop_loss: float | None
    take_profit: float | None
    order: Literal["market", "limit", "stop", "stop_limit"]
    magic: int
    rule: str
    reason: str
    expires_ms: int
    reservation: str | None
    decision: str | None


class SkippedInfo(Struct, frozen=True):
    """A rule that applied and ordered nothing, and why."""

    rule: str
    symbol: str
    reason: str


class ManageReply(Reply, frozen=True, kw_only=True):
    """What to do now, in this order. `problems` say which rule files cannot be read, so that older ones hold."""

    instructions: list[InstructionInfo]
    skipped: list[SkippedInfo]
    problems: list[str]


class ReportReply(Reply, frozen=True, kw_only=True):
    """How the instruction stands: given, partial, done, failed or expired."""

    instruction: str
    state: str


class HeldInfo(Struct, frozen=True, kw_only=True):
    """One open position. Figures are None where they are not known; `actions` are the rules that were carried out."""

    ticket: int
    symbol: str
    side: Side
    volume: float
    initial_volume: float
    price_open: float
    price: float
    sl: float | None
    tp: float | None
    profit: float
    gain_pct: float | None
    """Of the price since the opening, positive in profit."""
    r: float | None
    """The same in multiples of the distance to the first stop."""
    opened_ms: int
    share_pct: float | None
    """Notional in percent of the balance."""
    stop_risk: float | None
    """Money lost from here at the stop; None without one."""
    magic: int
    added_to: int
    actions: list[str]


class PastInfo(Struct, frozen=True, kw_only=True):
    """An instruction and what became of it."""

    id: str
    kind: str
    ticket: int
    symbol: str
    side: Side
    lots: float
    stop_loss: float | None
    rule: str
    reason: str
    given_ms: int
    expires_ms: int
    state: str
    filled: float
    price: float | None
    retcode: int
    slippage_bps: float | None
    """Hundredths of a percent, positive where the price was worse than when the instruction was given."""
    latency_ms: int | None
    """From the instruction to the report."""
    cost: float | None
    """Slippage in account currency."""


class SumInfo(Struct, frozen=True):
    """What a group of closed pieces has earned, account currency; cost is positive when paid."""

    name: str
    pieces: int
    profit: float
    cost: float


class PlanLineInfo(Struct, frozen=True, kw_only=True):
    """One symbol of a plan. `note` says why it is left alone, or not added to any more."""

    symbol: str
    weight: float
    fitted: float | None
    lots: float | None
    shown: float | None
    note: str


class PlanInfo(Struct, frozen=True, kw_only=True):
    """A rebalancing plan."""

    id: str
    phase: str
    created_ms: int
    why: str
    lines: list[PlanLineInfo]
    in_play: int
    past: int
    turnover: float
    """Notional traded in the firm's day so far, account currency."""
    untracked_pct: float | None
    tracking_error_pct: float | None
    violations: list[str]


class PortfolioInfo(Struct, frozen=True, kw_only=True):
    """The whole portfolio against its limits."""

    mode: str
    reason: str
    gross: float | None
    net: float | None
    var_95_pct: float | None
    drawdown_pct: float | None
    breaches: list[str]
    unknown: list[str]


class PositionsReply(Reply, frozen=True, kw_only=True):
    """Everything about what is open."""

    account: int
    currency: str | None
    balance: float | None
    equity: float | None
    rules: list[str]
    """The rule files that hold."""
    problems: list[str]
    positions: list[HeldInfo]
    pending: list[PastInfo]
    """Instructions whose end the terminal has not shown yet."""
    history: list[PastInfo]
    """The newest first."""
    symbols: list[SumInfo]
    by_rule: list[SumInfo]
    strategies: list[SumInfo]
    plan: PlanInfo | None
    portfolio: PortfolioInfo | None


class RebalanceReply(Reply, frozen=True, kw_only=True):
    """The plan as it stands."""

    plan: PlanInfo | None


REQUEST_TYPES: dict[str, type[Request]] = {
    "size": SizeRequest,
    "fill": FillRequest,
    "release": ReleaseRequest,
    "snapshot": SnapshotRequest,
    "status": StatusRequest,
    "rules": RulesRequest,
    "halt": HaltRequest,
    "resume": ResumeRequest,
    "anchor": AnchorRequest,
    "manage": ManageRequest,
    "report": ReportRequest,
    "positions": PositionsRequest,
    "rebalance": RebalanceRequest,
    "ping": PingRequest,
}
