// Sends the daemon's lots to the broker, and tells the daemon what became of them.
#ifndef LOTBRIDGE_EXECUTOR_MQH
#define LOTBRIDGE_EXECUTOR_MQH
#property strict
#include <LotBridge/Guard.mqh>
#include <LotBridge/Outbox.mqh>
#include <LotBridge/Retcode.mqh>

// After the first attempt.
#define LB_RETRIES 2
#define LB_WATCHED_MOST 32

// An order of which deals are expected.
struct LbWatched {
   string reservation;
   ulong  order;
   double wanted;
   // Of the position so far.
   ulong  ticket;
   double filled;
   double money;
};

class LbExecutor {
private:
   LbGuard  *m_guard;
   LbOutbox  m_outbox;
   long      m_magic;
   uint      m_deviation;
   string    m_fault;
   LbWatched m_watched[];
   // Deals that were counted already: a result and a transaction tell of the same one.
   ulong     m_deals[];
   // Reservations that were tried already: an answer is traded once, whatever became of it.
   string    m_tried[];

   bool Fail(const string why) {
      m_fault = why;
      Print("LotBridge: ", why);
      return false;
   }

   bool FailAndRelease(const string reservation, const string why) {
      m_outbox.Release(reservation, why);
      return Fail(why);
   }

   void Prepare(MqlTradeRequest &order, const string symbol, const bool buy, const double lots) const {
      ZeroMemory(order);
      order.action = TRADE_ACTION_DEAL;
      order.symbol = symbol;
      order.volume = lots;
      order.type = buy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL;
      order.type_filling = LbFilling(symbol);
      order.deviation = m_deviation;
      order.magic = (ulong)m_magic;
   }

   // The price is that of the moment.
   uint Send(MqlTradeRequest &order, MqlTradeResult &result) const {
      MqlTick tick;
      ZeroMemory(result);
      if(!SymbolInfoTick(order.symbol, tick))
         return (uint)TRADE_RETCODE_PRICE_OFF;
      order.price = order.type == ORDER_TYPE_BUY ? tick.ask : tick.bid;
      ResetLastError();
      if(!OrderSend(order, result) && result.retcode == 0)
         Print("LotBridge: OrderSend failed with error ", GetLastError());
      return result.retcode;
   }

   bool IsUntried(const string reservation) {
      int count = ArraySize(m_tried);
      for(int i = count - 1; i >= 0; i--)
         if(m_tried[i] == reservation)
            return false;
      if(count >= 256) {
         for(int i = 128; i < count; i++)
            m_tried[i - 128] = m_tried[i];
         count -= 128;
      }
      ArrayResize(m_tried, count + 1, 256);
      m_tried[count] = reservation;
      return true;
   }

   bool IsNew(const ulong deal) {
      int count = ArraySize(m_deals);
      for(int i = count - 1; i >= 0; i--)
         if(m_deals[i] == deal)
            return false;
      if(count >= 256) {
         for(int i = 128; i < count; i++)
            m_deals[i - 128] = m_deals[i];
         count -= 128;
      }
      ArrayResize(m_deals, count + 1, 256);
      m_deals[count] = deal;
      return true;
   }

   void Unwatch(const int at) {
      int last = ArraySize(m_watched) - 1;
      for(int i = at; i < last; i++) {
         m_watched[i].reservation = m_watched[i + 1].reservation;
         m_watched[i].order = m_watched[i + 1].order;
         m_watched[i].wanted = m_watched[i + 1].wanted;
         m_watched[i].ticket = m_watched[i + 1].ticket;
         m_watched[i].filled = m_watched[i + 1].filled;
         m_watched[i].money = m_watched[i + 1].money;
      }
      ArrayResize(m_watched, last);
   }

   int Watch(const string reservation, const ulong order, const double wanted) {
      // One that was never filled: the daemon lets its reservation lapse.
      if(ArraySize(m_watched) >= LB_WATCHED_MOST)
         Unwatch(0);
      int count = ArraySize(m_watched);
      ArrayResize(m_watched, count + 1, 8);
      m_watched[count].reservation = reservation;
      m_watched[count].order = order;
      m_watched[count].wanted = wanted;
      m_watched[count].ticket = 0;
      m_watched[count].filled = 0;
      m_watched[count].money = 0;
      return count;
   }

   // A deal of a watched order: report what the position holds of it so far.
   void Count(const int at, const ulong deal, const ulong ticket, const double lots, const double price) {
      if(lots <= 0 || price <= 0 || ticket == 0 || !IsNew(deal))
         return;
      m_watched[at].ticket = ticket;
      m_watched[at].filled += lots;
      m_watched[at].money += lots * price;
      // Sums of lots are rounded to what MT5 itself keeps.
      double filled = NormalizeDouble(m_watched[at].filled, 8);
      m_outbox.Fill(m_watched[at].reservation, (long)ticket, filled, m_watched[at].money / m_watched[at].filled);
   }

   // The order is at its end: give back what it did not fill.
   void Finish(const int at) {
      double left = m_watched[at].wanted - m_watched[at].filled;
      if(left > 0.00000001)
         m_outbox.Release(m_watched[at].reservation, m_watched[at].filled > 0 ? "the rest was not filled"
                                                                             : "the order was not filled");
      Unwatch(at);
   }

   // The ticket of the position that a deal made or changed; 0 while the terminal does not show it.
   ulong PositionOf(const ulong deal, const ulong order, const string symbol) const {
      long id = (long)order;
      bool hedging = AccountInfoInteger(ACCOUNT_MARGIN_MODE) == (long)ACCOUNT_MARGIN_MODE_RETAIL_HEDGING;
      if(deal != 0 && HistoryDealSelect(deal))
         id = HistoryDealGetInteger(deal, DEAL_POSITION_ID);
      for(int i = PositionsTotal() - 1; i >= 0; i--) {
         ulong ticket = PositionGetTicket(i);
         if(ticket != 0 && PositionGetInteger(POSITION_IDENTIFIER) == id)
            return ticket;
         // A netting account has one position of a symbol.
         if(ticket != 0 && !hedging && PositionGetString(POSITION_SYMBOL) == symbol)
            return ticket;
      }
      // Gone again, or not shown yet: a position is named after the order that opened it, unless it was reopened.
      return deal != 0 ? (ulong)id : 0;
   }

   // The broker has taken the order. Deals that the result does not name come as transactions.
   bool Taken(const MqlTradeRequest &order, const MqlTradeResult &result, const string reservation) {
      int at = Watch(reservation, result.order, order.volume);
      if(LbOutcome(result.retcode) == LB_OUTCOME_PLACED || result.deal == 0)
         return true;
      double price = result.price > 0 ? result.price : order.price;
      Count(at, result.deal, PositionOf(result.deal, result.order, order.symbol), result.volume, price);
      // With RETURN the rest stays in the market, and is the order's until it is gone.
      bool rests = order.type_filling == ORDER_FILLING_RETURN && result.retcode == TRADE_RETCODE_DONE_PARTIAL;
      if(!rests && m_watched[at].filled > 0)
         Finish(at);
      return true;
   }

public:
   // Guard and client stay the caller's.
   LbExecutor(LbClient *client, LbGuard *guard, const long magic, const uint deviation)
      : m_guard(guard), m_outbox(client), m_magic(magic), m_deviation(deviation), m_fault("") {}

   string Fault() const { return m_fault; }
   // Reports that the daemon has not heard yet, and orders that are still worked on.
   int Waiting() const { return m_outbox.Waiting() + ArraySize(m_watched); }

   // Trade an answer at the market. True when the broker has taken the order.
   bool Open(const LbSizeRequest &request, const LbSizeAnswer &answer, const string symbol) {
      MqlTradeRequest order;
      MqlTradeResult result;
      m_fault = "";
      if(answer.reservation == "")
         return Fail("there is nothing to trade");
      if(!IsUntried(answer.reservation))
         return Fail("this answer was traded already; ask again");
      uint retcode = 0;
      for(int attempt = 0; attempt <= LB_RETRIES; attempt++) {
         double lots = m_guard.Lots(request, answer, symbol);
         if(lots <= 0)
            return FailAndRelease(answer.reservation, "no order: " + m_guard.Fault());
         Prepare(order, symbol, request.side == "buy", lots);
         order.sl = answer.stop_loss;
         order.tp = answer.take_profit;
         order.comment = "lotbridge " + answer.reservation;
         retcode = Send(order, result);
         if(LbOutcome(retcode) != LB_OUTCOME_AGAIN)
            break;
      }
      ENUM_LB_OUTCOME outcome = LbOutcome(retcode);
      if(outcome == LB_OUTCOME_FILLED || outcome == LB_OUTCOME_PLACED)
         return Taken(order, result, answer.reservation);
      string why = "the order was refused: " + IntegerToString((long)retcode) + " " + result.comment;
      // The daemon looks for the position itself, and lets the reservation lapse where there is none.
      if(outcome == LB_OUTCOME_UNKNOWN)
         return Fail("nobody knows what became of the order: " + IntegerToString((long)retcode));
      return FailAndRelease(answer.reservation, why);
   }

   // An order of lots that the daemon knows nothing of: the strategy tester's only.
   bool OpenLocal(const string symbol, const bool buy, const double lots, const double stop, const double target,
                  const string comment) {
      MqlTradeRequest order;
      MqlTradeResult result;
      if(MQLInfoInteger(MQL_TESTER) == 0 || lots <= 0)
         return Fail("local sizes are for the strategy tester");
      Prepare(order, symbol, buy, lots);
      order.sl = stop;
      order.tp = target;
      order.comment = comment;
      return LbOutcome(Send(order, result)) == LB_OUTCOME_FILLED;
   }

   // Close a position at the market.
   bool Close(const ulong ticket) {
      MqlTradeRequest order;
      MqlTradeResult result;
      if(!PositionSelectByTicket(ticket))
         return true;
      bool buy = PositionGetInteger(POSITION_TYPE) == (long)POSITION_TYPE_BUY;
      Prepare(order, PositionGetString(POSITION_SYMBOL), !buy, PositionGetDouble(POSITION_VOLUME));
      order.position = ticket;
      order.comment = "lotbridge close";
      for(int attempt = 0; attempt <= LB_RETRIES; attempt++) {
         ENUM_LB_OUTCOME outcome = LbOutcome(Send(order, result));
         if(outcome == LB_OUTCOME_FILLED || outcome == LB_OUTCOME_PLACED)
            return true;
         if(outcome != LB_OUTCOME_AGAIN)
            break;
      }
      return Fail("the position could not be closed: " + IntegerToString((long)result.retcode) + " " + result.comment);
   }

   // Call this from OnTradeTransaction.
   void OnTransaction(const MqlTradeTransaction &transaction) {
      for(int i = ArraySize(m_watched) - 1; i >= 0; i--) {
         if(m_watched[i].order == 0 || m_watched[i].order != transaction.order)
            continue;
         if(transaction.type == TRADE_TRANSACTION_DEAL_ADD)
            Count(i, transaction.deal, transaction.position, transaction.volume, transaction.price);
         // An order that has gone into history gets no more deals.
         bool over = transaction.type == TRADE_TRANSACTION_HISTORY_ADD && m_watched[i].filled > 0;
         if(over || m_watched[i].filled >= m_watched[i].wanted - 0.00000001)
            Finish(i);
      }
   }

   // Call this every second: reports that got no answer are said again.
   void OnTimer() { m_outbox.Flush(); }
};

#endif
