// Numbers as JSON text, both ways without losing a digit: 0.001 stays 0.001.
#ifndef LOTBRIDGE_JSON_NUMBER_MQH
#define LOTBRIDGE_JSON_NUMBER_MQH
#property strict

// Every one is exact as a double, so one multiplication or division by it rounds only once.
const double LB_POWERS[] = {1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
                            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// A JSON number's value. Up to 15 digits it is worked out here, correctly rounded; the rest is left to MQL5.
double LbNumberOf(const string text) {
   long digits = 0;
   int count = 0;
   int scale = 0;
   int exponent = 0;
   int exponent_sign = 1;
   bool negative = false;
   bool fraction = false;
   bool exponential = false;
   int length = StringLen(text);
   for(int i = 0; i < length; i++) {
      int unit = (int)StringGetCharacter(text, i);
      if(unit == 'e' || unit == 'E')
         exponential = true;
      else if(unit == '.')
         fraction = true;
      else if(unit == '-') {
         if(exponential)
            exponent_sign = -1;
         else
            negative = true;
      }
      else if(unit != '+') {
         int digit = unit - '0';
         if(exponential)
            exponent = exponent > 9999 ? exponent : 10 * exponent + digit;
         else {
            if(count > 0 || digit > 0)
               count++;
            if(count <= 15)
               digits = 10 * digits + digit;
            if(fraction)
               scale++;
         }
      }
   }
   int power = exponent_sign * exponent - scale;
   if(count > 15 || power > 22 || power < -22)
      return StringToDouble(text);
   double value = (double)digits;
   value = power < 0 ? value / LB_POWERS[-power] : value * LB_POWERS[power];
   return negative ? -value : value;
}

// The shortest of 15, 16 and 17 digits that reads back to the same value; whole numbers without a point.
string LbNumberText(const double value) {
   if(value == MathFloor(value) && MathAbs(value) < 1e15)
      return IntegerToString((long)value);
   string text = StringFormat("%.15g", value);
   if(LbNumberOf(text) == value)
      return text;
   text = StringFormat("%.16g", value);
   if(LbNumberOf(text) == value)
      return text;
   return StringFormat("%.17g", value);
}

#endif
