"""The package's named tuples: fields and order are those of the struct tables in the wheel 5.0.6231 for Windows.

A field's kind is told by its name alone where the wheel gives whole numbers or text; everything else is a float.
"""

from collections import namedtuple
from typing import Any

import numpy as np

TICK = "time bid ask last volume time_msc flags volume_real"
POSITION = (
    "ticket time time_msc time_update time_update_msc type magic identifier reason volume price_open sl tp "
    "price_current swap profit symbol comment external_id"
)
ACCOUNT = (
    "login trade_mode leverage limit_orders margin_so_mode trade_allowed trade_expert margin_mode currency_digits "
    "fifo_close balance credit profit equity margin margin_free margin_level margin_so_call margin_so_so "
    "margin_initial margin_maintenance assets liabilities commission_blocked name server currency company"
)
ORDER = (
    "ticket time_setup time_setup_msc time_done time_done_msc time_expiration type type_time type_filling state magic "
    "position_id position_by_id reason volume_initial volume_current price_open sl tp price_current price_stoplimit "
    "symbol comment external_id"
)
DEAL = (
    "ticket order time time_msc type entry magic position_id reason volume price commission swap profit fee symbol "
    "comment external_id"
)
TERMINAL = (
    "community_account community_connection connected dlls_allowed trade_allowed tradeapi_disabled email_enabled "
    "ftp_enabled notifications_enabled mqid build maxbars codepage ping_last community_balance retransmission company "
    "name language path data_path commondata_path"
)
SYMBOL = (
    "custom chart_mode select visible session_deals session_buy_orders session_sell_orders volume volumehigh volumelow "
    "time digits spread spread_float ticks_bookdepth trade_calc_mode trade_mode start_time expiration_time "
    "trade_stops_level trade_freeze_level trade_exemode swap_mode swap_rollover3days margin_hedged_use_leg "
    "expiration_mode filling_mode order_mode order_gtc_mode option_mode option_right bid bidhigh bidlow ask askhigh "
    "asklow last lasthigh lastlow volume_real volumehigh_real volumelow_real option_strike point trade_tick_value "
    "trade_tick_value_profit trade_tick_value_loss trade_tick_size trade_contract_size trade_accrued_interest "
    "trade_face_value trade_liquidity_rate volume_min volume_max volume_step volume_limit swap_long swap_short "
    "margin_initial margin_maintenance session_volume session_turnover session_interest session_buy_orders_volume "
    "session_sell_orders_volume session_open session_close session_aw session_price_settlement "
    "session_price_limit_min session_price_limit_max margin_hedged price_change price_volatility price_theoretical "
    "price_greeks_delta price_greeks_theta price_greeks_gamma price_greeks_vega price_greeks_rho price_greeks_omega "
    "price_sensitivity basis category currency_base currency_profit currency_margin bank description exchange formula "
    "isin name page path"
)
REQUEST = (
    "action magic order symbol volume price stoplimit sl tp deviation type type_filling type_time expiration comment "
    "position position_by"
)

Tick = namedtuple("Tick", TICK)
TradePosition = namedtuple("TradePosition", POSITION)
AccountInfo = namedtuple("AccountInfo", ACCOUNT)
TradeOrder = namedtuple("TradeOrder", ORDER)
TradeDeal = namedtuple("TradeDeal", DEAL)
TerminalInfo = namedtuple("TerminalInfo", TERMINAL)
SymbolInfo = namedtuple("SymbolInfo", SYMBOL)
BookInfo = namedtuple("BookInfo", "type price volume volume_dbl")
TradeRequest = namedtuple("TradeRequest", REQUEST)
OrderCheckResult = namedtuple(
    "OrderCheckResult", "retcode balance equity profit margin margin_free margin_level comment request"
)
OrderSendResult = namedtuple(
    "OrderSendResult", "retcode deal order volume price bid ask comment request_id retcode_external request"
)

RATES = np.dtype(
    [
        ("time", "<i8"), ("open", "<f8"), ("high", "<f8"), ("low", "<f8"), ("close", "<f8"),
        ("tick_volume", "<u8"), ("spread", "<i4"), ("real_volume", "<u8"),
    ]
)  # fmt: skip
TICKS = np.dtype(
    [
        ("time", "<i8"), ("bid", "<f8"), ("ask", "<f8"), ("last", "<f8"), ("volume", "<u8"), ("time_msc", "<i8"),
        ("flags", "<u4"), ("volume_real", "<f8"),
    ]
)  # fmt: skip

_TEXT_FIELDS = (
    "comment external_id symbol name server currency company language path data_path commondata_path basis category "
    "currency_base currency_profit currency_margin bank description exchange formula isin page"
)
_FLAG_FIELDS = (
    "custom select visible spread_float margin_hedged_use_leg trade_allowed trade_expert fifo_close community_account "
    "community_connection connected dlls_allowed tradeapi_disabled email_enabled ftp_enabled notifications_enabled mqid"
)
_WHOLE_FIELDS = (
    "time time_msc time_update time_update_msc time_setup time_setup_msc time_done time_done_msc time_expiration "
    "ticket order type type_time type_filling state magic identifier reason position_id position_by_id entry login "
    "trade_mode leverage limit_orders margin_so_mode margin_mode currency_digits flags build maxbars codepage "
    "ping_last chart_mode session_deals session_buy_orders session_sell_orders volumehigh volumelow digits spread "
    "ticks_bookdepth trade_calc_mode start_time expiration_time trade_stops_level trade_freeze_level trade_exemode "
    "swap_mode swap_rollover3days expiration_mode filling_mode order_mode order_gtc_mode option_mode option_right"
)
TEXTS, FLAGS, WHOLE = (frozenset(names.split()) for names in (_TEXT_FIELDS, _FLAG_FIELDS, _WHOLE_FIELDS))


def made(kind: Any, values: dict[str, Any]) -> Any:
    """One named tuple; what is not given is 0, false or empty, as the terminal would have it."""
    unknown = values.keys() - set(kind._fields)
    if unknown:
        raise KeyError(f"{kind.__name__} has no {sorted(unknown)}")
    return kind(**{name: _typed(name, values.get(name)) for name in kind._fields})


def _typed(name: str, value: Any) -> Any:
    if name in TEXTS:
        return "" if value is None else str(value)
    if name in FLAGS:
        return bool(value)
    if name in WHOLE:
        return int(value or 0)
    return float(value or 0)
