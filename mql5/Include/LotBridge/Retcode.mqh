// What a trade server's return code means for a reservation.
#ifndef LOTBRIDGE_RETCODE_MQH
#define LOTBRIDGE_RETCODE_MQH
#property strict

enum ENUM_LB_OUTCOME {
   // Filled, wholly or in part.
   LB_OUTCOME_FILLED,
   // Accepted; deals will follow.
   LB_OUTCOME_PLACED,
   // Not done, and another price may do.
   LB_OUTCOME_AGAIN,
   // Not done.
   LB_OUTCOME_REFUSED,
   // Nobody knows whether it was done: it must be neither repeated nor released. So is every code not listed here.
   LB_OUTCOME_UNKNOWN
};

// What the server certainly did not do. TRADE_RETCODE_LOCKED, for one, is none of these: it still works on the order.
bool LbIsRefusal(const uint retcode) {
   switch((int)retcode) {
      case TRADE_RETCODE_REJECT:
      case TRADE_RETCODE_INVALID:
      case TRADE_RETCODE_INVALID_VOLUME:
      case TRADE_RETCODE_INVALID_PRICE:
      case TRADE_RETCODE_INVALID_STOPS:
      case TRADE_RETCODE_TRADE_DISABLED:
      case TRADE_RETCODE_MARKET_CLOSED:
      case TRADE_RETCODE_NO_MONEY:
      case TRADE_RETCODE_INVALID_EXPIRATION:
      case TRADE_RETCODE_TOO_MANY_REQUESTS:
      case TRADE_RETCODE_SERVER_DISABLES_AT:
      case TRADE_RETCODE_CLIENT_DISABLES_AT:
      case TRADE_RETCODE_NO_CHANGES:
      case TRADE_RETCODE_FROZEN:
      case TRADE_RETCODE_INVALID_FILL:
      case TRADE_RETCODE_ONLY_REAL:
      case TRADE_RETCODE_LIMIT_ORDERS:
      case TRADE_RETCODE_LIMIT_VOLUME:
      case TRADE_RETCODE_INVALID_ORDER:
      case TRADE_RETCODE_POSITION_CLOSED:
      case TRADE_RETCODE_INVALID_CLOSE_VOLUME:
      case TRADE_RETCODE_CLOSE_ORDER_EXIST:
      case TRADE_RETCODE_LIMIT_POSITIONS:
      case TRADE_RETCODE_LONG_ONLY:
      case TRADE_RETCODE_SHORT_ONLY:
      case TRADE_RETCODE_CLOSE_ONLY:
      case TRADE_RETCODE_FIFO_CLOSE:
      case TRADE_RETCODE_HEDGE_PROHIBITED:
         return true;
   }
   return false;
}

ENUM_LB_OUTCOME LbOutcome(const uint retcode) {
   if(retcode == TRADE_RETCODE_DONE || retcode == TRADE_RETCODE_DONE_PARTIAL)
      return LB_OUTCOME_FILLED;
   if(retcode == TRADE_RETCODE_PLACED)
      return LB_OUTCOME_PLACED;
   if(retcode == TRADE_RETCODE_REQUOTE || retcode == TRADE_RETCODE_PRICE_CHANGED || retcode == TRADE_RETCODE_PRICE_OFF)
      return LB_OUTCOME_AGAIN;
   return LbIsRefusal(retcode) ? LB_OUTCOME_REFUSED : LB_OUTCOME_UNKNOWN;
}

// The same of a whole result. One that names an order or a deal is no certain refusal: what became of it must be seen.
ENUM_LB_OUTCOME LbOutcomeOf(const MqlTradeResult &result) {
   ENUM_LB_OUTCOME outcome = LbOutcome(result.retcode);
   bool undone = outcome == LB_OUTCOME_AGAIN || outcome == LB_OUTCOME_REFUSED;
   return undone && (result.order != 0 || result.deal != 0) ? LB_OUTCOME_UNKNOWN : outcome;
}

// A policy that the symbol allows. All or nothing first: what is left over of a partial fill has to be given back.
ENUM_ORDER_TYPE_FILLING LbFilling(const string symbol) {
   long allowed = SymbolInfoInteger(symbol, SYMBOL_FILLING_MODE);
   if((allowed & SYMBOL_FILLING_FOK) != 0)
      return ORDER_FILLING_FOK;
   if((allowed & SYMBOL_FILLING_IOC) != 0)
      return ORDER_FILLING_IOC;
   // In request and instant execution market orders are all or nothing, whatever the flags say.
   long mode = SymbolInfoInteger(symbol, SYMBOL_TRADE_EXEMODE);
   if(mode == (long)SYMBOL_TRADE_EXECUTION_REQUEST || mode == (long)SYMBOL_TRADE_EXECUTION_INSTANT)
      return ORDER_FILLING_FOK;
   return ORDER_FILLING_RETURN;
}

#endif
