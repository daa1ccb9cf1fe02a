// Ids that no other question of the account has, in this run or any other: the daemon remembers them for ever.
#ifndef LOTBRIDGE_IDS_MQH
#define LOTBRIDGE_IDS_MQH
#property strict

class LbIds {
private:
   string m_prefix;
   long   m_count;

   void Mix(ulong &hash, const ulong value) const {
      for(int shift = 0; shift < 64; shift += 8)
         hash = (hash ^ ((value >> shift) & 255)) * (ulong)0x100000001B3;
   }

   void MixText(ulong &hash, const string text) const {
      for(int i = 0; i < StringLen(text); i++)
         Mix(hash, (ulong)StringGetCharacter(text, i));
   }

   // Chart and program tell running programs apart, the clocks tell runs apart.
   void Make() {
      ulong hash = 0xCBF29CE484222325;
      Mix(hash, (ulong)TimeLocal());
      Mix(hash, GetTickCount64());
      Mix(hash, GetMicrosecondCount());
      Mix(hash, (ulong)ChartID());
      Mix(hash, (ulong)MathRand());
      MixText(hash, MQLInfoString(MQL_PROGRAM_NAME));
      MixText(hash, TerminalInfoString(TERMINAL_DATA_PATH));
      string digits = "0123456789abcdef";
      m_prefix = "ea";
      for(int shift = 60; shift >= 0; shift -= 4)
         m_prefix += StringSubstr(digits, (int)((hash >> shift) & 15), 1);
   }

public:
   LbIds() : m_prefix(""), m_count(0) {}

   // 18 characters that tell this run from all others.
   string Prefix() {
      if(m_prefix == "")
         Make();
      return m_prefix;
   }

   string Next() {
      m_count++;
      return Prefix() + "-" + IntegerToString(m_count);
   }
};

#endif
