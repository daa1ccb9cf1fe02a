// Closed history: all of it at the start, the newest first, then what is new.
#ifndef LOTBRIDGE_FEED_DEALS_MQH
#define LOTBRIDGE_FEED_DEALS_MQH
#property strict
#include <LotBridge/Clock.mqh>
#include <LotBridge/JsonWriter.mqh>
#include <LotBridge/TicketSet.mqh>

// The daemon keeps so many.
#define LB_DEALS_MOST 10000
#define LB_DEAL_SIZE 420
// A terminal that has just started may still be loading history: look again.
#define LB_DEALS_EVERY_MS 60000

class LbFeedDeals {
private:
   LbTicketSet m_seen;
   // Not sent yet, in the order in which they will be.
   ulong       m_waiting[];
   int         m_next;
   bool        m_full;
   bool        m_look;
   ulong       m_look_at;

   // Times are the trade server's; a day ahead, as its clock may be ahead of what the terminal has seen.
   void Look() {
      m_look = false;
      m_look_at = LbDeadline(LB_DEALS_EVERY_MS);
      if(!HistorySelect(0, TimeTradeServer() + 86400)) {
         m_look = true;
         return;
      }
      Forget();
      int total = HistoryDealsTotal();
      int oldest = total > LB_DEALS_MOST ? total - LB_DEALS_MOST : 0;
      for(int i = total - 1; i >= oldest; i--) {
         ulong ticket = HistoryDealGetTicket(i);
         if(!m_seen.Add(ticket))
            continue;
         int count = ArraySize(m_waiting);
         ArrayResize(m_waiting, count + 1, 1024);
         m_waiting[count] = ticket;
      }
   }

   // Give up what was sent.
   void Forget() {
      if(m_next < ArraySize(m_waiting))
         return;
      ArrayResize(m_waiting, 0);
      m_next = 0;
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
   LbFeedDeals() : m_next(0), m_full(true), m_look(true), m_look_at(0) {}

   void StartOver() {
      m_seen.Clear();
      ArrayResize(m_waiting, 0);
      m_next = 0;
      m_full = true;
      m_look = true;
   }

   // A deal was made: look before the next message.
   void Expect() { m_look = true; }
   bool More() const { return m_next < ArraySize(m_waiting); }

   // Before the message is begun; false where history cannot be had, and a full message must wait.
   bool Prepare() {
      if(m_look || LbLeft(m_look_at) == 0)
         Look();
      return !m_look;
   }

   void Write(LbJsonWriter &writer, const int room) {
      if(!m_full && !More())
         return;
      m_full = false;
      writer.Key("deals");
      writer.BeginArray();
      while(More() && writer.Size() + LB_DEAL_SIZE < room) {
         ulong ticket = m_waiting[m_next];
         m_next++;
         if(HistoryDealSelect(ticket))
            Put(writer, ticket);
      }
      writer.EndArray();
   }
};

#endif
