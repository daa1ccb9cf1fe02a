// The account, as the feed tells it.
#ifndef LOTBRIDGE_FEED_ACCOUNT_MQH
#define LOTBRIDGE_FEED_ACCOUNT_MQH
#property strict
#include <LotBridge/JsonWriter.mqh>

class LbFeedAccount {
private:
   // The account that the feed was begun for.
   long m_login;

public:
   LbFeedAccount() : m_login(AccountInfoInteger(ACCOUNT_LOGIN)) {}

   // Why nothing may be fed any more: the terminal was logged in to another account. "" where it was not.
   string Changed() const {
      long login = AccountInfoInteger(ACCOUNT_LOGIN);
      if(login == m_login || login <= 0)
         return "";
      return "the terminal shows account " + IntegerToString(login) + " now, this program feeds "
             + IntegerToString(m_login) + ": nothing is fed. Put the program onto the chart again.";
   }

   // Whether there is an account to speak of, and a broker behind it: figures of a terminal without a connection are
   // old, and must not be passed on as new.
   bool IsReady() const {
      return m_login > 0 && AccountInfoInteger(ACCOUNT_LOGIN) == m_login
             && TerminalInfoInteger(TERMINAL_CONNECTED) != 0
             && StringLen(AccountInfoString(ACCOUNT_CURRENCY)) >= 3 && AccountInfoInteger(ACCOUNT_LEVERAGE) > 0;
   }

   // The login comes last of all that a message tells: had the account changed meanwhile, the daemon would refuse it.
   void Write(LbJsonWriter &writer) const {
      // The terminal's own button for algorithmic trading stops experts as well as the broker does.
      bool experts = AccountInfoInteger(ACCOUNT_TRADE_EXPERT) != 0 && TerminalInfoInteger(TERMINAL_TRADE_ALLOWED) != 0;
      writer.Key("account_info");
      writer.BeginObject();
      writer.TextField("currency", AccountInfoString(ACCOUNT_CURRENCY));
      writer.NumberField("balance", AccountInfoDouble(ACCOUNT_BALANCE));
      writer.NumberField("equity", AccountInfoDouble(ACCOUNT_EQUITY));
      writer.NumberField("margin", AccountInfoDouble(ACCOUNT_MARGIN));
      writer.NumberField("margin_free", AccountInfoDouble(ACCOUNT_MARGIN_FREE));
      writer.IntegerField("leverage", AccountInfoInteger(ACCOUNT_LEVERAGE));
      writer.IntegerField("margin_mode", AccountInfoInteger(ACCOUNT_MARGIN_MODE));
      writer.FlagField("trade_allowed", AccountInfoInteger(ACCOUNT_TRADE_ALLOWED) != 0);
      writer.FlagField("trade_expert", experts);
      writer.IntegerField("login", AccountInfoInteger(ACCOUNT_LOGIN));
      writer.EndObject();
   }
};

#endif
