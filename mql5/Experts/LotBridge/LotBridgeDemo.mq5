// A complete small EA: moving averages that cross, an ATR stop, and lots from the lotbridge daemon. Events only; what
// happens stands in Include/LotBridge/Demo.mqh.
#property copyright "lotbridge"
#property version   "1.00"
#property strict
#property description "Trades with the lots of the lotbridge daemon. An example, not a strategy."
#property description "Tools > Options > Expert Advisors: allow WebRequest for 127.0.0.1"
#include <LotBridge/Demo.mqh>

input string          InpAddress    = "tcp://127.0.0.1:5757"; // Address of the daemon
input string          InpUser       = "";                     // User, where the daemon asks for one
input string          InpPassword   = "";                     // Password
input int             InpDeadlineMs = 500;                    // Deadline of a question, ms
input bool            InpFeed       = true;                   // Feed the daemon (false: another EA does)
input string          InpBars       = "H1,D1";                // Bars to feed
input long            InpMagic      = 7001;                   // Magic number, one for each chart
input ENUM_TIMEFRAMES InpTimeframe  = PERIOD_H1;              // Timeframe of the averages
input int             InpFast       = 12;                     // Bars of the fast average
input int             InpSlow       = 48;                     // Bars of the slow average
input int             InpAtrBars    = 14;                     // Bars of the ATR
input double          InpStopAtrs   = 2.5;                    // Stop, ATRs
input double          InpReward     = 2.0;                    // Target over stop
input int             InpDeviation  = 20;                     // Deviation of a market order, points
input bool            InpManage     = false;                  // Carry out the daemon's instructions
input int             InpManageSec  = 10;                     // Ask for instructions every so many seconds
input double          InpTesterRisk = 0.0;                    // Strategy tester: LOCAL risk, percent (0: none)

LbDemo *demo;

int OnInit() {
   if(!LbInputBetween("Deadline of a question, ms", InpDeadlineMs, 50, 10000)
      || !LbInputBetween("Deviation of a market order, points", InpDeviation, 0, INT_MAX)
      || !LbInputBetween("Ask for instructions every so many seconds", InpManageSec, 1, 3600))
      return INIT_PARAMETERS_INCORRECT;
   demo = new LbDemo(_Symbol, InpMagic, InpFeed,
                     new LbConnection(InpAddress, InpUser, InpPassword, (uint)InpDeadlineMs),
                     new LbDemoSignal(_Symbol, InpTimeframe, InpFast, InpSlow, InpAtrBars, InpStopAtrs, InpReward),
                     new LbFallbackSizer(InpTesterRisk), (uint)InpDeadlineMs, (uint)InpDeviation);
   if(!demo.Start(InpBars))
      return INIT_PARAMETERS_INCORRECT;
   if(InpManage)
      demo.Manage((uint)InpManageSec);
   EventSetTimer(1);
   return INIT_SUCCEEDED;
}

void OnDeinit(const int reason) {
   EventKillTimer();
   if(CheckPointer(demo) != POINTER_INVALID)
      delete demo;
   demo = NULL;
}

void OnTick() {
   demo.OnTick();
}

void OnTimer() {
   demo.OnTimer();
}

void OnTradeTransaction(const MqlTradeTransaction &trans, const MqlTradeRequest &request,
                        const MqlTradeResult &result) {
   demo.OnTransaction(trans);
}
