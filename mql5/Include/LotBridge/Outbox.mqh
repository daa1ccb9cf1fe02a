// Fills and releases that the daemon must hear of. What gets no answer is said again: both may be repeated.
#ifndef LOTBRIDGE_OUTBOX_MQH
#define LOTBRIDGE_OUTBOX_MQH
#property strict
#include <LotBridge/Client.mqh>

#define LB_OUTBOX_MOST 200

// A release has no ticket.
struct LbReport {
   string reservation;
   string reason;
   long   ticket;
   double lots;
   double price;
};

class LbOutbox {
private:
   LbClient *m_client;
   LbReport  m_reports[];

   // Whether the daemon has answered, be it a refusal: then there is no use in saying it again.
   bool Say(const int at) {
      LbReservationAnswer answer;
      bool done = false;
      if(m_reports[at].ticket != 0)
         done = m_client.ConfirmFill(m_reports[at].reservation, m_reports[at].ticket, m_reports[at].lots,
                                     m_reports[at].price, answer);
      else
         done = m_client.Release(m_reports[at].reservation, m_reports[at].reason, answer);
      if(!done && answer.Answered())
         Print("LotBridge: the daemon refuses a report on ", m_reports[at].reservation, ": ", answer.message);
      // These two ask for the same again.
      return answer.Answered() && answer.code != "overloaded" && answer.code != "internal";
   }

   void Drop(const int at) {
      int last = ArraySize(m_reports) - 1;
      for(int i = at; i < last; i++) {
         m_reports[i].reservation = m_reports[i + 1].reservation;
         m_reports[i].reason = m_reports[i + 1].reason;
         m_reports[i].ticket = m_reports[i + 1].ticket;
         m_reports[i].lots = m_reports[i + 1].lots;
         m_reports[i].price = m_reports[i + 1].price;
      }
      ArrayResize(m_reports, last);
   }

   void Add(const string reservation, const string reason, const long ticket, const double lots, const double price) {
      // The daemon finds old ones by itself, by positions and expiry.
      if(ArraySize(m_reports) >= LB_OUTBOX_MOST)
         Drop(0);
      int count = ArraySize(m_reports);
      ArrayResize(m_reports, count + 1, 16);
      m_reports[count].reservation = reservation;
      m_reports[count].reason = reason;
      m_reports[count].ticket = ticket;
      m_reports[count].lots = lots;
      m_reports[count].price = price;
   }

public:
   LbOutbox(LbClient *client) : m_client(client) {}

   int Waiting() const { return ArraySize(m_reports); }

   void Fill(const string reservation, const long ticket, const double lots, const double price) {
      Add(reservation, "", ticket, lots, price);
      Flush();
   }

   void Release(const string reservation, const string reason) {
      Add(reservation, reason, 0, 0, 0);
      Flush();
   }

   // Say what waits, in order; stop at the first that gets no answer. Call it every second.
   void Flush() {
      while(ArraySize(m_reports) > 0 && Say(0))
         Drop(0);
   }
};

#endif
