// Whether a symbol's market is open, by the broker's table of sessions.
#ifndef LOTBRIDGE_FEED_SESSION_MQH
#define LOTBRIDGE_FEED_SESSION_MQH
#property strict

#define LB_DAY_S 86400
#define LB_MAX_SESSIONS 16

// 1970 began on a Thursday; Sunday is 0.
int LbWeekday(const long seconds) {
   return (int)((seconds / LB_DAY_S + 4) % 7);
}

bool LbInSession(const string symbol, const int weekday, const long second) {
   datetime from = 0;
   datetime to = 0;
   for(int i = 0; i < LB_MAX_SESSIONS; i++) {
      if(!SymbolInfoSessionTrade(symbol, (ENUM_DAY_OF_WEEK)weekday, (uint)i, from, to))
         return false;
      if(second >= (long)from && second < (long)to)
         return true;
   }
   return false;
}

// A symbol without any session in the week has no table, and counts as open.
bool LbSessionOpen(const string symbol) {
   long now = (long)TimeTradeServer();
   if(LbInSession(symbol, LbWeekday(now), now % LB_DAY_S))
      return true;
   datetime from = 0;
   datetime to = 0;
   for(int day = 0; day < 7; day++)
      if(SymbolInfoSessionTrade(symbol, (ENUM_DAY_OF_WEEK)day, 0, from, to))
         return false;
   return true;
}

#endif
