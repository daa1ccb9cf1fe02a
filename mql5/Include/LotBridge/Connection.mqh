// A client with the transport it speaks through: MQL5's own sockets, unless the program includes LibZmqTransport.mqh
// before this. Then it is libzmq.dll, which needs the permission for DLLs and works in the tester's local agents, too.
#ifndef LOTBRIDGE_CONNECTION_MQH
#define LOTBRIDGE_CONNECTION_MQH
#property strict
#include <LotBridge/Client.mqh>
#include <LotBridge/Inputs.mqh>
#include <LotBridge/ZmtpTransport.mqh>

class LbConnection {
private:
#ifdef LOTBRIDGE_LIBZMQ_TRANSPORT_MQH
   LbLibZmqTransport m_wire;
#else
   LbZmtpTransport   m_wire;
#endif
   LbClient         *m_asker;
   bool              m_good;

public:
   // User and password for a daemon that asks for them, "" and "" otherwise.
   LbConnection(const string address, const string user, const string password, const uint deadline_ms) : m_good(true) {
      m_good = LbInputCarried("User", user) && LbInputCarried("Password", password);
      if(m_good && (user != "" || password != ""))
         m_wire.SetPlain(user, password);
      m_asker = new LbClient(GetPointer(m_wire), address, AccountInfoInteger(ACCOUNT_LOGIN));
      m_asker.DeadlineMs(deadline_ms);
   }

   ~LbConnection() {
      m_asker.Disconnect();
      delete m_asker;
   }

   // False where user or password cannot be sent; that has been printed.
   bool IsGood() const { return m_good; }
   LbClient *Client() { return m_asker; }
};

#endif
