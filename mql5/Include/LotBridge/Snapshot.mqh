// The feed: keeps the daemon told of the account, one or a few messages a call, within a budget of time.
#ifndef LOTBRIDGE_SNAPSHOT_MQH
#define LOTBRIDGE_SNAPSHOT_MQH
#property strict
#include <LotBridge/Client.mqh>
#include <LotBridge/SnapshotMessages.mqh>

// After a message without an answer, and after one that was refused.
#define LB_FEED_PAUSE_MS 1000
#define LB_FEED_REFUSED_MS 5000

class LbSnapshot {
private:
   LbClient         *m_client;
   LbSnapshotRequest m_request;
   uint              m_budget_ms;
   ulong             m_pause_until;
   // Whether the last message was taken, and no other is asked for.
   bool              m_following;
   int               m_messages;
   int               m_resyncs;
   string            m_fault;

   // The same complaint once.
   void Complain(const string why) {
      if(why != "" && why != m_fault)
         Print("LotBridge feed: ", why);
      if(why == "" && m_fault != "")
         Print("LotBridge feed: all is well again.");
      m_fault = why;
   }

   // A message may have been lost, or is missing: the next one tells everything.
   void StartOver() {
      m_following = false;
      m_request.StartOver();
   }

   // One message; whether it was taken.
   bool Send() {
      LbSnapshotAnswer answer;
      m_request.session = m_client.Session();
      m_request.sequence++;
      if(m_client.Ask(m_request, answer)) {
         m_messages++;
         m_following = true;
         if(answer.resync) {
            m_resyncs++;
            StartOver();
         }
         return true;
      }
      StartOver();
      m_pause_until = LbDeadline(answer.Answered() ? LB_FEED_REFUSED_MS : LB_FEED_PAUSE_MS);
      Complain(answer.message);
      return false;
   }

public:
   // The client stays the caller's. A call of Pump lasts at most the budget, which is the client's deadline, too.
   LbSnapshot(LbClient *client, const uint budget_ms)
      : m_client(client), m_budget_ms(budget_ms), m_pause_until(0), m_following(false), m_messages(0), m_resyncs(0),
        m_fault("") {}

   // Feed a symbol with closed bars of timeframes such as "H1,D1"; symbols of positions and orders come by themselves.
   // False where there is no such symbol or timeframe.
   bool AddSymbol(const string symbol, const string timeframes) {
      return m_request.Add(symbol, timeframes);
   }

   // Whether the daemon has been told everything that was there at the last call.
   bool IsTold() const { return m_following && !m_request.More() && !m_request.IsLoading(); }
   int Messages() const { return m_messages; }
   int Resyncs() const { return m_resyncs; }
   string Fault() const { return m_fault; }

   // Call this from OnTradeTransaction: a new deal is sent with the next message.
   void OnTransaction(const MqlTradeTransaction &transaction) {
      if(transaction.type == TRADE_TRANSACTION_DEAL_ADD)
         m_request.ExpectDeal();
   }

   // Call this every second, and after a trade. True when the daemon knows all.
   bool Pump() {
      if(LbLeft(m_pause_until) > 0)
         return false;
      ulong deadline = LbDeadline(m_budget_ms);
      bool going = true;
      while(going) {
         string changed = m_request.Changed();
         if(changed != "" || !m_request.Prepare()) {
            Complain(changed != "" ? changed : "the terminal is not connected, or still loads the account.");
            return false;
         }
         // Reading a long history takes time, too. It is read now: the next call tells it.
         if(LbLeft(deadline) < m_budget_ms / 2)
            return false;
         m_client.DeadlineMs(LbLeft(deadline));
         bool taken = Send();
         m_client.DeadlineMs(m_budget_ms);
         if(!taken)
            return false;
         going = (!m_following || m_request.More()) && LbLeft(deadline) > m_budget_ms / 2;
      }
      Complain(m_request.IsLoading() ? "the terminal still loads the account's history: no deals are told yet." : "");
      return IsTold();
   }
};

#endif
