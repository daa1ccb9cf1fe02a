// The feeding EA without its events: Market Watch, or a list of symbols, told to the daemon. It never trades.
#ifndef LOTBRIDGE_FEED_PROGRAM_MQH
#define LOTBRIDGE_FEED_PROGRAM_MQH
#property strict
#include <LotBridge/Connection.mqh>
#include <LotBridge/Snapshot.mqh>

class LbFeedProgram {
private:
   LbConnection *m_line;
   LbSnapshot   *m_feed;
   string        m_shown;

   bool AddMarketWatch(const string timeframes) {
      bool good = true;
      for(int i = 0; i < SymbolsTotal(true); i++)
         good = m_feed.AddSymbol(SymbolName(i, true), timeframes) && good;
      return good;
   }

   bool AddList(const string symbols, const string timeframes) {
      string names[];
      int count = StringSplit(symbols, (ushort)',', names);
      bool good = count > 0;
      for(int i = 0; i < count; i++) {
         StringTrimLeft(names[i]);
         StringTrimRight(names[i]);
         if(m_feed.AddSymbol(names[i], timeframes))
            continue;
         Print("LotBridge: '", names[i], "' with '", timeframes, "' cannot be fed.");
         good = false;
      }
      return good;
   }

public:
   // The connection becomes its own.
   LbFeedProgram(LbConnection *connection, const uint deadline_ms) : m_line(connection), m_shown("") {
      m_feed = new LbSnapshot(m_line.Client(), deadline_ms);
   }

   ~LbFeedProgram() {
      delete m_feed;
      delete m_line;
   }

   // "*" stands for Market Watch.
   bool Start(const string symbols, const string timeframes) {
      if(!m_line.IsGood())
         return false;
      return symbols == "*" ? AddMarketWatch(timeframes) : AddList(symbols, timeframes);
   }

   void OnTimer() {
      bool told = m_feed.Pump();
      string shown = told ? "LotBridge feeds the daemon." : "LotBridge: the daemon is behind. " + m_feed.Fault();
      if(shown != m_shown)
         Comment(shown);
      m_shown = shown;
   }

   void OnTransaction(const MqlTradeTransaction &transaction) {
      m_feed.OnTransaction(transaction);
   }
};

#endif
