// Reports that the daemon must hear of. What gets no answer is said again, under the same id.
#ifndef LOTBRIDGE_OUTBOX_MQH
#define LOTBRIDGE_OUTBOX_MQH
#property strict
#include <LotBridge/Letters.mqh>

#define LB_OUTBOX_MOST 200
// How often a report may be met with an answer that is of no use before the others have their turn.
#define LB_OUTBOX_TRIES 10

class LbOutbox {
private:
   LbClient *m_client;
   LbLetter *m_letters[];

   // Whether there is no use in saying it again: it is done, refused, or was met with nonsense too often.
   bool Say(LbLetter *letter) {
      if(letter.Say(m_client))
         return true;
      // Silence and a busy daemon pass.
      string code = letter.Code();
      if(code == "overloaded" || (code == "no_answer" && !m_client.Garbled()))
         return false;
      bool again = code == "internal" || code == "bad_reply" || code == "no_answer";
      if(again && ++letter.tries < LB_OUTBOX_TRIES)
         return false;
      Print("LotBridge: the daemon does not take a report on ", letter.About(), ": ", letter.Message());
      return true;
   }

   void Drop() {
      int last = ArraySize(m_letters) - 1;
      delete m_letters[0];
      for(int i = 0; i < last; i++)
         m_letters[i] = m_letters[i + 1];
      ArrayResize(m_letters, last);
   }

public:
   LbOutbox(LbClient *client) : m_client(client) {}

   ~LbOutbox() {
      while(ArraySize(m_letters) > 0)
         Drop();
   }

   int Waiting() const { return ArraySize(m_letters); }

   // What is added becomes the outbox's own, and waits for the next Flush.
   void Add(LbLetter *letter) {
      // The daemon finds old ones by itself, by positions and expiry.
      if(ArraySize(m_letters) >= LB_OUTBOX_MOST)
         Drop();
      int count = ArraySize(m_letters);
      ArrayResize(m_letters, count + 1, 16);
      m_letters[count] = letter;
   }

   void Fill(const string reservation, const long ticket, const double lots, const double price) {
      Add(new LbFillLetter(reservation, ticket, lots, price));
   }

   void Release(const string reservation, const string reason) {
      Add(new LbReleaseLetter(reservation, reason));
   }

   // Say what waits, in order, once each; stop at the first that is to be said again. Call it every second. All of it
   // together lasts no longer than one question may.
   void Flush() {
      uint whole = m_client.DeadlineMs();
      ulong deadline = LbDeadline(whole);
      bool going = true;
      while(going && ArraySize(m_letters) > 0 && LbLeft(deadline) > 0) {
         m_client.DeadlineMs(LbLeft(deadline));
         going = Say(m_letters[0]);
         if(going)
            Drop();
      }
      m_client.DeadlineMs(whole);
   }
};

#endif
