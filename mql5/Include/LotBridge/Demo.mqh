// The demo EA without its events: looks for a cross, asks the daemon for lots, trades them, and reports what became
// of them.
#ifndef LOTBRIDGE_DEMO_MQH
#define LOTBRIDGE_DEMO_MQH
#property strict
#include <LotBridge/Connection.mqh>
#include <LotBridge/DemoSignal.mqh>
#include <LotBridge/Executor.mqh>
#include <LotBridge/FallbackSizer.mqh>
#include <LotBridge/Snapshot.mqh>

class LbDemo {
private:
   string           m_symbol;
   long             m_magic;
   bool             m_feeding;
   LbConnection    *m_line;
   LbSnapshot      *m_feed;
   LbGuard         *m_guard;
   LbExecutor      *m_executor;
   LbDemoSignal    *m_signal;
   LbFallbackSizer *m_fallback;

   void Feed() {
      if(m_feeding)
         m_feed.Pump();
   }

   // Close what is held the other way; the averages say that it was wrong.
   void Reverse(const bool buy) {
      ulong against[];
      for(int i = PositionsTotal() - 1; i >= 0; i--) {
         ulong ticket = PositionGetTicket(i);
         if(ticket == 0 || PositionGetString(POSITION_SYMBOL) != m_symbol
            || PositionGetInteger(POSITION_MAGIC) != m_magic)
            continue;
         if((PositionGetInteger(POSITION_TYPE) == (long)POSITION_TYPE_BUY) == buy)
            continue;
         int count = ArraySize(against);
         ArrayResize(against, count + 1);
         against[count] = ticket;
      }
      for(int i = 0; i < ArraySize(against); i++)
         m_executor.Close(against[i]);
   }

   void Ask(const bool buy, const double entry) {
      LbSizeRequest request;
      LbSizeAnswer answer;
      LbClient *client = m_line.Client();
      request.symbol = m_symbol;
      request.side = buy ? "buy" : "sell";
      request.StopLoss(m_signal.Stop(entry));
      request.take_profit.Set(m_signal.Target(entry));
      request.confidence.Set(m_signal.Confidence());
      request.magic.Set((double)m_magic);
      request.strategy = "ma-cross";
      if(!client.RequestLots(request, answer)) {
         Print("LotBridge: no trade. ", answer.code, ": ", answer.message);
         return;
      }
      m_guard.Hear(answer);
      Print("LotBridge: ", request.side, " ", DoubleToString(answer.lots, 2), " lots, ", answer.binding);
      m_executor.Open(request, answer, m_symbol);
   }

   // In the strategy tester, and only if the user wants it.
   void TradeLocally(const bool buy, const double entry) {
      double stop = m_signal.Stop(entry);
      double lots = m_fallback.Lots(m_symbol, buy, entry, stop);
      if(lots > 0)
         m_executor.OpenLocal(m_symbol, buy, lots, stop, m_signal.Target(entry), LB_FALLBACK_COMMENT);
   }

public:
   // What it is given becomes its own.
   LbDemo(const string symbol, const long magic, const bool feeding, LbConnection *connection, LbDemoSignal *idea,
          LbFallbackSizer *fallback, const uint deadline_ms, const uint deviation)
      : m_symbol(symbol), m_magic(magic), m_feeding(feeding), m_line(connection), m_signal(idea),
        m_fallback(fallback) {
      m_feed = new LbSnapshot(m_line.Client(), deadline_ms);
      m_guard = new LbGuard();
      m_executor = new LbExecutor(m_line.Client(), m_guard, magic, deviation);
   }

   ~LbDemo() {
      delete m_executor;
      delete m_guard;
      delete m_feed;
      delete m_fallback;
      delete m_signal;
      delete m_line;
   }

   // False where the inputs make no sense.
   bool Start(const string timeframes) {
      if(!m_signal.IsSound() || !m_line.IsGood())
         return false;
      return !m_feeding || m_feed.AddSymbol(m_symbol, timeframes);
   }

   void OnTick() {
      MqlTick tick;
      if(!m_signal.Look() || !SymbolInfoTick(m_symbol, tick))
         return;
      bool buy = m_signal.IsBuy();
      double entry = buy ? tick.ask : tick.bid;
      Reverse(buy);
      if(m_fallback.IsOn()) {
         TradeLocally(buy, entry);
         return;
      }
      // The daemon must know of what was closed, and of this moment's quote.
      Feed();
      Ask(buy, entry);
      Feed();
   }

   void OnTimer() {
      Feed();
      m_executor.OnTimer();
   }

   void OnTransaction(const MqlTradeTransaction &transaction) {
      m_feed.OnTransaction(transaction);
      m_executor.OnTransaction(transaction);
   }
};

#endif
