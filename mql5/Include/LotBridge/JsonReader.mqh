// A JSON document, read strictly: UTF-8, at most 16 levels deep, no key twice in an object. Values are numbered from
// the root, 0; a number stays text until it is asked for.
#ifndef LOTBRIDGE_JSON_READER_MQH
#define LOTBRIDGE_JSON_READER_MQH
#property strict
#include <LotBridge/JsonNumber.mqh>
#include <LotBridge/JsonScanner.mqh>

#define LB_JSON_DEPTH 16
// More fields than this in one object would make looking for repeated keys slow.
#define LB_JSON_FIELDS 512
#define LB_NONE -1

enum ENUM_LB_JSON {
   LB_JSON_OBJECT,
   LB_JSON_ARRAY,
   LB_JSON_TEXT,
   LB_JSON_NUMBER,
   LB_JSON_TRUE,
   LB_JSON_FALSE,
   LB_JSON_NULL
};

// Start and end are places in the bytes; next is the following value of the same object or array.
struct LbJsonNode {
   ENUM_LB_JSON kind;
   int          start;
   int          end;
   bool         escaped;
   int          first;
   int          next;
   int          count;
   int          key_start;
   int          key_end;
   bool         key_escaped;
   uint         key_hash;
};

class LbJsonReader : public LbJsonScanner {
private:
   LbJsonNode m_nodes[];
   int        m_count;
   string     m_fault;

   int Fail(const string why) {
      if(m_fault == "")
         m_fault = why + " at byte " + IntegerToString((long)m_at);
      return LB_NONE;
   }

   int Add(const ENUM_LB_JSON kind) {
      if(m_count >= ArraySize(m_nodes))
         ArrayResize(m_nodes, 2 * m_count + 64);
      int node = m_count;
      m_count++;
      m_nodes[node].kind = kind;
      m_nodes[node].start = m_at;
      m_nodes[node].end = m_at;
      m_nodes[node].escaped = false;
      m_nodes[node].first = LB_NONE;
      m_nodes[node].next = LB_NONE;
      m_nodes[node].count = 0;
      m_nodes[node].key_start = 0;
      m_nodes[node].key_end = 0;
      m_nodes[node].key_escaped = false;
      m_nodes[node].key_hash = 0;
      return node;
   }

   uint HashOf(const string text) const {
      uint hash = 0x811C9DC5;
      int length = StringLen(text);
      for(int i = 0; i < length; i++)
         hash = (hash ^ (uint)StringGetCharacter(text, i)) * (uint)16777619;
      return hash;
   }

   string KeyOf(const int node) const {
      return Decoded(m_nodes[node].key_start, m_nodes[node].key_end, m_nodes[node].key_escaped);
   }

   // One value and all that is in it.
   int ReadValue(const int depth) {
      SkipSpace();
      int code = Now();
      if(code == '{' || code == '[')
         return ReadList(depth, code == '{');
      if(code == '"')
         return ReadText();
      if(code == 't')
         return ReadWord("true", LB_JSON_TRUE);
      if(code == 'f')
         return ReadWord("false", LB_JSON_FALSE);
      if(code == 'n')
         return ReadWord("null", LB_JSON_NULL);
      return ReadNumber();
   }

   int ReadWord(const string word, const ENUM_LB_JSON kind) {
      int node = Add(kind);
      if(!SkipWord(word))
         return Fail("there is no value");
      return node;
   }

   int ReadNumber() {
      int node = Add(LB_JSON_NUMBER);
      if(!SkipNumber())
         return Fail("there is no value");
      m_nodes[node].end = m_at;
      if(!MathIsValidNumber(LbNumberOf(TextAt(node))))
         return Fail("a number is too large");
      return node;
   }

   int ReadText() {
      m_at++;
      int node = Add(LB_JSON_TEXT);
      bool escaped = false;
      if(!SkipString(escaped))
         return Fail("a string is malformed");
      m_nodes[node].escaped = escaped;
      m_nodes[node].end = m_at - 1;
      return node;
   }

   // An object or an array.
   int ReadList(const int depth, const bool named) {
      int close = named ? '}' : ']';
      if(depth >= LB_JSON_DEPTH)
         return Fail("values nest too deep");
      int list = Add(named ? LB_JSON_OBJECT : LB_JSON_ARRAY);
      m_at++;
      SkipSpace();
      if(Now() == close) {
         m_at++;
         return list;
      }
      int last = LB_NONE;
      while(true) {
         int node = named ? ReadField(list, depth) : ReadValue(depth + 1);
         if(node == LB_NONE)
            return LB_NONE;
         if(last == LB_NONE)
            m_nodes[list].first = node;
         else
            m_nodes[last].next = node;
         last = node;
         m_nodes[list].count++;
         SkipSpace();
         int code = Now();
         m_at++;
         if(code == close)
            return list;
         if(code != ',')
            return Fail("a comma is missing");
      }
      return LB_NONE;
   }

   int ReadField(const int list, const int depth) {
      SkipSpace();
      if(Now() != '"')
         return Fail("a key is missing");
      m_at++;
      int start = m_at;
      bool escaped = false;
      if(!SkipString(escaped))
         return Fail("a string is malformed");
      int end = m_at - 1;
      string key = Decoded(start, end, escaped);
      if(m_nodes[list].count >= LB_JSON_FIELDS)
         return Fail("an object has too many fields");
      if(Find(list, key) != LB_NONE)
         return Fail("a key comes twice");
      SkipSpace();
      if(Now() != ':')
         return Fail("a colon is missing");
      m_at++;
      int node = ReadValue(depth + 1);
      if(node == LB_NONE)
         return LB_NONE;
      m_nodes[node].key_start = start;
      m_nodes[node].key_end = end;
      m_nodes[node].key_escaped = escaped;
      m_nodes[node].key_hash = HashOf(key);
      return node;
   }

   string TextAt(const int node) const {
      return Decoded(m_nodes[node].start, m_nodes[node].end, m_nodes[node].escaped);
   }

   bool IsA(const int node, const ENUM_LB_JSON kind) const {
      return node != LB_NONE && m_nodes[node].kind == kind;
   }

public:
   LbJsonReader() : m_count(0), m_fault("") {}

   // Why Parse failed.
   string Fault() const { return m_fault; }

   bool Parse(const uchar &bytes[]) {
      m_size = ArraySize(bytes);
      ArrayResize(m_bytes, m_size);
      ArrayCopy(m_bytes, bytes, 0, 0, m_size);
      m_at = 0;
      m_count = 0;
      m_fault = "";
      if(!IsUtf8())
         Fail("the text is no UTF-8");
      else if(ReadValue(0) != LB_NONE) {
         SkipSpace();
         if(m_at < m_size)
            Fail("something follows the value");
      }
      return m_fault == "";
   }

   ENUM_LB_JSON Kind(const int node) const { return m_nodes[node].kind; }
   bool IsObject(const int node) const { return IsA(node, LB_JSON_OBJECT); }
   bool IsNull(const int node) const { return IsA(node, LB_JSON_NULL); }
   // Walk through an object or array: First, then Next until LB_NONE.
   int First(const int node) const { return m_nodes[node].first; }
   int Next(const int node) const { return m_nodes[node].next; }
   int Count(const int node) const { return m_nodes[node].count; }
   string Key(const int node) const { return KeyOf(node); }
   // A string's characters, or a number as it was written.
   string Text(const int node) const { return TextAt(node); }
   double Number(const int node) const { return LbNumberOf(TextAt(node)); }

   // A field of an object; LB_NONE without it.
   int Find(const int list, const string key) const {
      if(!IsA(list, LB_JSON_OBJECT))
         return LB_NONE;
      uint hash = HashOf(key);
      for(int node = m_nodes[list].first; node != LB_NONE; node = m_nodes[node].next)
         if(m_nodes[node].key_hash == hash && KeyOf(node) == key)
            return node;
      return LB_NONE;
   }

   // Fields by name. False where the field is missing or of another type; the value is untouched then.
   bool GetText(const int list, const string key, string &value) const {
      int node = Find(list, key);
      if(!IsA(node, LB_JSON_TEXT))
         return false;
      value = TextAt(node);
      return true;
   }

   bool GetNumber(const int list, const string key, double &value) const {
      int node = Find(list, key);
      if(!IsA(node, LB_JSON_NUMBER))
         return false;
      value = Number(node);
      return true;
   }

   // A whole number, digit by digit: it does not go through a double.
   bool GetInteger(const int list, const string key, long &value) const {
      int node = Find(list, key);
      if(!IsA(node, LB_JSON_NUMBER))
         return false;
      string text = TextAt(node);
      long found = StringToInteger(text);
      if(IntegerToString(found) != text)
         return false;
      value = found;
      return true;
   }

   bool GetFlag(const int list, const string key, bool &value) const {
      int node = Find(list, key);
      if(!IsA(node, LB_JSON_TRUE) && !IsA(node, LB_JSON_FALSE))
         return false;
      value = IsA(node, LB_JSON_TRUE);
      return true;
   }

   // The same where null is allowed, and leaves the value as it is.
   bool GetTextOrNull(const int list, const string key, string &value) const {
      return IsNull(Find(list, key)) || GetText(list, key, value);
   }

   bool GetNumberOrNull(const int list, const string key, double &value) const {
      return IsNull(Find(list, key)) || GetNumber(list, key, value);
   }

   bool GetIntegerOrNull(const int list, const string key, long &value) const {
      return IsNull(Find(list, key)) || GetInteger(list, key, value);
   }
};

#endif
