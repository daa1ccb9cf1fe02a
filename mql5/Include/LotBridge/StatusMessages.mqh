// The account at a glance, and the sign of life.
#ifndef LOTBRIDGE_STATUS_MESSAGES_MQH
#define LOTBRIDGE_STATUS_MESSAGES_MQH
#property strict
#include <LotBridge/Reply.mqh>
#include <LotBridge/Request.mqh>

class LbPingRequest : public LbRequest {
public:
   LbPingRequest() : LbRequest("ping") {}
};

class LbStatusRequest : public LbRequest {
public:
   LbStatusRequest() : LbRequest("status") {}
};

// One loss rule of the firm.
struct LbRuleLine {
   string name;
   double floor;
   double headroom;
   double used_percent;
   // The next reset, UTC; 0 without one.
   long   resets_ms;
};

class LbStatusAnswer : public LbReply {
public:
   long       account;
   // False before the account has been reported; equity and balance are 0 then.
   bool       known;
   double     equity;
   double     balance;
   string     currency;
   double     open_risk;
   double     reserved_risk;
   // The code with which every size would be refused now, or "".
   string     halted;
   bool       connected;
   string     source;
   long       protocol;
   string     version;
   LbRuleLine rules[];

   LbStatusAnswer() { ResetFields(); }

protected:
   virtual void ResetFields() {
      account = 0;
      known = false;
      equity = 0;
      balance = 0;
      currency = "";
      open_risk = 0;
      reserved_risk = 0;
      halted = "";
      connected = false;
      source = "";
      protocol = 0;
      version = "";
      ArrayResize(rules, 0);
   }

   virtual bool ReadFields(const LbJsonReader &json) {
      int terminal = json.Find(0, "terminal");
      known = !json.IsNull(json.Find(0, "equity"));
      return json.GetInteger(0, "account", account) && json.GetNumberOrNull(0, "equity", equity)
             && json.GetNumberOrNull(0, "balance", balance) && json.GetTextOrNull(0, "currency", currency)
             && json.GetNumber(0, "open_risk", open_risk) && json.GetNumber(0, "reserved_risk", reserved_risk)
             && json.GetTextOrNull(0, "halted", halted) && json.GetFlag(terminal, "connected", connected)
             && json.GetText(terminal, "source", source) && json.GetInteger(0, "protocol", protocol)
             && json.GetText(0, "version", version) && ReadRules(json, json.Find(0, "rules"));
   }

private:
   bool ReadRules(const LbJsonReader &json, const int list) {
      if(list == LB_NONE || json.Kind(list) != LB_JSON_ARRAY)
         return false;
      ArrayResize(rules, json.Count(list));
      int at = 0;
      for(int node = json.First(list); node != LB_NONE; node = json.Next(node)) {
         rules[at].resets_ms = 0;
         if(!json.GetText(node, "name", rules[at].name) || !json.GetNumber(node, "floor", rules[at].floor)
            || !json.GetNumber(node, "headroom", rules[at].headroom)
            || !json.GetNumber(node, "used_percent", rules[at].used_percent)
            || !json.GetIntegerOrNull(node, "resets_ms", rules[at].resets_ms))
            return false;
         at++;
      }
      return true;
   }
};

#endif
