// The orders that are still worked on, or of which nobody knows yet what became of them.
#ifndef LOTBRIDGE_ORDER_WATCH_MQH
#define LOTBRIDGE_ORDER_WATCH_MQH
#property strict
#include <LotBridge/WatchedOrder.mqh>

#define LB_WATCHED_MOST 32

class LbOrderWatch {
private:
   LbWatched  *m_under_way[];
   // Every order whose purpose is known: a search must not take it for another's.
   LbTicketSet m_known;

   void Drop(const int at) {
      int last = ArraySize(m_under_way) - 1;
      delete m_under_way[at];
      for(int i = at; i < last; i++)
         m_under_way[i] = m_under_way[i + 1];
      ArrayResize(m_under_way, last);
   }

public:
   ~LbOrderWatch() {
      while(ArraySize(m_under_way) > 0)
         Drop(ArraySize(m_under_way) - 1);
   }

   int Count() const { return ArraySize(m_under_way); }

   // Watch what was sent; it becomes this object's own. Its order's ticket is 0 where the result did not name it.
   void Add(LbWatched *watched, const ulong order) {
      if(ArraySize(m_under_way) >= LB_WATCHED_MOST) {
         Print("LotBridge: too many orders are under way; the oldest is left to the daemon");
         Drop(0);
      }
      m_known.Add(order);
      int count = ArraySize(m_under_way);
      ArrayResize(m_under_way, count + 1, 8);
      m_under_way[count] = watched;
      Poll();
   }

   // An order that was not sent for any reservation, such as one that closes; 0 is none.
   void Know(const ulong order) { m_known.Add(order); }

   // Transactions may get lost or come late: look every second, and whenever one comes.
   void Poll() {
      for(int i = ArraySize(m_under_way) - 1; i >= 0; i--)
         if(m_under_way[i].Update(m_known))
            Drop(i);
   }
};

#endif
