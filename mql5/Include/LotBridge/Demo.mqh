// The demo EA without its events: looks for a cross, asks the daemon for lots, trades them, and reports what became
// of them; and, if it is told to, carries out what the daemon orders for them later.
#ifndef LOTBRIDGE_DEMO_MQH
#define LOTBRIDGE_DEMO_MQH
#property strict
#include <LotBridge/Connection.mqh>
#include <LotBridge/DemoSignal.mqh>
#include <LotBridge/Executor.mqh>
#include <LotBridge/FallbackSizer.mqh>
#include <LotBridge/Instructions.mqh>
#include <LotBridge/Snapshot.mqh>

// A signal is traded this long after it came, or not at all.
#define LB_DEMO_SIGNAL_MS 10000

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
   uint             m_deviation;
   // NULL: what is open is left alone.
   LbInstructions  *m_manager;
   // Until when the last signal may be traded.
   ulong            m_until;

   void Feed() {
      if(m_feeding)
         m_feed.Pump();
   }

   // What stands in the way of a trade: what this chart holds the other way. On a netting account everything on the
   // symbol that is not this chart's, too: an order would go into that position.
   bool IsAgainst(const bool buy) const {
      if(PositionGetString(POSITION_SYMBOL) != m_symbol)
         return false;
      bool same = (PositionGetInteger(POSITION_TYPE) == (long)POSITION_TYPE_BUY) == buy;
      bool hedging = AccountInfoInteger(ACCOUNT_MARGIN_MODE) == (long)ACCOUNT_MARGIN_MODE_RETAIL_HEDGING;
      return PositionGetInteger(POSITION_MAGIC) == m_magic ? !same : !hedging;
   }

   // The tickets of what stands in the way, and whether all of it may be closed.
   bool Against(const bool buy, ulong &tickets[]) const {
      bool own = true;
      ArrayResize(tickets, 0);
      for(int i = PositionsTotal() - 1; i >= 0; i--) {
         ulong ticket = PositionGetTicket(i);
         if(ticket == 0 || !IsAgainst(buy))
            continue;
         own = own && PositionGetInteger(POSITION_MAGIC) == m_magic;
         int count = ArraySize(tickets);
         ArrayResize(tickets, count + 1);
         tickets[count] = ticket;
      }
      return own;
   }

   // Close what is held the other way; the averages say that it was wrong. False where that did not work.
   bool Reverse(const bool buy) {
      ulong tickets[];
      if(!Against(buy, tickets)) {
         Print("LotBridge: no trade. Another program holds the account's one position in ", m_symbol, ".");
         return false;
      }
      bool closed = true;
      for(int i = 0; i < ArraySize(tickets); i++)
         closed = m_executor.Close(tickets[i]) && closed;
      if(!closed)
         Print("LotBridge: no trade. What is held the other way could not be closed.");
      return closed;
   }

   // Whether nothing stands in the way any more. The terminal may show what was closed a little longer.
   bool IsClear(const bool buy) const {
      ulong tickets[];
      Against(buy, tickets);
      return ArraySize(tickets) == 0;
   }

   void Ask(const bool buy, const double entry) {
      LbSizeRequest request;
      LbSizeAnswer answer;
      LbClient *client = m_line.Client();
      request.symbol = m_symbol;
      request.side = buy ? "buy" : "sell";
      // The daemon sizes at the worse of this and its own quote, which may be a moment older.
      request.entry.Set(entry);
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

   void Trade(const bool buy, const MqlTick &tick) {
      double entry = buy ? tick.ask : tick.bid;
      if(m_fallback.IsOn()) {
         TradeLocally(buy, entry);
         return;
      }
      // The daemon must know of what was closed, and of this moment's quote.
      Feed();
      Ask(buy, entry);
      Feed();
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
        m_fallback(fallback), m_deviation(deviation), m_manager(NULL), m_until(0) {
      m_feed = new LbSnapshot(m_line.Client(), deadline_ms);
      m_guard = new LbGuard();
      m_executor = new LbExecutor(m_line.Client(), m_guard, magic, deviation);
   }

   ~LbDemo() {
      if(IsManaging())
         delete m_manager;
      delete m_executor;
      delete m_guard;
      delete m_feed;
      delete m_fallback;
      delete m_signal;
      delete m_line;
   }

   bool IsManaging() const { return CheckPointer(m_manager) != POINTER_INVALID; }

   // Carry out what the daemon orders for this chart's positions. It is asked for that every so many seconds.
   void Manage(const uint every_s) {
      m_manager = new LbInstructions(m_line.Client(), m_deviation, every_s);
      m_manager.AddSymbol(m_symbol);
      m_manager.OnlyMagic(m_magic);
   }

   // False where the inputs make no sense; what is wrong is printed.
   bool Start(const string timeframes) {
      if(!m_signal.IsSound() || !m_line.IsGood())
         return false;
      if(!m_feeding)
         return true;
      if(!LbInputTimeframes("Bars to feed", timeframes))
         return false;
      bool good = m_feed.AddSymbol(m_symbol, timeframes);
      if(!good)
         Print("LotBridge: ", m_symbol, " cannot be fed: the terminal does not select it in Market Watch.");
      return good;
   }

   void OnTick() {
      MqlTick tick;
      if(m_signal.Look())
         m_until = Reverse(m_signal.IsBuy()) ? LbDeadline(LB_DEMO_SIGNAL_MS) : 0;
      if(LbLeft(m_until) == 0 || !IsClear(m_signal.IsBuy()) || !SymbolInfoTick(m_symbol, tick))
         return;
      m_until = 0;
      Trade(m_signal.IsBuy(), tick);
   }

   void OnTimer() {
      Feed();
      m_executor.OnTimer();
      if(IsManaging())
         m_manager.OnTimer();
   }

   void OnTransaction(const MqlTradeTransaction &transaction) {
      m_feed.OnTransaction(transaction);
      m_executor.OnTransaction(transaction);
      if(IsManaging())
         m_manager.OnTransaction(transaction);
   }
};

#endif
