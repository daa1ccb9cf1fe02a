// A terminal with a small broker: the feed, the guard, the executor and the demo EA, driven by commands.
#include <memory>
#include <Experts/LotBridge/LotBridgeDemo.mq5>
#include <LotBridge/FeedProgram.mqh>
#include "broker.hpp"
#include "commands.hpp"

namespace doctor_script {
#include <Scripts/LotBridge/Doctor.mq5>
}
namespace feed_expert {
#include <Experts/LotBridge/LotBridgeFeed.mq5>
}

using commands::Arguments;

namespace {

broker::Broker house;
std::unique_ptr<LbConnection> line;
std::unique_ptr<LbSnapshot> feed;
std::unique_ptr<LbGuard> guard;
std::unique_ptr<LbExecutor> executor;
LbSizeRequest request;
LbSizeAnswer answer;
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
        if (demo != nullptr) OnTradeTransaction(event, MqlTradeRequest(), MqlTradeResult());
        if (feed) feed->OnTransaction(event);
        if (executor) executor->OnTransaction(event);
    }
}

void put_book(LbJsonWriter &out) {
    double volume = 0;
    for (auto &[ticket, position] : shim::market.positions) volume += shim::property(position.real, POSITION_VOLUME);
    out.IntegerField(string("positions"), (long)shim::market.positions.size());
    out.NumberField(string("volume"), std::round(volume * 100) / 100);
    out.IntegerField(string("deals"), (long)shim::market.deals.size());
    out.IntegerField(string("sent"), (long)house.requests.size());
    out.NumberField(string("balance"), std::round(house.balance * 100) / 100);
    out.NumberField(string("equity"), std::round(AccountInfoDouble(ACCOUNT_EQUITY) * 100) / 100);
    out.TextField(string("printed"), string(lines()));
}

void put_feed(LbJsonWriter &out, bool told) {
    out.FlagField(string("told"), told);
    out.IntegerField(string("messages"), feed->Messages());
    out.IntegerField(string("resyncs"), feed->Resyncs());
    out.TextField(string("fault"), feed->Fault());
}

void ask(const Arguments &in, LbJsonWriter &out) {
    request = LbSizeRequest();
    request.symbol = in.text("symbol");
    request.side = in.text("side");
    request.StopLoss(in.number("stop_loss"));
    if (in.has("take_profit")) request.take_profit.Set(in.number("take_profit"));
    if (in.has("confidence")) request.confidence.Set(in.number("confidence"));
    if (in.has("entry")) request.entry.Set(in.number("entry"));
    if (in.has("max_lots")) request.max_lots.Set(in.number("max_lots"));
    if (in.has("magic")) request.magic.Set((double)in.integer("magic"));
    line->Client()->RequestLots(request, answer);
    guard->Hear(answer);
    out.TextField(string("status"), answer.status);
    out.TextField(string("code"), answer.code);
    out.TextField(string("message"), answer.message);
    out.NumberField(string("lots"), answer.lots);
    out.TextField(string("reservation"), answer.reservation);
    out.NumberField(string("entry"), answer.entry);
    out.NumberField(string("worst_case"), answer.risk_worst_case);
}

// A made-up answer for the guard's tables.
void make_answer(const Arguments &in, LbJsonWriter &) {
    request = LbSizeRequest();
    answer = LbSizeAnswer();
    request.id = string("q");
    request.account = in.has("account") ? in.integer("account") : AccountInfoInteger(ACCOUNT_LOGIN);
    request.symbol = string("EURUSD");
    request.side = in.has("side") ? in.text("side") : string("buy");
    answer.status = string("ok");
    answer.id = in.has("answer_id") ? in.text("answer_id") : string("q");
    answer.lots = in.has("lots") ? in.number("lots") : 0.5;
    answer.reservation = in.has("reservation") ? in.text("reservation") : string("r1");
    answer.server_ms = (long)(shim::watch.utc_us() / 1000);
    answer.expires_ms = answer.server_ms + (in.has("expires_in") ? in.integer("expires_in") : 30000);
    answer.asked_us = GetMicrosecondCount();
    if (in.has("order")) request.order = in.text("order");
    answer.entry = in.has("entry") ? in.number("entry") : request.side == string("buy") ? 1.1001 : 1.1;
    answer.stop_loss = in.has("stop_loss") ? in.number("stop_loss") : 1.095;
    answer.take_profit = in.has("take_profit") ? in.number("take_profit") : 1.11;
    request.StopLoss(in.has("asked_stop") ? in.number("asked_stop") : answer.stop_loss);
    if (in.has("policy_stop")) request.PolicyStop();
    if (in.has("asked_target")) request.take_profit.Set(in.number("asked_target"));
    else if (answer.take_profit > 0 && !in.has("no_target")) request.take_profit.Set(answer.take_profit);
    if (in.has("max_lots")) request.max_lots.Set(in.number("max_lots"));
    if (in.has("max_risk_pct")) request.max_risk_pct.Set(in.number("max_risk_pct"));
    guard = std::make_unique<LbGuard>();
    if (!in.has("deaf")) guard->Hear(answer);
}

void look(const Arguments &in, LbJsonWriter &out) {
    out.NumberField(string("lots"), guard->Lots(request, answer, in.has("symbol") ? in.text("symbol") : string("EURUSD")));
    out.TextField(string("fault"), guard->Fault());
    out.IntegerField(string("room"), guard->RoomPoints());
}

void put_trade(LbJsonWriter &out, const broker::Trade &trade) {
    out.BeginObject();
    out.FlagField(string("opens"), trade.opens);
    out.IntegerField(string("ticket"), (long)trade.ticket);
    out.IntegerField(string("order"), (long)trade.order);
    out.IntegerField(string("deal"), (long)trade.deal);
    out.NumberField(string("lots"), trade.lots);
    out.NumberField(string("price"), trade.price);
    out.IntegerField(string("side"), shim::property(trade.position.whole, POSITION_TYPE));
    out.IntegerField(string("magic"), shim::property(trade.position.whole, POSITION_MAGIC));
    out.IntegerField(string("time_msc"), shim::property(trade.position.whole, POSITION_TIME_MSC));
    out.NumberField(string("sl"), shim::property(trade.position.real, POSITION_SL));
    out.NumberField(string("tp"), shim::property(trade.position.real, POSITION_TP));
    out.TextField(string("symbol"), string(shim::property(trade.position.text, POSITION_SYMBOL)));
    out.EndObject();
}

void mirror(const Arguments &in, LbJsonWriter &out) {
    broker::Trade trade{in.flag("opens"), (ulong)in.integer("ticket"), (ulong)in.integer("order"),
                        (ulong)in.integer("deal"), {}, in.number("lots"), in.number("price")};
    trade.position.whole = {{POSITION_TYPE, in.integer("side")}, {POSITION_MAGIC, in.integer("magic")},
                            {POSITION_TIME_MSC, in.integer("time_msc")}};
    trade.position.real = {{POSITION_SL, in.number("sl")}, {POSITION_TP, in.number("tp")}};
    trade.position.text = {{POSITION_SYMBOL, in.text("symbol").utf8()}};
    house.mirror(trade);
    deliver();
    put_book(out);
}

}  // namespace

int main() {
    std::map<std::string, commands::Command> known;
    known["begin"] = [](const Arguments &in, LbJsonWriter &) {
        house.begin(in.integer("login"), in.integer("now_ms"));
        if (in.has("chart")) {
            shim::program.chart = in.integer("chart");
            house.number_from(1000000 * (ulong)shim::program.chart);
        }
        house.add("EURUSD");
        house.pay(in.has("deposit") ? in.number("deposit") : 100000.0, in.has("days") ? in.integer("days") : 30);
    };
    known["quote"] = [](const Arguments &in, LbJsonWriter &out) {
        house.quote("EURUSD", in.number("bid"), in.has("ask") ? in.number("ask") : in.number("bid") + 0.0001);
        deliver();
        put_book(out);
    };
    known["pass"] = [](const Arguments &in, LbJsonWriter &) { shim::watch.pass_ms(in.integer("ms")); };
    known["thaw"] = [](const Arguments &, LbJsonWriter &) { shim::watch.frozen = false; };
    known["pay"] = [](const Arguments &in, LbJsonWriter &) { house.pay(in.number("money"), in.integer("days")); };
    known["trades"] = [](const Arguments &in, LbJsonWriter &) {  // so many closed trades of no profit
        for (long i = 0; i < in.integer("count"); i++) house.pay(0, in.integer("days"));
    };
    known["history"] = [](const Arguments &in, LbJsonWriter &) {  // so many hours of bars before now
        int64_t now = shim::watch.frozen_utc_us;
        shim::market.of("EURUSD").bars.clear();
        for (long hours = in.integer("hours"); hours > 0; hours--) {
            shim::watch.frozen_utc_us = now - hours * 3600000000;
            house.quote("EURUSD", 1.1 + 0.0005 * (double)(hours % 7), 1.1001 + 0.0005 * (double)(hours % 7));
        }
        shim::watch.frozen_utc_us = now;
        house.quote("EURUSD", 1.1, 1.1001);
    };
    known["connect"] = [](const Arguments &in, LbJsonWriter &) {
        executor.reset();
        feed.reset();
        line = std::make_unique<LbConnection>(in.text("address"), string(""), string(""), (uint)in.integer("deadline_ms"));
        guard = std::make_unique<LbGuard>();
        feed = std::make_unique<LbSnapshot>(line->Client(), (uint)in.integer("deadline_ms"));
        executor = std::make_unique<LbExecutor>(line->Client(), guard.get(), in.has("magic") ? in.integer("magic") : 7, 20);
    };
    known["add"] = [](const Arguments &in, LbJsonWriter &out) {
        out.FlagField(string("done"), feed->AddSymbol(in.text("symbol"), in.text("bars")));
    };
    known["pump"] = [](const Arguments &, LbJsonWriter &out) { put_feed(out, feed->Pump()); };
    known["ask"] = ask;
    known["answer"] = make_answer;
    known["look"] = look;
    known["set"] = [](const Arguments &in, LbJsonWriter &) {
        std::string what = in.text("what").utf8();
        double value = in.number("value");
        shim::SymbolData &data = shim::market.of("EURUSD");
        if (what == "limit") data.real[SYMBOL_VOLUME_LIMIT] = value;
        else if (what == "mode") data.whole[SYMBOL_TRADE_MODE] = (long)value;
        else if (what == "stops") data.whole[SYMBOL_TRADE_STOPS_LEVEL] = (long)value;
        else if (what == "step") data.real[SYMBOL_VOLUME_STEP] = value;
        else if (what == "min") data.real[SYMBOL_VOLUME_MIN] = value;
        else if (what == "max") data.real[SYMBOL_VOLUME_MAX] = value;
        else if (what == "margin") shim::market.margin_part = value;
        else if (what == "filling") data.whole[SYMBOL_FILLING_MODE] = (long)value;
        else if (what == "execution") data.whole[SYMBOL_TRADE_EXEMODE] = (long)value;
        else if (what == "allowed") shim::program.terminal[TERMINAL_TRADE_ALLOWED] = (long)value;
        else if (what == "login") shim::market.account_integer[ACCOUNT_LOGIN] = (long)value;
        else if (what == "connected") shim::program.terminal[TERMINAL_CONNECTED] = (long)value;
        else if (what == "tick") {
            data.real[SYMBOL_TRADE_TICK_SIZE] = value;
            for (int each : {SYMBOL_TRADE_TICK_VALUE, SYMBOL_TRADE_TICK_VALUE_PROFIT, SYMBOL_TRADE_TICK_VALUE_LOSS})
                data.real[each] = value * 100000;
        }
        else if (what == "closes") house.close_code = (uint)value;
        else if (what == "account") shim::market.account_integer[ACCOUNT_MARGIN_MODE] = (long)value;
        else if (what == "tester") shim::program.mql[MQL_TESTER] = (long)value;
        else shim::fatal("nothing to set: " + what);
    };
    known["script"] = [](const Arguments &in, LbJsonWriter &) {
        broker::Script script;
        script.retcode = (uint)in.integer("retcode");
        if (in.has("part")) script.part = in.number("part");
        if (in.has("move")) script.move = in.number("move");
        script.later = in.has("later");
        script.filled = in.has("filled");
        script.nameless = in.has("nameless");
        script.mute = in.has("mute");
        script.rests = in.has("rests");
        script.hidden = in.has("hidden");
        script.blind = in.has("blind");
        if (in.has("comment")) script.renamed = true, script.comment = in.text("comment").utf8();
        house.scripts.push_back(script);
    };
    known["open"] = [](const Arguments &, LbJsonWriter &out) {
        out.FlagField(string("done"), executor->Open(request, answer, string("EURUSD")));
        out.TextField(string("fault"), executor->Fault());
        deliver();
        out.IntegerField(string("waiting"), executor->Waiting());
        out.IntegerField(string("filling"), house.requests.empty() ? -1 : (long)house.requests.back().type_filling);
        const MqlTradeRequest sent = house.requests.empty() ? MqlTradeRequest() : house.requests.back();
        out.TextField(string("comment"), sent.comment);
        out.NumberField(string("sl"), sent.sl);
        out.NumberField(string("tp"), sent.tp);
        out.IntegerField(string("deviation"), (long)sent.deviation);
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
    known["early end"] = [](const Arguments &in, LbJsonWriter &out) {  // before the deal of so many lots is shown
        house.end(in.number("lots"));
        deliver();
        put_book(out);
    };
    known["stranger"] = [](const Arguments &in, LbJsonWriter &) {
        MqlTradeRequest made;
        made.symbol = in.text("symbol");
        made.magic = (ulong)in.integer("magic");
        made.type = (ENUM_ORDER_TYPE)in.integer("side");
        made.volume = in.number("lots");
        made.comment = in.text("comment");
        house.stranger(made, in.has("age_ms") ? in.integer("age_ms") : 0);
    };
    known["sent"] = [](const Arguments &, LbJsonWriter &out) {  // the last order that was to open something
        string comment;
        for (const MqlTradeRequest &sent : house.requests)
            if (sent.position == 0) comment = sent.comment;
        out.TextField(string("comment"), comment);
    };
    known["made"] = [](const Arguments &, LbJsonWriter &out) {
        out.Key(string("trades"));
        out.BeginArray();
        for (const broker::Trade &trade : house.trades) put_trade(out, trade);
        out.EndArray();
        house.trades.clear();
    };
    known["mirror"] = mirror;
    known["close"] = [](const Arguments &, LbJsonWriter &out) {
        while (!shim::market.positions.empty()) executor->Close(shim::market.positions.begin()->first);
        deliver();
        put_book(out);
    };
    known["timer"] = [](const Arguments &, LbJsonWriter &out) {
        if (executor) executor->OnTimer();
        if (demo != nullptr) OnTimer();
        deliver();
        if (executor) out.IntegerField(string("waiting"), executor->Waiting());
        put_book(out);
    };
    known["init"] = [](const Arguments &in, LbJsonWriter &out) {
        InpAddress = in.text("address");
        InpDeadlineMs = in.has("deadline_ms") ? (int)in.integer("deadline_ms") : 10000;
        InpFeed = !in.has("follows");
        InpMagic = in.has("magic") ? in.integer("magic") : 7001;
        InpFast = in.has("fast") ? (int)in.integer("fast") : 3;
        InpSlow = in.has("slow") ? (int)in.integer("slow") : 8;
        InpAtrBars = in.has("atr_bars") ? (int)in.integer("atr_bars") : 5;
        if (in.has("deviation")) InpDeviation = (int)in.integer("deviation");
        if (in.has("bars")) InpBars = in.text("bars");
        if (in.has("user")) InpUser = in.text("user");
        if (in.has("password")) InpPassword = in.text("password");
        if (in.has("reward")) InpReward = in.number("reward");
        if (in.has("stop_atrs")) InpStopAtrs = in.number("stop_atrs");
        InpManage = in.has("manage_s");
        if (InpManage) InpManageSec = (int)in.integer("manage_s");
        if (in.has("tester_risk")) InpTesterRisk = in.number("tester_risk");
        out.IntegerField(string("result"), OnInit());
        out.IntegerField(string("timer_ms"), shim::program.timer_ms);
        out.TextField(string("printed"), string(lines()));
    };
    known["tick"] = [](const Arguments &, LbJsonWriter &out) {
        OnTick();
        deliver();
        put_book(out);
    };
    known["deinit"] = [](const Arguments &, LbJsonWriter &) { OnDeinit(0); };
    known["doctor"] = [](const Arguments &in, LbJsonWriter &out) {
        doctor_script::InpAddress = in.text("address");
        if (in.has("user")) doctor_script::InpUser = in.text("user");
        if (in.has("password")) doctor_script::InpPassword = in.text("password");
        doctor_script::OnStart();
        out.TextField(string("printed"), string(lines()));
    };
    known["feed expert"] = [](const Arguments &in, LbJsonWriter &out) {
        feed_expert::InpAddress = in.text("address");
        feed_expert::InpDeadlineMs = in.has("deadline_ms") ? (int)in.integer("deadline_ms") : 10000;
        if (in.has("bars")) feed_expert::InpBars = in.text("bars");
        if (in.has("password")) feed_expert::InpPassword = in.text("password");
        if (in.has("symbols")) feed_expert::InpSymbols = in.text("symbols");
        int result = feed_expert::OnInit();
        out.IntegerField(string("result"), result);
        if (result == INIT_SUCCEEDED) {  // else the terminal takes it off the chart
            feed_expert::OnTimer();
            feed_expert::OnTradeTransaction(MqlTradeTransaction(), MqlTradeRequest(), MqlTradeResult());
        }
        feed_expert::OnDeinit(0);
        out.TextField(string("printed"), string(lines()));
    };
    int result = commands::serve(known);
    executor.reset();
    feed.reset();
    line.reset();
    if (demo != nullptr) OnDeinit(0);
    return result;
}
