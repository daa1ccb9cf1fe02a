// A terminal with a small broker, and the feeding EA on one of its charts, driven by commands.
#include <Experts/LotBridge/LotBridgeFeed.mq5>
#include "broker.hpp"
#include "commands.hpp"

using commands::Arguments;

namespace {

broker::Broker house;
// What the terminal has not loaded yet.
std::map<ulong, shim::Record> unloaded;
std::map<int, std::vector<MqlRates>> unloaded_bars;
size_t shown = 0;
std::string comment;

std::string symbol_of(const Arguments &in) { return in.has("symbol") ? in.text("symbol").utf8() : "EURUSD"; }

void put_chart(LbJsonWriter &out) {
    std::string text;
    for (; shown < shim::printed.size(); shown++) {
        const std::string &line = shim::printed[shown];
        text += line + "\n";
        if (line.rfind("LotBridge feeds", 0) == 0 || line.rfind("LotBridge: ", 0) == 0) comment = line;
    }
    out.TextField(string("printed"), string(text));
    out.TextField(string("comment"), string(comment));
}

void begin(const Arguments &in, LbJsonWriter &) {
    shim::watch.broker_offset_s = in.has("offset_s") ? in.integer("offset_s") : 0;
    shim::program.mql[MQL_DLLS_ALLOWED] = 1;
    house.begin(in.integer("login"), in.integer("now_ms"));
    house.add("EURUSD");
    house.quote("EURUSD", 1.1, 1.1001);
    if (in.number("deposit") > 0) house.pay(in.number("deposit"), 30);
    house.reckon();
}

// `count` deals without profit, `every_ms` apart, the newest `ago_ms` ago; they come in groups of the same time.
void trades(const Arguments &in, LbJsonWriter &) {
    long count = in.integer("count"), group = in.has("group") ? in.integer("group") : 1;
    for (long i = 0; i < count; i++) {
        house.pay(0, 0);
        long ago = in.integer("ago_ms") + (count - 1 - i) / group * in.integer("every_ms");
        shim::market.deals.rbegin()->second.whole[DEAL_TIME_MSC] -= ago;
    }
}

// The terminal has loaded no deals but the newest so many.
void unload(const Arguments &in, LbJsonWriter &) {
    while ((long)shim::market.deals.size() > in.integer("keep")) {
        auto oldest = shim::market.deals.begin();
        unloaded.insert(*oldest);
        shim::market.deals.erase(oldest);
    }
}

// It has loaded so many more, the newest first.
void load(const Arguments &in, LbJsonWriter &) {
    for (long left = in.integer("count"); left > 0 && !unloaded.empty(); left--) {
        auto newest = std::prev(unloaded.end());
        shim::market.deals.insert(*newest);
        unloaded.erase(newest);
    }
}

void buy(const Arguments &in, LbJsonWriter &out) {
    MqlTradeRequest request;
    MqlTradeResult result;
    request.symbol = string(symbol_of(in));
    request.volume = 0.5;
    if (in.has("stop_loss")) request.sl = in.number("stop_loss");
    for (long left = in.has("count") ? in.integer("count") : 1; left > 0; left--) house.send(request, result);
    out.IntegerField(string("ticket"), (long)result.order);
}

void place(const Arguments &in, LbJsonWriter &) {
    shim::Record &order = shim::market.orders[77];
    order.whole = {{ORDER_TYPE, ORDER_TYPE_BUY_LIMIT}, {ORDER_TIME_SETUP_MSC, (long)TimeTradeServer() * 1000}};
    order.real = {{ORDER_VOLUME_CURRENT, 0.1}, {ORDER_PRICE_OPEN, in.number("price")}, {ORDER_SL, in.number("stop_loss")}};
    order.text = {{ORDER_SYMBOL, symbol_of(in)}};
}

// So many hours of H1 bars before now.
void history(const Arguments &in, LbJsonWriter &) {
    int64_t now = shim::watch.frozen_utc_us;
    shim::market.of("EURUSD").bars.clear();
    for (long hours = in.integer("hours"); hours >= 0; hours--) {
        shim::watch.frozen_utc_us = now - hours * 3600000000;
        house.quote("EURUSD", 1.1, 1.1001);
    }
}

void unload_bars(const Arguments &in, LbJsonWriter &) {
    unloaded_bars = shim::market.of("EURUSD").bars;
    for (auto &[timeframe, bars] : shim::market.of("EURUSD").bars) {
        long keep = std::min(in.integer("keep"), (long)bars.size());
        bars.erase(bars.begin(), bars.end() - keep);
    }
}

}  // namespace

int main() {
    std::map<std::string, commands::Command> known;
    known["begin"] = begin;
    known["symbol"] = [](const Arguments &in, LbJsonWriter &) {
        house.add(symbol_of(in));
        house.quote(symbol_of(in), 1.3, 1.3001);
        shim::market.of(symbol_of(in)).watched = in.integer("watched") != 0;
    };
    known["watch"] = [](const Arguments &in, LbJsonWriter &) { shim::market.of(symbol_of(in)).watched = true; };
    known["quote"] = [](const Arguments &in, LbJsonWriter &) {
        house.quote(symbol_of(in), in.number("bid"), in.number("bid") + 0.0001);
    };
    known["quote all"] = [](const Arguments &in, LbJsonWriter &) {
        for (auto &[name, symbol] : shim::market.symbols) house.quote(name, in.number("bid"), in.number("bid") + 0.0001);
    };
    known["pass"] = [](const Arguments &in, LbJsonWriter &) { shim::watch.pass_ms(in.integer("ms")); };
    known["offset"] = [](const Arguments &in, LbJsonWriter &) { shim::watch.broker_offset_s = in.integer("offset_s"); };
    known["login"] = [](const Arguments &in, LbJsonWriter &) {
        shim::market.account_integer[ACCOUNT_LOGIN] = in.integer("login");
    };
    known["balance"] = [](const Arguments &in, LbJsonWriter &) {  // which no deal explains
        house.balance += in.number("money");
        house.reckon();
    };
    known["credit"] = [](const Arguments &, LbJsonWriter &) {
        house.pay(0, 1);
        shim::market.deals.rbegin()->second.whole[DEAL_TYPE] = DEAL_TYPE_CREDIT;
        shim::market.deals.rbegin()->second.real[DEAL_PROFIT] = 5000;
    };
    known["trades"] = trades;
    known["unload"] = unload;
    known["load"] = load;
    known["unreadable"] = [](const Arguments &in, LbJsonWriter &out) {  // or readable again
        auto newest = shim::market.deals.rbegin();
        if (in.integer("on")) shim::market.unreadable[newest->first] = true;
        else shim::market.unreadable.clear();
        out.IntegerField(string("ticket"), (long)newest->first);
    };
    known["history fails"] = [](const Arguments &in, LbJsonWriter &) {
        shim::market.history_fails = in.integer("on") != 0;
    };
    known["history takes"] = [](const Arguments &in, LbJsonWriter &) { shim::market.history_ms = in.integer("ms"); };
    known["connected"] = [](const Arguments &in, LbJsonWriter &) {
        shim::program.terminal[TERMINAL_CONNECTED] = in.integer("on");
    };
    known["deals"] = [](const Arguments &, LbJsonWriter &out) {
        out.Key(string("deals"));
        out.BeginArray();
        for (auto &[ticket, deal] : shim::market.deals) {
            out.BeginArray();
            out.Integer((long)ticket);
            out.Integer(shim::property(deal.whole, DEAL_TIME_MSC));
            out.EndArray();
        }
        out.EndArray();
    };
    known["symbols"] = [](const Arguments &in, LbJsonWriter &) {
        Array<string> names;
        StringSplit(in.text("names"), ',', names);
        for (int i = 0; i < names.size(); i++) {
            house.add(names[i].utf8());
            house.quote(names[i].utf8(), 1.1, 1.1001);
        }
    };
    known["login while telling"] = [](const Arguments &in, LbJsonWriter &) {
        long login = in.integer("login");
        shim::market.meanwhile = [login] { shim::market.account_integer[ACCOUNT_LOGIN] = login; };
    };
    // What a message with so much room would tell of the quotes.
    known["tell quotes"] = [](const Arguments &in, LbJsonWriter &out) {
        static LbFeedQuotes quotes;
        Array<string> names;
        LbJsonWriter writer;
        LbJsonReader reader;
        Array<uchar> bytes;
        StringSplit(in.text("names"), ',', names);
        writer.BeginObject();
        quotes.Write(writer, names, (int)in.integer("room"));
        writer.EndObject();
        writer.TakeAll(bytes);
        if (!reader.Parse(bytes)) shim::fatal("no JSON");
        out.Key(string("told"));
        out.BeginArray();
        for (int at = reader.First(reader.Find(0, string("quotes"))); at != LB_NONE; at = reader.Next(at)) {
            string name;
            reader.GetText(at, string("symbol"), name);
            out.Text(name);
        }
        out.EndArray();
        out.FlagField(string("more"), quotes.More());
    };
    // What a message with so much room would tell of the deals.
    known["tell deals"] = [](const Arguments &in, LbJsonWriter &out) {
        static LbFeedDeals deals;
        LbJsonWriter writer;
        Array<uchar> bytes;
        deals.Expect();
        deals.Prepare();
        writer.BeginObject();
        deals.Write(writer, (int)in.integer("room"));
        writer.EndObject();
        writer.TakeAll(bytes);
        out.TextField(string("told"), string(commands::text_of(bytes)));
        out.FlagField(string("more"), deals.More());
    };
    known["buy"] = buy;
    known["place"] = place;
    known["close"] = [](const Arguments &in, LbJsonWriter &) { house.close((ulong)in.integer("ticket"), in.number("price")); };
    known["history"] = history;
    known["unload bars"] = unload_bars;
    known["load bars"] = [](const Arguments &, LbJsonWriter &) { shim::market.of("EURUSD").bars = unloaded_bars; };
    known["synchronized"] = [](const Arguments &in, LbJsonWriter &) {
        shim::market.of("EURUSD").synchronized = in.integer("on") != 0;
    };
    known["start"] = [](const Arguments &in, LbJsonWriter &out) {
        InpAddress = in.text("address");
        InpDeadlineMs = in.has("deadline_ms") ? (int)in.integer("deadline_ms") : 10000;
        if (in.has("symbols")) InpSymbols = in.text("symbols");
        if (in.has("bars")) InpBars = in.text("bars");
        out.IntegerField(string("result"), OnInit());
    };
    known["timer"] = [](const Arguments &, LbJsonWriter &out) {
        while (!house.events.empty()) {
            OnTradeTransaction(house.events.front(), MqlTradeRequest(), MqlTradeResult());
            house.events.pop_front();
        }
        OnTimer();
        put_chart(out);
    };
    int result = commands::serve(known);
    OnDeinit(0);
    return result;
}
