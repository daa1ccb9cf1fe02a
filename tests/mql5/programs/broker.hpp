// A small broker, hedging or netting, behind the shim's tables: fills market orders, keeps pending ones and money, closes
// at stops and targets.
#pragma once
#include <csignal>
#include <deque>
#include <set>
#include "mql5.hpp"

namespace broker {

// What OrderSend is to do instead of filling; `part` of the volume is filled where the code says that it was.
struct Script {
    uint retcode = TRADE_RETCODE_DONE;
    double part = 1;
    // Deals come as transactions only, not in the result.
    bool later = false;
    double move = 0;
    // Filled whatever the code says.
    bool filled = false;
    // The result names no order.
    bool nameless = false;
    // No transaction comes.
    bool mute = false;
    // What is not filled stays in the market: see `fill` and `end`.
    bool rests = false;
    // All of it happens when the test says `show`.
    bool hidden = false;
    // Of the whole, only the position is not shown before `show`.
    bool blind = false;
    // How long it takes, and whether the terminal is killed before the program hears of it.
    long ms = 0;
    bool kills = false;
    // The broker puts its own comment in the place of the program's.
    bool renamed = false;
    std::string comment;
};

// A trade as another terminal of the same account has to be told of it.
struct Trade {
    bool opens;
    ulong ticket, order, deal;
    shim::Record position;
    double lots, price;
};

class Broker {
    ulong m_ticket = 1000;
    // Positions of another terminal: that one closes them.
    std::set<ulong> m_foreign;
    bool m_mute = false;

    long now_ms() const { return (long)(shim::watch.utc_us() / 1000) + shim::watch.broker_offset_s * 1000; }

    static double money(const shim::Record &position, double close) {
        double profit = 0;
        OrderCalcProfit((ENUM_ORDER_TYPE)shim::property(position.whole, POSITION_TYPE),
                        string(shim::property(position.text, POSITION_SYMBOL)),
                        shim::property(position.real, POSITION_VOLUME),
                        shim::property(position.real, POSITION_PRICE_OPEN), close, profit);
        return std::round(profit * 100) / 100;
    }

    static double closing(const shim::Record &position) {
        const MqlTick &tick = shim::market.of(shim::property(position.text, POSITION_SYMBOL)).tick;
        return shim::property(position.whole, POSITION_TYPE) == POSITION_TYPE_BUY ? tick.bid : tick.ask;
    }

    void tell(ENUM_TRADE_TRANSACTION_TYPE type, ulong deal, ulong order, ulong position, double lots, double price) {
        if (m_mute) return;
        MqlTradeTransaction event;
        event.type = type;
        event.deal = deal;
        event.order = order;
        event.position = position;
        event.volume = lots;
        event.price = price;
        events.push_back(event);
    }

    ulong deal(const std::string &symbol, int entry, ulong position, double lots, double price, double profit,
               long magic, ulong order = 0, ulong known_as = 0) {
        ulong ticket = known_as ? known_as : ++m_ticket;
        shim::Record &record = shim::market.deals[ticket];
        record.whole = {{DEAL_TIME_MSC, now_ms()}, {DEAL_ENTRY, entry}, {DEAL_POSITION_ID, (long)position},
                        {DEAL_MAGIC, magic}, {DEAL_ORDER, (long)order}};
        record.real = {{DEAL_VOLUME, lots}, {DEAL_PRICE, price}, {DEAL_PROFIT, profit}};
        record.text = {{DEAL_SYMBOL, symbol}};
        balance += profit;
        return ticket;
    }

    // The position that an order goes into: a netting account has one for each symbol.
    ulong place(const std::string &symbol, ulong order) const {
        if (shim::market.account_integer[ACCOUNT_MARGIN_MODE] == ACCOUNT_MARGIN_MODE_RETAIL_HEDGING) return order;
        for (auto &[ticket, position] : shim::market.positions)
            if (shim::property(position.text, POSITION_SYMBOL) == symbol) return ticket;
        return order;
    }

    void add(ulong ticket, const shim::Record &made, double lots, double price) {
        shim::Record &position = shim::market.positions[ticket];
        double held = shim::property(position.real, POSITION_VOLUME);
        double was = shim::property(position.real, POSITION_PRICE_OPEN);
        if (held > 0 && shim::property(position.whole, POSITION_TYPE) != shim::property(made.whole, POSITION_TYPE))
            shim::fatal("this broker does not net the other side");
        position = made;
        position.whole[POSITION_IDENTIFIER] = (long)ticket;
        position.real[POSITION_VOLUME] = held + lots;
        position.real[POSITION_PRICE_OPEN] = (held * was + lots * price) / (held + lots);
    }

    // One deal of an order.
    ulong open(const MqlTradeRequest &request, ulong order, double lots, double price, bool blind) {
        shim::Record made;
        ulong ticket = place(request.symbol.utf8(), order);
        made.whole = {{POSITION_TYPE, request.type % 2}, {POSITION_MAGIC, (long)request.magic},
                      {POSITION_TIME_MSC, now_ms()}};
        made.real = {{POSITION_SL, request.sl}, {POSITION_TP, request.tp}};
        made.text = {{POSITION_SYMBOL, request.symbol.utf8()}, {POSITION_COMMENT, request.comment.utf8()}};
        if (blind)
            m_hidden.push_back([=] { add(ticket, made, lots, price); });
        else
            add(ticket, made, lots, price);
        ulong known_as = deal(request.symbol.utf8(), DEAL_ENTRY_IN, ticket, lots, price, 0, (long)request.magic, order);
        trades.push_back({true, ticket, order, known_as, made, lots, price});
        return known_as;
    }

    // An order's deal, and what is left of the order.
    ulong execute(ulong order, const MqlTradeRequest &request, double lots, bool blind) {
        const MqlTick &tick = shim::market.of(request.symbol.utf8()).tick;
        double price = request.type > ORDER_TYPE_SELL ? request.price : request.type == ORDER_TYPE_BUY ? tick.ask : tick.bid;
        if (request.position != 0) lots = std::min(lots, held(request.position));
        ulong made = request.position != 0 ? reduce(request.position, order, lots, price)
                                           : open(request, order, lots, price, blind);
        if (shim::market.orders.count(order) > 0) {  // else it is over, and the deal is late
            double &left = shim::market.orders[order].real[ORDER_VOLUME_CURRENT];
            left = std::round((left - lots) * 1e8) / 1e8;
        }
        ulong into = request.position != 0 ? request.position : place(request.symbol.utf8(), order);
        tell(TRADE_TRANSACTION_DEAL_ADD, made, order, into, lots, price);
        return made;
    }

    static double held(ulong ticket) { return shim::property(shim::market.positions[ticket].real, POSITION_VOLUME); }

    // One deal that closes a part of a position, or the whole of it.
    ulong reduce(ulong ticket, ulong order, double lots, double price) {
        shim::Record part = shim::market.positions[ticket];
        double left = std::round((held(ticket) - lots) * 1e8) / 1e8;
        part.real[POSITION_VOLUME] = lots;
        shim::market.positions[ticket].real[POSITION_VOLUME] = left;
        if (left <= 0) shim::market.positions.erase(ticket);
        ulong made = deal(shim::property(part.text, POSITION_SYMBOL), DEAL_ENTRY_OUT, ticket, lots, price,
                          money(part, price), shim::property(part.whole, POSITION_MAGIC), order);
        trades.push_back({false, ticket, order, made, part, lots, price});
        return made;
    }

    // What the trade server finds wrong with a request; 0: nothing.
    static uint fault(const MqlTradeRequest &request) {
        if (request.action == TRADE_ACTION_REMOVE)
            return shim::market.orders.count(request.order) > 0 ? 0 : TRADE_RETCODE_INVALID_ORDER;
        if (request.position == 0) return 0;
        if (shim::market.positions.count(request.position) == 0) return TRADE_RETCODE_POSITION_CLOSED;
        const shim::Record &position = shim::market.positions[request.position];
        long type = shim::property(position.whole, POSITION_TYPE);
        if (shim::property(position.text, POSITION_SYMBOL) != request.symbol.utf8()) return TRADE_RETCODE_INVALID;
        if (request.action == TRADE_ACTION_DEAL) {
            if (request.type == type) shim::fatal("a close that opens");
            return request.volume > held(request.position) + 1e-9 ? TRADE_RETCODE_INVALID_CLOSE_VOLUME : 0;
        }
        double price = closing(position), way = type == POSITION_TYPE_BUY ? 1 : -1;
        if ((request.sl > 0 && way * (price - request.sl) <= 0) || (request.tp > 0 && way * (request.tp - price) <= 0))
            return TRADE_RETCODE_INVALID_STOPS;
        return shim::property(position.real, POSITION_SL) == request.sl && shim::property(position.real, POSITION_TP) == request.tp
                   ? TRADE_RETCODE_NO_CHANGES : 0;
    }

    // Stops that are set, or a pending order that is taken back.
    void change(const MqlTradeRequest &request) {
        if (request.action == TRADE_ACTION_REMOVE) return finish(request.order);
        shim::market.positions[request.position].real[POSITION_SL] = request.sl;
        shim::market.positions[request.position].real[POSITION_TP] = request.tp;
    }

    std::deque<std::function<void()>> m_hidden;
    MqlTradeRequest m_resting;
    ulong m_resting_order = 0;

public:
    double balance = 0;
    long login = 0;
    std::deque<Script> scripts;
    std::deque<MqlTradeTransaction> events;
    std::vector<MqlTradeRequest> requests;
    std::vector<Trade> trades;
    // The code that every close is answered with; PLACED closes when the test says `show`. 0: closes.
    uint close_code = 0;

    // What terminals of one account make must not have the same numbers.
    void number_from(ulong first) { m_ticket = first; }

    // What the broker did meanwhile arrives.
    void show() {
        for (; !m_hidden.empty(); m_hidden.pop_front()) m_hidden.front()();
        reckon();
    }

    // The order that rests in the market fills some more.
    void fill(double lots) {
        execute(m_resting_order, m_resting, lots, false);
        reckon();
    }

    // An order that somebody else has sent, some time ago, without any deal.
    void stranger(const MqlTradeRequest &request, long age_ms) {
        ulong order = ++m_ticket;
        shim::market.past_orders[order] = record(request, request.comment.utf8(), now_ms() - age_ms);
    }

    // The order that rests goes into history, whatever is left of it.
    void end() { finish(m_resting_order); }
    void finish(ulong order) {
        shim::Record &ended = shim::market.past_orders[order] = shim::market.orders[order];
        shim::market.orders.erase(order);
        bool filled = shim::property(ended.real, ORDER_VOLUME_CURRENT) <= 0;
        ended.whole[ORDER_STATE] = filled ? ORDER_STATE_FILLED : ORDER_STATE_CANCELED;
        tell(TRADE_TRANSACTION_HISTORY_ADD, 0, order, 0, 0, 0);
    }
    // With a deal of so many lots that is not shown yet.
    void end(double lots) {
        double &left = shim::market.orders[m_resting_order].real[ORDER_VOLUME_CURRENT];
        left = std::round((left - lots) * 1e8) / 1e8;
        finish(m_resting_order);
    }

    // What another terminal of the account did.
    void mirror(const Trade &trade) {
        const std::string symbol = shim::property(trade.position.text, POSITION_SYMBOL);
        const long magic = shim::property(trade.position.whole, POSITION_MAGIC);
        double profit = 0;
        if (trade.opens) {
            add(trade.ticket, trade.position, trade.lots, trade.price);
            m_foreign.insert(trade.ticket);
        } else {
            profit = money(shim::market.positions[trade.ticket], trade.price);
            shim::market.positions.erase(trade.ticket);
        }
        deal(symbol, trade.opens ? DEAL_ENTRY_IN : DEAL_ENTRY_OUT, trade.ticket, trade.lots, trade.price, profit, magic,
             trade.order, trade.deal);
        tell(TRADE_TRANSACTION_DEAL_ADD, trade.deal, trade.order, trade.ticket, trade.lots, trade.price);
        reckon();
    }

    void begin(long account, long now) {
        login = account;
        shim::watch.freeze(now);
        shim::program.terminal[TERMINAL_CONNECTED] = shim::program.terminal[TERMINAL_TRADE_ALLOWED] = 1;
        shim::program.mql[MQL_TRADE_ALLOWED] = 1;
        shim::market.account_text = {{ACCOUNT_CURRENCY, "USD"}};
        shim::market.account_integer = {{ACCOUNT_LOGIN, account}, {ACCOUNT_LEVERAGE, 100}, {ACCOUNT_MARGIN_MODE, 2},
                                        {ACCOUNT_TRADE_ALLOWED, 1}, {ACCOUNT_TRADE_EXPERT, 1}};
        shim::market.send = [this](const MqlTradeRequest &request, MqlTradeResult &result) {
            return send(request, result);
        };
    }

    // The first deal is the deposit.
    void pay(double money, long days_ago) {
        ulong ticket = deal("", DEAL_ENTRY_IN, 0, 0, 0, money, 0);
        shim::market.deals[ticket].whole[DEAL_TIME_MSC] -= days_ago * 86400000;
        reckon();
    }

    void add(const std::string &name) {
        shim::SymbolData &data = shim::market.symbols[name];
        data.whole = {{SYMBOL_DIGITS, 5}, {SYMBOL_TRADE_MODE, SYMBOL_TRADE_MODE_FULL}, {SYMBOL_FILLING_MODE, 3},
                      {SYMBOL_TRADE_EXEMODE, SYMBOL_TRADE_EXECUTION_MARKET}, {SYMBOL_SWAP_ROLLOVER3DAYS, 3}};
        data.real = {{SYMBOL_POINT, 1e-5}, {SYMBOL_TRADE_TICK_SIZE, 1e-5}, {SYMBOL_TRADE_TICK_VALUE, 1},
                     {SYMBOL_TRADE_TICK_VALUE_PROFIT, 1}, {SYMBOL_TRADE_TICK_VALUE_LOSS, 1},
                     {SYMBOL_TRADE_CONTRACT_SIZE, 100000}, {SYMBOL_VOLUME_MIN, 0.01}, {SYMBOL_VOLUME_MAX, 50},
                     {SYMBOL_VOLUME_STEP, 0.01}};
        data.text = {{SYMBOL_CURRENCY_BASE, name.substr(0, 3)}, {SYMBOL_CURRENCY_PROFIT, name.substr(3, 3)},
                     {SYMBOL_CURRENCY_MARGIN, name.substr(0, 3)}};
    }

    // A tick, and what it does to positions and bars.
    void quote(const std::string &name, double bid, double ask) {
        MqlTick &tick = shim::market.of(name).tick;
        tick.bid = bid;
        tick.ask = ask;
        tick.time_msc = now_ms();
        tick.time = tick.time_msc / 1000;
        for (int timeframe : {(int)PERIOD_H1, (int)PERIOD_D1}) bar(name, timeframe, tick);
        std::vector<std::pair<ulong, double>> closed;
        for (auto &[ticket, position] : shim::market.positions) {
            double price = closing(position), sl = shim::property(position.real, POSITION_SL);
            double tp = shim::property(position.real, POSITION_TP);
            int way = shim::property(position.whole, POSITION_TYPE) == POSITION_TYPE_BUY ? 1 : -1;
            if (shim::property(position.text, POSITION_SYMBOL) != name || m_foreign.count(ticket)) continue;
            if ((sl > 0 && way * (price - sl) <= 0) || (tp > 0 && way * (price - tp) >= 0)) closed.emplace_back(ticket, price);
        }
        for (auto &[ticket, price] : closed) close(ticket, price);
        reckon();
    }

    void bar(const std::string &name, int timeframe, const MqlTick &tick) {
        long seconds = timeframe == PERIOD_D1 ? 86400 : 3600;
        datetime opened = tick.time - tick.time % seconds;
        auto &bars = shim::market.of(name).bars[timeframe];
        if (bars.empty() || bars.back().time < opened) {
            MqlRates rate;
            rate.time = opened;
            rate.open = rate.high = rate.low = rate.close = tick.bid;
            bars.push_back(rate);
        }
        MqlRates &rate = bars.back();
        rate.high = std::max(rate.high, tick.bid);
        rate.low = std::min(rate.low, tick.bid);
        rate.close = tick.bid;
        rate.tick_volume++;
    }

    // The order that has closed it.
    ulong close(ulong ticket, double price) {
        double lots = held(ticket);
        ulong order = ++m_ticket;
        ulong made = reduce(ticket, order, lots, price);
        tell(TRADE_TRANSACTION_DEAL_ADD, made, order, ticket, lots, price);
        reckon();
        return order;
    }

    void reckon() {
        double floating = 0, margin = 0;
        for (auto &[ticket, position] : shim::market.positions) {
            double price = closing(position), part = 0;
            position.real[POSITION_PRICE_CURRENT] = price;
            floating += position.real[POSITION_PROFIT] = money(position, price);
            OrderCalcMargin(ORDER_TYPE_BUY, string(shim::property(position.text, POSITION_SYMBOL)),
                            shim::property(position.real, POSITION_VOLUME), price, part);
            margin += part;
        }
        shim::market.account_double = {{ACCOUNT_BALANCE, balance}, {ACCOUNT_EQUITY, balance + floating},
                                       {ACCOUNT_MARGIN, margin}, {ACCOUNT_MARGIN_FREE, balance + floating - margin}};
    }

    bool send(const MqlTradeRequest &request, MqlTradeResult &result) {
        requests.push_back(request);
        Script script;
        if (!scripts.empty()) {
            script = scripts.front();
            scripts.pop_front();
        }
        const MqlTick tick = shim::market.of(request.symbol.utf8()).tick;
        shim::watch.pass_ms(script.ms);
        if (script.move != 0) quote(request.symbol.utf8(), tick.bid + script.move, tick.ask + script.move);
        result.retcode = script.retcode;
        result.comment = string("scripted");
        bool done = script.retcode == TRADE_RETCODE_DONE || script.retcode == TRADE_RETCODE_DONE_PARTIAL;
        bool placed = script.retcode == TRADE_RETCODE_PLACED;
        if (request.position != 0 && close_code != 0) {
            result.retcode = close_code;
            if (close_code != TRADE_RETCODE_PLACED) return false;
            m_hidden.push_back([=] { close(request.position, closing(shim::market.positions[request.position])); });
            return true;
        }
        if (!done && !placed && !script.filled) return false;
        if (uint wrong = fault(request)) {
            result.retcode = wrong;
            return false;
        }
        if (request.action == TRADE_ACTION_SLTP || request.action == TRADE_ACTION_REMOVE) {
            m_hidden.push_back([=] { change(request); });
            if (!script.hidden) show();
            return done || placed;
        }
        ulong order = ++m_ticket;
        if (!script.nameless) result.order = order;
        if (script.hidden) {
            m_hidden.push_back([=] { book(order, request, script); });
            return done || placed;
        }
        ulong made = book(order, request, script);
        if (made != 0 && done && !script.later) {
            result.deal = made;
            result.volume = shim::property(shim::market.deals[made].real, DEAL_VOLUME);
            result.price = shim::property(shim::market.deals[made].real, DEAL_PRICE);
        }
        reckon();
        if (script.kills) std::raise(SIGKILL);
        return done || placed;
    }

private:
    static shim::Record record(const MqlTradeRequest &request, const std::string &comment, long made_ms) {
        shim::Record order;
        order.whole = {{ORDER_TYPE, request.type}, {ORDER_MAGIC, (long)request.magic}, {ORDER_TIME_SETUP_MSC, made_ms},
                       {ORDER_STATE, ORDER_STATE_PLACED}};
        order.real = {{ORDER_VOLUME_INITIAL, request.volume}, {ORDER_VOLUME_CURRENT, request.volume},
                      {ORDER_PRICE_OPEN, request.price}, {ORDER_SL, request.sl}, {ORDER_TP, request.tp}};
        order.text = {{ORDER_SYMBOL, request.symbol.utf8()}, {ORDER_COMMENT, comment}};
        return order;
    }

    // The order, its deal if there is any, and its end unless it rests.
    ulong book(ulong order, const MqlTradeRequest &request, const Script &script) {
        bool waits = request.action == TRADE_ACTION_PENDING;
        double lots = waits ? 0 : script.part == 1 ? request.volume : std::round(request.volume * script.part * 100) / 100;
        shim::market.orders[order] = record(request, script.renamed ? script.comment : request.comment.utf8(), now_ms());
        m_mute = script.mute;
        ulong made = lots > 0 ? execute(order, request, lots, script.blind) : 0;
        m_resting = request;
        m_resting_order = order;
        if (!script.rests && !waits) finish(order);
        m_mute = false;
        return made;
    }
};

}  // namespace broker
