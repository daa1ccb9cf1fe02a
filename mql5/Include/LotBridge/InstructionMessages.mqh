// What is to be done with what is open, and what became of it.
#ifndef LOTBRIDGE_INSTRUCTION_MESSAGES_MQH
#define LOTBRIDGE_INSTRUCTION_MESSAGES_MQH
#property strict
#include <LotBridge/Reply.mqh>
#include <LotBridge/Request.mqh>

// What the program's model says of a symbol. What is "" or not given is left out: it is not known.
struct LbSignal {
   string symbol;
   // "bullish" or "bearish".
   string direction;
   // Percent, 0 to 100; below 0: not known.
   double confidence;
   // "high", "medium" or "low".
   string risk;
};

// One thing to do, once. Prices that do not matter, or that shall not be there, are 0.
struct LbInstruction {
   string id;
   // "open", "close", "close_partial", "modify_stop" or "cancel".
   string kind;
   // Of the position, or of the pending order that is to be cancelled; 0 to open.
   long   ticket;
   string symbol;
   // "buy" or "sell": the position's or the order's.
   string side;
   double lots;
   // What it was sized at, or a pending order's own.
   double price;
   double stop_loss;
   double take_profit;
   // "market", "limit", "stop" or "stop_limit".
   string order;
   long   magic;
   string rule;
   string reason;
   // By the daemon's clock.
   long   expires_ms;
   string reservation;
};

class LbManageRequest : public LbRequest {
public:
   // None: all of them.
   string   symbols[];
   // None: every one.
   long     magics[];
   LbSignal signals[];

   LbManageRequest() : LbRequest("manage") {}

   virtual void WriteFields(LbJsonWriter &writer) {
      if(ArraySize(symbols) > 0) {
         writer.Key("symbols");
         writer.BeginArray();
         for(int i = 0; i < ArraySize(symbols); i++)
            writer.Text(symbols[i]);
         writer.EndArray();
      }
      if(ArraySize(magics) > 0) {
         writer.Key("magics");
         writer.BeginArray();
         for(int i = 0; i < ArraySize(magics); i++)
            writer.Integer(magics[i]);
         writer.EndArray();
      }
      if(ArraySize(signals) > 0) {
         writer.Key("signals");
         writer.BeginArray();
         for(int i = 0; i < ArraySize(signals); i++)
            WriteSignal(writer, signals[i]);
         writer.EndArray();
      }
   }

private:
   void WriteSignal(LbJsonWriter &writer, const LbSignal &heard) const {
      writer.BeginObject();
      writer.TextField("symbol", heard.symbol);
      if(heard.direction != "")
         writer.TextField("direction", heard.direction);
      if(heard.confidence >= 0)
         writer.NumberField("confidence", heard.confidence);
      if(heard.risk != "")
         writer.TextField("risk", heard.risk);
      writer.EndObject();
   }
};

class LbManageAnswer : public LbReply {
public:
   // In the order in which they are to be carried out.
   LbInstruction instructions[];
   // Rule files that cannot be read, so that older ones hold.
   string        problems[];

   LbManageAnswer() { ResetFields(); }

protected:
   virtual void ResetFields() {
      ArrayResize(instructions, 0);
      ArrayResize(problems, 0);
   }

   virtual bool ReadFields(const LbJsonReader &json) {
      return ReadInstructions(json, json.Find(0, "instructions")) && ReadProblems(json, json.Find(0, "problems"));
   }

   // Nothing is to be done by a daemon that refuses.
   virtual bool Suits(const LbRequest &request) const { return Ok() || ArraySize(instructions) == 0; }

private:
   bool ReadInstructions(const LbJsonReader &json, const int list) {
      if(list == LB_NONE || json.Kind(list) != LB_JSON_ARRAY)
         return false;
      ArrayResize(instructions, json.Count(list));
      int at = 0;
      for(int node = json.First(list); node != LB_NONE; node = json.Next(node)) {
         if(!ReadInstruction(json, node, instructions[at]))
            return false;
         at++;
      }
      return true;
   }

   bool ReadInstruction(const LbJsonReader &json, const int node, LbInstruction &todo) const {
      todo.price = 0;
      todo.stop_loss = 0;
      todo.take_profit = 0;
      todo.reservation = "";
      return json.GetText(node, "id", todo.id) && json.GetText(node, "kind", todo.kind)
             && json.GetInteger(node, "ticket", todo.ticket) && json.GetText(node, "symbol", todo.symbol)
             && json.GetText(node, "side", todo.side) && json.GetNumber(node, "lots", todo.lots)
             && ReadPrice(json, node, "price", todo.price) && ReadPrice(json, node, "stop_loss", todo.stop_loss)
             && ReadPrice(json, node, "take_profit", todo.take_profit) && json.GetText(node, "order", todo.order)
             && json.GetInteger(node, "magic", todo.magic) && json.GetText(node, "rule", todo.rule)
             && json.GetText(node, "reason", todo.reason) && json.GetInteger(node, "expires_ms", todo.expires_ms)
             && json.GetTextOrNull(node, "reservation", todo.reservation);
   }

   // A price, or null for none: 0 would be taken for none as well.
   bool ReadPrice(const LbJsonReader &json, const int node, const string name, double &price) const {
      return json.IsNull(json.Find(node, name)) || (json.GetNumber(node, name, price) && price > 0);
   }

   bool ReadProblems(const LbJsonReader &json, const int list) {
      if(list == LB_NONE || json.Kind(list) != LB_JSON_ARRAY)
         return false;
      ArrayResize(problems, json.Count(list));
      int at = 0;
      for(int node = json.First(list); node != LB_NONE; node = json.Next(node)) {
         if(json.Kind(node) != LB_JSON_TEXT)
            return false;
         problems[at] = json.Text(node);
         at++;
      }
      return true;
   }
};

class LbReportRequest : public LbRequest {
public:
   string     instruction;
   // "done", "partial" or "failed".
   string     result;
   // The position's.
   long       ticket;
   // All that were filled so far, and their mean price.
   double     lots;
   LbOptional price;
   // The trade server's last code; 0 without one.
   long       retcode;

   LbReportRequest() : LbRequest("report"), instruction(""), result(""), ticket(0), lots(0), retcode(0) {}

   virtual void WriteFields(LbJsonWriter &writer) {
      writer.TextField("instruction", instruction);
      writer.TextField("status", result);
      writer.IntegerField("ticket", ticket);
      writer.NumberField("lots", lots);
      price.Write(writer, "price");
      writer.IntegerField("retcode", retcode);
   }
};

class LbReportAnswer : public LbReply {
public:
   string instruction;
   // given, partial, done, failed or expired.
   string state;

   LbReportAnswer() { ResetFields(); }

protected:
   virtual void ResetFields() {
      instruction = "";
      state = "";
   }

   virtual bool ReadFields(const LbJsonReader &json) {
      return json.GetText(0, "instruction", instruction) && json.GetText(0, "state", state);
   }
};

#endif
