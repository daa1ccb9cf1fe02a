// A queue of bytes: appended at the end, taken from the front.
#ifndef LOTBRIDGE_BYTES_MQH
#define LOTBRIDGE_BYTES_MQH
#property strict

#define LB_BYTES_RESERVE 4096

class LbBytes {
private:
   uchar m_data[];
   int   m_from;
   int   m_to;

   // Make room for so many more. What was taken is given up first, so the array does not grow for ever.
   void Room(const int count) {
      if(m_from == m_to) {
         m_from = 0;
         m_to = 0;
      }
      if(m_to + count <= ArraySize(m_data))
         return;
      if(m_from > 0) {
         for(int i = m_from; i < m_to; i++)
            m_data[i - m_from] = m_data[i];
         m_to -= m_from;
         m_from = 0;
      }
      if(m_to + count > ArraySize(m_data))
         ArrayResize(m_data, 2 * (m_to + count) + LB_BYTES_RESERVE);
   }

public:
   LbBytes() : m_from(0), m_to(0) {}

   int Size() const {
      return m_to - m_from;
   }

   void Clear() {
      m_from = 0;
      m_to = 0;
   }

   uchar At(const int index) const {
      return m_data[m_from + index];
   }

   void Append(const uchar &bytes[], const int count) {
      if(count < 1)
         return;
      Room(count);
      ArrayCopy(m_data, bytes, m_to, 0, count);
      m_to += count;
   }

   void Put(const int value) {
      Room(1);
      m_data[m_to] = (uchar)value;
      m_to++;
   }

   // Text of ASCII characters only.
   void PutAscii(const string text) {
      int length = StringLen(text);
      Room(length);
      for(int i = 0; i < length; i++)
         m_data[m_to + i] = (uchar)StringGetCharacter(text, i);
      m_to += length;
   }

   void Skip(const int count) {
      m_from += count;
   }

   // Move the first bytes into an array, which then holds exactly these.
   void Take(uchar &to[], const int count) {
      ArrayResize(to, count);
      if(count > 0)
         ArrayCopy(to, m_data, 0, m_from, count);
      m_from += count;
   }

   void TakeAll(uchar &to[]) {
      Take(to, Size());
   }
};

#endif
