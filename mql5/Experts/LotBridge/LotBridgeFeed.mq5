// Feeds the lotbridge daemon with the account and its symbols. It never trades: one chart is enough for an account.
#property copyright "lotbridge"
#property version   "1.00"
#property strict
#property description "Tells the lotbridge daemon what this terminal shows. It never trades."
#property description "Tools > Options > Expert Advisors: allow WebRequest for 127.0.0.1"
#include <LotBridge/FeedProgram.mqh>

input string InpAddress    = "tcp://127.0.0.1:5757"; // Address of the daemon
input string InpUser       = "";                     // User, where the daemon asks for one
input string InpPassword   = "";                     // Password
input int    InpDeadlineMs = 500;                    // Longest wait of a call, ms
input string InpSymbols    = "*";                    // Symbols with commas between, * for Market Watch
input string InpBars       = "H1,D1";                // Bars to feed

LbFeedProgram *feeder;

int OnInit() {
   if(!LbInputBetween("Longest wait of a call, ms", InpDeadlineMs, 50, 10000))
      return INIT_PARAMETERS_INCORRECT;
   feeder = new LbFeedProgram(new LbConnection(InpAddress, InpUser, InpPassword, (uint)InpDeadlineMs),
                              (uint)InpDeadlineMs);
   if(!feeder.Start(InpSymbols, InpBars))
      return INIT_PARAMETERS_INCORRECT;
   EventSetTimer(1);
   return INIT_SUCCEEDED;
}

void OnDeinit(const int reason) {
   EventKillTimer();
   Comment("");
   if(CheckPointer(feeder) != POINTER_INVALID)
      delete feeder;
   feeder = NULL;
}

void OnTimer() {
   feeder.OnTimer();
}

void OnTradeTransaction(const MqlTradeTransaction &trans, const MqlTradeRequest &request,
                        const MqlTradeResult &result) {
   feeder.OnTransaction(trans);
}
