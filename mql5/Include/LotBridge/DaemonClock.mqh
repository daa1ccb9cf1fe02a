// The daemon's clock as its last reply told it. It runs on by the program's own counter, not by the computer's time of
// day, which may be wrong or be set.
#ifndef LOTBRIDGE_DAEMON_CLOCK_MQH
#define LOTBRIDGE_DAEMON_CLOCK_MQH
#property strict
#include <LotBridge/Reply.mqh>

// What the reply's way here may have taken, and the way of an order to the broker.
#define LB_CLOCK_MARGIN_MS 500

class LbDaemonClock {
private:
   long  m_server_ms;
   ulong m_heard_us;

public:
   LbDaemonClock() : m_server_ms(0), m_heard_us(0) {}

   // Call this at once with a reply that has come. One that was given before, to a question that was said again, tells
   // of an earlier time: the clock never goes back.
   void Hear(const LbReply &reply) {
      if(!reply.Answered() || reply.server_ms <= 0)
         return;
      if(IsKnown() && reply.server_ms + LB_CLOCK_MARGIN_MS < NowMs())
         return;
      m_server_ms = reply.server_ms;
      m_heard_us = GetMicrosecondCount();
   }

   bool IsKnown() const { return m_server_ms > 0; }

   // The daemon's present, UTC; never early.
   long NowMs() const {
      return m_server_ms + (long)((GetMicrosecondCount() - m_heard_us) / 1000) + LB_CLOCK_MARGIN_MS;
   }
};

#endif
