// Says which input of a program is wrong. A program that does not start is taken off the chart: this is all that is
// left of it.
#ifndef LOTBRIDGE_INPUTS_MQH
#define LOTBRIDGE_INPUTS_MQH
#property strict

// False, for the caller to return.
bool LbWrongInput(const string name, const string found, const string wanted) {
   Print("LotBridge: the input '", name, "' ", found, ". It must be ", wanted,
         ". Drag the program onto the chart again, and correct it in the tab Inputs.");
   return false;
}

bool LbInputBetween(const string name, const long value, const long least, const long most) {
   if(value >= least && value <= most)
      return true;
   return LbWrongInput(name, "is " + IntegerToString(value), IntegerToString(least) + " to " + IntegerToString(most));
}

bool LbInputAboveZero(const string name, const double value) {
   if(MathIsValidNumber(value) && value > 0)
      return true;
   return LbWrongInput(name, "is " + DoubleToString(value, 2), "above 0");
}

// ZeroMQ takes 255 bytes of a name or a password. Neither is shown.
bool LbInputCarried(const string name, const string value) {
   uchar bytes[];
   StringToCharArray(value, bytes, 0, WHOLE_ARRAY, CP_UTF8);
   // MQL5 adds a closing 0.
   if(ArraySize(bytes) <= 256)
      return true;
   return LbWrongInput(name, "is " + IntegerToString((long)ArraySize(bytes) - 1) + " bytes long", "255 bytes at most");
}

#endif
