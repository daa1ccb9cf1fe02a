// A small hedging broker behind the shim's tables: fills market orders, keeps money, closes at stops and targets.
#pragma once
#include <deque>
#include "mql5.hpp"

namespace broker {

// What OrderSend is to do instead of filling; `part` of the volume is filled where the code says that it was.
struct Script {
    uint retcode = TRADE_RETCODE_DONE;
    double part = 1;
    // Deals come as transactions only, not in the result.
    bool later = false;
    double move = 0;
};

class Broker {
    ulong m_ticket = 1000;

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
               long magic) {
        ulong ticket = ++m_ticket;
        shim::Record &record = shim::market.deals[ticket];
        record.whole = {{DEAL_TIME_MSC, now_ms()}, {DEAL_ENTRY, entry}, {DEAL_POSITION_ID, (long)position},
                        {DEAL_MAGIC, magic}};
        record.real = {{DEAL_VOLUME, lots}, {DEAL_PRICE, price}, {DEAL_PROFIT, profit}};
        record.text = {{DEAL_SYMBOL, symbol}};
        balance += profit;
        return ticket;
    }

    ulong open(const MqlTradeRequest &request, ulong order, double lots, double price) {
        shim::Record &position = shim::market.positions[order];
        double held = shim::property(position.real, POSITION_VOLUME);
        double was = shim::property(position.real, POSITION_PRICE_OPEN);
        position.whole = {{POSITION_TYPE, request.type}, {POSITION_MAGIC, (long)request.magic},
                          {POSITION_TIME_MSC, now_ms()}, {POSITION_IDENTIFIER, (long)order}};
        position.real = {{POSITION_VOLUME, held + lots}, {POSITION_PRICE_OPEN, (held * was + lots * price) / (held + lots)},
                         {POSITION_SL, request.sl}, {POSITION_TP, request.tp}};
        position.text = {{POSITION_SYMBOL, request.symbol.utf8()}, {POSITION_COMMENT, request.comment.utf8()}};
        return deal(request.symbol.utf8(), DEAL_ENTRY_IN, order, lots, price, 0, (long)request.magic);
    }

public:
    double balance = 0;
    long login = 0;
    std::deque<Script> scripts;
    std::deque<MqlTradeTransaction> events;
    std::vector<MqlTradeRequest> requests;

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
            if (shim::property(position.text, POSITION_SYMBOL) != name) continue;
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
    }

    void close(ulong ticket, double price) {
        shim::Record position = shim::market.positions[ticket];
        shim::market.positions.erase(ticket);
        double lots = shim::property(position.real, POSITION_VOLUME);
        ulong made = deal(shim::property(position.text, POSITION_SYMBOL), DEAL_ENTRY_OUT, ticket, lots, price,
                          money(position, price), shim::property(position.whole, POSITION_MAGIC));
        tell(TRADE_TRANSACTION_DEAL_ADD, made, ++m_ticket, ticket, lots, price);
        reckon();
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
        if (script.move != 0) quote(request.symbol.utf8(), tick.bid + script.move, tick.ask + script.move);
        result.retcode = script.retcode;
        result.comment = string("scripted");
        bool filled = script.retcode == TRADE_RETCODE_DONE || script.retcode == TRADE_RETCODE_DONE_PARTIAL;
        bool placed = script.retcode == TRADE_RETCODE_PLACED;
        if (!filled && !placed) return false;
        if (request.position != 0) {
            close(request.position, closing(shim::market.positions[request.position]));
            return true;
        }
        double lots = script.part == 1 ? request.volume : std::round(request.volume * script.part * 100) / 100;
        double price = request.type == ORDER_TYPE_BUY ? tick.ask : tick.bid;
        ulong order = ++m_ticket;
        result.order = order;
        if (lots > 0) {
            ulong made = open(request, order, lots, price);
            tell(TRADE_TRANSACTION_DEAL_ADD, made, order, order, lots, price);
            if (!script.later && !placed) {
                result.deal = made;
                result.volume = lots;
                result.price = price;
            }
        }
        tell(TRADE_TRANSACTION_HISTORY_ADD, 0, order, 0, 0, 0);
        reckon();
        return true;
    }
};

}  // namespace broker
