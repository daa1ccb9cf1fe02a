// The client and everything under it, driven by commands; see tests/mql5/driver.py.
#include <memory>
#include <LotBridge/Client.mqh>
#include <LotBridge/DaemonClock.mqh>
#include <LotBridge/LibZmqTransport.mqh>
#include <LotBridge/Outbox.mqh>
#include <LotBridge/ZmtpTransport.mqh>
#include "commands.hpp"

using commands::Arguments;

namespace {

std::unique_ptr<LbTransport> transport;
std::unique_ptr<LbClient> client;
std::unique_ptr<LbOutbox> outbox;
LbDaemonClock daemon_clock;
LbSizeRequest last_size;

void put_reply(LbJsonWriter &out, bool done, const LbReply &reply) {
    out.FlagField(string("done"), done);
    out.TextField(string("status"), reply.status);
    out.TextField(string("code"), reply.code);
    out.TextField(string("message"), reply.message);
    out.TextField(string("field"), reply.field);
    out.TextField(string("id"), reply.id);
    out.IntegerField(string("server_ms"), reply.server_ms);
}

void put_size(LbJsonWriter &out, const LbSizeAnswer &answer) {
    out.NumberField(string("lots"), answer.lots);
    out.NumberField(string("entry"), answer.entry);
    out.NumberField(string("stop_loss"), answer.stop_loss);
    out.NumberField(string("take_profit"), answer.take_profit);
    out.NumberField(string("base_lots"), answer.base_lots);
    out.TextField(string("binding"), answer.binding);
    out.TextField(string("runner_up"), answer.runner_up);
    out.TextField(string("reservation"), answer.reservation);
    out.IntegerField(string("expires_ms"), answer.expires_ms);
    out.TextField(string("decision"), answer.decision);
    out.TextField(string("currency"), answer.risk_currency);
    out.NumberField(string("amount"), answer.risk_amount);
    out.NumberField(string("worst_case"), answer.risk_worst_case);
    out.NumberField(string("percent"), answer.risk_percent);
    out.NumberField(string("per_lot"), answer.risk_per_lot);
    out.NumberField(string("expected_shortfall"), answer.expected_shortfall);
    out.IntegerField(string("quote_ms"), answer.quote_age_ms);
}

void put_status(LbJsonWriter &out, const LbStatusAnswer &answer) {
    out.IntegerField(string("account"), answer.account);
    out.FlagField(string("known"), answer.known);
    out.NumberField(string("equity"), answer.equity);
    out.NumberField(string("balance"), answer.balance);
    out.TextField(string("currency"), answer.currency);
    out.NumberField(string("open_risk"), answer.open_risk);
    out.NumberField(string("reserved_risk"), answer.reserved_risk);
    out.TextField(string("halted"), answer.halted);
    out.FlagField(string("connected"), answer.connected);
    out.TextField(string("source"), answer.source);
    out.IntegerField(string("protocol"), answer.protocol);
    out.TextField(string("version"), answer.version);
    out.Key(string("rules"));
    out.BeginArray();
    for (int i = 0; i < ArraySize(answer.rules); i++) {
        out.BeginObject();
        out.TextField(string("name"), answer.rules[i].name);
        out.NumberField(string("floor"), answer.rules[i].floor);
        out.NumberField(string("headroom"), answer.rules[i].headroom);
        out.NumberField(string("used_percent"), answer.rules[i].used_percent);
        out.IntegerField(string("resets_ms"), answer.rules[i].resets_ms);
        out.EndObject();
    }
    out.EndArray();
}

void set(LbOptional &field, const Arguments &in, const char *name) {
    if (in.has(name)) field.Set(in.number(name));
}

void fill_size(LbSizeRequest &request, const Arguments &in) {
    request.symbol = in.text("symbol");
    request.side = in.text("side");
    if (in.null("stop_loss"))
        request.PolicyStop();
    else if (in.has("stop_loss_text"))  // NaN and its like, which JSON has not
        request.StopLoss(StringToDouble(in.text("stop_loss_text")));
    else if (in.has("stop_loss"))
        request.StopLoss(in.number("stop_loss"));
    set(request.entry, in, "entry");
    set(request.take_profit, in, "take_profit");
    set(request.confidence, in, "confidence");
    set(request.market_score, in, "market_score");
    if (in.has("regime")) request.regime = in.text("regime");
    if (in.has("strategy")) request.strategy = in.text("strategy");
    set(request.magic, in, "magic");
    if (in.has("order")) request.order = in.text("order");
    set(request.horizon_minutes, in, "horizon_minutes");
    set(request.max_lots, in, "max_lots");
    set(request.max_risk_pct, in, "max_risk_pct");
    set(request.sent_ms, in, "sent_ms");
    request.dry_run = in.has("dry_run");
}

void set_up(const Arguments &in, LbJsonWriter &out) {
    client.reset();
    transport.reset();
    bool good = true;
    if (in.text("transport") == string("zmtp")) {
        auto made = std::make_unique<LbZmtpTransport>();
        if (in.has("user")) good = made->SetPlain(in.text("user"), in.text("password"));
        transport = std::move(made);
    } else {
        auto made = std::make_unique<LbLibZmqTransport>();
        if (in.has("user")) made->SetPlain(in.text("user"), in.text("password"));
        if (in.has("server_key")) made->SetCurve(in.text("server_key"), in.text("public_key"), in.text("secret_key"));
        transport = std::move(made);
    }
    outbox.reset();
    client = std::make_unique<LbClient>(transport.get(), in.text("address"), in.has("account") ? in.integer("account") : -1);
    if (in.has("deadline_ms")) client->DeadlineMs((uint)in.integer("deadline_ms"));
    outbox = std::make_unique<LbOutbox>(client.get());
    out.FlagField(string("good"), good);
}

void set_faults(const Arguments &in, LbJsonWriter &) {
    int connects = shim::net.connects;
    shim::net = shim::Net();
    shim::net.connects = connects;
    std::map<std::string, long *> numbers{
        {"read_most", &shim::net.read_most}, {"send_most", &shim::net.send_most},
        {"reset_at_received", &shim::net.reset_at_received}, {"reset_at_sent", &shim::net.reset_at_sent},
        {"silent_from", &shim::net.silent_from}, {"stalled_from", &shim::net.stalled_from}};
    for (auto &[name, value] : numbers)
        if (in.has(name.c_str())) *value = in.integer(name.c_str());
    if (in.has("refuse")) shim::net.refuse = (int)in.integer("refuse");
    if (in.has("resets")) shim::net.resets = (int)in.integer("resets");
    if (in.has("pause")) shim::net.pauses.insert(in.integer("pause"));
    if (in.has("pause_everywhere"))
        for (long i = 0; i < in.integer("pause_everywhere"); i++) shim::net.pauses.insert(i);
    shim::net.says_zero = in.has("says_zero");
    shim::net.late_is_5273 = in.has("late_is_5273");
    shim::net.stays_connected = in.has("stays_connected");
    shim::net.says_one_when_empty = !in.has("honest");
    shim::net.tester = in.has("tester");
    shim::program.mql[MQL_TESTER] = in.has("tester");
    shim::program.stopped = in.has("stopped");
    shim::net.check_addresses = in.has("allowed");
    if (in.has("allowed")) shim::net.allowed.insert(in.text("allowed").utf8());
}

void put_net(LbJsonWriter &out) {
    out.IntegerField(string("received"), shim::net.received);
    out.IntegerField(string("sent_bytes"), shim::net.sent);
    out.IntegerField(string("connects"), shim::net.connects);
    out.IntegerField(string("sent"), client ? client->Sent() : 0);
    out.IntegerField(string("sockets"), (long)shim::connections.size());
}

// The whole document written again, value by value.
void copy(const LbJsonReader &json, int node, LbJsonWriter &out) {
    switch (json.Kind(node)) {
        case LB_JSON_OBJECT:
            out.BeginObject();
            for (int each = json.First(node); each != LB_NONE; each = json.Next(each)) {
                out.Key(json.Key(each));
                copy(json, each, out);
            }
            return out.EndObject();
        case LB_JSON_ARRAY:
            out.BeginArray();
            for (int each = json.First(node); each != LB_NONE; each = json.Next(each)) copy(json, each, out);
            return out.EndArray();
        case LB_JSON_TEXT: return out.Text(json.Text(node));
        case LB_JSON_NUMBER: return out.Number(json.Number(node));
        case LB_JSON_TRUE: return out.Flag(true);
        case LB_JSON_FALSE: return out.Flag(false);
        case LB_JSON_NULL: return out.Null();
    }
}

void read_json(const Arguments &in, LbJsonWriter &out) {
    LbJsonReader json;
    bool good = json.Parse(commands::bytes_of(in.bytes("hex")));
    out.FlagField(string("good"), good);
    out.TextField(string("fault"), json.Fault());
    if (!good) return;
    out.Key(string("value"));
    copy(json, 0, out);
}

void read_reply(const Arguments &in, LbJsonWriter &out) {
    LbJsonReader json;
    string type = in.text("type");
    bool parsed = json.Parse(commands::bytes_of(in.bytes("hex")));
    LbRequest plain(type);
    LbSizeRequest size;
    size.dry_run = in.has("dry_run");
    const LbRequest &asked = type == string("size") ? size : plain;
    auto read = [&](LbReply &reply) { put_reply(out, parsed && reply.Read(json, asked), reply); };
    if (type == string("size")) {
        LbSizeAnswer answer;
        read(answer);
        put_size(out, answer);
    } else if (type == string("status")) {
        LbStatusAnswer answer;
        read(answer);
        put_status(out, answer);
    } else if (type == string("fill") || type == string("release")) {
        LbReservationAnswer answer;
        read(answer);
        out.TextField(string("reservation"), answer.reservation);
        out.TextField(string("state"), answer.state);
    } else {
        LbReply answer;
        read(answer);
    }
}

void put_body(LbRequest &request, const Arguments &in, LbJsonWriter &out) {
    Array<uchar> body;
    request.id = in.text("id");
    if (in.has("account")) request.account = in.integer("account");
    out.FlagField(string("good"), request.Write(body));
    out.TextField(string("fault"), request.Fault());
    out.TextField(string("body"), string(commands::text_of(body)));
}

void write_request(const Arguments &in, LbJsonWriter &out) {
    string type = in.text("type");
    if (type == string("size")) {
        LbSizeRequest request;
        fill_size(request, in);
        put_body(request, in, out);
    } else if (type == string("fill")) {
        LbFillRequest request;
        request.reservation = in.text("reservation");
        request.ticket = in.integer("ticket");
        request.lots = in.number("lots");
        request.price = in.number("price");
        put_body(request, in, out);
    } else if (type == string("release")) {
        LbReleaseRequest request;
        request.reservation = in.text("reservation");
        request.reason = in.text("reason");
        put_body(request, in, out);
    } else if (type == string("status")) {
        LbStatusRequest request;
        put_body(request, in, out);
    } else {
        LbPingRequest request;
        put_body(request, in, out);
    }
}

void size(const Arguments &in, LbJsonWriter &out, bool again) {
    LbSizeAnswer answer;
    if (!again) fill_size(last_size = LbSizeRequest(), in);
    bool done = again ? client->AskAgain(last_size, answer) : client->RequestLots(last_size, answer);
    daemon_clock.Hear(answer);
    put_reply(out, done, answer);
    put_size(out, answer);
    out.TextField(string("asked"), last_size.id);
}

}  // namespace

int main() {
    shim::program.mql[MQL_DLLS_ALLOWED] = 1;
    std::map<std::string, commands::Command> known;
    known["connect"] = set_up;
    known["faults"] = set_faults;
    known["net"] = [](const Arguments &, LbJsonWriter &out) { put_net(out); };
    known["json"] = read_json;
    known["reply"] = read_reply;
    known["request"] = write_request;
    known["number"] = [](const Arguments &in, LbJsonWriter &out) {
        out.TextField(string("text"), LbNumberText(LbNumberOf(in.text("text"))));
        out.FlagField(string("same"), LbNumberOf(in.text("text")) == StringToDouble(in.text("text")));
    };
    known["pass"] = [](const Arguments &in, LbJsonWriter &) { shim::watch.pass_ms(in.integer("ms")); };
    known["skip sleeps"] = [](const Arguments &, LbJsonWriter &) { shim::watch.skip_sleeps = true; };
    known["ids"] = [](const Arguments &, LbJsonWriter &out) {
        LbIds first, second;
        out.TextField(string("first"), first.Next());
        out.TextField(string("next"), first.Next());
        out.TextField(string("other"), second.Next());
    };
    known["dlls"] = [](const Arguments &in, LbJsonWriter &) { shim::program.mql[MQL_DLLS_ALLOWED] = in.integer("allowed"); };
    known["disconnect"] = [](const Arguments &, LbJsonWriter &) { client->Disconnect(); };
    known["ping"] = [](const Arguments &in, LbJsonWriter &out) {
        LbReply answer;
        long times = in.has("times") ? in.integer("times") : 1;
        bool done = true;
        for (long i = 0; i < times && done; i++) done = client->Ping(answer);
        put_reply(out, done, answer);
    };
    known["status"] = [](const Arguments &, LbJsonWriter &out) {
        LbStatusAnswer answer;
        bool done = client->Status(answer);
        put_reply(out, done, answer);
        put_status(out, answer);
    };
    known["size"] = [](const Arguments &in, LbJsonWriter &out) { size(in, out, false); };
    known["again"] = [](const Arguments &in, LbJsonWriter &out) { size(in, out, true); };
    known["fill"] = [](const Arguments &in, LbJsonWriter &out) {
        LbReservationAnswer answer;
        put_reply(out, client->ConfirmFill(in.text("reservation"), in.integer("ticket"), in.number("lots"),
                                           in.number("price"), answer), answer);
        out.TextField(string("state"), answer.state);
    };
    known["release"] = [](const Arguments &in, LbJsonWriter &out) {
        LbReservationAnswer answer;
        put_reply(out, client->Release(in.text("reservation"), in.text("reason"), answer), answer);
        out.TextField(string("state"), answer.state);
    };
    known["clock"] = [](const Arguments &, LbJsonWriter &out) {
        out.FlagField(string("known"), daemon_clock.IsKnown());
        out.IntegerField(string("now_ms"), daemon_clock.NowMs());
    };
    known["report"] = [](const Arguments &in, LbJsonWriter &) {  // for the next flush
        if (in.has("ticket"))
            outbox->Fill(in.text("reservation"), in.integer("ticket"), in.number("lots"),
                         in.has("endless") ? DBL_MAX * 10 : in.number("price"));
        else
            outbox->Release(in.text("reservation"), string("as the test says"));
    };
    known["flush"] = [](const Arguments &, LbJsonWriter &out) {
        size_t before = shim::printed.size();
        outbox->Flush();
        out.IntegerField(string("waiting"), outbox->Waiting());
        out.IntegerField(string("sent"), client->Sent());
        std::string lines;
        for (; before < shim::printed.size(); before++) lines += shim::printed[before] + "\n";
        out.TextField(string("printed"), string(lines));
    };
    int result = commands::serve(known);
    outbox.reset();
    client.reset();
    transport.reset();
    return result;
}
