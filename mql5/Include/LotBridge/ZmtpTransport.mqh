// ZeroMQ without a DLL: a DEALER of ZMTP 3.1 on MQL5's native sockets. Loopback, or a network you trust: NULL or PLAIN.
#ifndef LOTBRIDGE_ZMTP_TRANSPORT_MQH
#define LOTBRIDGE_ZMTP_TRANSPORT_MQH
#property strict
#include <LotBridge/Address.mqh>
#include <LotBridge/Transport.mqh>
#include <LotBridge/ZmtpHandshake.mqh>

// An envelope has fewer frames than this.
#define LB_MAX_FRAMES 16

class LbZmtpTransport : public LbTransport {
private:
   LbZmtpLink      m_link;
   LbZmtpHandshake m_handshake;
   int             m_frames;

   bool Broken(const string why) {
      Close();
      return Fail(why);
   }

   // A PING wants a PONG with the same context; an ERROR ends the connection; others are ignored, as the RFC says.
   bool Obey(const uchar &body[], const ulong deadline) {
      LbZmtpCommand command;
      if(!command.Parse(body))
         return Broken("The peer sent a malformed command.");
      if(command.Name() == "ERROR")
         return Broken("The peer ended the connection: " + command.Reason() + ".");
      if(command.Name() != "PING")
         return true;
      if(command.Size() < 2 || command.Size() > 18)
         return Broken("The peer sent a malformed PING.");
      LbBytes out;
      LbPutCommandName(out, "PONG");
      for(int i = 2; i < command.Size(); i++)
         out.Put((int)command.At(i));
      uchar pong[];
      out.TakeAll(pong);
      if(m_link.SendFrame(LB_FLAG_COMMAND, pong, deadline) != LB_WAIT_DONE)
         return Broken(m_link.Fault());
      return true;
   }

public:
   LbZmtpTransport() : m_frames(0) {}

   // Name and password (UTF-8, at most 255 bytes each) for a daemon that asks for them.
   bool SetPlain(const string user, const string password) {
      if(!m_handshake.SetPlain(user, password))
         return Fail("User and password may have 255 bytes each.");
      return true;
   }

   virtual bool Open(const string address, const ulong deadline) {
      Close();
      LbAddress parsed;
      if(!parsed.Parse(address))
         return Fail(parsed.Fault());
      if(!m_link.Connect(parsed.Host(), parsed.Port(), deadline))
         return Fail(m_link.Fault());
      if(!m_handshake.Run(m_link, deadline))
         return Broken(m_handshake.Fault());
      return true;
   }

   virtual bool IsOpen() {
      return m_link.IsOpen();
   }

   virtual bool Send(const uchar &body[], const ulong deadline) {
      if(!IsOpen())
         return Fail("There is no connection.");
      if(ArraySize(body) > LB_MAX_BODY)
         return Fail("The request is too large.");
      if(m_link.SendFrame(0, body, deadline) != LB_WAIT_DONE)
         return Broken(m_link.Fault());
      return true;
   }

   virtual bool Receive(uchar &body[], const ulong deadline) {
      while(IsOpen()) {
         ENUM_LB_WAIT next = m_link.Next(body, deadline);
         if(next == LB_WAIT_LATE)
            return Fail(m_link.Fault());
         if(next == LB_WAIT_FAILED)
            return Broken(m_link.Fault());
         if(m_link.IsCommand()) {
            if(!Obey(body, deadline))
               return false;
         }
         else if(!m_link.HasMore()) {
            m_frames = 0;
            return true;
         }
         else {
            m_frames++;
            if(m_frames > LB_MAX_FRAMES)
               return Broken("The peer sent a message of too many frames.");
         }
         // A peer that never stops talking must not hold up the chart.
         if(LbLeft(deadline) == 0)
            return Fail("Nothing came in time.");
      }
      return Fail("There is no connection.");
   }

   virtual void Close() {
      m_link.Close();
      m_frames = 0;
   }
};

#endif
