// Tickets that were seen: a table with open addressing, as ten thousand of them are looked up every minute.
#ifndef LOTBRIDGE_TICKET_SET_MQH
#define LOTBRIDGE_TICKET_SET_MQH
#property strict

class LbTicketSet {
private:
   ulong m_slots[];
   int   m_count;

   // Where the ticket is or would be; sizes are powers of 2.
   int Place(const ulong ticket) const {
      int size = ArraySize(m_slots);
      int at = (int)((ticket * (ulong)0x9E3779B97F4A7C15 >> 32) & (ulong)(size - 1));
      while(m_slots[at] != 0 && m_slots[at] != ticket)
         at = (at + 1) & (size - 1);
      return at;
   }

   void Grow() {
      int size = ArraySize(m_slots);
      ulong old[];
      ArrayResize(old, size);
      if(size > 0)
         ArrayCopy(old, m_slots, 0, 0, size);
      int wanted = size == 0 ? 256 : 2 * size;
      ArrayResize(m_slots, wanted);
      for(int i = 0; i < wanted; i++)
         m_slots[i] = 0;
      for(int i = 0; i < size; i++)
         if(old[i] != 0)
            m_slots[Place(old[i])] = old[i];
   }

public:
   LbTicketSet() : m_count(0) {}

   int Count() const { return m_count; }

   void Clear() {
      ArrayResize(m_slots, 0);
      m_count = 0;
   }

   bool Has(const ulong ticket) const {
      return m_count > 0 && m_slots[Place(ticket)] == ticket;
   }

   // Add a ticket above 0; whether it is new.
   bool Add(const ulong ticket) {
      if(ticket == 0 || Has(ticket))
         return false;
      if(2 * (m_count + 1) > ArraySize(m_slots))
         Grow();
      m_slots[Place(ticket)] = ticket;
      m_count++;
      return true;
   }
};

#endif
