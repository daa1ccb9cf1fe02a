// What was sent for an instruction, until its end is known and told. Nothing is told of an end that is not seen: the
// daemon finds it by what the terminal shows.
#ifndef LOTBRIDGE_INSTRUCTED_ORDER_MQH
#define LOTBRIDGE_INSTRUCTED_ORDER_MQH
#property strict
#include <LotBridge/WatchedOrder.mqh>

// What became of an instruction.
class LbReportLetter : public LbLetter {
private:
   LbReportRequest m_report;
   LbReportAnswer  m_heard;

public:
   // A price of 0 is none.
   LbReportLetter(const string instruction, const string result, const long ticket, const double lots,
                  const double price, const uint retcode)
      : LbLetter(instruction) {
      m_report.instruction = instruction;
      m_report.result = result;
      m_report.ticket = ticket;
      m_report.lots = lots;
      if(price > 0)
         m_report.price.Set(price);
      m_report.retcode = (long)retcode;
   }

   virtual bool Say(LbClient *client) { return Tell(client, m_report, m_heard); }
};

// An order that opens or closes.
class LbInstructedOrder : public LbWatchedOrder {
private:
   LbOutbox *m_teller;
   // Of a close; 0 of an opening, whose position is yet to be seen.
   long      m_ticket;
   uint      m_retcode;
   // As told last.
   long      m_into;
   double    m_lots;
   double    m_price;

public:
   // The outbox stays the caller's.
   LbInstructedOrder(LbOutbox *outbox, const LbInstruction &todo, const MqlTradeRequest &sent,
                     const MqlTradeResult &result, const long since_ms)
      : LbWatchedOrder(todo.id, result.order, sent, since_ms), m_teller(outbox), m_ticket(todo.ticket),
        m_retcode(result.retcode), m_into(todo.ticket), m_lots(0), m_price(0) {}

protected:
   virtual ulong TicketOf(const LbFilled &deals) const {
      return m_ticket != 0 ? (ulong)m_ticket : LbPositionTicket(deals.position);
   }

   virtual void TellFill(const long ticket, const double lots, const double price, const bool whole) {
      m_into = ticket;
      m_lots = lots;
      m_price = price;
      m_teller.Add(new LbReportLetter(About(), whole ? "done" : "partial", ticket, lots, price, m_retcode));
   }

   virtual void TellEnd(const bool filled) {
      m_teller.Add(new LbReportLetter(About(), filled ? "done" : "failed", m_into, m_lots, m_price, m_retcode));
   }
};

// A stop and a target that nobody knows yet whether they are set.
class LbInstructedStop : public LbWatched {
private:
   LbOutbox *m_teller;
   long      m_ticket;
   double    m_stop;
   double    m_target;
   double    m_half;
   uint      m_retcode;

public:
   LbInstructedStop(LbOutbox *outbox, const LbInstruction &todo, const MqlTradeRequest &sent, const uint retcode)
      : LbWatched(todo.id), m_teller(outbox), m_ticket(todo.ticket), m_stop(sent.sl), m_target(sent.tp),
        m_half(SymbolInfoDouble(todo.symbol, SYMBOL_TRADE_TICK_SIZE) / 2), m_retcode(retcode) {}

   virtual bool Update(LbTicketSet &known) {
      Look(false);
      bool set = PositionSelectByTicket((ulong)m_ticket) && MathAbs(PositionGetDouble(POSITION_SL) - m_stop) <= m_half
                 && MathAbs(PositionGetDouble(POSITION_TP) - m_target) <= m_half;
      if(!set)
         return GiveUp();
      m_teller.Add(new LbReportLetter(About(), "done", m_ticket, 0, 0, m_retcode));
      return true;
   }
};

// A pending order that nobody knows yet whether it is cancelled.
class LbInstructedCancel : public LbWatched {
private:
   LbOutbox *m_teller;
   long      m_ticket;
   uint      m_retcode;

public:
   LbInstructedCancel(LbOutbox *outbox, const LbInstruction &todo, const uint retcode)
      : LbWatched(todo.id), m_teller(outbox), m_ticket(todo.ticket), m_retcode(retcode) {}

   virtual bool Update(LbTicketSet &known) {
      double done = 0;
      Look(false);
      if(!LbIsOver((ulong)m_ticket, done))
         return GiveUp();
      bool filled = HistoryOrderGetInteger((ulong)m_ticket, ORDER_STATE) == (long)ORDER_STATE_FILLED;
      m_teller.Add(new LbReportLetter(About(), filled ? "failed" : "done", m_ticket, 0, 0, m_retcode));
      return true;
   }
};

#endif
