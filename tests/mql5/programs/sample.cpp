// The sample of mql5/README.md, which a test lays beside the other sources, with a small broker.
#include <Sample.mq5>
#include "broker.hpp"
#include "commands.hpp"

using commands::Arguments;

int main() {
    broker::Broker house;
    std::map<std::string, commands::Command> known;
    known["init"] = [&](const Arguments &in, LbJsonWriter &out) {
        house.begin(in.integer("login"), in.integer("now_ms"));
        house.add("EURUSD");
        house.pay(100000.0, 30);
        house.quote("EURUSD", 1.1, 1.1001);
        InpAddress = in.text("address");
        out.IntegerField(string("result"), OnInit());
    };
    known["buy"] = [&](const Arguments &in, LbJsonWriter &out) {
        Buy(in.number("stop"));
        for (; !house.events.empty(); house.events.pop_front())
            OnTradeTransaction(house.events.front(), MqlTradeRequest(), MqlTradeResult());
        OnTimer();
        out.IntegerField(string("positions"), PositionsTotal());
        out.TextField(string("printed"), string(shim::printed.empty() ? "" : shim::printed.back()));
    };
    int result = commands::serve(known);
    OnDeinit(0);
    return result;
}
