// What the program's model says now, symbol by symbol. It holds until it is set anew or cleared.
#ifndef LOTBRIDGE_SIGNALS_MQH
#define LOTBRIDGE_SIGNALS_MQH
#property strict
#include <LotBridge/InstructionMessages.mqh>

#define LB_SIGNALS_MOST 1000
// A confidence that the model does not give.
#define LB_UNKNOWN -1

class LbSignals {
private:
   LbSignal m_signals[];

   int Find(const string symbol) const {
      for(int i = 0; i < ArraySize(m_signals); i++)
         if(m_signals[i].symbol == symbol)
            return i;
      return -1;
   }

   bool IsSound(const string symbol, const string direction, const double confidence, const string risk) const {
      bool sure = MathIsValidNumber(confidence) && confidence <= 100 && (confidence >= 0 || confidence == LB_UNKNOWN);
      return sure && symbol != "" && (direction == "" || direction == "bullish" || direction == "bearish")
             && (risk == "" || risk == "high" || risk == "medium" || risk == "low");
   }

public:
   // False where it is no signal; the symbol has none then, as the old one does not hold any more.
   bool Set(const string symbol, const string direction, const double confidence, const string risk) {
      if(!IsSound(symbol, direction, confidence, risk)) {
         Print("LotBridge: no signal for ", symbol, ": direction '", direction, "', confidence ", confidence,
               ", risk '", risk, "'");
         Clear(symbol);
         return false;
      }
      int at = Find(symbol);
      if(at < 0) {
         at = ArraySize(m_signals);
         if(at >= LB_SIGNALS_MOST)
            return false;
         ArrayResize(m_signals, at + 1, 16);
      }
      m_signals[at].symbol = symbol;
      m_signals[at].direction = direction;
      m_signals[at].confidence = confidence;
      m_signals[at].risk = risk;
      return true;
   }

   void Clear(const string symbol) {
      int at = Find(symbol);
      if(at < 0)
         return;
      int last = ArraySize(m_signals) - 1;
      m_signals[at] = m_signals[last];
      ArrayResize(m_signals, last);
   }

   void CopyTo(LbSignal &signals[]) const {
      ArrayResize(signals, ArraySize(m_signals));
      for(int i = 0; i < ArraySize(m_signals); i++)
         signals[i] = m_signals[i];
   }
};

#endif
