// Prices of an order: how far the market may have moved since the answer, and stops on the symbol's ticks.
#ifndef LOTBRIDGE_PRICES_MQH
#define LOTBRIDGE_PRICES_MQH
#property strict

// Of the distance from entry to stop: lots are right for that distance, and every bit more of it is risk nobody sized.
#define LB_DRIFT_PART 0.05

// How many points against the trade the price may have moved: the spread, if that is little of the distance to the
// stop; a point at least.
long LbDriftPoints(const double distance, const double spread, const double point) {
   double allowed = MathMin(spread, LB_DRIFT_PART * distance);
   // A hair's breadth, as 0.0001 by 0.00001 is 9.999999999999998.
   return (long)MathMax(1.0, MathFloor(allowed / point + 0.000001));
}

// A price on the symbol's ticks. A stop and a target off them move towards the open price: never more is lost.
double LbOnTick(const string symbol, const double price, const bool up) {
   double tick = SymbolInfoDouble(symbol, SYMBOL_TRADE_TICK_SIZE);
   if(tick <= 0 || price <= 0)
      return price;
   double ticks = price / tick;
   double whole = MathRound(ticks);
   if(MathAbs(ticks - whole) > 0.000001 * MathMax(1.0, ticks / 100000))
      whole = up ? MathCeil(ticks) : MathFloor(ticks);
   return NormalizeDouble(whole * tick, (int)SymbolInfoInteger(symbol, SYMBOL_DIGITS));
}

#endif
