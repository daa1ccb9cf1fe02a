// The terminal's own money for one lot, every minute: the daemon compares it with its own reckoning.
#ifndef LOTBRIDGE_FEED_CHECKS_MQH
#define LOTBRIDGE_FEED_CHECKS_MQH
#property strict
#include <LotBridge/Clock.mqh>
#include <LotBridge/JsonWriter.mqh>

#define LB_CHECKS_EVERY_MS 60000
#define LB_CHECK_SIZE 300
// The loss that is asked for: this part of the price.
#define LB_CHECK_MOVE 0.01

class LbFeedChecks {
private:
   // Where the round goes on; all symbols done: at the end.
   int   m_next;
   ulong m_due;

   void Put(LbJsonWriter &writer, const string symbol, const bool buy, const double price) const {
      int digits = (int)SymbolInfoInteger(symbol, SYMBOL_DIGITS);
      double move = buy ? 1 - LB_CHECK_MOVE : 1 + LB_CHECK_MOVE;
      double close = NormalizeDouble(price * move, digits);
      ENUM_ORDER_TYPE type = buy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL;
      double profit = 0;
      double margin = 0;
      if(close <= 0)
         return;
      writer.BeginObject();
      writer.TextField("symbol", symbol);
      writer.TextField("side", buy ? "buy" : "sell");
      writer.NumberField("price_open", price);
      writer.NumberField("price_close", close);
      if(OrderCalcProfit(type, symbol, 1.0, price, close, profit))
         writer.NumberField("profit", profit);
      if(OrderCalcMargin(type, symbol, 1.0, price, margin))
         writer.NumberField("margin", margin);
      writer.EndObject();
   }

public:
   LbFeedChecks() : m_next(0), m_due(0) {}

   void StartOver() {
      m_next = 0;
      m_due = 0;
   }

   bool More(const string &symbols[]) const {
      return m_next < ArraySize(symbols) && LbLeft(m_due) == 0;
   }

   void Write(LbJsonWriter &writer, const string &symbols[], const int room) {
      int count = ArraySize(symbols);
      if(LbLeft(m_due) > 0 || writer.Size() + 2 * LB_CHECK_SIZE > room)
         return;
      writer.Key("checks");
      writer.BeginArray();
      while(m_next < count && writer.Size() + 2 * LB_CHECK_SIZE < room) {
         MqlTick tick;
         string symbol = symbols[m_next];
         m_next++;
         if(!SymbolInfoTick(symbol, tick) || tick.bid <= 0 || tick.ask < tick.bid)
            continue;
         Put(writer, symbol, true, tick.ask);
         Put(writer, symbol, false, tick.bid);
      }
      writer.EndArray();
      if(m_next >= count) {
         m_next = 0;
         m_due = LbDeadline(LB_CHECKS_EVERY_MS);
      }
   }
};

#endif
