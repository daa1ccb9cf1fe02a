// Deadlines: moments on the program's own clock, in microseconds. Everything that may wait is given one.
#ifndef LOTBRIDGE_CLOCK_MQH
#define LOTBRIDGE_CLOCK_MQH
#property strict

// The moment so many milliseconds from now.
ulong LbDeadline(const uint milliseconds) {
   return GetMicrosecondCount() + (ulong)milliseconds * 1000;
}

// Whole milliseconds until a deadline; 0 when it is less than one away, as a timeout of 0 waits for ever in MQL5.
uint LbLeft(const ulong deadline) {
   ulong now = GetMicrosecondCount();
   if(now >= deadline)
      return 0;
   return (uint)((deadline - now) / 1000);
}

// UTC in milliseconds since 1970. MQL5 knows whole seconds only.
long LbUtcMs() {
   return (long)TimeGMT() * 1000;
}

#endif
