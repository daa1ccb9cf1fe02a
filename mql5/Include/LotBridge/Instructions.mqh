// Asks the daemon what to do with what is open, carries it out, and tells what became of it. Every instruction once, at
// once or not at all.
#ifndef LOTBRIDGE_INSTRUCTIONS_MQH
#define LOTBRIDGE_INSTRUCTIONS_MQH
#property strict
#include <LotBridge/Begun.mqh>
#include <LotBridge/InstructedOrder.mqh>
#include <LotBridge/InstructionGuard.mqh>
#include <LotBridge/OrderSender.mqh>
#include <LotBridge/OrderWatch.mqh>
#include <LotBridge/Signals.mqh>

#define LB_MANAGE_EVERY_S 10
// For so long a question without an answer is said again: what it was answered with is handed out under its id only.
#define LB_MANAGE_AGAIN_MS 60000

class LbInstructions {
private:
   LbClient          *m_asker;
   LbInstructionGuard m_checks;
   LbOrderSender      m_sender;
   LbOutbox           m_outbox;
   LbOrderWatch       m_watch;
   LbBegun            m_begun;
   LbSignals          m_signals;
   string             m_symbols[];
   long               m_magics[];
   LbManageRequest    m_question;
   LbManageAnswer     m_answer;
   // Whose instructions the answer's are.
   long               m_account;
   // The next of the answer's instructions.
   int                m_at;
   uint               m_every_ms;
   ulong              m_ask_at;
   // Whether the last question was sent, and got no answer.
   bool               m_lost;
   // Of what was printed last.
   string             m_said;

   // Print something unless the last was of the same kind, too.
   void SayOnce(const string kind, const string what) {
      if(kind != m_said && kind != "")
         Print("LotBridge: ", what);
      m_said = kind;
   }

   void Tell(const LbInstruction &todo, const string result, const uint retcode) {
      m_outbox.Add(new LbReportLetter(todo.id, result, todo.ticket, 0, 0, retcode));
   }

   // What was certainly not done.
   void Refuse(const LbInstruction &todo, const string why, const uint retcode) {
      Print("LotBridge: ", todo.kind, " ", todo.id, " is not carried out: ", why);
      Tell(todo, "failed", retcode);
   }

   void NewQuestion() {
      ArrayResize(m_question.magics, ArraySize(m_magics));
      for(int i = 0; i < ArraySize(m_magics); i++)
         m_question.magics[i] = m_magics[i];
      ArrayResize(m_question.symbols, ArraySize(m_symbols));
      for(int i = 0; i < ArraySize(m_symbols); i++)
         m_question.symbols[i] = m_symbols[i];
      m_signals.CopyTo(m_question.signals);
   }

   bool IsAgain() const {
      return m_lost && GetMicrosecondCount() - m_question.asked_us < (ulong)LB_MANAGE_AGAIN_MS * 1000;
   }

   void AskDaemon() {
      m_account = m_asker.Account() >= 0 ? m_asker.Account() : AccountInfoInteger(ACCOUNT_LOGIN);
      m_checks.Account(m_account);
      // What is handed out now would be lost.
      if(!m_checks.IsReady()) {
         SayOnce(m_checks.Fault(), "nothing is managed: " + m_checks.Fault());
         return;
      }
      m_at = 0;
      if(IsAgain())
         m_asker.AskAgain(m_question, m_answer);
      else {
         NewQuestion();
         m_asker.Ask(m_question, m_answer);
      }
      bool silent = m_answer.code == "no_answer" && !m_answer.Answered();
      m_lost = silent && m_question.asked_us != 0;
      // The client itself backs off.
      m_ask_at = silent ? 0 : LbDeadline(m_every_ms);
      m_checks.Hear(m_answer);
      if(!m_answer.Ok())
         SayOnce(m_answer.code, "nothing is managed: " + m_answer.code + ": " + m_answer.message);
      else if(ArraySize(m_answer.problems) > 0)
         SayOnce(m_answer.problems[0], m_answer.problems[0]);
      else
         SayOnce("", "");
   }

   bool PrepareOpen(const LbInstruction &todo, MqlTradeRequest &order) {
      LbSizeRequest request;
      LbSizeAnswer answer;
      bool buy = todo.side == "buy";
      if(!m_checks.MayOpen(todo, request, answer))
         return false;
      m_sender.PrepareEntry(order, GetPointer(m_checks), answer, todo.symbol, buy, m_checks.LotsToSend(), todo.magic,
                            LB_COMMENT + todo.id);
      return true;
   }

   ENUM_ORDER_TYPE TypeOf(const LbInstruction &todo) const {
      bool buy = todo.side == "buy";
      if(todo.order == "limit")
         return buy ? ORDER_TYPE_BUY_LIMIT : ORDER_TYPE_SELL_LIMIT;
      if(todo.order == "stop")
         return buy ? ORDER_TYPE_BUY_STOP : ORDER_TYPE_SELL_STOP;
      return buy ? ORDER_TYPE_BUY_STOP_LIMIT : ORDER_TYPE_SELL_STOP_LIMIT;
   }

   bool PreparePlace(const LbInstruction &todo, MqlTradeRequest &order) {
      if(!m_checks.MayPlace(todo))
         return false;
      m_sender.Prepare(order, todo.symbol, todo.side == "buy", m_checks.LotsToSend(), todo.magic);
      order.action = TRADE_ACTION_PENDING;
      order.type = TypeOf(todo);
      // What waits is never filled at once: the other policies are for orders that are.
      order.type_filling = ORDER_FILLING_RETURN;
      order.price = m_checks.PriceToSend();
      // One price is given: the limit that the stop becomes is no worse.
      if(todo.order == "stop_limit")
         order.stoplimit = order.price;
      order.sl = m_checks.StopToSend();
      order.tp = m_checks.TargetToSend();
      order.comment = LB_COMMENT + todo.id;
      return true;
   }

   // The opposite deal, with the position's ticket and under its magic number.
   bool PrepareClose(const LbInstruction &todo, MqlTradeRequest &order) {
      if(!m_checks.MayClose(todo))
         return false;
      m_sender.Prepare(order, todo.symbol, todo.side != "buy", m_checks.LotsToSend(),
                       PositionGetInteger(POSITION_MAGIC));
      order.position = (ulong)todo.ticket;
      order.price = m_checks.PriceToSend();
      order.comment = LB_COMMENT + todo.id;
      return true;
   }

   bool PrepareModify(const LbInstruction &todo, MqlTradeRequest &order) {
      if(!m_checks.MayModify(todo))
         return false;
      ZeroMemory(order);
      order.action = TRADE_ACTION_SLTP;
      order.symbol = todo.symbol;
      order.position = (ulong)todo.ticket;
      order.sl = m_checks.StopToSend();
      order.tp = m_checks.TargetToSend();
      return true;
   }

   bool PrepareCancel(const LbInstruction &todo, MqlTradeRequest &order) {
      if(!m_checks.MayCancel(todo))
         return false;
      ZeroMemory(order);
      order.action = TRADE_ACTION_REMOVE;
      order.order = (ulong)todo.ticket;
      order.symbol = todo.symbol;
      return true;
   }

   // The order for this very moment; false where it must not be sent.
   bool Prepare(const LbInstruction &todo, MqlTradeRequest &order) {
      if(todo.kind == "open")
         return todo.order == "market" ? PrepareOpen(todo, order) : PreparePlace(todo, order);
      if(todo.kind == "close" || todo.kind == "close_partial")
         return PrepareClose(todo, order);
      return todo.kind == "modify_stop" ? PrepareModify(todo, order) : PrepareCancel(todo, order);
   }

   bool IsKind(const string kind) const {
      return kind == "open" || kind == "close" || kind == "close_partial" || kind == "modify_stop" || kind == "cancel";
   }

   // The broker has taken it, or nobody knows whether.
   void Follow(const LbInstruction &todo, const MqlTradeRequest &order, const MqlTradeResult &result,
               const bool done) {
      bool changing = todo.kind == "modify_stop" || todo.kind == "cancel";
      if(!done)
         Print("LotBridge: nobody knows yet what became of ", todo.kind, " ", todo.id, ": ", result.retcode);
      if(changing && result.retcode == TRADE_RETCODE_DONE)
         Tell(todo, "done", result.retcode);
      else if(todo.kind == "modify_stop")
         m_watch.Add(new LbInstructedStop(GetPointer(m_outbox), todo, order, result.retcode), 0);
      else if(todo.kind == "cancel")
         m_watch.Add(new LbInstructedCancel(GetPointer(m_outbox), todo, result.retcode), 0);
      else
         m_watch.Add(new LbInstructedOrder(GetPointer(m_outbox), todo, order, result, m_checks.QuotedMs()),
                     result.order);
   }

   void Send(const LbInstruction &todo) {
      MqlTradeRequest order;
      MqlTradeResult result;
      ENUM_LB_OUTCOME outcome = LB_OUTCOME_AGAIN;
      ZeroMemory(result);
      for(int attempt = 0; attempt <= LB_RETRIES && outcome == LB_OUTCOME_AGAIN; attempt++) {
         if(!Prepare(todo, order)) {
            Refuse(todo, m_checks.Fault(), result.retcode);
            return;
         }
         if(todo.kind == "modify_stop" && m_checks.IsIdle()) {
            Tell(todo, "done", result.retcode);
            return;
         }
         outcome = m_sender.Send(order, result);
      }
      if(outcome == LB_OUTCOME_AGAIN || outcome == LB_OUTCOME_REFUSED)
         Refuse(todo, "the order was refused: " + IntegerToString((long)result.retcode) + " " + result.comment,
                result.retcode);
      else
         Follow(todo, order, result, outcome != LB_OUTCOME_UNKNOWN);
   }

   void Carry(const LbInstruction &todo) {
      if(!LbIsInstructionId(todo.id)) {
         Print("LotBridge: '", todo.id, "' is no instruction's id; it is not carried out");
         return;
      }
      if(m_begun.Begin(m_account, todo.id)) {
         if(IsKind(todo.kind))
            Send(todo);
         else
            Refuse(todo, "there is nothing of that kind", 0);
         return;
      }
      // It may have been carried out: to tell that it failed could let it be ordered again.
      if(m_begun.IsAgain())
         Print("LotBridge: ", todo.kind, " ", todo.id, " was begun before; it is not carried out again");
      else
         Refuse(todo, "the terminal does not keep that it was begun", 0);
   }

   // One at least; further ones while there is time. The rest waits for the next second, and is looked at then.
   void Work(const ulong until) {
      bool going = m_at < ArraySize(m_answer.instructions);
      while(going) {
         m_at++;
         Carry(m_answer.instructions[m_at - 1]);
         going = m_at < ArraySize(m_answer.instructions) && LbLeft(until) > 0;
      }
   }

public:
   // The client stays the caller's. Deviation of market orders in points; how often to ask in seconds.
   LbInstructions(LbClient *client, const uint deviation, const uint every_s)
      : m_asker(client), m_sender(deviation), m_outbox(client), m_account(-1), m_at(0), m_every_ms(every_s * 1000),
        m_ask_at(0), m_lost(false), m_said("") {}

   // Manage this symbol, and no others than those that are named so. Without any: all.
   void AddSymbol(const string symbol) {
      int count = ArraySize(m_symbols);
      ArrayResize(m_symbols, count + 1);
      m_symbols[count] = symbol;
   }

   // Leave positions, orders and openings of other magic numbers alone: the daemon keeps theirs for others.
   void OnlyMagic(const long magic) {
      ArrayResize(m_magics, 1);
      m_magics[0] = magic;
      m_checks.OnlyMagic(magic);
   }

   // What the program's model says of a symbol: "bullish" or "bearish", percent, "high", "medium" or "low"; "" and
   // LB_UNKNOWN where it says nothing. False where it is none of these; the symbol has no signal then.
   bool SetSignal(const string symbol, const string direction, const double confidence, const string risk) {
      return m_signals.Set(symbol, direction, confidence, risk);
   }

   void ClearSignal(const string symbol) { m_signals.Clear(symbol); }

   // Instructions that are still to be carried out, orders that are watched, and reports that were not heard.
   int Waiting() const {
      return ArraySize(m_answer.instructions) - m_at + m_watch.Count() + m_outbox.Waiting();
   }

   // Call this from OnTradeTransaction.
   void OnTransaction(const MqlTradeTransaction &transaction) {
      int before = m_outbox.Waiting();
      if(transaction.type == TRADE_TRANSACTION_DEAL_ADD || transaction.type == TRADE_TRANSACTION_HISTORY_ADD)
         m_watch.Poll();
      if(m_outbox.Waiting() > before)
         m_outbox.Flush();
   }

   // Call this every second.
   void OnTimer() {
      uint whole = m_asker.DeadlineMs();
      ulong until = LbDeadline(whole);
      m_watch.Poll();
      if(m_at >= ArraySize(m_answer.instructions) && LbLeft(m_ask_at) == 0)
         AskDaemon();
      Work(until);
      // Question and reports together wait no longer than one question may.
      if(LbLeft(until) > 0) {
         m_asker.DeadlineMs(LbLeft(until));
         m_outbox.Flush();
         m_asker.DeadlineMs(whole);
      }
   }
};

#endif
