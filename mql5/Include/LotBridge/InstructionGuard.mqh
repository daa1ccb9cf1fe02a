// The last look before an instruction is carried out. What does not fit what the terminal shows is refused, with a
// reason.
#ifndef LOTBRIDGE_INSTRUCTION_GUARD_MQH
#define LOTBRIDGE_INSTRUCTION_GUARD_MQH
#property strict
#include <LotBridge/Guard.mqh>
#include <LotBridge/InstructionMessages.mqh>
#include <LotBridge/OrderHistory.mqh>

class LbInstructionGuard : public LbGuard {
private:
   // The login whose instructions they are.
   long   m_account;
   bool   m_choosy;
   long   m_magic;
   // Of the last look: the volume to trade, and prices on the symbol's ticks; 0 is none.
   double m_lots;
   double m_at;
   double m_stop;
   double m_target;
   bool   m_idle;

   bool IsAllowed(const LbInstruction &todo) {
      m_lots = 0;
      m_at = 0;
      m_stop = 0;
      m_target = 0;
      m_idle = false;
      if(todo.side != "buy" && todo.side != "sell")
         return Fail("there is no side");
      if(!SymbolSelect(todo.symbol, true))
         return Fail("there is no symbol " + todo.symbol);
      return IsLogin(m_account) && IsInTime(todo.expires_ms) && MayTrade();
   }

   bool IsOwn(const long magic) {
      if(m_choosy && magic != m_magic)
         return Fail("its magic number is " + IntegerToString(magic) + ", and only " + IntegerToString(m_magic)
                     + " is traded here");
      return true;
   }

   bool Fits(const LbInstruction &todo, const string symbol, const bool buy, const long magic) {
      if(symbol != todo.symbol)
         return Fail("ticket " + IntegerToString(todo.ticket) + " is of " + symbol + ", not of " + todo.symbol);
      if(buy != (todo.side == "buy"))
         return Fail("ticket " + IntegerToString(todo.ticket) + " is of the other side");
      return IsOwn(magic);
   }

   // The position is selected afterwards.
   bool IsPosition(const LbInstruction &todo) {
      if(todo.ticket <= 0 || !PositionSelectByTicket((ulong)todo.ticket))
         return Fail("there is no position " + IntegerToString(todo.ticket));
      return Fits(todo, PositionGetString(POSITION_SYMBOL),
                  PositionGetInteger(POSITION_TYPE) == (long)POSITION_TYPE_BUY, PositionGetInteger(POSITION_MAGIC));
   }

   // Whole points between two prices; a level of 0 is farther than anything.
   double Points(const string symbol, const double price, const double level) const {
      return level <= 0 ? DBL_MAX : MathRound(MathAbs(price - level) / SymbolInfoDouble(symbol, SYMBOL_POINT));
   }

   // Near the price the broker lets nothing be changed.
   bool IsFree(const string symbol, const double price, const double level) {
      long freeze = SymbolInfoInteger(symbol, SYMBOL_TRADE_FREEZE_LEVEL);
      if(freeze > 0 && Points(symbol, price, level) <= (double)freeze)
         return Fail("the price is within the broker's freeze level");
      return true;
   }

   // What a close may take of the selected position.
   bool IsPart(const LbInstruction &todo) {
      double volume = PositionGetDouble(POSITION_VOLUME);
      double least = SymbolInfoDouble(todo.symbol, SYMBOL_VOLUME_MIN);
      if(!MathIsValidNumber(todo.lots) || todo.lots <= 0)
         return Fail("there are no lots to close");
      if(todo.lots > volume + LB_LOTS_HAIR)
         return Fail("the lots are above the position's volume, " + DoubleToString(volume, 2));
      m_lots = todo.lots;
      if(todo.kind == "close") {
         m_lots = volume;
         return todo.lots >= volume - LB_LOTS_HAIR || Fail("the position's volume is another now");
      }
      if(!LbOnLattice(todo.lots, SymbolInfoDouble(todo.symbol, SYMBOL_VOLUME_STEP)))
         return Fail("the lots are no whole number of volume steps");
      if(least <= 0 || todo.lots < least * 0.999999999)
         return Fail("the lots are below the smallest volume");
      if(volume - todo.lots < least * 0.999999999)
         return Fail("what is left would be below the smallest volume");
      return true;
   }

   // The stop of the selected position moves towards profit only, and is never taken away.
   bool IsStopBetter(const bool buy, const double half) {
      double now = PositionGetDouble(POSITION_SL);
      if(now > 0 && (m_stop <= 0 || (buy ? now - m_stop : m_stop - now) > half))
         return Fail("the stop would move away from profit");
      return true;
   }

   // What changes must keep the distance that the broker asks for.
   bool IsFar(const string symbol, const bool above, const double price, const double level, const double now,
              const double half) {
      double least = MathMax(1.0, MathMax((double)SymbolInfoInteger(symbol, SYMBOL_TRADE_STOPS_LEVEL),
                                          (double)SymbolInfoInteger(symbol, SYMBOL_TRADE_FREEZE_LEVEL)));
      if(level <= 0 || MathAbs(level - now) <= half)
         return true;
      if((level > price) != above || Points(symbol, price, level) < least)
         return Fail("the stop or target is past the price, or nearer than the broker allows");
      return true;
   }

   // On a netting account an order goes into the symbol's one position, which gets its stop: never into one of another
   // side or program, and never with a worse stop.
   bool IsAlone(const LbInstruction &todo) {
      if(AccountInfoInteger(ACCOUNT_MARGIN_MODE) == (long)ACCOUNT_MARGIN_MODE_RETAIL_HEDGING)
         return true;
      for(int i = PositionsTotal() - 1; i >= 0; i--) {
         if(PositionGetTicket(i) == 0 || PositionGetString(POSITION_SYMBOL) != todo.symbol)
            continue;
         if((PositionGetInteger(POSITION_TYPE) == (long)POSITION_TYPE_BUY) != (todo.side == "buy"))
            return Fail("the account nets, and its position in " + todo.symbol + " is of the other side");
         m_stop = LbOnTick(todo.symbol, todo.stop_loss, todo.side == "buy");
         if(!IsOwn(PositionGetInteger(POSITION_MAGIC))
            || !IsStopBetter(todo.side == "buy", SymbolInfoDouble(todo.symbol, SYMBOL_TRADE_TICK_SIZE) / 2))
            return false;
      }
      return true;
   }

   // A limit waits on the better side of the price, the others on the worse one.
   bool IsWaiting(const LbInstruction &todo, const bool buy, const MqlTick &tick) {
      double price = buy ? tick.ask : tick.bid;
      if(todo.order != "limit" && todo.order != "stop" && todo.order != "stop_limit")
         return Fail("there is no " + todo.order + " order");
      // Off the ticks it moves towards the stop: never more is lost.
      m_at = LbOnTick(todo.symbol, todo.price, !buy);
      if(m_at <= 0)
         return Fail("the order has no price");
      return IsFar(todo.symbol, (todo.order == "limit") != buy, price, m_at, 0, 0);
   }

public:
   LbInstructionGuard()
      : m_account(-1), m_choosy(false), m_magic(0), m_lots(0), m_at(0), m_stop(0), m_target(0), m_idle(false) {}

   // Positions, orders and openings of other magic numbers are left alone.
   void OnlyMagic(const long magic) {
      m_choosy = true;
      m_magic = magic;
   }

   // Whose instructions come next.
   void Account(const long account) { m_account = account; }
   // Whether anything could be carried out now for that account.
   bool IsReady() { return IsLogin(m_account) && MayTrade(); }

   // What to send; of the last look that was true. Price is of pending orders.
   double LotsToSend() const { return m_lots; }
   double PriceToSend() const { return m_at; }
   double StopToSend() const { return m_stop; }
   double TargetToSend() const { return m_target; }
   // Whether all is so already.
   bool   IsIdle() const { return m_idle; }

   // Open at the market: as the guard looks at an answer with lots. The two belong together then.
   bool MayOpen(const LbInstruction &todo, LbSizeRequest &request, LbSizeAnswer &answer) {
      if(!IsAllowed(todo) || !IsOwn(todo.magic) || !IsAlone(todo))
         return false;
      request.id = todo.id;
      request.account = m_account;
      request.symbol = todo.symbol;
      request.side = todo.side;
      request.order = todo.order;
      request.StopLoss(todo.stop_loss);
      request.take_profit.Set(todo.take_profit);
      answer.status = "ok";
      answer.id = todo.id;
      answer.lots = todo.lots;
      answer.entry = todo.price;
      answer.stop_loss = todo.stop_loss;
      answer.take_profit = todo.take_profit;
      answer.reservation = todo.reservation;
      answer.expires_ms = todo.expires_ms;
      m_lots = Lots(request, answer, todo.symbol);
      return m_lots > 0;
   }

   // Place an order that waits.
   bool MayPlace(const LbInstruction &todo) {
      MqlTick tick;
      bool buy = todo.side == "buy";
      if(!IsAllowed(todo) || !IsOwn(todo.magic) || !IsAlone(todo))
         return false;
      if(todo.reservation == "")
         return Fail("there is no answer with lots");
      if(!IsTradable(todo.symbol, buy) || !IsVolume(todo.symbol, buy, todo.lots) || !IsQuoted(todo.symbol, tick)
         || !IsWaiting(todo, buy, tick))
         return false;
      tick.bid = m_at;
      tick.ask = m_at;
      if(!AreStops(todo.symbol, buy, tick, todo.stop_loss, todo.take_profit)
         || !IsMargin(todo.symbol, buy, todo.lots, m_at))
         return false;
      m_lots = todo.lots;
      m_stop = LbOnTick(todo.symbol, todo.stop_loss, buy);
      m_target = LbOnTick(todo.symbol, todo.take_profit, !buy);
      return true;
   }

   // Close a position, or a part of it.
   bool MayClose(const LbInstruction &todo) {
      MqlTick tick;
      if(!IsAllowed(todo) || !IsPosition(todo) || !IsPart(todo) || !IsQuoted(todo.symbol, tick))
         return false;
      m_at = todo.side == "buy" ? tick.bid : tick.ask;
      return IsFree(todo.symbol, m_at, PositionGetDouble(POSITION_SL))
             && IsFree(todo.symbol, m_at, PositionGetDouble(POSITION_TP));
   }

   bool MayModify(const LbInstruction &todo) {
      MqlTick tick;
      bool buy = todo.side == "buy";
      if(!IsAllowed(todo) || !IsPosition(todo) || !IsQuoted(todo.symbol, tick))
         return false;
      double half = SymbolInfoDouble(todo.symbol, SYMBOL_TRADE_TICK_SIZE) / 2;
      double price = buy ? tick.bid : tick.ask;
      double stop = PositionGetDouble(POSITION_SL);
      double target = PositionGetDouble(POSITION_TP);
      m_stop = LbOnTick(todo.symbol, todo.stop_loss, buy);
      m_target = LbOnTick(todo.symbol, todo.take_profit, !buy);
      m_idle = MathAbs(m_stop - stop) <= half && MathAbs(m_target - target) <= half;
      return m_idle || (IsStopBetter(buy, half) && IsFree(todo.symbol, price, stop)
                        && IsFree(todo.symbol, price, target)
                        && IsFar(todo.symbol, !buy, price, m_stop, stop, half)
                        && IsFar(todo.symbol, buy, price, m_target, target, half));
   }

   bool MayCancel(const LbInstruction &todo) {
      MqlTick tick;
      if(!IsAllowed(todo))
         return false;
      if(todo.ticket <= 0 || !OrderSelect((ulong)todo.ticket))
         return Fail("there is no order " + IntegerToString(todo.ticket));
      long type = OrderGetInteger(ORDER_TYPE);
      if(type < (long)ORDER_TYPE_BUY_LIMIT || type > (long)ORDER_TYPE_SELL_STOP_LIMIT)
         return Fail("order " + IntegerToString(todo.ticket) + " is no pending one");
      bool buy = type % 2 == 0;
      return Fits(todo, OrderGetString(ORDER_SYMBOL), buy, OrderGetInteger(ORDER_MAGIC))
             && IsQuoted(todo.symbol, tick)
             && IsFree(todo.symbol, buy ? tick.ask : tick.bid, OrderGetDouble(ORDER_PRICE_OPEN));
   }
};

#endif
