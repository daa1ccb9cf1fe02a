// The latest quotes, where they have changed.
#ifndef LOTBRIDGE_FEED_QUOTES_MQH
#define LOTBRIDGE_FEED_QUOTES_MQH
#property strict
#include <LotBridge/JsonWriter.mqh>

struct LbFeedQuote {
   long   time_msc;
   double bid;
   double ask;
};

class LbFeedQuotes {
private:
   LbFeedQuote m_sent[];

   // One quote; whether it was written.
   bool Put(LbJsonWriter &writer, const string symbol, const int at) {
      MqlTick tick;
      if(!SymbolInfoTick(symbol, tick) || tick.bid <= 0 || tick.ask < tick.bid)
         return false;
      if(tick.time_msc == m_sent[at].time_msc && tick.bid == m_sent[at].bid && tick.ask == m_sent[at].ask)
         return false;
      m_sent[at].time_msc = tick.time_msc;
      m_sent[at].bid = tick.bid;
      m_sent[at].ask = tick.ask;
      writer.BeginObject();
      writer.TextField("symbol", symbol);
      writer.IntegerField("time_msc", tick.time_msc);
      writer.NumberField("bid", tick.bid);
      writer.NumberField("ask", tick.ask);
      writer.EndObject();
      return true;
   }

public:
   void StartOver() { ArrayResize(m_sent, 0); }

   void Write(LbJsonWriter &writer, const string &symbols[]) {
      int count = ArraySize(symbols);
      for(int i = ArraySize(m_sent); i < count; i++) {
         ArrayResize(m_sent, i + 1, 32);
         m_sent[i].time_msc = 0;
         m_sent[i].bid = 0;
         m_sent[i].ask = 0;
      }
      writer.Key("quotes");
      writer.BeginArray();
      for(int i = 0; i < count; i++)
         Put(writer, symbols[i], i);
      writer.EndArray();
   }
};

#endif
