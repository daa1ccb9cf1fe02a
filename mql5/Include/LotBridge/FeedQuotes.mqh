// The latest quotes, where they have changed; as many as fit, and the others with the next message.
#ifndef LOTBRIDGE_FEED_QUOTES_MQH
#define LOTBRIDGE_FEED_QUOTES_MQH
#property strict
#include <LotBridge/JsonWriter.mqh>

#define LB_QUOTE_SIZE 320

struct LbFeedQuote {
   long   time_msc;
   double bid;
   double ask;
};

class LbFeedQuotes {
private:
   LbFeedQuote m_sent[];
   // Where the round goes on: the first one that did not fit.
   int         m_next;
   bool        m_more;

   // Whether the symbol has a quote that was not sent.
   bool IsNew(const string symbol, const int at, MqlTick &tick) const {
      if(!SymbolInfoTick(symbol, tick) || tick.bid <= 0 || tick.ask < tick.bid)
         return false;
      return tick.time_msc != m_sent[at].time_msc || tick.bid != m_sent[at].bid || tick.ask != m_sent[at].ask;
   }

   void Put(LbJsonWriter &writer, const string symbol, const int at, const MqlTick &tick) {
      m_sent[at].time_msc = tick.time_msc;
      m_sent[at].bid = tick.bid;
      m_sent[at].ask = tick.ask;
      writer.BeginObject();
      writer.TextField("symbol", symbol);
      writer.IntegerField("time_msc", tick.time_msc);
      writer.NumberField("bid", tick.bid);
      writer.NumberField("ask", tick.ask);
      writer.EndObject();
   }

   void Grow(const int count) {
      for(int i = ArraySize(m_sent); i < count; i++) {
         ArrayResize(m_sent, i + 1, 32);
         m_sent[i].time_msc = 0;
         m_sent[i].bid = 0;
         m_sent[i].ask = 0;
      }
   }

public:
   LbFeedQuotes() : m_next(0), m_more(false) {}

   void StartOver() { ArrayResize(m_sent, 0); }

   // Whether some did not fit.
   bool More() const { return m_more; }

   void Write(LbJsonWriter &writer, const string &symbols[], const int room) {
      int count = ArraySize(symbols);
      int first = m_next < count ? m_next : 0;
      MqlTick tick;
      m_more = false;
      Grow(count);
      writer.Key("quotes");
      writer.BeginArray();
      for(int i = 0; i < count && !m_more; i++) {
         int at = (first + i) % count;
         if(!IsNew(symbols[at], at, tick))
            continue;
         m_more = writer.Size() + LB_QUOTE_SIZE > room;
         m_next = at;
         if(!m_more)
            Put(writer, symbols[at], at, tick);
      }
      writer.EndArray();
   }
};

#endif
