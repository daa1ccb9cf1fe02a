// Makes orders and sends them.
#ifndef LOTBRIDGE_ORDER_SENDER_MQH
#define LOTBRIDGE_ORDER_SENDER_MQH
#property strict
#include <LotBridge/Guard.mqh>
#include <LotBridge/Retcode.mqh>

// After the first attempt.
#define LB_RETRIES 2

class LbOrderSender {
private:
   uint m_deviation;

public:
   // In points.
   LbOrderSender(const uint deviation) : m_deviation(deviation) {}

   // A market order; its price is the sender's to fill in, or SendNow's.
   void Prepare(MqlTradeRequest &order, const string symbol, const bool buy, const double lots,
                const long magic) const {
      ZeroMemory(order);
      order.action = TRADE_ACTION_DEAL;
      order.symbol = symbol;
      order.volume = lots;
      order.type = buy ? ORDER_TYPE_BUY : ORDER_TYPE_SELL;
      order.type_filling = LbFilling(symbol);
      order.deviation = m_deviation;
      order.magic = (ulong)magic;
   }

   // Everything about the order of an answer, at the price that the guard has just seen.
   void PrepareEntry(MqlTradeRequest &order, LbGuard *guard, const LbSizeAnswer &answer, const string symbol,
                     const bool buy, const double lots, const long magic, const string comment) const {
      Prepare(order, symbol, buy, lots, magic);
      order.price = guard.Price();
      // In instant and request execution no fill is worse than the guard allows. In market execution the broker fills
      // at its own price, whatever is said here.
      if(order.deviation > guard.RoomPoints())
         order.deviation = guard.RoomPoints();
      order.sl = LbOnTick(symbol, answer.stop_loss, buy);
      order.tp = LbOnTick(symbol, answer.take_profit, !buy);
      order.comment = comment;
   }

   // The outcome.
   ENUM_LB_OUTCOME Send(MqlTradeRequest &order, MqlTradeResult &result) const {
      ZeroMemory(result);
      ResetLastError();
      if(!OrderSend(order, result) && result.retcode == 0)
         Print("LotBridge: OrderSend failed with error ", GetLastError());
      return LbOutcomeOf(result);
   }

   // The same at the price of the moment.
   ENUM_LB_OUTCOME SendNow(MqlTradeRequest &order, MqlTradeResult &result) const {
      MqlTick tick;
      ZeroMemory(result);
      if(!SymbolInfoTick(order.symbol, tick))
         return LB_OUTCOME_AGAIN;
      order.price = order.type == ORDER_TYPE_BUY ? tick.ask : tick.bid;
      return Send(order, result);
   }
};

#endif
