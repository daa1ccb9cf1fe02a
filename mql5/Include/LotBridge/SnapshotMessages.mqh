// The feed's message: what the terminal shows and has not been told yet, as much as fits.
#ifndef LOTBRIDGE_SNAPSHOT_MESSAGES_MQH
#define LOTBRIDGE_SNAPSHOT_MESSAGES_MQH
#property strict
#include <LotBridge/FeedAccount.mqh>
#include <LotBridge/FeedBars.mqh>
#include <LotBridge/FeedBook.mqh>
#include <LotBridge/FeedChecks.mqh>
#include <LotBridge/FeedDeals.mqh>
#include <LotBridge/FeedQuotes.mqh>
#include <LotBridge/FeedSymbols.mqh>
#include <LotBridge/Reply.mqh>
#include <LotBridge/Request.mqh>

// Of the 262,144 bytes that are allowed.
#define LB_FEED_ROOM 220000

class LbSnapshotRequest : public LbRequest {
private:
   LbFeedAccount m_info;
   LbFeedBook    m_book;
   LbFeedSymbols m_figures;
   LbFeedQuotes  m_quotes;
   LbFeedDeals   m_deals;
   LbFeedChecks  m_checks;
   LbFeedBars    m_bars;
   string        m_symbols[];
   double        m_balance;

public:
   // One run of the program.
   string session;
   // One more with every message.
   long   sequence;

   LbSnapshotRequest() : LbRequest("snapshot"), m_balance(0), session(""), sequence(-1) {}

   bool Has(const string symbol) const {
      for(int i = 0; i < ArraySize(m_symbols); i++)
         if(m_symbols[i] == symbol)
            return true;
      return false;
   }

   void AddSymbol(const string symbol) {
      int count = ArraySize(m_symbols);
      ArrayResize(m_symbols, count + 1, 32);
      m_symbols[count] = symbol;
   }

   bool AddSeries(const string symbol, const string timeframe) { return m_bars.Add(symbol, timeframe); }
   void ExpectDeal() { m_deals.Expect(); }

   // Tell everything again.
   void StartOver() {
      m_book.StartOver();
      m_figures.StartOver();
      m_quotes.StartOver();
      m_deals.StartOver();
      m_checks.StartOver();
      m_bars.StartOver();
   }

   // Get ready for the next message; false where the terminal cannot tell its state now.
   bool Prepare() {
      if(!m_info.IsReady() || !m_book.Look())
         return false;
      // Whatever changes the balance is a deal.
      double balance = AccountInfoDouble(ACCOUNT_BALANCE);
      if(balance != m_balance)
         m_deals.Expect();
      m_balance = balance;
      return m_deals.Prepare();
   }

   // Whether some of what is due did not fit into the last message.
   bool More() const {
      return m_figures.More() || m_deals.More() || m_bars.More() || m_checks.More(m_symbols);
   }

   // Every call tells what the calls before have not told.
   virtual void WriteFields(LbJsonWriter &writer) {
      long server = (long)TimeTradeServer();
      writer.TextField("session", session);
      writer.IntegerField("sequence", sequence);
      if(server > 0)
         writer.IntegerField("time_trade_server", server);
      m_info.Write(writer);
      m_book.Write(writer);
      m_quotes.Write(writer, m_symbols);
      m_figures.Write(writer, m_symbols);
      m_deals.Write(writer, LB_FEED_ROOM);
      m_checks.Write(writer, m_symbols, LB_FEED_ROOM);
      m_bars.Write(writer, LB_FEED_ROOM);
   }
};

class LbSnapshotAnswer : public LbReply {
public:
   // The daemon wants everything again.
   bool resync;

   LbSnapshotAnswer() : resync(false) {}

protected:
   virtual void ResetFields() { resync = false; }
   virtual bool ReadFields(const LbJsonReader &json) { return json.GetFlag(0, "resync", resync); }
};

#endif
