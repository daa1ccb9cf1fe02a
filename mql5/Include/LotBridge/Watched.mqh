// Something that was sent to the broker and whose end is not known yet.
#ifndef LOTBRIDGE_WATCHED_MQH
#define LOTBRIDGE_WATCHED_MQH
#property strict
#include <LotBridge/TicketSet.mqh>

// After an order's end its last deals, and the position, may still be on their way to the terminal.
#define LB_SETTLE_MS 2000
// What is not seen for so long is left to the daemon.
#define LB_GIVE_UP_MS 60000

class LbWatched {
private:
   string m_about;
   ulong  m_seen_us;

protected:
   string About() const { return m_about; }

   bool IsPast(const ulong since, const uint milliseconds) const {
      return GetMicrosecondCount() - since >= (ulong)milliseconds * 1000;
   }

   // Nothing can be seen without a broker: that time does not count.
   void Look(const bool seen) {
      if(seen || TerminalInfoInteger(TERMINAL_CONNECTED) == 0)
         m_seen_us = GetMicrosecondCount();
   }

   // Whether nothing was seen for too long; that is printed.
   bool GiveUp() const {
      if(!IsPast(m_seen_us, LB_GIVE_UP_MS))
         return false;
      Print("LotBridge: what became of the order for ", m_about, " is not seen; it is left to the daemon");
      return true;
   }

public:
   // The reservation or the instruction that it was sent for.
   LbWatched(const string about) : m_about(about), m_seen_us(GetMicrosecondCount()) {}
   virtual ~LbWatched() {}

   // Look what has become of it; true when there is nothing more to watch. `known` are the tickets of orders whose
   // purpose is known, and gets its own.
   virtual bool Update(LbTicketSet &known) = 0;
};

#endif
