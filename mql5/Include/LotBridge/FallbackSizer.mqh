// Lots where no daemon can be asked: 0. Only in the strategy tester, which has no sockets, and only where the user asks
// for it: a fixed part of equity at the stop, which knows no firm, no other trades and no costs. It is not the daemon's
// size, and says so.
#ifndef LOTBRIDGE_FALLBACK_SIZER_MQH
#define LOTBRIDGE_FALLBACK_SIZER_MQH
#property strict
#include <LotBridge/Volume.mqh>

#define LB_FALLBACK_COMMENT "local size, tester"

class LbFallbackSizer {
private:
   // Percent of equity; 0: no lots.
   double m_risk_pct;
   bool   m_said;

public:
   LbFallbackSizer(const double risk_pct) : m_risk_pct(risk_pct), m_said(false) {}

   bool IsOn() const { return MQLInfoInteger(MQL_TESTER) != 0 && m_risk_pct > 0 && m_risk_pct <= 100; }

   double Lots(const string symbol, const bool buy, const double entry, const double stop) {
      double loss = 0;
      double margin = 0;
      ENUM_ORDER_TYPE type = buy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL;
      if(!IsOn() || entry <= 0 || stop <= 0 || (buy ? stop >= entry : stop <= entry))
         return 0;
      if(!OrderCalcProfit(type, symbol, 1.0, entry, stop, loss) || loss >= 0)
         return 0;
      double lots = AccountInfoDouble(ACCOUNT_EQUITY) * m_risk_pct / 100 / -loss;
      lots = MathMin(lots, SymbolInfoDouble(symbol, SYMBOL_VOLUME_MAX));
      lots = LbFloorLots(lots, SymbolInfoDouble(symbol, SYMBOL_VOLUME_STEP));
      if(lots <= 0 || lots < SymbolInfoDouble(symbol, SYMBOL_VOLUME_MIN) * 0.999999999)
         return 0;
      if(!OrderCalcMargin(type, symbol, lots, entry, margin) || margin > AccountInfoDouble(ACCOUNT_MARGIN_FREE))
         return 0;
      if(!m_said)
         Print("LotBridge: the strategy tester has no sockets. Sizes are LOCAL: ", DoubleToString(m_risk_pct, 2),
               " % of equity at the stop. The daemon's would differ.");
      m_said = true;
      return lots;
   }
};

#endif
