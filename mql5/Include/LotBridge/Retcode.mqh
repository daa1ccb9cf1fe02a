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
   // Nobody knows whether it was done: it must be neither repeated nor released.
   LB_OUTCOME_UNKNOWN
};

ENUM_LB_OUTCOME LbOutcome(const uint retcode) {
   if(retcode == TRADE_RETCODE_DONE || retcode == TRADE_RETCODE_DONE_PARTIAL)
      return LB_OUTCOME_FILLED;
   if(retcode == TRADE_RETCODE_PLACED)
      return LB_OUTCOME_PLACED;
   if(retcode == TRADE_RETCODE_REQUOTE || retcode == TRADE_RETCODE_PRICE_CHANGED || retcode == TRADE_RETCODE_PRICE_OFF)
      return LB_OUTCOME_AGAIN;
   if(retcode == 0 || retcode == TRADE_RETCODE_ERROR || retcode == TRADE_RETCODE_TIMEOUT
      || retcode == TRADE_RETCODE_CONNECTION)
      return LB_OUTCOME_UNKNOWN;
   return LB_OUTCOME_REFUSED;
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
