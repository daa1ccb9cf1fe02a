"""Everything a decision is made from, as frozen values. Field names are MT5's own where MT5 has the figure.

Money is in the account's currency, prices in the symbol's, times in integer milliseconds since the Unix epoch, UTC.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sizing.symbols import SymbolClass

Side = Literal["buy", "sell"]
OrderKind = Literal["market", "pending"]
Regime = Literal["trending", "ranging", "volatile"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One question: how many lots? Prices of None ask for the quote's touch price and the policy's ATR stop."""

    id: str
    symbol: str
    side: Side
    stop_loss: float | None = None
    entry: float | None = None
    take_profit: float | None = None
    confidence: float | None = None
    market_score: float | None = None
    regime: Regime | None = None
    order: OrderKind = "market"
    horizon_minutes: int | None = None
    max_lots: float | None = None
    max_risk_pct: float | None = None
    sent_ms: int | None = None
    magic: int = 0
    """The EA's number, by which its deals are told from those of others."""
    adds_to: int | None = None
    """Netting: the position that it is added to, whose stop and target it shares; checked against the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """MT5's account_info, as far as sizing needs it."""

    login: int
    currency: str
    balance: float
    equity: float
    margin: float
    margin_free: float
    leverage: int
    margin_mode: int = 2
    """ENUM_ACCOUNT_MARGIN_MODE: 0 retail netting, 1 exchange, 2 retail hedging."""
    trade_allowed: bool = True
    trade_expert: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An open position. `sl` and `tp` are None where MT5 shows 0."""

    ticket: int
    symbol: str
    side: Side
    volume: float
    price_open: float
    price_current: float
    sl: float | None = None
    tp: float | None = None
    profit: float = 0.0
    swap: float = 0.0
    magic: int = 0
    time_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingOrder:
    """An order waiting for its price. `sl` is None where MT5 shows 0."""

    ticket: int
    symbol: str
    side: Side
    volume_current: float
    price_open: float
    sl: float | None = None
    tp: float | None = None
    magic: int = 0
    time_setup_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """One deal of the account's history; `entry` is ENUM_DEAL_ENTRY (0 in, 1 out, 2 in and out, 3 out by)."""

    ticket: int
    position_id: int
    symbol: str
    entry: int
    volume: float
    price: float
    profit: float
    time_ms: int
    swap: float = 0.0
    commission: float = 0.0
    fee: float = 0.0
    magic: int = 0

    @property
    def net(self) -> float:
        """What the deal did to the balance."""
        return self.profit + self.swap + self.commission + self.fee


class Quote(NamedTuple):
    """Best bid and ask, and when the market made them."""

    bid: float
    ask: float
    time_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolSpec:
    """MT5's symbol_info, as far as sizing needs it. Tick values are in account currency, as the terminal gives them."""

    name: str
    trade_calc_mode: int
    digits: int
    point: float
    trade_tick_size: float
    trade_tick_value: float
    trade_contract_size: float
    volume_min: float
    volume_max: float
    volume_step: float
    currency_base: str
    currency_profit: str
    currency_margin: str
    trade_tick_value_profit: float = 0.0
    trade_tick_value_loss: float = 0.0
    volume_limit: float = 0.0
    trade_mode: int = 4
    """ENUM_SYMBOL_TRADE_MODE: 0 disabled, 1 long only, 2 short only, 3 close only, 4 full."""
    trade_stops_level: int = 0
    trade_freeze_level: int = 0
    margin_initial: float = 0.0
    margin_maintenance: float = 0.0
    margin_rate_buy: float = 1.0
    margin_rate_sell: float = 1.0
    """Initial margin rates, MQL5's SymbolInfoMarginRate; the Python package does not know them."""
    swap_mode: int = 0
    swap_long: float = 0.0
    swap_short: float = 0.0
    swap_rollover3days: int = 3
    """Day of the triple swap, 0 Sunday to 6 Saturday."""
    trade_face_value: float = 0.0
    trade_accrued_interest: float = 0.0


class MoneyCheck(NamedTuple):
    """What the terminal itself computes for one lot: OrderCalcProfit, and OrderCalcMargin at the first price."""

    symbol: str
    side: Side
    price_open: float
    price_close: float
    profit: float | None
    margin: float | None


class Bar(NamedTuple):
    """One closed bar of bid prices; `time_ms` is its opening."""

    time_ms: int
    open: float
    high: float
    low: float
    close: float


class TailModel(NamedTuple):
    """What lies beyond the stop: how often a stop is gapped and how far, in price, on average when it is."""

    gap_probability: float
    gap_excess: float
    source: str


class TailRow(NamedTuple):
    """The measured tail for one horizon, in price, over the stops of a `StopTail`.

    `shortfall` holds the upper end of the expected shortfall's interval at the lower and at the upper end of each
    bracket between two stops, the first from 0, and at the last stop as the lower end of all beyond it;
    `value_at_risk` has a value at each stop. `reach` has for each bracket, the endless one too, the mean loss of a stop
    that the first day jumps over; 0 where it jumps over none.
    """

    shortfall: tuple[float, ...]
    value_at_risk: tuple[float, ...]
    reach: tuple[float, ...]
    windows: int


class TailSide(NamedTuple):
    """One side: a row for each horizon that may go over a weekend, and one for any longer horizon.

    `week` holds rows for the first horizons, of trades that end within the week; it is empty where the market does not
    close, or history is too short to tell them apart.
    """

    rows: tuple[TailRow, ...]
    week: tuple[TailRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopTail:
    """What a stop trade loses in its tail, measured on daily paths scaled to the volatility of now.

    `stops` are distances in price, ascending; `horizons` are daily bars, ascending. Losses count from the bid where the
    position is opened, without costs.
    """

    horizons: tuple[int, ...]
    stops: tuple[float, ...]
    buy: TailSide
    sell: TailSide


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketStats:
    """Statistics of one symbol, computed when a bar closes. None where history is too short."""

    as_of_ms: int
    bars: int
    atr: float | None = None
    """Average true range on the stop policy's timeframe, in price."""
    atr_daily: float | None = None
    """Average true range of daily bars, in price."""
    atr_percentile: float | None = None
    """Percentile (0 to 100) of today's daily ATR among the policy's lookback."""
    regime: Regime | Literal["normal"] | None = None
    tail: TailModel | None = None
    """The policy's assumed gap, as prices of this symbol."""
    measured: StopTail | None = None
    """What history says of a stop trade's tail, where there is enough of it."""


class Performance(NamedTuple):
    """The last closed trades: how many, how many won, and what they earned after costs, in account currency."""

    trades: int
    wins: int
    mean: float = 0.0
    """Per trade."""
    sharpe: float | None = None
    """Mean over standard deviation of the trades, not annualized; None below two trades or without any deviation."""
    profit_factor: float | None = None
    """What was won over what was lost; None where nothing was lost."""


NO_TRADES = Performance(0, 0)


class TailAudit(NamedTuple):
    """What comparing forecasts with outcomes has led to: the expected shortfall is multiplied, and why."""

    multiplier: float
    detail: str


class Exposure(NamedTuple):
    """What one side of one symbol holds. Risk is money to the stops with costs; worst adds the gap allowance."""

    symbol: str
    side: Side
    positions: int
    lots: float
    risk: float
    worst: float
    notional: float
    margin: float
    reach: float = 0.0
    """Money that may be gained first, up to the targets, before the stops are hit."""
    deficit: float = 0.0
    """Worst case counted from where each position was opened: what losing positions would show, winners nothing."""


class Conversion(NamedTuple):
    """Account currency per unit of the profit currency and of the margin currency, on the unfavourable side.

    None where no symbol at hand converts.
    """

    profit: float | None
    margin: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """Open positions and pending orders, priced. `unpriceable` says what could not be priced, and why."""

    exposures: tuple[Exposure, ...] = ()
    pending: tuple[Exposure, ...] = ()
    unpriceable: str | None = None
    winning: float = 0.0
    """Floating profit of the positions that win: closing them alone would add so much to the balance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountView:
    """The account side of a snapshot; changes when the terminal reports."""

    account: Account
    peak_equity: float
    book: Book = Book()
    performance: Performance = NO_TRADES
    strategies: tuple[tuple[int, Performance], ...] = ()
    """The same by magic number, where the policy judges each strategy by its own trades."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SymbolView:
    """The symbol side of a snapshot; changes when figures or statistics do."""

    spec: SymbolSpec
    class_name: str
    symbol_class: SymbolClass
    stats: MarketStats | None = None
    mismatch: str | None = None
    """Why the terminal's own OrderCalcProfit / OrderCalcMargin contradict the computed figures, if they do."""
    checked: bool = False
    """The terminal's own calculation was compared with ours, and agrees."""
    session_open: bool = True
    audit: TailAudit | None = None
    """Set where the forecasts of this symbol's tail were found to understate."""


class RuleStatus(NamedTuple):
    """One loss rule now: money, in account currency."""

    name: str
    scope: Literal["daily", "total"]
    floor: float
    headroom: float
    """What may still be lost: measured value less floor, less a cent where touching the floor breaches."""
    floor_after_reset: float
    """The highest floor that the next reset, or closing what wins, can lead to as things stand."""
    headroom_after_reset: float
    start_distance: float
    """Distance to the floor when the rule's period began."""
    used_percent: float
    resets_ms: int | None
    anchor: float = 0.0
    measured: float = 0.0
    breached: bool = False
    pauses: bool = False
    """A breach ends with the next reset; else it ends the account."""
    on_balance: bool = False
    """The balance is compared with the floor as well: losing positions may be closed while others stay open."""
    trails: bool = False
    """The floor rises with floating profit, so that a trade may gain first and lose from there."""
    rise: float | None = None
    """How far the floor can still rise, where it has a lock."""


class NewsWindow(NamedTuple):
    """No entries between the two times in symbols that hold one of the currencies (all symbols if none is named)."""

    start_ms: int
    end_ms: int
    currencies: tuple[str, ...]
    title: str


class Halt(NamedTuple):
    """No entries, until a time or until somebody lifts it."""

    code: str
    """The code of the refusals."""
    reason: str
    since_ms: int
    until_ms: int | None
    rule: str = ""
    """The loss rule whose breach it is."""


class Recovery(NamedTuple):
    """Smaller sizes after a halt, until a time or until equity is back."""

    factor: float
    since_ms: int
    until_ms: int
    equity: float | None
    """Reaching this ends it, account currency; None: only time does."""
    reason: str


class Progress(NamedTuple):
    """How far the account is, in account currency. Days are the firm's; they are known since the first one kept."""

    earned: float
    target: float | None
    days: int
    """Days that count."""
    min_days: int
    best_day: float
    best_day_pct: float | None
    """What the best day is of what it is compared with, in percent; None where there is nothing to compare."""
    best_day_limit: float | None
    """Money that the best day may be, where the firm has such a rule and the figure is known."""
    today: float
    since_ms: int | None


class OpenLimits(NamedTuple):
    """What the firm allows beside losses: money in account currency, lots, counts. None does not limit."""

    open_risk: float | None = None
    floating_loss: float | None = None
    max_positions: int | None = None
    max_positions_per_day: int | None = None
    max_lots_per_order: float | None = None
    max_lots_open: float | None = None


NO_LIMITS = OpenLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class FirmState:
    """The firm's rules evaluated for this account and moment."""

    name: str
    rules: tuple[RuleStatus, ...] = ()
    missing: tuple[tuple[str, str], ...] = ()
    """Rules whose anchor cannot be established, each with why."""
    weekend_from_ms: int | None = None
    weekend_until_ms: int | None = None
    break_from_ms: int | None = None
    """The daily break that holds now, or the next one."""
    break_until_ms: int | None = None
    news: tuple[NewsWindow, ...] = ()
    news_missing: str | None = None
    """Why the calendar that the firm's rule needs cannot be trusted, if it cannot."""
    halts: tuple[Halt, ...] = ()
    recovery: Recovery | None = None
    limits: OpenLimits = NO_LIMITS
    opened_today: int | None = None
    """Positions opened since the last reset; None where that is not known."""
    progress: Progress | None = None
    pause: str | None = None
    """Why the firm's consistency rule wants no more trades today, if it does."""

    def missing_of(self, rule: str) -> str | None:
        """Why this rule's anchor cannot be established, if it cannot."""
        return dict(self.missing).get(rule)


class SideMoves(NamedTuple):
    """One day of one side of a symbol as losses in price, (n,).

    `landing` is where a stop between the last close and it is filled, `reached` the worst of the day.
    """

    landing: Floats
    reached: Floats
    close: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Portfolio:
    """What is open, pending and reserved, over n days of history that all its symbols and the request's have in common.

    `losses` (n,) are money lost by all of it, `shortfall` is their expected shortfall; `own` are the days of the
    request's symbol and side.
    """

    losses: Floats
    shortfall: float
    own: SideMoves
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """One moment of one account and one symbol."""

    now_ms: int
    account: AccountView
    account_ms: int
    """When the account was last reported."""
    symbol: SymbolView
    spec_ms: int
    """When the symbol's figures were last reported."""
    quote: Quote
    conversion: Conversion
    firm: FirmState
    correlation: dict[str, dict[str, float]]
    """Signed correlation of daily returns by broker symbol, both ways round; a missing pair loses together."""
    reserved: tuple[Exposure, ...] = ()
    next_rollover_ms: int | None = None
    """When the broker next charges swaps."""
    portfolio: Portfolio | None = None
    """Only where adding up all tails leaves the least room of all."""
