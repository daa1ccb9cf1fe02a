// The last look before an order. It never raises lots: they pass as they are, or are 0 with a reason.
#ifndef LOTBRIDGE_GUARD_MQH
#define LOTBRIDGE_GUARD_MQH
#property strict
#include <LotBridge/DaemonClock.mqh>
#include <LotBridge/Prices.mqh>
#include <LotBridge/SizeMessages.mqh>
#include <LotBridge/Volume.mqh>

// The daemon's money for a lot and the terminal's may differ by so much: it refuses beyond (money.mismatch_pct).
#define LB_MONEY_APART 1.02

class LbGuard {
private:
   LbDaemonClock m_clock;
   string        m_fault;
   // Of the last look that gave lots.
   double        m_price;
   uint          m_room;
   // Of the last look at a quote.
   long          m_quoted_ms;

   // The answer belongs to this question, and this question to this chart and to the account that is logged in.
   bool Belongs(const LbSizeRequest &request, const LbSizeAnswer &answer, const string symbol) {
      if(!answer.Ok() || answer.reservation == "")
         return Fail("there is no answer with lots");
      if(request.id == "" || request.id != answer.id)
         return Fail("the answer is another question's");
      if(!IsLogin(request.account))
         return false;
      if(request.symbol != symbol)
         return Fail("the answer is for " + request.symbol + ", not for " + symbol);
      if(request.side != "buy" && request.side != "sell")
         return Fail("there is no side");
      if(request.order != "market")
         return Fail("the answer is for a " + request.order + " order, and only market orders are sent");
      return true;
   }

   // The lots, the stop and the target are the asked ones, whoever has answered. A target that was not asked for is 0.
   bool IsAsAsked(const LbSizeRequest &request, const LbSizeAnswer &answer, const string symbol) {
      double half = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_SIZE) / 2;
      double target = request.take_profit.Given() ? request.take_profit.Value() : 0;
      if(request.max_lots.Given() && !(answer.lots <= request.max_lots.Value() * 1.000000001))
         return Fail("the answer's lots are above the request's max_lots");
      if(request.HasStop() && !(MathAbs(answer.stop_loss - request.AskedStop()) <= half))
         return Fail("the answer is for another stop than the request's");
      if(!(MathAbs(answer.take_profit - target) <= half))
         return Fail("the answer is for another target than the request's");
      return true;
   }

   // No more is lost at the stop than the request allows. From the better of the price that was sized and the price of
   // the moment: the little that it may have moved since is allowed for elsewhere.
   bool IsRisk(const LbSizeRequest &request, const LbSizeAnswer &answer, const string symbol, const bool buy,
               const MqlTick &tick) {
      if(!request.max_risk_pct.Given())
         return true;
      double profit = 0;
      double price = buy ? MathMin(tick.ask, answer.entry) : MathMax(tick.bid, answer.entry);
      double allowed = AccountInfoDouble(ACCOUNT_EQUITY) * request.max_risk_pct.Value() / 100;
      if(!OrderCalcProfit(buy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL, symbol, answer.lots, price, answer.stop_loss, profit)
         || !MathIsValidNumber(profit))
         return Fail("the terminal cannot tell the loss at the stop");
      if(!(-profit <= allowed * LB_MONEY_APART))
         return Fail("the answer's lots risk " + DoubleToString(-profit, 2) + ", and the request's max_risk_pct is "
                     + DoubleToString(allowed, 2));
      return true;
   }

   // The lots are right for the distance from the entry that was sized to the stop. A better price is fine.
   bool IsNear(const string symbol, const bool buy, const MqlTick &tick, const LbSizeAnswer &answer) {
      double point = SymbolInfoDouble(symbol, SYMBOL_POINT);
      double price = buy ? tick.ask : tick.bid;
      double way = buy ? 1.0 : -1.0;
      if(answer.entry <= 0)
         return Fail("the answer names no entry");
      long allowed = LbDriftPoints(MathAbs(answer.entry - answer.stop_loss), tick.ask - tick.bid, point);
      long drift = (long)MathCeil(way * (price - answer.entry) / point - 0.000001);
      if(drift > allowed)
         return Fail("the price has run away from "
                     + DoubleToString(answer.entry, (int)SymbolInfoInteger(symbol, SYMBOL_DIGITS)) + " by "
                     + IntegerToString(drift) + " points, " + IntegerToString(allowed) + " are allowed");
      m_price = price;
      m_room = (uint)(allowed - drift);
      return true;
   }

protected:
   bool Fail(const string why) {
      m_fault = why;
      return false;
   }

   // An account below 0 is whichever is logged in.
   bool IsLogin(const long account) {
      long login = AccountInfoInteger(ACCOUNT_LOGIN);
      if(account >= 0 && account != login)
         return Fail("the answer is for account " + IntegerToString(account) + ", and the terminal shows "
                     + IntegerToString(login) + " now");
      return true;
   }

   bool IsInTime(const long expires_ms) {
      if(!m_clock.IsKnown())
         return Fail("the daemon's clock is not known");
      if(expires_ms <= 0 || m_clock.NowMs() >= expires_ms)
         return Fail("the answer has expired");
      return true;
   }

   bool MayTrade() {
      if(TerminalInfoInteger(TERMINAL_CONNECTED) == 0)
         return Fail("the terminal has no connection to the broker");
      if(TerminalInfoInteger(TERMINAL_TRADE_ALLOWED) == 0)
         return Fail("the terminal's Algo Trading button is off");
      if(MQLInfoInteger(MQL_TRADE_ALLOWED) == 0)
         return Fail("this program may not trade: see 'Allow Algo Trading' in its properties");
      if(AccountInfoInteger(ACCOUNT_TRADE_ALLOWED) == 0 || AccountInfoInteger(ACCOUNT_TRADE_EXPERT) == 0)
         return Fail("the broker lets no program trade on this account");
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

   bool IsQuoted(const string symbol, MqlTick &tick) {
      ZeroMemory(tick);
      if(!SymbolInfoTick(symbol, tick) || tick.bid <= 0 || tick.ask < tick.bid)
         return Fail("there is no quote");
      if(SymbolInfoDouble(symbol, SYMBOL_POINT) <= 0)
         return Fail("the symbol has no point");
      m_quoted_ms = tick.time_msc;
      return true;
   }

   // Stop and target on their sides of the price that closes the position, and no nearer than the broker allows.
   bool AreStops(const string symbol, const bool buy, const MqlTick &tick, const double stop_loss,
                 const double take_profit) {
      double point = SymbolInfoDouble(symbol, SYMBOL_POINT);
      double least = MathMax(1.0, (double)SymbolInfoInteger(symbol, SYMBOL_TRADE_STOPS_LEVEL));
      double price = buy ? tick.bid : tick.ask;
      double way = buy ? 1.0 : -1.0;
      double stop = LbOnTick(symbol, stop_loss, buy);
      double target = LbOnTick(symbol, take_profit, !buy);
      if(stop_loss <= 0)
         return Fail("there is no stop");
      if(MathRound(way * (price - stop) / point) < least)
         return Fail("the stop is past the price, or nearer than the broker allows");
      if(take_profit > 0 && MathRound(way * (target - price) / point) < least)
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

public:
   LbGuard() : m_fault(""), m_price(0), m_room(0), m_quoted_ms(0) {}

   // Call this at once with every reply that has come: it tells the daemon's clock.
   void Hear(const LbReply &reply) { m_clock.Hear(reply); }
   // Why the lots were refused.
   string Fault() const { return m_fault; }
   // The price to open at, by how many points more an order may be filled worse, and when that was quoted, in
   // milliseconds of the broker's clock. Of the last look that gave lots.
   double Price() const { return m_price; }
   uint   RoomPoints() const { return m_room; }
   long   QuotedMs() const { return m_quoted_ms; }

   // The answer's lots, or 0.
   double Lots(const LbSizeRequest &request, const LbSizeAnswer &answer, const string symbol) {
      MqlTick tick;
      m_fault = "";
      bool buy = request.side == "buy";
      bool good = Belongs(request, answer, symbol) && IsInTime(answer.expires_ms) && MayTrade()
                  && IsTradable(symbol, buy) && IsVolume(symbol, buy, answer.lots)
                  && IsAsAsked(request, answer, symbol) && IsQuoted(symbol, tick)
                  && AreStops(symbol, buy, tick, answer.stop_loss, answer.take_profit)
                  && IsNear(symbol, buy, tick, answer) && IsRisk(request, answer, symbol, buy, tick)
                  && IsMargin(symbol, buy, answer.lots, buy ? tick.ask : tick.bid);
      return good ? answer.lots : 0;
   }
};

#endif
