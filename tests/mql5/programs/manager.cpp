// The second sample of mql5/README.md, which a test lays beside the other sources, with a small broker.
#include <Sample.mq5>
#include "broker.hpp"
#include "commands.hpp"

using commands::Arguments;

int main() {
    broker::Broker house;
    std::map<std::string, commands::Command> known;
    known["init"] = [&](const Arguments &in, LbJsonWriter &) {
        house.begin(in.integer("login"), in.integer("now_ms"));
        house.add("EURUSD");
        house.pay(100000.0, 30);
        house.quote("EURUSD", 1.1, 1.1001);
        shim::Record &position = shim::market.positions[(ulong)in.integer("ticket")];
        position.whole = {{POSITION_TYPE, POSITION_TYPE_BUY}, {POSITION_IDENTIFIER, in.integer("ticket")}};
        position.real = {{POSITION_VOLUME, 1}, {POSITION_PRICE_OPEN, 1.09}};
        position.text = {{POSITION_SYMBOL, "EURUSD"}};
        InpAddress = in.text("address");
        OnInit();
        Believe(true, 72);
    };
    known["timer"] = [&](const Arguments &, LbJsonWriter &out) {
        OnTimer();
        for (; !house.events.empty(); house.events.pop_front())
            OnTradeTransaction(house.events.front(), MqlTradeRequest(), MqlTradeResult());
        double volume = 0;
        for (auto &[ticket, position] : shim::market.positions) volume += shim::property(position.real, POSITION_VOLUME);
        out.NumberField(string("volume"), volume);
    };
    int result = commands::serve(known);
    OnDeinit(0);
    return result;
}
