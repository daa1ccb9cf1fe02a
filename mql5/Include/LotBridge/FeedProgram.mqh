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

   bool AddSymbol(const string name) {
      bool good = m_feed.AddSymbol(name, m_timeframes);
      if(!good)
         Print("LotBridge: '", name, "' cannot be fed: there is no such symbol. Write it as Market Watch does.");
      return good;
   }

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
         good = AddSymbol(name) && good;
      }
      return good;
   }

   bool AddList(const string symbols) {
      string names[];
      int count = StringSplit(symbols, (ushort)',', names);
      if(count < 1)
         return LbWrongInput("Symbols with commas between, * for Market Watch", "is empty", "* or a list of symbols");
      bool good = true;
      for(int i = 0; i < count; i++) {
         StringTrimLeft(names[i]);
         StringTrimRight(names[i]);
         good = AddSymbol(names[i]) && good;
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

   // "*" stands for Market Watch. False where the inputs make no sense; what is wrong is printed.
   bool Start(const string symbols, const string timeframes) {
      if(!m_line.IsGood() || !LbInputTimeframes("Bars to feed", timeframes))
         return false;
      m_following = symbols == "*";
      m_timeframes = timeframes;
      return m_following ? AddMarketWatch() : AddList(symbols);
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
