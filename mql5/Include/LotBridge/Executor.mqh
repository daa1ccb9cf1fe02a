// Sends the daemon's lots to the broker, and tells the daemon what became of them.
#ifndef LOTBRIDGE_EXECUTOR_MQH
#define LOTBRIDGE_EXECUTOR_MQH
#property strict
#include <LotBridge/OrderSender.mqh>
#include <LotBridge/OrderWatch.mqh>
#include <LotBridge/Tried.mqh>

class LbExecutor {
private:
   LbGuard      *m_guard;
   LbOutbox      m_outbox;
   LbOrderWatch  m_watch;
   LbOrderSender m_sender;
   long          m_magic;
   string        m_fault;
   // Reservations: an answer is traded once, whatever became of it.
   LbTried       m_tried;

   bool Fail(const string why) {
      m_fault = why;
      Print("LotBridge: ", why);
      return false;
   }

   bool FailAndRelease(const string reservation, const string why) {
      m_outbox.Release(reservation, why);
      m_outbox.Flush();
      return Fail(why);
   }

   // What the daemon was asked for is what will be sent: it knows orders and positions by their magic number, and a
   // request without one is of magic number 0.
   bool IsOwn(const LbSizeRequest &request) const {
      return (request.magic.Given() ? (long)request.magic.Value() : 0) == m_magic;
   }

public:
   // Guard and client stay the caller's.
   LbExecutor(LbClient *client, LbGuard *guard, const long magic, const uint deviation)
      : m_guard(guard), m_outbox(client), m_sender(deviation), m_magic(magic), m_fault("") {}

   string Fault() const { return m_fault; }
   // Reports that the daemon has not heard yet, and orders that are still watched.
   int Waiting() const { return m_outbox.Waiting() + m_watch.Count(); }

   // Trade an answer at the market. True when the broker has taken the order.
   bool Open(const LbSizeRequest &request, const LbSizeAnswer &answer, const string symbol) {
      MqlTradeRequest order;
      MqlTradeResult result;
      ENUM_LB_OUTCOME outcome = LB_OUTCOME_AGAIN;
      m_fault = "";
      if(answer.reservation == "")
         return Fail("there is nothing to trade");
      if(!m_tried.Add(answer.reservation))
         return Fail("this answer was traded already; ask again");
      if(!IsOwn(request))
         return FailAndRelease(answer.reservation, "no order: the request's magic number is not this program's");
      for(int attempt = 0; attempt <= LB_RETRIES && outcome == LB_OUTCOME_AGAIN; attempt++) {
         double lots = m_guard.Lots(request, answer, symbol);
         if(lots <= 0)
            return FailAndRelease(answer.reservation, "no order: " + m_guard.Fault());
         m_sender.PrepareEntry(order, m_guard, answer, symbol, request.side == "buy", lots, m_magic,
                               LB_COMMENT + answer.reservation);
         outcome = m_sender.Send(order, result);
      }
      if(outcome == LB_OUTCOME_AGAIN || outcome == LB_OUTCOME_REFUSED)
         return FailAndRelease(answer.reservation, "the order was refused: " + IntegerToString((long)result.retcode)
                               + " " + result.comment);
      m_watch.Add(new LbReservedOrder(GetPointer(m_outbox), answer.reservation, result.order, order,
                                      m_guard.QuotedMs()), result.order);
      m_outbox.Flush();
      // If it was done after all, the watch finds it. The daemon does, too, and lets the reservation lapse otherwise.
      if(outcome == LB_OUTCOME_UNKNOWN)
         return Fail("nobody knows yet what became of the order: " + IntegerToString((long)result.retcode));
      return true;
   }

   // An order of lots that the daemon knows nothing of: the strategy tester's only.
   bool OpenLocal(const string symbol, const bool buy, const double lots, const double stop, const double target,
                  const string comment) {
      MqlTradeRequest order;
      MqlTradeResult result;
      if(MQLInfoInteger(MQL_TESTER) == 0 || lots <= 0)
         return Fail("local sizes are for the strategy tester");
      m_sender.Prepare(order, symbol, buy, lots, m_magic);
      order.sl = stop;
      order.tp = target;
      order.comment = comment;
      return m_sender.SendNow(order, result) == LB_OUTCOME_FILLED;
   }

   // Close a position at the market.
   bool Close(const ulong ticket) {
      MqlTradeRequest order;
      MqlTradeResult result;
      if(!PositionSelectByTicket(ticket))
         return true;
      bool buy = PositionGetInteger(POSITION_TYPE) == (long)POSITION_TYPE_BUY;
      m_sender.Prepare(order, PositionGetString(POSITION_SYMBOL), !buy, PositionGetDouble(POSITION_VOLUME), m_magic);
      order.position = ticket;
      order.comment = "lotbridge close";
      for(int attempt = 0; attempt <= LB_RETRIES; attempt++) {
         ENUM_LB_OUTCOME outcome = m_sender.SendNow(order, result);
         m_watch.Know(result.order);
         if(outcome == LB_OUTCOME_FILLED || outcome == LB_OUTCOME_PLACED)
            return true;
         if(outcome != LB_OUTCOME_AGAIN)
            break;
      }
      return Fail("the position could not be closed: " + IntegerToString((long)result.retcode) + " " + result.comment);
   }

   // Call this from OnTradeTransaction.
   void OnTransaction(const MqlTradeTransaction &transaction) {
      bool telling = transaction.type == TRADE_TRANSACTION_DEAL_ADD
                     || transaction.type == TRADE_TRANSACTION_HISTORY_ADD;
      int before = m_outbox.Waiting();
      if(telling)
         m_watch.Poll();
      if(m_outbox.Waiting() > before)
         m_outbox.Flush();
   }

   // Call this every second: what has become of orders is looked for, and reports without an answer are said again.
   void OnTimer() {
      m_watch.Poll();
      m_outbox.Flush();
   }
};

#endif
