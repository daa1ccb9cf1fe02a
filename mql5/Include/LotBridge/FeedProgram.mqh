// The feeding EA without its events: Market Watch, or a list of symbols, told to the daemon. It never trades.
#ifndef LOTBRIDGE_FEED_PROGRAM_MQH
#define LOTBRIDGE_FEED_PROGRAM_MQH
#property strict
#include <LotBridge/Connection.mqh>
#include <LotBridge/Snapshot.mqh>

// How often to look for symbols that were added to Market Watch.
#define LB_WATCH_EVERY_MS 10000

class LbFeedProgram {
private:
   LbConnection *m_line;
   LbSnapshot   *m_feed;
   string        m_shown;
   // Whether Market Watch is fed, with bars of which timeframes, and its symbols as they were last.
   bool          m_following;
   string        m_timeframes;
   string        m_watched[];
   ulong         m_watch_at;

   // Feed what has come into Market Watch.
   bool AddMarketWatch() {
      bool good = true;
      int total = SymbolsTotal(true);
      int known = ArraySize(m_watched);
      m_watch_at = LbDeadline(LB_WATCH_EVERY_MS);
      ArrayResize(m_watched, total, 32);
      for(int i = 0; i < total; i++) {
         string name = SymbolName(i, true);
         if(i < known && m_watched[i] == name)
            continue;
         m_watched[i] = name;
         good = m_feed.AddSymbol(name, m_timeframes) && good;
      }
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
   LbFeedProgram(LbConnection *connection, const uint deadline_ms)
      : m_line(connection), m_shown(""), m_following(false), m_timeframes(""), m_watch_at(0) {
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
      m_following = symbols == "*";
      m_timeframes = timeframes;
      return m_following ? AddMarketWatch() : AddList(symbols, timeframes);
   }

   void OnTimer() {
      if(m_following && LbLeft(m_watch_at) == 0)
         AddMarketWatch();
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
