// Names of what was tried already: whatever became of it, it is not tried again.
#ifndef LOTBRIDGE_TRIED_MQH
#define LOTBRIDGE_TRIED_MQH
#property strict

#define LB_TRIED_MOST 256

class LbTried {
private:
   string m_names[];

public:
   // Whether it is new. The newest 128 at least are remembered.
   bool Add(const string name) {
      int count = ArraySize(m_names);
      for(int i = count - 1; i >= 0; i--)
         if(m_names[i] == name)
            return false;
      if(count >= LB_TRIED_MOST) {
         int half = LB_TRIED_MOST / 2;
         for(int i = half; i < count; i++)
            m_names[i - half] = m_names[i];
         count -= half;
      }
      ArrayResize(m_names, count + 1, LB_TRIED_MOST);
      m_names[count] = name;
      return true;
   }
};

#endif
