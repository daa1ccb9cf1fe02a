// The daemon's clock as its replies tell it. It runs on by the program's own counter, not by the computer's time of
// day, which may be wrong or be set.
//
// A reply was made after its question was first said, and a question that is said again gets the first reply, with the
// time of that. So the daemon's time is counted from the first saying: it may seem later than it is, by as long as the
// reply took, and answers expire that much early. It never seems earlier, and nothing expired is traded.
#ifndef LOTBRIDGE_DAEMON_CLOCK_MQH
#define LOTBRIDGE_DAEMON_CLOCK_MQH
#property strict
#include <LotBridge/Reply.mqh>

// What the reply's way here may have taken, and the way of an order to the broker.
#define LB_CLOCK_MARGIN_MS 500

class LbDaemonClock {
private:
   long  m_server_ms;
   ulong m_asked_us;

public:
   LbDaemonClock() : m_server_ms(0), m_asked_us(0) {}

   // Of two replies the one counts whose question was asked later.
   void Hear(const LbReply &reply) {
      if(!reply.Answered() || reply.server_ms <= 0 || reply.asked_us == 0 || reply.asked_us < m_asked_us)
         return;
      m_server_ms = reply.server_ms;
      m_asked_us = reply.asked_us;
   }

   bool IsKnown() const { return m_server_ms > 0; }

   // The daemon's present, UTC; never early.
   long NowMs() const {
      return m_server_ms + (long)((GetMicrosecondCount() - m_asked_us) / 1000) + LB_CLOCK_MARGIN_MS;
   }
};

#endif
