// Fills and releases that the daemon must hear of. What gets no answer is said again: both may be repeated.
#ifndef LOTBRIDGE_OUTBOX_MQH
#define LOTBRIDGE_OUTBOX_MQH
#property strict
#include <LotBridge/Client.mqh>

#define LB_OUTBOX_MOST 200
// How often a report may be met with an answer that is of no use before the others have their turn.
#define LB_OUTBOX_TRIES 10

// A release has no ticket.
struct LbReport {
   string reservation;
   string reason;
   long   ticket;
   double lots;
   double price;
   int    tries;
};

class LbOutbox {
private:
   LbClient *m_client;
   LbReport  m_reports[];

   // Whether there is no use in saying it again: it is done, refused, or was met with nonsense too often.
   bool Say(const int at) {
      LbReservationAnswer answer;
      bool done = false;
      if(m_reports[at].ticket != 0)
         done = m_client.ConfirmFill(m_reports[at].reservation, m_reports[at].ticket, m_reports[at].lots,
                                     m_reports[at].price, answer);
      else
         done = m_client.Release(m_reports[at].reservation, m_reports[at].reason, answer);
      if(done)
         return true;
      // Silence and a busy daemon pass.
      if(answer.code == "overloaded" || (answer.code == "no_answer" && !m_client.Garbled()))
         return false;
      bool again = answer.code == "internal" || answer.code == "bad_reply" || answer.code == "no_answer";
      if(again && ++m_reports[at].tries < LB_OUTBOX_TRIES)
         return false;
      Print("LotBridge: the daemon does not take a report on ", m_reports[at].reservation, ": ", answer.message);
      return true;
   }

   void Drop(const int at) {
      int last = ArraySize(m_reports) - 1;
      for(int i = at; i < last; i++) {
         m_reports[i].reservation = m_reports[i + 1].reservation;
         m_reports[i].reason = m_reports[i + 1].reason;
         m_reports[i].ticket = m_reports[i + 1].ticket;
         m_reports[i].lots = m_reports[i + 1].lots;
         m_reports[i].price = m_reports[i + 1].price;
         m_reports[i].tries = m_reports[i + 1].tries;
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
      m_reports[count].tries = 0;
   }

public:
   LbOutbox(LbClient *client) : m_client(client) {}

   int Waiting() const { return ArraySize(m_reports); }

   // What is added waits for the next Flush.
   void Fill(const string reservation, const long ticket, const double lots, const double price) {
      Add(reservation, "", ticket, lots, price);
   }

   void Release(const string reservation, const string reason) {
      Add(reservation, reason, 0, 0, 0);
   }

   // Say what waits, in order, once each; stop at the first that is to be said again. Call it every second. All of it
   // together lasts no longer than one question may.
   void Flush() {
      uint whole = m_client.DeadlineMs();
      ulong deadline = LbDeadline(whole);
      bool going = true;
      while(going && ArraySize(m_reports) > 0 && LbLeft(deadline) > 0) {
         m_client.DeadlineMs(LbLeft(deadline));
         going = Say(0);
         if(going)
            Drop(0);
      }
      m_client.DeadlineMs(whole);
   }
};

#endif
