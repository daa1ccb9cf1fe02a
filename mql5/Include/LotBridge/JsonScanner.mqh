// The letters of JSON: UTF-8, white space, numbers and strings, checked strictly.
#ifndef LOTBRIDGE_JSON_SCANNER_MQH
#define LOTBRIDGE_JSON_SCANNER_MQH
#property strict

#define LB_JSON_NUMBER_LENGTH 64

class LbJsonScanner {
protected:
   uchar m_bytes[];
   int   m_size;
   int   m_at;

   // The byte at hand, -1 at the end.
   int Now() const {
      return m_at < m_size ? (int)m_bytes[m_at] : -1;
   }

   void SkipSpace() {
      int code = Now();
      while(code == ' ' || code == '\n' || code == '\r' || code == '\t') {
         m_at++;
         code = Now();
      }
   }

   bool SkipWord(const string word) {
      int length = StringLen(word);
      if(m_at + length > m_size)
         return false;
      for(int i = 0; i < length; i++)
         if((int)m_bytes[m_at + i] != (int)StringGetCharacter(word, i))
            return false;
      m_at += length;
      return true;
   }

   bool SkipDigits() {
      int begun = m_at;
      while(Now() >= '0' && Now() <= '9')
         m_at++;
      return m_at > begun;
   }

   bool SkipNumber() {
      int begun = m_at;
      if(Now() == '-')
         m_at++;
      if(Now() == '0')
         m_at++;
      else if(!SkipDigits())
         return false;
      if(Now() == '.') {
         m_at++;
         if(!SkipDigits())
            return false;
      }
      if(Now() == 'e' || Now() == 'E') {
         m_at++;
         if(Now() == '+' || Now() == '-')
            m_at++;
         if(!SkipDigits())
            return false;
      }
      return m_at - begun <= LB_JSON_NUMBER_LENGTH;
   }

   // Four hexadecimal digits from a place on; -1 where they are none.
   int UnitAt(const int place) const {
      if(place + 4 > m_size)
         return -1;
      int unit = 0;
      for(int i = place; i < place + 4; i++) {
         int code = (int)m_bytes[i];
         int digit = code >= '0' && code <= '9' ? code - '0'
                     : code >= 'a' && code <= 'f' ? code - 'a' + 10
                     : code >= 'A' && code <= 'F' ? code - 'A' + 10 : -1;
         if(digit < 0)
            return -1;
         unit = 16 * unit + digit;
      }
      return unit;
   }

   // What follows a backslash. Surrogates must come in pairs.
   bool SkipEscape() {
      int code = Now();
      m_at++;
      if(code != 'u')
         return code == '"' || code == '\\' || code == '/' || code == 'b' || code == 'f' || code == 'n'
                || code == 'r' || code == 't';
      int unit = UnitAt(m_at);
      m_at += 4;
      if(unit < 0xD800 || unit > 0xDFFF)
         return unit >= 0;
      if(unit > 0xDBFF || !SkipWord("\\u"))
         return false;
      int low = UnitAt(m_at);
      m_at += 4;
      return low >= 0xDC00 && low <= 0xDFFF;
   }

   // A string from after its first quote to after its last; whether there are escapes in it.
   bool SkipString(bool &escaped) {
      escaped = false;
      while(Now() >= 32) {
         int code = Now();
         m_at++;
         if(code == '"')
            return true;
         if(code == '\\') {
            escaped = true;
            if(!SkipEscape())
               return false;
         }
      }
      return false;
   }

   // Whether all of it is UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
   bool IsUtf8() const {
      int at = 0;
      while(at < m_size) {
         int first = (int)m_bytes[at];
         int more = first < 0x80 ? 0 : first < 0xC2 ? -1 : first < 0xE0 ? 1 : first < 0xF0 ? 2 : first < 0xF5 ? 3 : -1;
         if(more < 0 || at + more >= m_size)
            return false;
         for(int i = at + 1; i <= at + more; i++)
            if(((int)m_bytes[i] & 0xC0) != 0x80)
               return false;
         int second = more > 0 ? (int)m_bytes[at + 1] : 0;
         if((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)
            || (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F))
            return false;
         at += more + 1;
      }
      return true;
   }

   // A string's characters. U+0000, which no MQL5 string can hold, becomes U+FFFD.
   string Decoded(const int start, const int end, const bool escaped) const {
      if(start >= end)
         return "";
      if(!escaped)
         return CharArrayToString(m_bytes, start, end - start, CP_UTF8);
      string text = "";
      int from = start;
      int at = start;
      while(at < end) {
         if((int)m_bytes[at] != '\\') {
            at++;
            continue;
         }
         if(at > from)
            text += CharArrayToString(m_bytes, from, at - from, CP_UTF8);
         int code = (int)m_bytes[at + 1];
         int unit = code == 'u' ? UnitAt(at + 2) : Unescaped(code);
         text += ShortToString((ushort)(unit == 0 ? 0xFFFD : unit));
         at += code == 'u' ? 6 : 2;
         from = at;
      }
      if(at > from)
         text += CharArrayToString(m_bytes, from, at - from, CP_UTF8);
      return text;
   }

private:
   int Unescaped(const int code) const {
      switch(code) {
         case 'b': return 8;
         case 'f': return 12;
         case 'n': return 10;
         case 'r': return 13;
         case 't': return 9;
      }
      return code;
   }

public:
   LbJsonScanner() : m_size(0), m_at(0) {}
};

#endif
