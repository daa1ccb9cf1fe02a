// Symbols, account, positions, orders and trading: tables that a test fills in `shim::market`.
#pragma once
#include "platform.hpp"

namespace shim {

struct Market {
    std::string symbol = "EURUSD";
    std::map<int, double> account_double;
    std::map<int, long> account_integer;
    std::map<int, std::string> account_text;
};
inline Market market;

}  // namespace shim

enum ENUM_ACCOUNT_INFO_INTEGER { ACCOUNT_LOGIN = 1, ACCOUNT_LEVERAGE, ACCOUNT_MARGIN_MODE, ACCOUNT_TRADE_ALLOWED };
inline long AccountInfoInteger(int property) { return shim::market.account_integer[property]; }
