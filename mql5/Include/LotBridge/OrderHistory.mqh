// What the terminal tells of an order of ours: its deals, whether it is over, and which one it is where the broker's
// result did not say.
#ifndef LOTBRIDGE_ORDER_HISTORY_MQH
#define LOTBRIDGE_ORDER_HISTORY_MQH
#property strict
#include <LotBridge/TicketSet.mqh>

// Lots are sums of doubles; MT5 itself keeps 8 digits.
#define LB_LOTS_HAIR 0.000000005
// No order is watched for so long. In seconds.
#define LB_HISTORY_SPAN 864000
// How much earlier than the last quote an order may seem to be made, in milliseconds.
#define LB_MADE_EARLY_MS 2000
#define LB_COMMENT "lotbridge "

// What an order's deals have filled so far.
struct LbFilled {
   double lots;
   double money;
   // POSITION_IDENTIFIER of what it went into; 0 while no deal is known.
   long   position;
};

// An order of which no ticket is known.
struct LbSought {
   string symbol;
   // ORDER_TYPE_...
   long   type;
   double lots;
   long   magic;
   string comment;
   // Of the last quote before it was sent, the broker's clock.
   long   since_ms;
};

// Select the deals and orders since a moment of the broker's clock.
bool LbSelectSince(const long since_ms) {
   datetime from = (datetime)(since_ms / 1000 - 60);
   return HistorySelect(from, from + LB_HISTORY_SPAN);
}

// False while the terminal has no history.
bool LbDealsOf(const ulong order, const long since_ms, LbFilled &filled) {
   filled.lots = 0;
   filled.money = 0;
   filled.position = 0;
   if(!LbSelectSince(since_ms))
      return false;
   for(int i = HistoryDealsTotal() - 1; i >= 0; i--) {
      ulong deal = HistoryDealGetTicket(i);
      if(deal == 0 || (ulong)HistoryDealGetInteger(deal, DEAL_ORDER) != order)
         continue;
      double lots = HistoryDealGetDouble(deal, DEAL_VOLUME);
      filled.lots += lots;
      filled.money += lots * HistoryDealGetDouble(deal, DEAL_PRICE);
      filled.position = HistoryDealGetInteger(deal, DEAL_POSITION_ID);
   }
   filled.lots = NormalizeDouble(filled.lots, 8);
   return true;
}

// Whether an order gets no more deals, and then the lots that its deals must come to.
bool LbIsOver(const ulong order, double &done) {
   if(OrderSelect(order) || !HistoryOrderSelect(order))
      return false;
   done = HistoryOrderGetDouble(order, ORDER_VOLUME_INITIAL) - HistoryOrderGetDouble(order, ORDER_VOLUME_CURRENT);
   return true;
}

// The ticket of a position by its identifier; 0 while the terminal does not show it.
ulong LbPositionTicket(const long identifier) {
   for(int i = PositionsTotal() - 1; i >= 0; i--) {
      ulong ticket = PositionGetTicket(i);
      if(ticket != 0 && PositionGetInteger(POSITION_IDENTIFIER) == identifier)
         return ticket;
   }
   return 0;
}

// Brokers cut comments and replace them. Another reservation's is not this one.
bool LbMayBeComment(const string found, const string wanted) {
   return StringFind(found, LB_COMMENT) != 0 || StringFind(wanted, found) == 0;
}

bool LbIsSought(const LbSought &sought, const string symbol, const long magic, const long type, const double lots,
                const long made_ms, const string comment) {
   return symbol == sought.symbol && magic == sought.magic
          && type == sought.type && MathAbs(lots - sought.lots) < LB_LOTS_HAIR
          && made_ms >= sought.since_ms - LB_MADE_EARLY_MS && LbMayBeComment(comment, sought.comment);
}

// The order that must be the sought one, by its comment or else by everything else; 0 where there is none. `known`
// are orders that are somebody's already.
ulong LbFindOrder(const LbSought &sought, const LbTicketSet &known) {
   ulong found = 0;
   for(int i = OrdersTotal() - 1; i >= 0; i--) {
      ulong order = OrderGetTicket(i);
      string comment = order == 0 ? "" : OrderGetString(ORDER_COMMENT);
      if(order == 0 || known.Has(order)
         || !LbIsSought(sought, OrderGetString(ORDER_SYMBOL), OrderGetInteger(ORDER_MAGIC), OrderGetInteger(ORDER_TYPE),
                        OrderGetDouble(ORDER_VOLUME_INITIAL), OrderGetInteger(ORDER_TIME_SETUP_MSC), comment))
         continue;
      if(comment == sought.comment)
         return order;
      found = order;
   }
   if(!LbSelectSince(sought.since_ms))
      return found;
   for(int i = HistoryOrdersTotal() - 1; i >= 0; i--) {
      ulong order = HistoryOrderGetTicket(i);
      string comment = order == 0 ? "" : HistoryOrderGetString(order, ORDER_COMMENT);
      if(order == 0 || known.Has(order)
         || !LbIsSought(sought, HistoryOrderGetString(order, ORDER_SYMBOL), HistoryOrderGetInteger(order, ORDER_MAGIC),
                        HistoryOrderGetInteger(order, ORDER_TYPE), HistoryOrderGetDouble(order, ORDER_VOLUME_INITIAL),
                        HistoryOrderGetInteger(order, ORDER_TIME_SETUP_MSC), comment))
         continue;
      if(comment == sought.comment)
         return order;
      found = order;
   }
   return found;
}

#endif
