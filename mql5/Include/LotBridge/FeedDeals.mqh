// Closed history: what has not been told yet, the newest first, and from when on all of it has been told.
#ifndef LOTBRIDGE_FEED_DEALS_MQH
#define LOTBRIDGE_FEED_DEALS_MQH
#property strict
#include <LotBridge/DealHistory.mqh>
#include <LotBridge/JsonWriter.mqh>

// The daemon keeps so many.
#define LB_DEALS_MOST 10000
#define LB_DEAL_SIZE 420
// Deals may come late: look again, and soon while history may still be loading, or a deal is waited for: after a lost
// connection the terminal shows a new balance before the deals that made it.
#define LB_DEALS_EVERY_MS 60000
#define LB_DEALS_SOON_MS 1000
#define LB_DEALS_EXPECTED_MS 15000

class LbFeedDeals {
private:
   LbDealHistory m_history;
   LbTicketSet   m_told;
   // Not told yet, in the terminal's order.
   LbDeal        m_waiting[];
   // Older deals are too many to tell.
   long          m_oldest;
   // From when on all was told, as the daemon knows it; below 0 it does not.
   long          m_claimed;
   bool          m_full;
   bool          m_more;
   bool          m_look;
   ulong         m_look_at;
   // Until when a deal is waited for.
   ulong         m_expected;

   void Look() {
      LbDeal deals[];
      ulong begun = GetMicrosecondCount();
      m_look = !m_history.Look(deals);
      bool soon = !m_history.IsWhole() || LbLeft(m_expected) > 0;
      // A long history leaves time for messages between two looks.
      ulong took = GetMicrosecondCount() - begun;
      m_look_at = LbDeadline(soon ? LB_DEALS_SOON_MS : LB_DEALS_EVERY_MS) + took;
      if(m_look)
         return;
      int count = ArraySize(deals);
      int first = count > LB_DEALS_MOST ? count - LB_DEALS_MOST : 0;
      m_oldest = 0;
      for(int i = 0; i < first; i++)
         m_oldest = After(deals[i], m_oldest);
      ArrayResize(m_waiting, 0, 1024);
      for(int i = first; i < count; i++)
         if(!m_told.Has(deals[i].ticket))
            Wait(deals[i]);
   }

   void Wait(const LbDeal &deal) {
      int count = ArraySize(m_waiting);
      ArrayResize(m_waiting, count + 1, 1024);
      m_waiting[count] = deal;
   }

   // A claim leaves out the whole millisecond of a deal that has not been told: another may share it.
   long After(const LbDeal &deal, const long since) const {
      return deal.time_msc >= since ? deal.time_msc + 1 : since;
   }

   void Begin(LbJsonWriter &writer, bool &begun) const {
      if(begun)
         return;
      writer.Key("deals");
      writer.BeginArray();
      begun = true;
   }

   // Drop what was told; from when on nothing waits.
   long Settle() {
      long since = m_history.Since() > m_oldest ? m_history.Since() : m_oldest;
      int kept = 0;
      for(int i = 0; i < ArraySize(m_waiting); i++) {
         if(m_told.Has(m_waiting[i].ticket))
            continue;
         since = After(m_waiting[i], since);
         m_waiting[kept] = m_waiting[i];
         kept++;
      }
      ArrayResize(m_waiting, kept);
      return since;
   }

   void Put(LbJsonWriter &writer, const ulong ticket) const {
      writer.BeginObject();
      writer.IntegerField("ticket", (long)ticket);
      writer.IntegerField("time_msc", HistoryDealGetInteger(ticket, DEAL_TIME_MSC));
      writer.IntegerField("entry", HistoryDealGetInteger(ticket, DEAL_ENTRY));
      writer.IntegerField("position_id", HistoryDealGetInteger(ticket, DEAL_POSITION_ID));
      writer.TextField("symbol", HistoryDealGetString(ticket, DEAL_SYMBOL));
      writer.NumberField("volume", HistoryDealGetDouble(ticket, DEAL_VOLUME));
      writer.NumberField("price", HistoryDealGetDouble(ticket, DEAL_PRICE));
      writer.NumberField("profit", HistoryDealGetDouble(ticket, DEAL_PROFIT));
      writer.NumberField("swap", HistoryDealGetDouble(ticket, DEAL_SWAP));
      writer.NumberField("commission", HistoryDealGetDouble(ticket, DEAL_COMMISSION));
      writer.NumberField("fee", HistoryDealGetDouble(ticket, DEAL_FEE));
      writer.IntegerField("magic", HistoryDealGetInteger(ticket, DEAL_MAGIC));
      writer.EndObject();
   }

public:
   LbFeedDeals() : m_oldest(0), m_claimed(-1), m_full(true), m_more(false), m_look(true), m_look_at(0),
                   m_expected(0) {}

   void StartOver() {
      m_told.Clear();
      ArrayResize(m_waiting, 0);
      m_claimed = -1;
      m_full = true;
      m_more = false;
      m_look = true;
   }

   // Another account's deals are not this one's.
   void Forget() {
      m_history.Forget();
      StartOver();
   }

   // A deal was made: look before the next message.
   void Expect() {
      m_look = true;
      m_expected = LbDeadline(LB_DEALS_EXPECTED_MS);
   }

   // The terminal has lost its broker.
   void Interrupt() { m_history.Interrupt(); }
   // Whether some did not fit.
   bool More() const { return m_more; }
   // Whether nothing is told yet, as history may still be loading.
   bool IsLoading() const { return m_history.IsUnknown(); }

   // Before the message is begun; false where history cannot be had, and a message must wait.
   bool Prepare() {
      if(m_look || LbLeft(m_look_at) == 0)
         Look();
      return !m_look;
   }

   // While history is loading a message without deals claims nothing. A deal that cannot be read waits, and holds up
   // no other.
   void Write(LbJsonWriter &writer, const int room) {
      m_more = false;
      if(IsLoading())
         return;
      bool begun = false;
      if(m_full)
         Begin(writer, begun);
      for(int i = ArraySize(m_waiting) - 1; i >= 0 && !m_more; i--) {
         m_more = writer.Size() + LB_DEAL_SIZE >= room;
         if(m_more || !HistoryDealSelect(m_waiting[i].ticket))
            continue;
         Begin(writer, begun);
         Put(writer, m_waiting[i].ticket);
         m_told.Add(m_waiting[i].ticket);
      }
      if(begun)
         writer.EndArray();
      long since = Settle();
      if(since != m_claimed)
         writer.IntegerField("deals_since", since);
      m_claimed = since;
      m_full = false;
   }
};

#endif
