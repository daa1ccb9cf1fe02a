// A terminal whose EA carries out the daemon's instructions, driven by commands.
#include <memory>
#include <LotBridge/Connection.mqh>
#include <LotBridge/Instructions.mqh>
#include <LotBridge/Snapshot.mqh>
#include "broker.hpp"
#include "commands.hpp"

using commands::Arguments;

namespace {

broker::Broker house;
std::unique_ptr<LbConnection> line;
std::unique_ptr<LbSnapshot> feed;
std::unique_ptr<LbInstructions> manager;
size_t shown = 0;

std::string lines() {
    std::string text;
    for (; shown < shim::printed.size(); shown++) text += shim::printed[shown] + "\n";
    return text;
}

void deliver() {
    while (!house.events.empty()) {
        MqlTradeTransaction event = house.events.front();
        house.events.pop_front();
        if (feed) feed->OnTransaction(event);
        if (manager) manager->OnTransaction(event);
    }
}

void put_position(LbJsonWriter &out, ulong ticket, const shim::Record &position) {
    out.BeginObject();
    out.IntegerField(string("ticket"), (long)ticket);
    out.TextField(string("symbol"), string(shim::property(position.text, POSITION_SYMBOL)));
    out.IntegerField(string("side"), shim::property(position.whole, POSITION_TYPE));
    out.IntegerField(string("magic"), shim::property(position.whole, POSITION_MAGIC));
    out.NumberField(string("volume"), shim::property(position.real, POSITION_VOLUME));
    out.NumberField(string("sl"), shim::property(position.real, POSITION_SL));
    out.NumberField(string("tp"), shim::property(position.real, POSITION_TP));
    out.EndObject();
}

void put_request(LbJsonWriter &out, const MqlTradeRequest &sent) {
    out.BeginObject();
    out.IntegerField(string("action"), sent.action);
    out.IntegerField(string("type"), sent.type);
    out.TextField(string("symbol"), sent.symbol);
    out.NumberField(string("volume"), sent.volume);
    out.NumberField(string("price"), sent.price);
    out.NumberField(string("stoplimit"), sent.stoplimit);
    out.NumberField(string("sl"), sent.sl);
    out.NumberField(string("tp"), sent.tp);
    out.IntegerField(string("position"), (long)sent.position);
    out.IntegerField(string("order"), (long)sent.order);
    out.IntegerField(string("magic"), (long)sent.magic);
    out.IntegerField(string("deviation"), (long)sent.deviation);
    out.IntegerField(string("filling"), sent.type_filling);
    out.TextField(string("comment"), sent.comment);
    out.EndObject();
}

void put_book(LbJsonWriter &out) {
    out.Key(string("positions"));
    out.BeginArray();
    for (auto &[ticket, position] : shim::market.positions) put_position(out, ticket, position);
    out.EndArray();
    out.Key(string("orders"));
    out.BeginArray();
    for (auto &[ticket, order] : shim::market.orders) out.Integer((long)ticket);
    out.EndArray();
    out.Key(string("sent"));
    out.BeginArray();
    for (const MqlTradeRequest &sent : house.requests) put_request(out, sent);
    out.EndArray();
    if (manager) out.IntegerField(string("waiting"), manager->Waiting());
    out.TextField(string("printed"), string(lines()));
}

// What the broker holds from before, as `kind` says: a position, or an order that rests.
void hold(const Arguments &in, LbJsonWriter &) {
    shim::Record &made = in.has("waits") ? shim::market.orders[(ulong)in.integer("ticket")]
                                         : shim::market.positions[(ulong)in.integer("ticket")];
    double lots = in.has("lots") ? in.number("lots") : 1.0;
    long magic = in.has("magic") ? in.integer("magic") : 7;
    double sl = in.has("sl") ? in.number("sl") : 0, tp = in.has("tp") ? in.number("tp") : 0;
    if (in.has("waits")) {
        made.whole = {{ORDER_TYPE, in.integer("waits")}, {ORDER_MAGIC, magic}, {ORDER_STATE, ORDER_STATE_PLACED}};
        made.real = {{ORDER_VOLUME_INITIAL, lots}, {ORDER_VOLUME_CURRENT, lots}, {ORDER_PRICE_OPEN, in.number("price")}};
        made.text = {{ORDER_SYMBOL, "EURUSD"}};
        return;
    }
    made.whole = {{POSITION_TYPE, in.has("side") ? in.integer("side") : 0}, {POSITION_MAGIC, magic},
                  {POSITION_IDENTIFIER, in.integer("ticket")},
                  {POSITION_TIME_MSC, (long)(shim::watch.utc_us() / 1000) - 3600000}};
    made.real = {{POSITION_VOLUME, lots}, {POSITION_PRICE_OPEN, in.has("price") ? in.number("price") : 1.09},
                 {POSITION_SL, sl}, {POSITION_TP, tp}};
    made.text = {{POSITION_SYMBOL, in.has("symbol") ? in.text("symbol").utf8() : "EURUSD"}};
    house.reckon();
}

void set(const Arguments &in, LbJsonWriter &) {
    std::string what = in.text("what").utf8();
    double value = in.number("value");
    shim::SymbolData &data = shim::market.of("EURUSD");
    if (what == "stops") data.whole[SYMBOL_TRADE_STOPS_LEVEL] = (long)value;
    else if (what == "freeze") data.whole[SYMBOL_TRADE_FREEZE_LEVEL] = (long)value;
    else if (what == "mode") data.whole[SYMBOL_TRADE_MODE] = (long)value;
    else if (what == "min") data.real[SYMBOL_VOLUME_MIN] = value;
    else if (what == "filling") data.whole[SYMBOL_FILLING_MODE] = (long)value;
    else if (what == "execution") data.whole[SYMBOL_TRADE_EXEMODE] = (long)value;
    else if (what == "margin") shim::market.margin_part = value;
    else if (what == "login") shim::market.account_integer[ACCOUNT_LOGIN] = (long)value;
    else if (what == "account") shim::market.account_integer[ACCOUNT_MARGIN_MODE] = (long)value;
    else if (what == "investor") shim::market.account_integer[ACCOUNT_TRADE_ALLOWED] = (long)value;
    else if (what == "experts") shim::market.account_integer[ACCOUNT_TRADE_EXPERT] = (long)value;
    else if (what == "allowed") shim::program.terminal[TERMINAL_TRADE_ALLOWED] = (long)value;
    else if (what == "program") shim::program.mql[MQL_TRADE_ALLOWED] = (long)value;
    else if (what == "connected") shim::program.terminal[TERMINAL_CONNECTED] = (long)value;
    else if (what == "globals") shim::globals.values.clear();  // somebody deletes them
    else if (what == "full") shim::globals.full = value != 0;
    else shim::fatal("nothing to set: " + what);
}

void script(const Arguments &in, LbJsonWriter &) {
    broker::Script made;
    if (in.has("retcode")) made.retcode = (uint)in.integer("retcode");
    if (in.has("part")) made.part = in.number("part");
    if (in.has("move")) made.move = in.number("move");
    if (in.has("ms")) made.ms = in.integer("ms");
    made.kills = in.has("kills");
    made.filled = in.has("filled");
    made.nameless = in.has("nameless");
    made.mute = in.has("mute");
    made.rests = in.has("rests");
    made.hidden = in.has("hidden");
    house.scripts.push_back(made);
}

}  // namespace

int main() {
    std::map<std::string, commands::Command> known;
    known["begin"] = [](const Arguments &in, LbJsonWriter &) {
        shim::globals.load(in.text("globals").utf8());
        house.begin(in.integer("login"), in.integer("now_ms"));
        house.add("EURUSD");
        house.add("GBPUSD");
        house.pay(100000.0, 30);
        house.quote("EURUSD", 1.1, 1.1001);
        house.quote("GBPUSD", 1.3, 1.3001);
    };
    known["connect"] = [](const Arguments &in, LbJsonWriter &) {
        uint deadline = (uint)in.integer("deadline_ms");
        manager.reset();
        feed.reset();
        line = std::make_unique<LbConnection>(in.text("address"), string(""), string(""), deadline);
        feed = std::make_unique<LbSnapshot>(line->Client(), deadline);
        manager = std::make_unique<LbInstructions>(line->Client(), 20u, in.has("every_s") ? (uint)in.integer("every_s") : 10u);
        if (in.has("magic")) manager->OnlyMagic(in.integer("magic"));
    };
    known["symbol"] = [](const Arguments &in, LbJsonWriter &) { manager->AddSymbol(in.text("name")); };
    known["signal"] = [](const Arguments &in, LbJsonWriter &out) {
        double sure = in.has("odd") ? DBL_MAX * 10 : in.has("confidence") ? in.number("confidence") : LB_UNKNOWN;
        out.FlagField(string("taken"), manager->SetSignal(in.text("symbol"), in.text("direction"), sure, in.text("risk")));
    };
    known["clear"] = [](const Arguments &in, LbJsonWriter &) { manager->ClearSignal(in.text("symbol")); };
    known["hold"] = hold;
    known["set"] = set;
    known["script"] = script;
    known["feed"] = [](const Arguments &in, LbJsonWriter &out) {
        if (in.has("symbol")) feed->AddSymbol(in.text("symbol"), string("H1"));
        out.FlagField(string("told"), feed->Pump());
    };
    known["history"] = [](const Arguments &in, LbJsonWriter &) {  // so many hours of bars before now
        int64_t now = shim::watch.frozen_utc_us;
        shim::market.of("EURUSD").bars.clear();
        for (long hours = in.integer("hours"); hours > 0; hours--) {
            shim::watch.frozen_utc_us = now - hours * 3600000000;
            house.quote("EURUSD", 1.1 + 0.001 * (double)(hours % 2), 1.1001 + 0.001 * (double)(hours % 2));
        }
        shim::watch.frozen_utc_us = now;
        house.quote("EURUSD", 1.1, 1.1001);
    };
    known["quote"] = [](const Arguments &in, LbJsonWriter &) {
        house.quote("EURUSD", in.number("bid"), in.number("bid") + 0.0001);
        deliver();
    };
    known["pass"] = [](const Arguments &in, LbJsonWriter &) { shim::watch.pass_ms(in.integer("ms")); };
    known["thaw"] = [](const Arguments &, LbJsonWriter &) { shim::watch.frozen = false; };
    known["timer"] = [](const Arguments &in, LbJsonWriter &out) {  // so much later
        if (in.has("ms")) shim::watch.pass_ms(in.integer("ms"));
        manager->OnTimer();
        deliver();
        put_book(out);
    };
    known["show"] = [](const Arguments &, LbJsonWriter &out) {
        house.show();
        put_book(out);
    };
    known["fill"] = [](const Arguments &in, LbJsonWriter &out) {
        house.fill(in.number("lots"));
        deliver();
        put_book(out);
    };
    known["end"] = [](const Arguments &, LbJsonWriter &out) {
        house.end();
        deliver();
        put_book(out);
    };
    int result = commands::serve(known);
    manager.reset();
    feed.reset();
    line.reset();
    return result;
}
