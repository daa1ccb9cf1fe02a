// One order from its sending to its end: what it fills is told, and that no more can come. The terminal's history
// decides; results and transactions only say when to look.
#ifndef LOTBRIDGE_WATCHED_ORDER_MQH
#define LOTBRIDGE_WATCHED_ORDER_MQH
#property strict
#include <LotBridge/OrderHistory.mqh>
#include <LotBridge/Outbox.mqh>
#include <LotBridge/Watched.mqh>

class LbWatchedOrder : public LbWatched {
private:
   LbSought m_sought;
   // 0: not found yet.
   ulong    m_order;
   // As told.
   double   m_filled;
   // 0: not over yet.
   ulong    m_over_us;

   // False while it cannot be said which position the lots are in.
   bool Report(const LbFilled &deals) {
      if(deals.lots <= m_filled + LB_LOTS_HAIR)
         return true;
      ulong ticket = TicketOf(deals);
      // Closed again already: a position is named after its identifier, unless the broker renamed it.
      if(ticket == 0 && m_over_us != 0 && IsPast(m_over_us, LB_SETTLE_MS))
         ticket = (ulong)deals.position;
      if(ticket == 0)
         return false;
      m_filled = deals.lots;
      TellFill((long)ticket, m_filled, deals.money / deals.lots, IsWhole());
      return true;
   }

   bool IsWhole() const { return m_filled >= m_sought.lots - LB_LOTS_HAIR; }

   // Whether all is known that will ever be.
   bool IsSettled(const LbFilled &deals) {
      double done = 0;
      if(!LbIsOver(m_order, done))
         return false;
      if(m_over_us == 0)
         m_over_us = GetMicrosecondCount();
      return IsPast(m_over_us, LB_SETTLE_MS) && deals.lots >= done - LB_LOTS_HAIR;
   }

protected:
   // The position that its deals are in; 0 while the terminal does not show it.
   virtual ulong TicketOf(const LbFilled &deals) const { return LbPositionTicket(deals.position); }
   // All that it has filled so far, and whether that is the whole of it.
   virtual void TellFill(const long ticket, const double lots, const double price, const bool whole) = 0;
   // It is over, and not all of it was filled.
   virtual void TellEnd(const bool filled) = 0;

public:
   // The order's ticket is 0 where the broker's result named none.
   LbWatchedOrder(const string about, const ulong order, const MqlTradeRequest &sent, const long since_ms)
      : LbWatched(about), m_order(order), m_filled(0), m_over_us(0) {
      m_sought.symbol = sent.symbol;
      m_sought.type = (long)sent.type;
      m_sought.lots = sent.volume;
      m_sought.magic = (long)sent.magic;
      m_sought.comment = sent.comment;
      m_sought.since_ms = since_ms;
   }

   virtual bool Update(LbTicketSet &known) {
      LbFilled deals;
      if(m_order == 0) {
         m_order = LbFindOrder(m_sought, known);
         known.Add(m_order);
      }
      Look(m_order != 0 && OrderSelect(m_order));
      if(m_order == 0 || !LbDealsOf(m_order, m_sought.since_ms, deals))
         return GiveUp();
      bool settled = IsSettled(deals);
      bool told = Report(deals);
      if(IsWhole())
         return true;
      if(settled && told) {
         TellEnd(m_filled > 0);
         return true;
      }
      return GiveUp();
   }
};

// An order for lots that are reserved: what it does not fill is given back.
class LbReservedOrder : public LbWatchedOrder {
private:
   LbOutbox *m_teller;

public:
   // The outbox stays the caller's.
   LbReservedOrder(LbOutbox *outbox, const string reservation, const ulong order, const MqlTradeRequest &sent,
                   const long since_ms)
      : LbWatchedOrder(reservation, order, sent, since_ms), m_teller(outbox) {}

protected:
   virtual void TellFill(const long ticket, const double lots, const double price, const bool whole) {
      m_teller.Fill(About(), ticket, lots, price);
   }

   virtual void TellEnd(const bool filled) {
      m_teller.Release(About(), filled ? "the rest was not filled" : "the order was not filled");
   }
};

#endif
