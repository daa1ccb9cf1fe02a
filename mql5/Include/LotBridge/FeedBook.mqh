// Open positions and pending orders: whole lists, sent when they have changed.
#ifndef LOTBRIDGE_FEED_BOOK_MQH
#define LOTBRIDGE_FEED_BOOK_MQH
#property strict
#include <LotBridge/JsonWriter.mqh>

class LbFeedBook {
private:
   ulong m_positions[];
   ulong m_orders[];
   // What they are in, each once.
   string m_symbols[];
   // The lists as they were sent last; the flag tells an empty list from none.
   uchar m_sent_positions[];
   uchar m_sent_orders[];
   bool  m_sent;

   // Add a ticket; false where it is none, or there already, because the list has changed while it was read.
   bool Add(ulong &tickets[], const ulong ticket) const {
      int count = ArraySize(tickets);
      if(ticket == 0)
         return false;
      for(int i = 0; i < count; i++)
         if(tickets[i] == ticket)
            return false;
      ArrayResize(tickets, count + 1, 64);
      tickets[count] = ticket;
      return true;
   }

   void AddSymbol(const string symbol) {
      int count = ArraySize(m_symbols);
      for(int i = 0; i < count; i++)
         if(m_symbols[i] == symbol)
            return;
      ArrayResize(m_symbols, count + 1, 16);
      m_symbols[count] = symbol;
   }

   bool Collect() {
      ArrayResize(m_positions, 0);
      ArrayResize(m_orders, 0);
      ArrayResize(m_symbols, 0);
      int positions = PositionsTotal();
      for(int i = 0; i < positions; i++) {
         if(!Add(m_positions, PositionGetTicket(i)))
            return false;
         AddSymbol(PositionGetString(POSITION_SYMBOL));
      }
      int orders = OrdersTotal();
      for(int i = 0; i < orders; i++) {
         if(!Add(m_orders, OrderGetTicket(i)))
            return false;
         AddSymbol(OrderGetString(ORDER_SYMBOL));
      }
      return PositionsTotal() == positions && OrdersTotal() == orders;
   }

   // Prices as they are: the daemon reckons with distances. Rounded to the digits of a symbol that is not loaded yet,
   // which are 0, a stop would be a wrong one.
   void PutPosition(LbJsonWriter &writer, const ulong ticket) const {
      double open = PositionGetDouble(POSITION_PRICE_OPEN);
      double current = PositionGetDouble(POSITION_PRICE_CURRENT);
      writer.BeginObject();
      writer.IntegerField("ticket", (long)ticket);
      writer.TextField("symbol", PositionGetString(POSITION_SYMBOL));
      writer.IntegerField("type", PositionGetInteger(POSITION_TYPE));
      writer.NumberField("volume", PositionGetDouble(POSITION_VOLUME));
      writer.NumberField("price_open", open);
      writer.NumberField("price_current", current > 0 ? current : open);
      writer.NumberField("sl", PositionGetDouble(POSITION_SL));
      writer.NumberField("tp", PositionGetDouble(POSITION_TP));
      writer.NumberField("profit", PositionGetDouble(POSITION_PROFIT));
      writer.NumberField("swap", PositionGetDouble(POSITION_SWAP));
      writer.IntegerField("magic", PositionGetInteger(POSITION_MAGIC));
      writer.IntegerField("time_msc", PositionGetInteger(POSITION_TIME_MSC));
      writer.EndObject();
   }

   void PutOrder(LbJsonWriter &writer, const ulong ticket) const {
      writer.BeginObject();
      writer.IntegerField("ticket", (long)ticket);
      writer.TextField("symbol", OrderGetString(ORDER_SYMBOL));
      writer.IntegerField("type", OrderGetInteger(ORDER_TYPE));
      writer.NumberField("volume_current", OrderGetDouble(ORDER_VOLUME_CURRENT));
      writer.NumberField("price_open", OrderGetDouble(ORDER_PRICE_OPEN));
      writer.NumberField("sl", OrderGetDouble(ORDER_SL));
      writer.NumberField("tp", OrderGetDouble(ORDER_TP));
      writer.IntegerField("magic", OrderGetInteger(ORDER_MAGIC));
      writer.IntegerField("time_setup_msc", OrderGetInteger(ORDER_TIME_SETUP_MSC));
      writer.EndObject();
   }

   // What was closed since the tickets were read is left out.
   void PutPositions(LbJsonWriter &writer) const {
      writer.BeginArray();
      for(int i = 0; i < ArraySize(m_positions); i++)
         if(PositionSelectByTicket(m_positions[i]) && PositionGetDouble(POSITION_VOLUME) > 0)
            PutPosition(writer, m_positions[i]);
      writer.EndArray();
   }

   // Market orders on their way are no pending orders, and an order to close by another position takes no risk.
   void PutOrders(LbJsonWriter &writer) const {
      writer.BeginArray();
      for(int i = 0; i < ArraySize(m_orders); i++) {
         if(!OrderSelect(m_orders[i]) || OrderGetDouble(ORDER_VOLUME_CURRENT) <= 0)
            continue;
         long type = OrderGetInteger(ORDER_TYPE);
         if(type >= (long)ORDER_TYPE_BUY_LIMIT && type <= (long)ORDER_TYPE_SELL_STOP_LIMIT)
            PutOrder(writer, m_orders[i]);
      }
      writer.EndArray();
   }

   // Remember what was sent; whether it differs from the last time.
   bool Note(LbJsonWriter &writer, uchar &sent[]) const {
      uchar now[];
      writer.TakeAll(now);
      int size = ArraySize(now);
      bool same = size == ArraySize(sent);
      for(int i = 0; same && i < size; i++)
         same = now[i] == sent[i];
      if(!same) {
         ArrayResize(sent, size);
         ArrayCopy(sent, now, 0, 0, size);
      }
      return !same;
   }

public:
   LbFeedBook() : m_sent(false) {}

   void StartOver() { m_sent = false; }

   // Of the last look: how much is open and pending, and the symbols of all of it.
   string Shown() const {
      return IntegerToString((long)ArraySize(m_positions)) + " positions and "
             + IntegerToString((long)ArraySize(m_orders)) + " orders";
   }
   int Symbols() const { return ArraySize(m_symbols); }
   string Symbol(const int at) const { return m_symbols[at]; }

   // Read the tickets; false where they would not stand still.
   bool Look() {
      for(int tries = 0; tries < 3; tries++)
         if(Collect())
            return true;
      return false;
   }

   void Write(LbJsonWriter &writer) {
      LbJsonWriter scratch;
      PutPositions(scratch);
      bool positions = Note(scratch, m_sent_positions) || !m_sent;
      PutOrders(scratch);
      bool orders = Note(scratch, m_sent_orders) || !m_sent;
      m_sent = true;
      if(positions) {
         writer.Key("positions");
         PutPositions(writer);
      }
      if(orders) {
         writer.Key("orders");
         PutOrders(writer);
      }
   }
};

#endif
