// One order from its sending to its end: what it fills is reported, and what it did not fill is given back once no more
// can come. The terminal's history decides; results and transactions only say when to look.
#ifndef LOTBRIDGE_WATCHED_ORDER_MQH
#define LOTBRIDGE_WATCHED_ORDER_MQH
#property strict
#include <LotBridge/OrderHistory.mqh>
#include <LotBridge/Outbox.mqh>

// After an order's end its last deals, and the position, may still be on their way to the terminal.
#define LB_SETTLE_MS 2000
// An order of which nothing is seen for so long is left to the daemon.
#define LB_GIVE_UP_MS 60000

class LbWatchedOrder {
private:
   LbOutbox *m_teller;
   string    m_reservation;
   LbSought  m_sought;
   // 0: not found yet.
   ulong     m_order;
   // As reported.
   double    m_filled;
   ulong     m_seen_us;
   // 0: not over yet.
   ulong     m_over_us;

   bool IsPast(const ulong since, const uint milliseconds) const {
      return GetMicrosecondCount() - since >= (ulong)milliseconds * 1000;
   }

   bool Leave() const {
      Print("LotBridge: what became of the order for ", m_reservation, " is not seen; it is left to the daemon");
      return true;
   }

   // False while it cannot be said which position the lots are in.
   bool Report(const LbFilled &deals) {
      if(deals.lots <= m_filled + LB_LOTS_HAIR)
         return true;
      ulong ticket = LbPositionTicket(deals.position);
      // Closed again already: a position is named after its identifier, unless the broker renamed it.
      if(ticket == 0 && m_over_us != 0 && IsPast(m_over_us, LB_SETTLE_MS))
         ticket = (ulong)deals.position;
      if(ticket == 0)
         return false;
      m_filled = deals.lots;
      m_teller.Fill(m_reservation, (long)ticket, m_filled, deals.money / deals.lots);
      return true;
   }

   // Whether all is known that will ever be.
   bool IsSettled(const LbFilled &deals) {
      double done = 0;
      if(!LbIsOver(m_order, done))
         return false;
      if(m_over_us == 0)
         m_over_us = GetMicrosecondCount();
      return IsPast(m_over_us, LB_SETTLE_MS) && deals.lots >= done - LB_LOTS_HAIR;
   }

   void ReleaseRest() {
      m_teller.Release(m_reservation, m_filled > 0 ? "the rest was not filled" : "the order was not filled");
   }

public:
   // The outbox stays the caller's; the order's ticket is 0 where the broker's result named none.
   LbWatchedOrder(LbOutbox *outbox, const string reservation, const ulong order, const MqlTradeRequest &sent,
                  const long since_ms)
      : m_teller(outbox), m_reservation(reservation), m_order(order), m_filled(0), m_over_us(0) {
      m_sought.symbol = sent.symbol;
      m_sought.buy = sent.type == ORDER_TYPE_BUY;
      m_sought.lots = sent.volume;
      m_sought.magic = (long)sent.magic;
      m_sought.comment = sent.comment;
      m_sought.since_ms = since_ms;
      m_seen_us = GetMicrosecondCount();
   }

   // Look what has become of it; true when there is nothing more to watch. `known` gets its ticket.
   bool Update(LbTicketSet &known) {
      LbFilled deals;
      if(m_order == 0) {
         m_order = LbFindOrder(m_sought, known);
         known.Add(m_order);
      }
      bool cut_off = TerminalInfoInteger(TERMINAL_CONNECTED) == 0;
      if(cut_off || (m_order != 0 && OrderSelect(m_order)))
         m_seen_us = GetMicrosecondCount();
      if(m_order == 0 || !LbDealsOf(m_order, m_sought.since_ms, deals))
         return IsPast(m_seen_us, LB_GIVE_UP_MS) && Leave();
      bool settled = IsSettled(deals);
      bool told = Report(deals);
      if(m_filled >= m_sought.lots - LB_LOTS_HAIR)
         return true;
      if(settled && told) {
         ReleaseRest();
         return true;
      }
      return IsPast(m_seen_us, LB_GIVE_UP_MS) && Leave();
   }
};

#endif
