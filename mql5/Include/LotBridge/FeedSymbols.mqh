// The symbols' figures: at the start, when they change, and every minute.
#ifndef LOTBRIDGE_FEED_SYMBOLS_MQH
#define LOTBRIDGE_FEED_SYMBOLS_MQH
#property strict
#include <LotBridge/Clock.mqh>
#include <LotBridge/FeedSession.mqh>
#include <LotBridge/JsonWriter.mqh>

#define LB_SYMBOLS_EVERY_MS 60000
#define LB_SYMBOL_SIZE 1200

struct LbFeedFigures {
   // When to send it again; 0: not sent yet.
   ulong  due;
   bool   open;
   long   mode;
   double tick_value;
};

class LbFeedSymbols {
private:
   LbFeedFigures m_sent[];
   bool          m_full;
   bool          m_more;

   // The daemon refuses a message with a symbol that has no such figures yet.
   bool IsReady(const string symbol) const {
      double most = SymbolInfoDouble(symbol, SYMBOL_VOLUME_MAX);
      return SymbolInfoDouble(symbol, SYMBOL_POINT) > 0 && SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_SIZE) > 0
             && SymbolInfoDouble(symbol, SYMBOL_TRADE_CONTRACT_SIZE) > 0
             && SymbolInfoDouble(symbol, SYMBOL_VOLUME_STEP) > 0 && SymbolInfoDouble(symbol, SYMBOL_VOLUME_MIN) > 0
             && most >= SymbolInfoDouble(symbol, SYMBOL_VOLUME_MIN)
             && SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_VALUE) >= 0;
   }

   // New, or a minute old, or no longer true.
   bool IsDue(const string symbol, const int at) const {
      double value = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_VALUE);
      if(m_sent[at].due == 0 || LbLeft(m_sent[at].due) == 0)
         return true;
      return m_sent[at].mode != SymbolInfoInteger(symbol, SYMBOL_TRADE_MODE) || m_sent[at].open != LbSessionOpen(symbol)
             || MathAbs(value - m_sent[at].tick_value) > 0.001 * value;
   }

   void Double(LbJsonWriter &writer, const string name, const string symbol, const ENUM_SYMBOL_INFO_DOUBLE what) const {
      writer.NumberField(name, SymbolInfoDouble(symbol, what));
   }

   void Whole(LbJsonWriter &writer, const string name, const string symbol, const ENUM_SYMBOL_INFO_INTEGER what) const {
      writer.IntegerField(name, SymbolInfoInteger(symbol, what));
   }

   void PutTick(LbJsonWriter &writer, const string symbol) const {
      Whole(writer, "trade_calc_mode", symbol, SYMBOL_TRADE_CALC_MODE);
      Whole(writer, "digits", symbol, SYMBOL_DIGITS);
      Double(writer, "point", symbol, SYMBOL_POINT);
      Double(writer, "trade_tick_size", symbol, SYMBOL_TRADE_TICK_SIZE);
      Double(writer, "trade_tick_value", symbol, SYMBOL_TRADE_TICK_VALUE);
      Double(writer, "trade_tick_value_profit", symbol, SYMBOL_TRADE_TICK_VALUE_PROFIT);
      Double(writer, "trade_tick_value_loss", symbol, SYMBOL_TRADE_TICK_VALUE_LOSS);
      Double(writer, "trade_contract_size", symbol, SYMBOL_TRADE_CONTRACT_SIZE);
      Double(writer, "trade_face_value", symbol, SYMBOL_TRADE_FACE_VALUE);
      Double(writer, "trade_accrued_interest", symbol, SYMBOL_TRADE_ACCRUED_INTEREST);
   }

   void PutTrade(LbJsonWriter &writer, const string symbol) const {
      Double(writer, "volume_min", symbol, SYMBOL_VOLUME_MIN);
      Double(writer, "volume_max", symbol, SYMBOL_VOLUME_MAX);
      Double(writer, "volume_step", symbol, SYMBOL_VOLUME_STEP);
      Double(writer, "volume_limit", symbol, SYMBOL_VOLUME_LIMIT);
      Whole(writer, "trade_mode", symbol, SYMBOL_TRADE_MODE);
      Whole(writer, "trade_stops_level", symbol, SYMBOL_TRADE_STOPS_LEVEL);
      Whole(writer, "trade_freeze_level", symbol, SYMBOL_TRADE_FREEZE_LEVEL);
      Whole(writer, "swap_mode", symbol, SYMBOL_SWAP_MODE);
      Double(writer, "swap_long", symbol, SYMBOL_SWAP_LONG);
      Double(writer, "swap_short", symbol, SYMBOL_SWAP_SHORT);
      Whole(writer, "swap_rollover3days", symbol, SYMBOL_SWAP_ROLLOVER3DAYS);
   }

   void PutMargin(LbJsonWriter &writer, const string symbol) const {
      double initial = 0;
      double maintenance = 0;
      writer.TextField("currency_base", SymbolInfoString(symbol, SYMBOL_CURRENCY_BASE));
      writer.TextField("currency_profit", SymbolInfoString(symbol, SYMBOL_CURRENCY_PROFIT));
      writer.TextField("currency_margin", SymbolInfoString(symbol, SYMBOL_CURRENCY_MARGIN));
      Double(writer, "margin_initial", symbol, SYMBOL_MARGIN_INITIAL);
      Double(writer, "margin_maintenance", symbol, SYMBOL_MARGIN_MAINTENANCE);
      if(SymbolInfoMarginRate(symbol, ORDER_TYPE_BUY, initial, maintenance))
         writer.NumberField("margin_rate_buy", initial);
      if(SymbolInfoMarginRate(symbol, ORDER_TYPE_SELL, initial, maintenance))
         writer.NumberField("margin_rate_sell", initial);
   }

   void Put(LbJsonWriter &writer, const string symbol, const int at) {
      bool open = LbSessionOpen(symbol);
      m_sent[at].due = LbDeadline(LB_SYMBOLS_EVERY_MS);
      m_sent[at].open = open;
      m_sent[at].mode = SymbolInfoInteger(symbol, SYMBOL_TRADE_MODE);
      m_sent[at].tick_value = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_VALUE);
      writer.BeginObject();
      writer.TextField("name", symbol);
      PutTick(writer, symbol);
      PutTrade(writer, symbol);
      PutMargin(writer, symbol);
      writer.FlagField("session_open", open);
      writer.EndObject();
   }

   void Grow(const int count) {
      for(int i = ArraySize(m_sent); i < count; i++) {
         ArrayResize(m_sent, i + 1, 32);
         m_sent[i].due = 0;
         m_sent[i].open = false;
         m_sent[i].mode = 0;
         m_sent[i].tick_value = 0;
      }
   }

public:
   LbFeedSymbols() : m_full(true), m_more(false) {}

   void StartOver() {
      m_full = true;
      ArrayResize(m_sent, 0);
   }

   // Whether some did not fit.
   bool More() const { return m_more; }

   void Write(LbJsonWriter &writer, const string &symbols[], const int room) {
      bool begun = m_full;
      m_more = false;
      Grow(ArraySize(symbols));
      if(begun) {
         writer.Key("symbols");
         writer.BeginArray();
      }
      for(int i = 0; i < ArraySize(symbols); i++) {
         if(!IsReady(symbols[i]) || !IsDue(symbols[i], i))
            continue;
         if(writer.Size() + LB_SYMBOL_SIZE > room) {
            m_more = true;
            break;
         }
         if(!begun) {
            writer.Key("symbols");
            writer.BeginArray();
            begun = true;
         }
         Put(writer, symbols[i], i);
      }
      if(begun)
         writer.EndArray();
      m_full = false;
   }
};

#endif
