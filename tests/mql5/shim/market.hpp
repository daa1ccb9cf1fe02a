// Symbols, account, positions, orders, history and trading: tables that a test fills in `shim::market`.
#pragma once
#include <functional>
#include "platform.hpp"

enum ENUM_ACCOUNT_INFO_INTEGER {
    ACCOUNT_LOGIN = 1, ACCOUNT_LEVERAGE, ACCOUNT_MARGIN_MODE, ACCOUNT_TRADE_ALLOWED, ACCOUNT_TRADE_EXPERT
};
enum ENUM_ACCOUNT_INFO_DOUBLE {
    ACCOUNT_BALANCE = 1, ACCOUNT_EQUITY, ACCOUNT_MARGIN, ACCOUNT_MARGIN_FREE, ACCOUNT_PROFIT
};
enum ENUM_ACCOUNT_INFO_STRING { ACCOUNT_CURRENCY = 1, ACCOUNT_SERVER, ACCOUNT_COMPANY, ACCOUNT_NAME };
enum ENUM_ACCOUNT_MARGIN_MODE {
    ACCOUNT_MARGIN_MODE_RETAIL_NETTING, ACCOUNT_MARGIN_MODE_EXCHANGE, ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
};
enum ENUM_SYMBOL_INFO_INTEGER {
    SYMBOL_TRADE_CALC_MODE = 1, SYMBOL_DIGITS, SYMBOL_TRADE_MODE, SYMBOL_TRADE_STOPS_LEVEL, SYMBOL_TRADE_FREEZE_LEVEL,
    SYMBOL_SWAP_MODE, SYMBOL_SWAP_ROLLOVER3DAYS, SYMBOL_FILLING_MODE, SYMBOL_TRADE_EXEMODE, SYMBOL_SELECT
};
enum ENUM_SYMBOL_INFO_DOUBLE {
    SYMBOL_POINT = 1, SYMBOL_TRADE_TICK_SIZE, SYMBOL_TRADE_TICK_VALUE, SYMBOL_TRADE_TICK_VALUE_PROFIT,
    SYMBOL_TRADE_TICK_VALUE_LOSS, SYMBOL_TRADE_CONTRACT_SIZE, SYMBOL_TRADE_FACE_VALUE, SYMBOL_TRADE_ACCRUED_INTEREST,
    SYMBOL_VOLUME_MIN, SYMBOL_VOLUME_MAX, SYMBOL_VOLUME_STEP, SYMBOL_VOLUME_LIMIT, SYMBOL_SWAP_LONG, SYMBOL_SWAP_SHORT,
    SYMBOL_MARGIN_INITIAL, SYMBOL_MARGIN_MAINTENANCE
};
enum ENUM_SYMBOL_INFO_STRING { SYMBOL_CURRENCY_BASE = 1, SYMBOL_CURRENCY_PROFIT, SYMBOL_CURRENCY_MARGIN };
enum ENUM_SYMBOL_TRADE_MODE {
    SYMBOL_TRADE_MODE_DISABLED, SYMBOL_TRADE_MODE_LONGONLY, SYMBOL_TRADE_MODE_SHORTONLY, SYMBOL_TRADE_MODE_CLOSEONLY,
    SYMBOL_TRADE_MODE_FULL
};
enum ENUM_SYMBOL_TRADE_EXECUTION {
    SYMBOL_TRADE_EXECUTION_REQUEST, SYMBOL_TRADE_EXECUTION_INSTANT, SYMBOL_TRADE_EXECUTION_MARKET,
    SYMBOL_TRADE_EXECUTION_EXCHANGE
};
#define SYMBOL_FILLING_FOK 1
#define SYMBOL_FILLING_IOC 2
enum ENUM_DAY_OF_WEEK { SUNDAY, MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY };
enum ENUM_TIMEFRAMES {
    PERIOD_CURRENT = 0, PERIOD_M1 = 1, PERIOD_M5 = 5, PERIOD_M15 = 15, PERIOD_M30 = 30, PERIOD_H1 = 16385,
    PERIOD_H4 = 16388, PERIOD_D1 = 16408
};
enum ENUM_ORDER_TYPE {
    ORDER_TYPE_BUY, ORDER_TYPE_SELL, ORDER_TYPE_BUY_LIMIT, ORDER_TYPE_SELL_LIMIT, ORDER_TYPE_BUY_STOP,
    ORDER_TYPE_SELL_STOP, ORDER_TYPE_BUY_STOP_LIMIT, ORDER_TYPE_SELL_STOP_LIMIT, ORDER_TYPE_CLOSE_BY
};
enum ENUM_ORDER_TYPE_FILLING { ORDER_FILLING_FOK, ORDER_FILLING_IOC, ORDER_FILLING_RETURN };
enum ENUM_ORDER_TYPE_TIME { ORDER_TIME_GTC, ORDER_TIME_DAY };
enum ENUM_TRADE_REQUEST_ACTIONS {
    TRADE_ACTION_DEAL = 1, TRADE_ACTION_PENDING = 5, TRADE_ACTION_SLTP = 6, TRADE_ACTION_REMOVE = 8
};
enum ENUM_TRADE_TRANSACTION_TYPE {
    TRADE_TRANSACTION_ORDER_ADD, TRADE_TRANSACTION_ORDER_UPDATE, TRADE_TRANSACTION_ORDER_DELETE,
    TRADE_TRANSACTION_DEAL_ADD, TRADE_TRANSACTION_DEAL_UPDATE, TRADE_TRANSACTION_DEAL_DELETE,
    TRADE_TRANSACTION_HISTORY_ADD, TRADE_TRANSACTION_HISTORY_UPDATE, TRADE_TRANSACTION_HISTORY_DELETE,
    TRADE_TRANSACTION_POSITION, TRADE_TRANSACTION_REQUEST
};
enum ENUM_DEAL_TYPE { DEAL_TYPE_BUY, DEAL_TYPE_SELL, DEAL_TYPE_BALANCE, DEAL_TYPE_CREDIT };
enum ENUM_SERIES_INFO_INTEGER { SERIES_SYNCHRONIZED = 1 };
enum ENUM_DEAL_ENTRY { DEAL_ENTRY_IN, DEAL_ENTRY_OUT, DEAL_ENTRY_INOUT, DEAL_ENTRY_OUT_BY };
enum ENUM_ORDER_STATE {
    ORDER_STATE_STARTED, ORDER_STATE_PLACED, ORDER_STATE_CANCELED, ORDER_STATE_PARTIAL, ORDER_STATE_FILLED,
    ORDER_STATE_REJECTED, ORDER_STATE_EXPIRED
};
enum ENUM_POSITION_TYPE { POSITION_TYPE_BUY, POSITION_TYPE_SELL };
enum ENUM_POSITION_PROPERTY_INTEGER {
    POSITION_TICKET = 1, POSITION_TYPE, POSITION_MAGIC, POSITION_TIME_MSC, POSITION_IDENTIFIER
};
enum ENUM_POSITION_PROPERTY_DOUBLE {
    POSITION_VOLUME = 1, POSITION_PRICE_OPEN, POSITION_PRICE_CURRENT, POSITION_SL, POSITION_TP, POSITION_PROFIT,
    POSITION_SWAP
};
enum ENUM_POSITION_PROPERTY_STRING { POSITION_SYMBOL = 1, POSITION_COMMENT };
enum ENUM_ORDER_PROPERTY_INTEGER {
    ORDER_TICKET = 1, ORDER_TYPE, ORDER_MAGIC, ORDER_TIME_SETUP_MSC, ORDER_STATE
};
enum ENUM_ORDER_PROPERTY_DOUBLE {
    ORDER_VOLUME_CURRENT = 1, ORDER_PRICE_OPEN, ORDER_SL, ORDER_TP, ORDER_VOLUME_INITIAL
};
enum ENUM_ORDER_PROPERTY_STRING { ORDER_SYMBOL = 1, ORDER_COMMENT };
enum ENUM_DEAL_PROPERTY_INTEGER { DEAL_TIME_MSC = 1, DEAL_ENTRY, DEAL_POSITION_ID, DEAL_MAGIC, DEAL_ORDER, DEAL_TYPE };
enum ENUM_DEAL_PROPERTY_DOUBLE { DEAL_VOLUME = 1, DEAL_PRICE, DEAL_PROFIT, DEAL_SWAP, DEAL_COMMISSION, DEAL_FEE };
enum ENUM_DEAL_PROPERTY_STRING { DEAL_SYMBOL = 1 };

#define TRADE_RETCODE_REQUOTE 10004
#define TRADE_RETCODE_REJECT 10006
#define TRADE_RETCODE_PLACED 10008
#define TRADE_RETCODE_DONE 10009
#define TRADE_RETCODE_DONE_PARTIAL 10010
#define TRADE_RETCODE_ERROR 10011
#define TRADE_RETCODE_TIMEOUT 10012
#define TRADE_RETCODE_INVALID 10013
#define TRADE_RETCODE_INVALID_VOLUME 10014
#define TRADE_RETCODE_INVALID_PRICE 10015
#define TRADE_RETCODE_INVALID_STOPS 10016
#define TRADE_RETCODE_TRADE_DISABLED 10017
#define TRADE_RETCODE_MARKET_CLOSED 10018
#define TRADE_RETCODE_NO_MONEY 10019
#define TRADE_RETCODE_PRICE_CHANGED 10020
#define TRADE_RETCODE_PRICE_OFF 10021
#define TRADE_RETCODE_INVALID_EXPIRATION 10022
#define TRADE_RETCODE_TOO_MANY_REQUESTS 10024
#define TRADE_RETCODE_NO_CHANGES 10025
#define TRADE_RETCODE_SERVER_DISABLES_AT 10026
#define TRADE_RETCODE_CLIENT_DISABLES_AT 10027
#define TRADE_RETCODE_FROZEN 10029
#define TRADE_RETCODE_INVALID_FILL 10030
#define TRADE_RETCODE_CONNECTION 10031
#define TRADE_RETCODE_ONLY_REAL 10032
#define TRADE_RETCODE_LIMIT_ORDERS 10033
#define TRADE_RETCODE_LIMIT_VOLUME 10034
#define TRADE_RETCODE_INVALID_ORDER 10035
#define TRADE_RETCODE_POSITION_CLOSED 10036
#define TRADE_RETCODE_INVALID_CLOSE_VOLUME 10038
#define TRADE_RETCODE_CLOSE_ORDER_EXIST 10039
#define TRADE_RETCODE_LIMIT_POSITIONS 10040
#define TRADE_RETCODE_LONG_ONLY 10042
#define TRADE_RETCODE_SHORT_ONLY 10043
#define TRADE_RETCODE_CLOSE_ONLY 10044
#define TRADE_RETCODE_FIFO_CLOSE 10045
#define TRADE_RETCODE_HEDGE_PROHIBITED 10046

struct MqlTick {
    datetime time = 0;
    double bid = 0, ask = 0, last = 0;
    ulong volume = 0;
    long time_msc = 0;
    uint flags = 0;
    double volume_real = 0;
};
struct MqlRates {
    datetime time = 0;
    double open = 0, high = 0, low = 0, close = 0;
    long tick_volume = 0;
    int spread = 0;
    long real_volume = 0;
};
struct MqlTradeRequest {
    ENUM_TRADE_REQUEST_ACTIONS action = TRADE_ACTION_DEAL;
    ulong magic = 0, order = 0;
    string symbol;
    double volume = 0, price = 0, stoplimit = 0, sl = 0, tp = 0;
    ulong deviation = 0;
    ENUM_ORDER_TYPE type = ORDER_TYPE_BUY;
    ENUM_ORDER_TYPE_FILLING type_filling = ORDER_FILLING_FOK;
    ENUM_ORDER_TYPE_TIME type_time = ORDER_TIME_GTC;
    datetime expiration = 0;
    string comment;
    ulong position = 0, position_by = 0;
};
struct MqlTradeResult {
    uint retcode = 0;
    ulong deal = 0, order = 0;
    double volume = 0, price = 0, bid = 0, ask = 0;
    string comment;
    uint request_id = 0;
    int retcode_external = 0;
};
struct MqlTradeTransaction {
    ulong deal = 0, order = 0;
    string symbol;
    ENUM_TRADE_TRANSACTION_TYPE type = TRADE_TRANSACTION_ORDER_ADD;
    ENUM_ORDER_TYPE order_type = ORDER_TYPE_BUY;
    ENUM_ORDER_STATE order_state = ORDER_STATE_STARTED;
    ENUM_DEAL_TYPE deal_type = DEAL_TYPE_BUY;
    ENUM_ORDER_TYPE_TIME time_type = ORDER_TIME_GTC;
    datetime time_expiration = 0;
    double price = 0, price_trigger = 0, price_sl = 0, price_tp = 0, volume = 0;
    ulong position = 0, position_by = 0;
};

namespace shim {

// A record of MT5's: properties by their numbers.
struct Record {
    std::map<int, long> whole;
    std::map<int, double> real;
    std::map<int, std::string> text;
};

struct Session {
    int day;
    long from, to;
};

struct SymbolData : Record {
    MqlTick tick;
    double margin_rate_buy = 1, margin_rate_sell = 1;
    std::vector<Session> sessions;
    // In Market Watch: others have no ticks.
    bool watched = true;
    // Whether the terminal has loaded the bars; until then it shows what it has.
    bool synchronized = true;
    // Oldest first; the last one is unfinished.
    std::map<int, std::vector<MqlRates>> bars;
};

struct Market {
    std::string symbol = "EURUSD";
    int period = PERIOD_H1;
    std::map<int, double> account_double;
    std::map<int, long> account_integer;
    std::map<int, std::string> account_text;
    std::map<std::string, SymbolData> symbols;
    // By ticket. What is selected last is what the property functions tell of.
    std::map<ulong, Record> positions, orders, deals, past_orders;
    ulong position = 0, order = 0;
    std::vector<ulong> history, order_history;
    bool history_fails = false;
    // What a selection of history takes.
    long history_ms = 0;
    // Called when a tick is read: the terminal goes on while a program looks.
    std::function<void()> meanwhile;
    // Deals that are in history and cannot be read.
    std::map<ulong, bool> unreadable;
    // OrderSend as the test has it; without one nothing may be sent.
    std::function<bool(const MqlTradeRequest &, MqlTradeResult &)> send;
    // Margin of one lot as a part of its value; below 0: OrderCalcMargin fails.
    double margin_part = 0.01;

    SymbolData &of(const std::string &name) {
        auto found = symbols.find(name);
        if (found == symbols.end()) fatal("no symbol " + name);
        return found->second;
    }
    bool has(const std::string &name) const { return symbols.count(name) > 0; }
};
inline Market market;

template <class Map>
auto property(const Map &map, int number) {
    auto found = map.find(number);
    return found == map.end() ? typename Map::mapped_type{} : found->second;
}

inline const Record &selected(const std::map<ulong, Record> &records, ulong ticket) {
    auto found = records.find(ticket);
    if (found == records.end()) fatal("a property of a record that is not selected");
    return found->second;
}

inline ulong ticket_at(const std::map<ulong, Record> &records, int index) {
    if (index < 0 || index >= (int)records.size()) return 0;
    return std::next(records.begin(), index)->first;
}

inline const std::vector<MqlRates> &series(const string &symbol, int timeframe) {
    return market.of(symbol.utf8()).bars[timeframe];
}

}  // namespace shim

#define _Symbol (string(shim::market.symbol))
#define _Period ((ENUM_TIMEFRAMES)shim::market.period)

inline long AccountInfoInteger(int property) { return shim::market.account_integer[property]; }
inline double AccountInfoDouble(int property) { return shim::market.account_double[property]; }
inline string AccountInfoString(int property) { return string(shim::market.account_text[property]); }

inline bool SymbolSelect(const string &name, bool watched) {
    if (shim::market.has(name.utf8())) shim::market.of(name.utf8()).watched = watched;
    return shim::market.has(name.utf8());
}
inline int SymbolsTotal(bool watched) {
    int total = 0;
    for (auto &[name, symbol] : shim::market.symbols) total += symbol.watched || !watched;
    return total;
}
inline string SymbolName(int at, bool watched) {
    for (auto &[name, symbol] : shim::market.symbols)
        if ((symbol.watched || !watched) && at-- == 0) return string(name);
    return string();
}
inline long SymbolInfoInteger(const string &name, ENUM_SYMBOL_INFO_INTEGER what) {
    return shim::property(shim::market.of(name.utf8()).whole, what);
}
inline double SymbolInfoDouble(const string &name, ENUM_SYMBOL_INFO_DOUBLE what) {
    return shim::property(shim::market.of(name.utf8()).real, what);
}
inline string SymbolInfoString(const string &name, ENUM_SYMBOL_INFO_STRING what) {
    return string(shim::property(shim::market.of(name.utf8()).text, what));
}
inline bool SymbolInfoTick(const string &name, MqlTick &tick) {
    if (!shim::market.has(name.utf8()) || !shim::market.of(name.utf8()).watched) return false;
    if (shim::market.meanwhile) shim::market.meanwhile();
    tick = shim::market.of(name.utf8()).tick;
    return tick.time_msc > 0;
}
inline bool SymbolInfoMarginRate(const string &name, ENUM_ORDER_TYPE type, double &initial, double &maintenance) {
    const shim::SymbolData &symbol = shim::market.of(name.utf8());
    initial = maintenance = type % 2 == 0 ? symbol.margin_rate_buy : symbol.margin_rate_sell;
    return true;
}
inline bool SymbolInfoSessionTrade(const string &name, ENUM_DAY_OF_WEEK day, uint index, datetime &from, datetime &to) {
    for (const shim::Session &session : shim::market.of(name.utf8()).sessions)
        if (session.day == day && index-- == 0) {
            from = session.from;
            to = session.to;
            return true;
        }
    return false;
}

inline long SeriesInfoInteger(const string &symbol, ENUM_TIMEFRAMES, ENUM_SERIES_INFO_INTEGER) {
    return shim::market.of(symbol.utf8()).synchronized;
}
inline int Bars(const string &symbol, ENUM_TIMEFRAMES timeframe) { return (int)shim::series(symbol, timeframe).size(); }
inline datetime iTime(const string &symbol, ENUM_TIMEFRAMES timeframe, int shift) {
    const auto &bars = shim::series(symbol, timeframe);
    return shift < 0 || shift >= (int)bars.size() ? 0 : bars[bars.size() - 1 - (size_t)shift].time;
}
// Of the bar that a time lies in, or of the one before it.
inline int iBarShift(const string &symbol, ENUM_TIMEFRAMES timeframe, datetime time, bool exact) {
    const auto &bars = shim::series(symbol, timeframe);
    for (size_t i = bars.size(); i > 0; i--)
        if (bars[i - 1].time <= time) return exact && bars[i - 1].time != time ? -1 : (int)(bars.size() - i);
    return -1;
}
inline int CopyRates(const string &symbol, ENUM_TIMEFRAMES timeframe, int start, int count, Array<MqlRates> &rates) {
    const auto &bars = shim::series(symbol, timeframe);
    int n = std::min(count, (int)bars.size() - start);
    if (start < 0 || n <= 0) return -1;
    if (rates.size() < n) rates.resize(n, 0);
    for (int i = 0; i < n; i++) rates[i] = bars[bars.size() - (size_t)(start + n) + (size_t)i];
    return n;
}

inline int PositionsTotal() { return (int)shim::market.positions.size(); }
inline bool PositionSelectByTicket(ulong ticket) {
    shim::market.position = ticket;
    return shim::market.positions.count(ticket) > 0;
}
inline ulong PositionGetTicket(int index) { return shim::market.position = shim::ticket_at(shim::market.positions, index); }
inline long PositionGetInteger(ENUM_POSITION_PROPERTY_INTEGER what) {
    const shim::Record &record = shim::selected(shim::market.positions, shim::market.position);
    return what == POSITION_TICKET ? (long)shim::market.position : shim::property(record.whole, what);
}
inline double PositionGetDouble(ENUM_POSITION_PROPERTY_DOUBLE what) {
    return shim::property(shim::selected(shim::market.positions, shim::market.position).real, what);
}
inline string PositionGetString(ENUM_POSITION_PROPERTY_STRING what) {
    return string(shim::property(shim::selected(shim::market.positions, shim::market.position).text, what));
}

inline int OrdersTotal() { return (int)shim::market.orders.size(); }
inline bool OrderSelect(ulong ticket) {
    shim::market.order = ticket;
    return shim::market.orders.count(ticket) > 0;
}
inline ulong OrderGetTicket(int index) { return shim::market.order = shim::ticket_at(shim::market.orders, index); }
inline long OrderGetInteger(ENUM_ORDER_PROPERTY_INTEGER what) {
    return shim::property(shim::selected(shim::market.orders, shim::market.order).whole, what);
}
inline double OrderGetDouble(ENUM_ORDER_PROPERTY_DOUBLE what) {
    return shim::property(shim::selected(shim::market.orders, shim::market.order).real, what);
}
inline string OrderGetString(ENUM_ORDER_PROPERTY_STRING what) {
    return string(shim::property(shim::selected(shim::market.orders, shim::market.order).text, what));
}

inline bool HistorySelect(datetime from, datetime to) {
    shim::market.history.clear();
    shim::market.order_history.clear();
    shim::watch.pass_ms(shim::market.history_ms);
    if (shim::market.history_fails) return false;
    for (const auto &[ticket, deal] : shim::market.deals) {
        long at = shim::property(deal.whole, DEAL_TIME_MSC) / 1000;
        if (at >= from && at <= to) shim::market.history.push_back(ticket);
    }
    for (const auto &[ticket, order] : shim::market.past_orders) {
        long at = shim::property(order.whole, ORDER_TIME_SETUP_MSC) / 1000;
        if (at >= from && at <= to) shim::market.order_history.push_back(ticket);
    }
    return true;
}
inline bool HistoryDealSelect(ulong ticket) {
    shim::market.history.clear();
    if (shim::market.deals.count(ticket) == 0 || shim::market.unreadable.count(ticket) > 0) return false;
    shim::market.history.push_back(ticket);
    return true;
}
inline int HistoryDealsTotal() { return (int)shim::market.history.size(); }
inline ulong HistoryDealGetTicket(int index) {
    return index < 0 || index >= HistoryDealsTotal() ? 0 : shim::market.history[(size_t)index];
}
inline const shim::Record &shim_deal(ulong ticket) {
    const auto &history = shim::market.history;
    if (std::find(history.begin(), history.end(), ticket) == history.end()) shim::fatal("a deal that is not selected");
    return shim::selected(shim::market.deals, ticket);
}
inline long HistoryDealGetInteger(ulong ticket, ENUM_DEAL_PROPERTY_INTEGER what) {
    return shim::property(shim_deal(ticket).whole, what);
}
inline double HistoryDealGetDouble(ulong ticket, ENUM_DEAL_PROPERTY_DOUBLE what) {
    return shim::property(shim_deal(ticket).real, what);
}
inline string HistoryDealGetString(ulong ticket, ENUM_DEAL_PROPERTY_STRING what) {
    return string(shim::property(shim_deal(ticket).text, what));
}

inline bool HistoryOrderSelect(ulong ticket) {
    shim::market.order_history.clear();
    if (shim::market.past_orders.count(ticket) == 0) return false;
    shim::market.order_history.push_back(ticket);
    return true;
}
inline int HistoryOrdersTotal() { return (int)shim::market.order_history.size(); }
inline ulong HistoryOrderGetTicket(int index) {
    return index < 0 || index >= HistoryOrdersTotal() ? 0 : shim::market.order_history[(size_t)index];
}
inline const shim::Record &shim_order(ulong ticket) {
    const auto &known = shim::market.order_history;
    if (std::find(known.begin(), known.end(), ticket) == known.end()) shim::fatal("an order that is not selected");
    return shim::selected(shim::market.past_orders, ticket);
}
inline long HistoryOrderGetInteger(ulong ticket, ENUM_ORDER_PROPERTY_INTEGER what) {
    return shim::property(shim_order(ticket).whole, what);
}
inline double HistoryOrderGetDouble(ulong ticket, ENUM_ORDER_PROPERTY_DOUBLE what) {
    return shim::property(shim_order(ticket).real, what);
}
inline string HistoryOrderGetString(ulong ticket, ENUM_ORDER_PROPERTY_STRING what) {
    return string(shim::property(shim_order(ticket).text, what));
}

// Forex with the account currency as profit currency.
inline bool OrderCalcProfit(ENUM_ORDER_TYPE type, const string &symbol, double volume, double open, double close,
                            double &profit) {
    const shim::SymbolData &data = shim::market.of(symbol.utf8());
    double ticks = (close - open) / shim::property(data.real, SYMBOL_TRADE_TICK_SIZE);
    profit = (type == ORDER_TYPE_BUY ? 1 : -1) * ticks * shim::property(data.real, SYMBOL_TRADE_TICK_VALUE) * volume;
    return true;
}
inline bool OrderCalcMargin(ENUM_ORDER_TYPE, const string &symbol, double volume, double price, double &margin) {
    const shim::SymbolData &data = shim::market.of(symbol.utf8());
    margin = volume * price * shim::property(data.real, SYMBOL_TRADE_CONTRACT_SIZE) * shim::market.margin_part;
    return shim::market.margin_part >= 0;
}
inline bool OrderSend(const MqlTradeRequest &request, MqlTradeResult &result) {
    if (!shim::market.send) shim::fatal("OrderSend: the test has no broker");
    return shim::market.send(request, result);
}
