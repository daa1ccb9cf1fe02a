// JSON, written field by field into bytes. Only ASCII comes out: other characters are written as \u escapes.
#ifndef LOTBRIDGE_JSON_WRITER_MQH
#define LOTBRIDGE_JSON_WRITER_MQH
#property strict
#include <LotBridge/Bytes.mqh>
#include <LotBridge/JsonNumber.mqh>

class LbJsonWriter {
private:
   LbBytes m_out;
   bool    m_comma;
   string  m_fault;

   // A comma where something stands before on the same level.
   void Begin() {
      if(m_comma)
         m_out.Put(',');
      m_comma = true;
   }

   void PutUnit(const int unit) {
      string digits = "0123456789abcdef";
      m_out.PutAscii("\\u");
      for(int shift = 12; shift >= 0; shift -= 4)
         m_out.Put((int)StringGetCharacter(digits, (unit >> shift) & 15));
   }

   // Half a surrogate pair is no character: U+FFFD stands for it.
   bool IsPaired(const string text, const int at) const {
      int unit = (int)StringGetCharacter(text, at);
      if(unit < 0xDC00) {
         int next = at + 1 < StringLen(text) ? (int)StringGetCharacter(text, at + 1) : 0;
         return next >= 0xDC00 && next < 0xE000;
      }
      int before = at > 0 ? (int)StringGetCharacter(text, at - 1) : 0;
      return before >= 0xD800 && before < 0xDC00;
   }

   void PutText(const string text) {
      int length = StringLen(text);
      m_out.Put('"');
      for(int i = 0; i < length; i++) {
         int unit = (int)StringGetCharacter(text, i);
         if(unit == '"' || unit == '\\') {
            m_out.Put('\\');
            m_out.Put(unit);
         }
         else if(unit >= 32 && unit < 127)
            m_out.Put(unit);
         else if(unit >= 0xD800 && unit < 0xE000 && !IsPaired(text, i))
            PutUnit(0xFFFD);
         else
            PutUnit(unit);
      }
      m_out.Put('"');
   }

public:
   LbJsonWriter() : m_comma(false), m_fault("") {}

   // Why what was written must not be sent; "" when all is well.
   string Fault() const { return m_fault; }
   int    Size() const { return m_out.Size(); }

   void Clear() {
      m_out.Clear();
      m_comma = false;
      m_fault = "";
   }

   void TakeAll(uchar &bytes[]) {
      m_out.TakeAll(bytes);
      Clear();
   }

   void BeginObject() {
      Begin();
      m_out.Put('{');
      m_comma = false;
   }

   void EndObject() {
      m_out.Put('}');
      m_comma = true;
   }

   void BeginArray() {
      Begin();
      m_out.Put('[');
      m_comma = false;
   }

   void EndArray() {
      m_out.Put(']');
      m_comma = true;
   }

   // A field's name; its value follows.
   void Key(const string name) {
      Begin();
      PutText(name);
      m_out.Put(':');
      m_comma = false;
   }

   void Text(const string value) {
      Begin();
      PutText(value);
   }

   void Integer(const long value) {
      Begin();
      m_out.PutAscii(IntegerToString(value));
   }

   // JSON has no NaN and no infinity: whoever hands one in gets a fault.
   void Number(const double value) {
      Begin();
      if(MathIsValidNumber(value))
         m_out.PutAscii(LbNumberText(value));
      else {
         m_out.PutAscii("null");
         m_fault = "a number is not finite";
      }
   }

   void Flag(const bool value) {
      Begin();
      m_out.PutAscii(value ? "true" : "false");
   }

   void Null() {
      Begin();
      m_out.PutAscii("null");
   }

   // Name and value in one.
   void TextField(const string name, const string value) { Key(name); Text(value); }
   void IntegerField(const string name, const long value) { Key(name); Integer(value); }
   void FlagField(const string name, const bool value) { Key(name); Flag(value); }
   void NullField(const string name) { Key(name); Null(); }

   void NumberField(const string name, const double value) {
      Key(name);
      Number(value);
      if(m_fault == "a number is not finite")
         m_fault = "the field " + name + " must be a finite number";
   }
};

#endif
