// Lots on a symbol's lattice.
#ifndef LOTBRIDGE_VOLUME_MQH
#define LOTBRIDGE_VOLUME_MQH
#property strict

// Whether the lots are a whole number of steps, as far as a double can tell.
bool LbOnLattice(const double lots, const double step) {
   if(step <= 0 || lots <= 0)
      return false;
   double steps = lots / step;
   return MathAbs(steps - MathRound(steps)) < 0.000001 * MathMax(1.0, steps) && MathRound(steps) >= 1;
}

// Down to the lattice. 0.29 by 0.01 is 28.999999999999996: that is 29 steps.
double LbFloorLots(const double lots, const double step) {
   if(step <= 0 || lots <= 0)
      return 0;
   double steps = MathFloor(lots / step + 0.000001);
   return NormalizeDouble(steps * step, 8);
}

// What one side of a symbol holds already, open and pending: the broker's volume_limit counts both.
double LbSideVolume(const string symbol, const bool buy) {
   double sum = 0;
   for(int i = PositionsTotal() - 1; i >= 0; i--)
      if(PositionGetTicket(i) != 0 && PositionGetString(POSITION_SYMBOL) == symbol
         && (PositionGetInteger(POSITION_TYPE) == (long)POSITION_TYPE_BUY) == buy)
         sum += PositionGetDouble(POSITION_VOLUME);
   for(int i = OrdersTotal() - 1; i >= 0; i--)
      if(OrderGetTicket(i) != 0 && OrderGetString(ORDER_SYMBOL) == symbol
         && (OrderGetInteger(ORDER_TYPE) % 2 == 0) == buy)
         sum += OrderGetDouble(ORDER_VOLUME_CURRENT);
   return sum;
}

#endif
