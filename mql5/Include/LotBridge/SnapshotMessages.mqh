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

// Of the 262,144 bytes that are allowed; and how much of it quotes and symbols take, so that bars and deals have some.
// Positions and orders are told whole or not at all, and must leave room for quotes.
#define LB_FEED_ROOM 220000
#define LB_BOOK_ROOM 200000
#define LB_QUOTES_SHARE 70000
#define LB_SYMBOLS_SHARE 50000

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
   // Of the symbols given first; those that are found later are fed with the same.
   string        m_timeframes;
   double        m_balance;

   int Share(const LbJsonWriter &writer, const int share) const {
      return writer.Size() + share < LB_FEED_ROOM ? writer.Size() + share : LB_FEED_ROOM;
   }

   // What is open or pending must be priced, whatever the program was told to feed: without a price for it the daemon
   // cannot say what the account risks.
   void FollowBook() {
      for(int i = 0; i < m_book.Symbols(); i++)
         Add(m_book.Symbol(i), m_timeframes);
   }

   bool Has(const string symbol) const {
      for(int i = 0; i < ArraySize(m_symbols); i++)
         if(m_symbols[i] == symbol)
            return true;
      return false;
   }

public:
   // One run of the program.
   string session;
   // One more with every message.
   long   sequence;

   LbSnapshotRequest() : LbRequest("snapshot"), m_timeframes(""), m_balance(0), session(""), sequence(-1) {}

   // Feed a symbol with closed bars of timeframes such as "H1,D1". False where there is no such symbol or timeframe.
   bool Add(const string symbol, const string timeframes) {
      if(Has(symbol))
         return true;
      if(!SymbolSelect(symbol, true))
         return false;
      int count = ArraySize(m_symbols);
      ArrayResize(m_symbols, count + 1, 32);
      m_symbols[count] = symbol;
      if(count == 0)
         m_timeframes = timeframes;
      string labels[];
      int series = LbTimeframes(timeframes, labels);
      bool good = true;
      for(int i = 0; i < series; i++)
         good = m_bars.Add(symbol, labels[i]) && good;
      return good;
   }

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

   // Why this account is not to be fed any more; "" where it is.
   string Changed() {
      string why = m_info.Changed();
      if(why != "") {
         StartOver();
         m_deals.Forget();
         // Nobody saw what was traded meanwhile: the gap makes the daemon doubt the deals that it knows.
         sequence++;
      }
      return why;
   }

   // Get ready for the next message; false where the terminal cannot tell its state now.
   bool Prepare() {
      if(!m_info.IsReady()) {
         m_deals.Interrupt();
         return false;
      }
      if(!m_book.Look())
         return false;
      FollowBook();
      // Whatever changes the balance is a deal.
      double balance = AccountInfoDouble(ACCOUNT_BALANCE);
      if(balance != m_balance)
         m_deals.Expect();
      m_balance = balance;
      return m_deals.Prepare();
   }

   // Whether some of what is due did not fit into the last message.
   bool More() const {
      return m_quotes.More() || m_figures.More() || m_deals.More() || m_bars.More() || m_checks.More(m_symbols);
   }

   // Whether history still loads, so that no deals are told.
   bool IsLoading() const { return m_deals.IsLoading(); }

   // Every call tells what the calls before have not told.
   virtual void WriteFields(LbJsonWriter &writer) {
      long server = (long)TimeTradeServer();
      writer.TextField("session", session);
      writer.IntegerField("sequence", sequence);
      if(server > 0)
         writer.IntegerField("time_trade_server", server);
      m_book.Write(writer);
      if(writer.Size() > LB_BOOK_ROOM)
         Refuse(m_book.Shown() + " are more than one message holds. The account is not fed, and the daemon refuses "
                + "every size, until there are fewer");
      m_quotes.Write(writer, m_symbols, Share(writer, LB_QUOTES_SHARE));
      m_figures.Write(writer, m_symbols, Share(writer, LB_SYMBOLS_SHARE));
      m_deals.Write(writer, LB_FEED_ROOM);
      m_checks.Write(writer, m_symbols, LB_FEED_ROOM);
      m_bars.Write(writer, LB_FEED_ROOM);
      m_info.Write(writer);
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
