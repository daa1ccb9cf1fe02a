// The demo's idea of a trade: two averages of closed bars that cross, and a stop some ATRs away. A toy to have
// something to size; its profit proves nothing.
#ifndef LOTBRIDGE_DEMO_SIGNAL_MQH
#define LOTBRIDGE_DEMO_SIGNAL_MQH
#property strict
#include <LotBridge/Inputs.mqh>

#define LB_SLOPE_BARS 4
// Of an average: as many as a terminal surely has.
#define LB_AVERAGE_MOST 10000

class LbDemoSignal {
private:
   string          m_symbol;
   ENUM_TIMEFRAMES m_timeframe;
   int             m_fast;
   int             m_slow;
   int             m_atr_bars;
   double          m_stop_atrs;
   double          m_reward;
   datetime        m_bar;
   MqlRates        m_rates[];
   // 1 for a buy, -1 for a sell, 0 for none.
   int             m_way;
   double          m_atr;
   double          m_slope;

   // The average close of so many bars, as it was some bars ago.
   double Mean(const int bars, const int back) const {
      double sum = 0;
      int end = ArraySize(m_rates) - back;
      for(int i = end - bars; i < end; i++)
         sum += m_rates[i].close;
      return sum / bars;
   }

   // The plain mean of the last true ranges.
   double AverageTrueRange() const {
      double sum = 0;
      int last = ArraySize(m_rates) - 1;
      for(int i = last; i > last - m_atr_bars; i--)
         sum += MathMax(m_rates[i].high, m_rates[i - 1].close) - MathMin(m_rates[i].low, m_rates[i - 1].close);
      return sum / m_atr_bars;
   }

   int Needed() const {
      return m_slow + m_atr_bars + LB_SLOPE_BARS + 1;
   }

   void Judge() {
      double before = Mean(m_fast, 1) - Mean(m_slow, 1);
      double now = Mean(m_fast, 0) - Mean(m_slow, 0);
      m_way = 0;
      m_atr = AverageTrueRange();
      if(now == 0 || before * now > 0 || m_atr <= 0)
         return;
      m_way = now > 0 ? 1 : -1;
      m_slope = m_way * (Mean(m_fast, 0) - Mean(m_fast, LB_SLOPE_BARS));
   }

   // A price on the symbol's ticks.
   double Rounded(const double price) const {
      double tick = SymbolInfoDouble(m_symbol, SYMBOL_TRADE_TICK_SIZE);
      double whole = tick > 0 ? MathRound(price / tick) * tick : price;
      return NormalizeDouble(whole, (int)SymbolInfoInteger(m_symbol, SYMBOL_DIGITS));
   }

public:
   LbDemoSignal(const string symbol, const ENUM_TIMEFRAMES timeframe, const int fast, const int slow,
                const int atr_bars, const double stop_atrs, const double reward)
      : m_symbol(symbol), m_timeframe(timeframe), m_fast(fast), m_slow(slow), m_atr_bars(atr_bars),
        m_stop_atrs(stop_atrs), m_reward(reward), m_bar(0), m_way(0), m_atr(0), m_slope(0) {}

   // Whether the inputs make sense; what is wrong is printed.
   bool IsSound() const {
      return LbInputBetween("Bars of the fast average", m_fast, 1, LB_AVERAGE_MOST - 1)
             && LbInputBetween("Bars of the slow average", m_slow, m_fast + 1, LB_AVERAGE_MOST)
             && LbInputBetween("Bars of the ATR", m_atr_bars, 1, LB_AVERAGE_MOST)
             && LbInputAboveZero("Stop, ATRs", m_stop_atrs) && LbInputAboveZero("Target over stop", m_reward);
   }

   // True once for every bar that closes with a cross. The bar during which the program started is not judged.
   bool Look() {
      datetime bar = iTime(m_symbol, m_timeframe, 0);
      if(bar == 0 || bar == m_bar)
         return false;
      bool first = m_bar == 0;
      // Bar 0 is unfinished: the first one that counts is bar 1.
      ArrayResize(m_rates, 0);
      if(CopyRates(m_symbol, m_timeframe, 1, Needed(), m_rates) != Needed())
         return false;
      m_bar = bar;
      if(first)
         return false;
      Judge();
      return m_way != 0;
   }

   bool IsBuy() const { return m_way > 0; }
   double Stop(const double entry) const { return Rounded(entry - m_way * m_stop_atrs * m_atr); }
   double Target(const double entry) const { return Rounded(entry + m_way * m_stop_atrs * m_atr * m_reward); }

   // 0 to 90 percent: the faster the quick average moves the way of the trade, the surer.
   double Confidence() const {
      double strength = m_atr > 0 ? m_slope / m_atr : 0;
      return MathMin(90.0, MathMax(0.0, MathRound(10 * (25 + 70 * strength)) / 10));
   }
};

#endif
