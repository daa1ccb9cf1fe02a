// Finds out why a program does not get lots, and says what to click.
#ifndef LOTBRIDGE_DOCTOR_MQH
#define LOTBRIDGE_DOCTOR_MQH
#property strict
#include <LotBridge/Address.mqh>
#include <LotBridge/Client.mqh>
#include <LotBridge/Remedies.mqh>
#include <LotBridge/ZmtpTransport.mqh>

#define LB_DOCTOR_MS 3000
// TimeGMT knows whole seconds only.
#define LB_CLOCK_OFF_MS 2500

class LbDoctor {
private:
   int m_problems;

   void Good(const string what) { Print("ok       ", what); }
   void Note(const string what) { Print("note     ", what); }

   void Bad(const string what) {
      m_problems++;
      Print("PROBLEM  ", what);
   }

   void Check(const bool good, const string well, const string ill) {
      if(good)
         Good(well);
      else
         Bad(ill);
   }

   void CheckTerminal() {
      Check(TerminalInfoInteger(TERMINAL_CONNECTED) != 0, "the terminal is connected to the broker",
            "the terminal is not connected to the broker: File > Login to Trade Account");
      Check(TerminalInfoInteger(TERMINAL_TRADE_ALLOWED) != 0, "algorithmic trading is on",
            "algorithmic trading is off: click 'Algo Trading' in the toolbar");
      Check(AccountInfoInteger(ACCOUNT_TRADE_ALLOWED) != 0, "the account may trade",
            "the account may not trade: log in with the master password, not the investor's");
      Check(AccountInfoInteger(ACCOUNT_TRADE_EXPERT) != 0, "the broker allows experts",
            "the broker does not allow experts on this account: ask the broker");
      bool dlls = MQLInfoInteger(MQL_DLLS_ALLOWED) != 0 || TerminalInfoInteger(TERMINAL_DLLS_ALLOWED) != 0;
      if(dlls)
         Note("DLLs are allowed: the libzmq transport can be used");
      else
         Note("DLLs are not allowed, which only the libzmq transport needs: Tools > Options > Expert Advisors");
   }

   void CheckClock(const long server_ms) {
      long off = LbUtcMs() - server_ms;
      long offset = (long)TimeTradeServer() - (long)TimeGMT();
      Check(MathAbs((double)off) < LB_CLOCK_OFF_MS, "this computer's clock and the daemon's agree",
            "this computer's clock is " + IntegerToString(off) + " ms off the daemon's: Windows Settings > "
            + "Time & language > Date & time > Sync now");
      Note("the broker's clock is " + DoubleToString((double)offset / 3600, 2) + " hours ahead of UTC");
   }

   void CheckStatus(LbClient *client) {
      LbStatusAnswer status;
      if(!client.Status(status)) {
         Bad("the daemon does not tell the account: " + status.code + ": " + status.message);
         return;
      }
      Check(status.protocol == LB_PROTOCOL, "the daemon's version is " + status.version + ", protocol "
            + IntegerToString(status.protocol), "the daemon speaks protocol " + IntegerToString(status.protocol)
            + ": copy the EA files of the same version (lotbridge install-ea), and compile them");
      Check(status.account == AccountInfoInteger(ACCOUNT_LOGIN), "the daemon serves this account",
            "the daemon answers for account " + IntegerToString(status.account));
      Check(status.known && status.connected, "the account is fed (" + status.source + ")",
            "the account is not fed: attach LotBridgeFeed to one chart, or let the demo EA feed");
      Check(status.halted == "", "sizes are not halted",
            "every size would be refused: " + status.halted + ". "
            + LbRemedy(status.halted));
   }

   void CheckAnswers(LbClient *client) {
      LbReply pong;
      if(!client.Ping(pong)) {
         Bad("the daemon does not answer: " + pong.code + ": " + pong.message);
         return;
      }
      Good("the daemon answers");
      CheckClock(pong.server_ms);
      CheckStatus(client);
   }

public:
   LbDoctor() : m_problems(0) {}

   // How many problems there are; each is printed with its remedy.
   int Run(const string address, const string user, const string password) {
      LbAddress parsed;
      LbZmtpTransport wire;
      m_problems = 0;
      CheckTerminal();
      if(!parsed.Parse(address)) {
         Bad(parsed.Fault());
         return m_problems;
      }
      if((user != "" || password != "") && !wire.SetPlain(user, password)) {
         Bad(wire.LastFault());
         return m_problems;
      }
      if(!wire.Open(address, LbDeadline(LB_DOCTOR_MS))) {
         Bad(wire.LastFault());
         return m_problems;
      }
      Good("the daemon can be reached at " + address);
      LbClient *client = new LbClient(GetPointer(wire), address, AccountInfoInteger(ACCOUNT_LOGIN));
      client.DeadlineMs(LB_DOCTOR_MS);
      CheckAnswers(client);
      client.Disconnect();
      delete client;
      return m_problems;
   }
};

#endif
