// The instructions that were begun, in this run or another: none is carried out twice. Besides memory there is a global
// variable of the terminal for each, so that every program of the terminal knows it, after a restart, too. The terminal
// forgets one that nobody has asked for in four weeks.
#ifndef LOTBRIDGE_BEGUN_MQH
#define LOTBRIDGE_BEGUN_MQH
#property strict
#include <LotBridge/Tried.mqh>

// MQL5 takes 63 characters for the whole name.
#define LB_INSTRUCTION_ID_MOST 32

// "i<number>-<number>".
bool LbIsInstructionId(const string id) {
   int length = StringLen(id);
   int dash = StringFind(id, "-");
   if(length > LB_INSTRUCTION_ID_MOST || StringFind(id, "i") != 0 || dash < 2 || dash == length - 1)
      return false;
   for(int i = 1; i < length; i++) {
      int unit = (int)StringGetCharacter(id, i);
      if(i != dash && (unit < '0' || unit > '9'))
         return false;
   }
   return true;
}

class LbBegun {
private:
   LbTried m_tried;
   bool    m_again;

public:
   LbBegun() : m_again(false) {}

   // Of the last Begin that was false: it was begun before, and what became of it is not known here.
   bool IsAgain() const { return m_again; }

   // Call it before anything is sent. False where the instruction must not be carried out.
   bool Begin(const long account, const string id) {
      string name = "LotBridge " + IntegerToString(account) + " " + id;
      bool untried = m_tried.Add(name);
      m_again = !untried || GlobalVariableCheck(name);
      if(m_again || GlobalVariableSet(name, (double)TimeLocal()) == 0)
         return false;
      // A terminal that is killed writes nothing any more.
      GlobalVariablesFlush();
      return true;
   }
};

#endif
