// A ZMTP command: a name and data, which for READY and INITIATE are properties.
#ifndef LOTBRIDGE_ZMTP_COMMAND_MQH
#define LOTBRIDGE_ZMTP_COMMAND_MQH
#property strict
#include <LotBridge/Bytes.mqh>

class LbZmtpCommand {
private:
   string m_name;
   uchar  m_data[];

   string TextOf(const int start, const int count) const {
      string text = "";
      for(int i = start; i < start + count; i++) {
         int code = m_data[i];
         text += code < 32 || code > 126 ? "?" : CharToString((uchar)code);
      }
      return text;
   }

public:
   LbZmtpCommand() : m_name("") {}

   string Name() const { return m_name; }
   int    Size() const { return ArraySize(m_data); }
   uchar  At(const int index) const { return m_data[index]; }

   // A frame's body: one byte for the length of the name, the name, the data.
   bool Parse(const uchar &body[]) {
      int size = ArraySize(body);
      int named = size > 0 ? (int)body[0] : 0;
      // libzmq writes the length of PLAIN's ERROR and its E as one character, '^' (a hexadecimal escape too long).
      bool slip = named == '^' && size >= 5 && (int)body[1] == 'R' && (int)body[2] == 'R' && (int)body[3] == 'O'
                  && (int)body[4] == 'R';
      if(slip) {
         m_name = "ERROR";
         ArrayResize(m_data, size - 5);
         for(int i = 5; i < size; i++)
            m_data[i - 5] = body[i];
         return true;
      }
      if(named < 1 || size < 1 + named)
         return false;
      ArrayResize(m_data, named);
      for(int i = 0; i < named; i++)
         m_data[i] = body[1 + i];
      m_name = TextOf(0, named);
      ArrayResize(m_data, size - 1 - named);
      for(int i = 1 + named; i < size; i++)
         m_data[i - 1 - named] = body[i];
      return true;
   }

   // ERROR: one byte for the length of the reason, the reason.
   string Reason() const {
      int size = ArraySize(m_data);
      if(size < 1 || size < 1 + (int)m_data[0])
         return "";
      return TextOf(1, (int)m_data[0]);
   }

   // READY: a property's value as text, "" without it. False where the properties are malformed.
   bool Property(const string wanted, string &value) const {
      int size = ArraySize(m_data);
      int at = 0;
      value = "";
      string name = wanted;
      StringToLower(name);
      while(at < size) {
         int named = (int)m_data[at];
         int start = at + 1 + named;
         if(named < 1 || start + 4 > size || m_data[start] != 0 || m_data[start + 1] != 0)
            return false;
         int length = 256 * (int)m_data[start + 2] + (int)m_data[start + 3];
         if(start + 4 + length > size)
            return false;
         string found = TextOf(at + 1, named);
         StringToLower(found);
         if(found == name)
            value = TextOf(start + 4, length);
         at = start + 4 + length;
      }
      return true;
   }
};

// Write a command's name.
void LbPutCommandName(LbBytes &to, const string name) {
   to.Put(StringLen(name));
   to.PutAscii(name);
}

// Write a property of READY or INITIATE.
void LbPutProperty(LbBytes &to, const string name, const string value) {
   to.Put(StringLen(name));
   to.PutAscii(name);
   to.Put(0);
   to.Put(0);
   to.Put(StringLen(value) / 256);
   to.Put(StringLen(value) % 256);
   to.PutAscii(value);
}

#endif
