// Closed bars: the newest so many of each series at the start, then each as it closes. Bar 0 is never touched. A series
// that the terminal still loads waits; where older bars show up later, it is told again.
#ifndef LOTBRIDGE_FEED_BARS_MQH
#define LOTBRIDGE_FEED_BARS_MQH
#property strict
#include <LotBridge/Clock.mqh>
#include <LotBridge/Inputs.mqh>
#include <LotBridge/JsonWriter.mqh>

#define LB_BARS_DEPTH 1500
#define LB_BARS_PIECE 500
#define LB_BAR_SIZE 175
// How often to look whether older bars have come.
#define LB_BARS_EVERY_MS 60000

struct LbFeedSeries {
   string          symbol;
   string          label;
   ENUM_TIMEFRAMES timeframe;
   // Opening times of the oldest and the newest bar that were sent, 0 for none; and of the unfinished one when all was.
   datetime        oldest;
   datetime        sent;
   datetime        unfinished;
};

// "H1" and the like; PERIOD_CURRENT where the daemon knows no such series.
ENUM_TIMEFRAMES LbTimeframe(const string label) {
   if(label == "M1")
      return PERIOD_M1;
   if(label == "M5")
      return PERIOD_M5;
   if(label == "M15")
      return PERIOD_M15;
   if(label == "M30")
      return PERIOD_M30;
   if(label == "H1")
      return PERIOD_H1;
   if(label == "H4")
      return PERIOD_H4;
   if(label == "D1")
      return PERIOD_D1;
   return PERIOD_CURRENT;
}

// The timeframes of a list such as "H1, D1"; how many.
int LbTimeframes(const string list, string &labels[]) {
   int count = StringSplit(list, (ushort)',', labels);
   for(int i = 0; i < count; i++) {
      StringTrimLeft(labels[i]);
      StringTrimRight(labels[i]);
   }
   return count;
}

// Whether the daemon knows all of them; what it does not know is printed.
bool LbInputTimeframes(const string name, const string list) {
   string labels[];
   int count = LbTimeframes(list, labels);
   for(int i = 0; i < count; i++)
      if(LbTimeframe(labels[i]) == PERIOD_CURRENT)
         return LbWrongInput(name, "is '" + list + "'", "some of M1, M5, M15, M30, H1, H4 and D1 with commas between");
   return true;
}

class LbFeedBars {
private:
   LbFeedSeries m_series[];
   bool         m_more;
   ulong        m_look_at;

   // How many bars back the oldest one lies that is told at all.
   int Depth(const int at) const {
      int closed = Bars(m_series[at].symbol, m_series[at].timeframe) - 1;
      return closed > LB_BARS_DEPTH ? LB_BARS_DEPTH : closed;
   }

   // How many bars back the oldest one lies that must be sent; 0 where there is none, below 0 where nobody knows.
   int Oldest(const int at) const {
      if(m_series[at].sent != 0)
         return iBarShift(m_series[at].symbol, m_series[at].timeframe, m_series[at].sent, false) - 1;
      return Depth(at);
   }

   bool IsLoaded(const int at) const {
      return SeriesInfoInteger(m_series[at].symbol, m_series[at].timeframe, SERIES_SYNCHRONIZED) != 0;
   }

   void Restart(const int at) {
      m_series[at].oldest = 0;
      m_series[at].sent = 0;
      m_series[at].unfinished = 0;
   }

   // History may have come in pieces, although each looked like the whole.
   void LookBack() {
      if(LbLeft(m_look_at) > 0)
         return;
      m_look_at = LbDeadline(LB_BARS_EVERY_MS);
      for(int i = 0; i < ArraySize(m_series); i++) {
         int depth = Depth(i);
         if(m_series[i].unfinished == 0 || depth < 1)
            continue;
         datetime oldest = iTime(m_series[i].symbol, m_series[i].timeframe, depth);
         if(oldest > 0 && (m_series[i].oldest == 0 || oldest < m_series[i].oldest))
            Restart(i);
      }
   }

   // The daemon refuses a whole message for one bar that cannot be.
   bool IsSound(const MqlRates &rate) const {
      return rate.low > 0 && rate.high >= rate.low && rate.open >= rate.low && rate.open <= rate.high
             && rate.close >= rate.low && rate.close <= rate.high;
   }

   void PutBar(LbJsonWriter &writer, const MqlRates &rate) const {
      writer.BeginObject();
      writer.IntegerField("time", (long)rate.time);
      writer.NumberField("open", rate.open);
      writer.NumberField("high", rate.high);
      writer.NumberField("low", rate.low);
      writer.NumberField("close", rate.close);
      // Without it the daemon does not know how much was traded.
      if(rate.tick_volume > 0)
         writer.IntegerField("tick_volume", rate.tick_volume);
      writer.EndObject();
   }

   void Put(LbJsonWriter &writer, const int at, const MqlRates &rates[], const int count) {
      writer.BeginObject();
      writer.TextField("symbol", m_series[at].symbol);
      writer.TextField("timeframe", m_series[at].label);
      writer.Key("rates");
      writer.BeginArray();
      for(int i = 0; i < count; i++) {
         if(rates[i].time > m_series[at].sent && IsSound(rates[i]))
            PutBar(writer, rates[i]);
         if(m_series[at].oldest == 0)
            m_series[at].oldest = rates[i].time;
         if(rates[i].time > m_series[at].sent)
            m_series[at].sent = rates[i].time;
      }
      writer.EndArray();
      writer.EndObject();
   }

   // The next piece of a series; false where there is none now.
   bool Piece(const int at, MqlRates &rates[], int &count) {
      datetime unfinished = iTime(m_series[at].symbol, m_series[at].timeframe, 0);
      if(unfinished == 0 || unfinished == m_series[at].unfinished || !IsLoaded(at))
         return false;
      int oldest = Oldest(at);
      if(oldest < 0)
         return false;
      if(oldest == 0) {
         m_series[at].unfinished = unfinished;
         return false;
      }
      int wanted = oldest > LB_BARS_PIECE ? LB_BARS_PIECE : oldest;
      count = CopyRates(m_series[at].symbol, m_series[at].timeframe, oldest - wanted + 1, wanted, rates);
      // A bar that opened meanwhile has moved all the others: next time.
      return count == wanted && iTime(m_series[at].symbol, m_series[at].timeframe, 0) == unfinished;
   }

public:
   LbFeedBars() : m_more(false), m_look_at(0) {}

   // False for a timeframe that the daemon does not know.
   bool Add(const string symbol, const string label) {
      if(LbTimeframe(label) == PERIOD_CURRENT)
         return false;
      int count = ArraySize(m_series);
      ArrayResize(m_series, count + 1, 32);
      m_series[count].symbol = symbol;
      m_series[count].label = label;
      m_series[count].timeframe = LbTimeframe(label);
      Restart(count);
      return true;
   }

   void StartOver() {
      for(int i = 0; i < ArraySize(m_series); i++)
         Restart(i);
   }

   bool More() const { return m_more; }

   void Write(LbJsonWriter &writer, const int room) {
      bool begun = false;
      m_more = false;
      LookBack();
      MqlRates rates[];
      for(int i = 0; i < ArraySize(m_series); i++) {
         int count = 0;
         if(writer.Size() + LB_BARS_PIECE * LB_BAR_SIZE > room) {
            m_more = true;
            break;
         }
         if(!Piece(i, rates, count))
            continue;
         if(!begun) {
            writer.Key("bars");
            writer.BeginArray();
            begun = true;
         }
         Put(writer, i, rates, count);
         // Another piece of the same series may wait.
         m_more = m_more || Oldest(i) > 0;
      }
      if(begun)
         writer.EndArray();
   }
};

#endif
