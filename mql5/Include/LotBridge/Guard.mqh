// The last look before an order. It never raises lots: they pass as they are, or are 0 with a reason.
#ifndef LOTBRIDGE_GUARD_MQH
#define LOTBRIDGE_GUARD_MQH
#property strict
#include <LotBridge/DaemonClock.mqh>
#include <LotBridge/SizeMessages.mqh>
#include <LotBridge/Volume.mqh>

class LbGuard {
private:
   LbDaemonClock m_clock;
   string        m_fault;

   bool Fail(const string why) {
      m_fault = why;
      return false;
   }

   // The answer belongs to this question, and this question to this chart.
   bool Belongs(const LbSizeRequest &request, const LbSizeAnswer &answer, const string symbol) {
      if(!answer.Ok() || answer.reservation == "")
         return Fail("there is no answer with lots");
      if(request.id == "" || request.id != answer.id)
         return Fail("the answer is another question's");
      if(request.symbol != symbol)
         return Fail("the answer is for " + request.symbol + ", not for " + symbol);
      if(request.side != "buy" && request.side != "sell")
         return Fail("there is no side");
      return true;
   }

   bool IsInTime(const LbSizeAnswer &answer) {
      if(!m_clock.IsKnown())
         return Fail("the daemon's clock is not known");
      if(answer.expires_ms <= 0 || m_clock.NowMs() >= answer.expires_ms)
         return Fail("the answer has expired");
      return true;
   }

   bool IsTradable(const string symbol, const bool buy) {
      long mode = SymbolInfoInteger(symbol, SYMBOL_TRADE_MODE);
      if(mode == (long)SYMBOL_TRADE_MODE_FULL)
         return true;
      if(buy && mode == (long)SYMBOL_TRADE_MODE_LONGONLY)
         return true;
      if(!buy && mode == (long)SYMBOL_TRADE_MODE_SHORTONLY)
         return true;
      return Fail("the broker opens no positions on this side of " + symbol);
   }

   bool IsVolume(const string symbol, const bool buy, const double lots) {
      double least = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MIN);
      double most = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MAX);
      double limit = SymbolInfoDouble(symbol, SYMBOL_VOLUME_LIMIT);
      if(!MathIsValidNumber(lots) || !LbOnLattice(lots, SymbolInfoDouble(symbol, SYMBOL_VOLUME_STEP)))
         return Fail("the lots are no whole number of volume steps");
      // A hair's breadth, as the limits are doubles, too.
      if(least <= 0 || lots < least * 0.999999999)
         return Fail("the lots are below the smallest volume");
      if(lots > most * 1.000000001)
         return Fail("the lots are above the largest volume");
      if(limit > 0 && LbSideVolume(symbol, buy) + lots > limit * 1.000000001)
         return Fail("the broker's volume limit for this side would be exceeded");
      return true;
   }

   // Stop and target on their sides of the price that closes the position, and no nearer than the broker allows.
   bool AreStops(const string symbol, const bool buy, const MqlTick &tick, const LbSizeAnswer &answer) {
      double point = SymbolInfoDouble(symbol, SYMBOL_POINT);
      double least = MathMax(1.0, (double)SymbolInfoInteger(symbol, SYMBOL_TRADE_STOPS_LEVEL));
      double price = buy ? tick.bid : tick.ask;
      double way = buy ? 1.0 : -1.0;
      if(answer.stop_loss <= 0 || point <= 0)
         return Fail("there is no stop");
      if(MathRound(way * (price - answer.stop_loss) / point) < least)
         return Fail("the stop is past the price, or nearer than the broker allows");
      if(answer.take_profit > 0 && MathRound(way * (answer.take_profit - price) / point) < least)
         return Fail("the target is past the price, or nearer than the broker allows");
      return true;
   }

   bool IsMargin(const string symbol, const bool buy, const double lots, const double price) {
      double margin = 0;
      if(!OrderCalcMargin(buy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL, symbol, lots, price, margin)
         || !MathIsValidNumber(margin))
         return Fail("the terminal cannot tell the margin");
      if(margin > AccountInfoDouble(ACCOUNT_MARGIN_FREE))
         return Fail("the free margin is too small");
      return true;
   }

   bool MayTrade() {
      if(TerminalInfoInteger(TERMINAL_CONNECTED) == 0)
         return Fail("the terminal has no connection to the broker");
      if(TerminalInfoInteger(TERMINAL_TRADE_ALLOWED) == 0)
         return Fail("the terminal's Algo Trading button is off");
      if(MQLInfoInteger(MQL_TRADE_ALLOWED) == 0)
         return Fail("this program may not trade: see 'Allow Algo Trading' in its properties");
      return true;
   }

public:
   LbGuard() : m_fault("") {}

   // Call this at once with every reply that has come: it tells the daemon's clock.
   void Hear(const LbReply &reply) { m_clock.Hear(reply); }
   // Why the lots were refused.
   string Fault() const { return m_fault; }

   // The answer's lots, or 0.
   double Lots(const LbSizeRequest &request, const LbSizeAnswer &answer, const string symbol) {
      MqlTick tick;
      ZeroMemory(tick);
      m_fault = "";
      bool buy = request.side == "buy";
      bool good = Belongs(request, answer, symbol) && IsInTime(answer) && MayTrade() && IsTradable(symbol, buy)
                  && IsVolume(symbol, buy, answer.lots);
      if(good && (!SymbolInfoTick(symbol, tick) || tick.bid <= 0 || tick.ask < tick.bid))
         good = Fail("there is no quote");
      good = good && AreStops(symbol, buy, tick, answer)
             && IsMargin(symbol, buy, answer.lots, buy ? tick.ask : tick.bid);
      return good ? answer.lots : 0;
   }
};

#endif
