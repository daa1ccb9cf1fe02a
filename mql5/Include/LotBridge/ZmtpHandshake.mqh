// ZMTP 3.1's handshake as a client: greetings, then NULL (READY both ways) or PLAIN (HELLO, WELCOME, INITIATE, READY).
#ifndef LOTBRIDGE_ZMTP_HANDSHAKE_MQH
#define LOTBRIDGE_ZMTP_HANDSHAKE_MQH
#property strict
#include <LotBridge/ZmtpCommand.mqh>
#include <LotBridge/ZmtpLink.mqh>

#define LB_GREETING_SIZE 64
// Signature and version.
#define LB_GREETING_HEAD 12

class LbZmtpHandshake {
private:
   bool   m_plain;
   uchar  m_user[];
   uchar  m_password[];
   string m_fault;

   bool Fail(const string why) {
      m_fault = why;
      return false;
   }

   string Mechanism() const {
      return m_plain ? "PLAIN" : "NULL";
   }

   // What to do where the daemon wants another mechanism.
   string Remedy(const string mechanism) const {
      if(mechanism == "PLAIN")
         return " Enter user and password in the inputs.";
      if(mechanism == "NULL")
         return " Leave user and password in the inputs empty.";
      if(mechanism == "CURVE")
         return " CURVE needs LibZmqTransport.mqh.";
      return "";
   }

   // A name or password as UTF-8, without the closing 0 that MQL5 adds.
   void ToBytes(const string text, uchar &bytes[]) {
      int count = StringLen(text) == 0 ? 0 : StringToCharArray(text, bytes, 0, -1, CP_UTF8) - 1;
      ArrayResize(bytes, count);
   }

   // Signature and version go first: libzmq hangs up on the rest if it wants another mechanism, before it has said
   // which. The rest leaves with the first command; on its own, TCP might delay the command behind it.
   bool SendGreeting(LbZmtpLink &link, const ulong deadline) {
      LbBytes out;
      out.Put(255);
      for(int i = 0; i < 8; i++)
         out.Put(0);
      out.Put(127);
      out.Put(3);
      out.Put(1);
      uchar bytes[];
      out.TakeAll(bytes);
      if(link.SendRaw(bytes, deadline) != LB_WAIT_DONE)
         return Fail(link.Fault());
      out.PutAscii(Mechanism());
      while(out.Size() < LB_GREETING_SIZE - LB_GREETING_HEAD)
         out.Put(0);
      out.TakeAll(bytes);
      link.Hold(bytes);
      return true;
   }

   bool Gathered(LbZmtpLink &link, const int count, const ulong deadline) {
      if(link.Gather(count, deadline) != LB_WAIT_DONE)
         return Fail("No ZeroMQ greeting came. " + link.Fault());
      return true;
   }

   // The peer's greeting. What is none is found out at its first bytes, not when the time is over.
   bool ReadGreeting(LbZmtpLink &link, const ulong deadline) {
      if(!Gathered(link, 1, deadline))
         return false;
      bool good = (int)link.Peek(0) == 255;
      if(good && !Gathered(link, LB_GREETING_HEAD, deadline))
         return false;
      if(!good || (int)link.Peek(9) != 127)
         return Fail("What answers at this address does not speak ZeroMQ.");
      if((int)link.Peek(10) < 3)
         return Fail("The peer speaks a ZeroMQ protocol older than 3.0.");
      if(!Gathered(link, LB_GREETING_SIZE, deadline))
         return false;
      string mechanism = "";
      for(int i = LB_GREETING_HEAD; i < 32 && link.Peek(i) != 0; i++)
         mechanism += CharToString(link.Peek(i));
      link.Drop(LB_GREETING_SIZE);
      if(mechanism != Mechanism())
         return Fail("The daemon wants the mechanism " + mechanism + ", this program uses " + Mechanism() + "."
                     + Remedy(mechanism));
      return true;
   }

   bool SendCommand(LbZmtpLink &link, const uchar &body[], const ulong deadline) {
      if(link.SendFrame(LB_FLAG_COMMAND, body, deadline) != LB_WAIT_DONE)
         return Fail(link.Fault());
      return true;
   }

   bool SendHello(LbZmtpLink &link, const ulong deadline) {
      LbBytes out;
      LbPutCommandName(out, "HELLO");
      out.Put(ArraySize(m_user));
      out.Append(m_user, ArraySize(m_user));
      out.Put(ArraySize(m_password));
      out.Append(m_password, ArraySize(m_password));
      uchar body[];
      out.TakeAll(body);
      return SendCommand(link, body, deadline);
   }

   // READY or INITIATE with what this side is.
   bool SendProperties(LbZmtpLink &link, const string name, const ulong deadline) {
      LbBytes out;
      LbPutCommandName(out, name);
      LbPutProperty(out, "Socket-Type", "DEALER");
      LbPutProperty(out, "Identity", "");
      uchar body[];
      out.TakeAll(body);
      return SendCommand(link, body, deadline);
   }

   bool Await(LbZmtpLink &link, const string name, LbZmtpCommand &command, const ulong deadline) {
      uchar body[];
      if(link.Next(body, deadline) != LB_WAIT_DONE)
         return Fail("The handshake was not completed. " + link.Fault());
      if(!link.IsCommand() || !command.Parse(body))
         return Fail("The peer broke the handshake.");
      if(command.Name() == "ERROR")
         return Fail(Refusal(command.Reason()));
      if(command.Name() != name)
         return Fail("The peer sent " + command.Name() + " where " + name + " was due.");
      return true;
   }

   string Refusal(const string reason) const {
      if(m_plain)
         return "The daemon refuses this user or password (" + reason + ").";
      return "The daemon refuses this connection (" + reason + ").";
   }

   bool CheckReady(const LbZmtpCommand &ready) {
      string type;
      if(!ready.Property("Socket-Type", type))
         return Fail("The peer broke the handshake.");
      if(type != "ROUTER" && type != "REP" && type != "DEALER")
         return Fail("The peer is a socket of type '" + type + "', not the daemon.");
      return true;
   }

public:
   LbZmtpHandshake() : m_plain(false), m_fault("") {}

   string Fault() const { return m_fault; }

   // Name and password; false where ZeroMQ cannot carry them.
   bool SetPlain(const string user, const string password) {
      m_plain = true;
      ToBytes(user, m_user);
      ToBytes(password, m_password);
      return ArraySize(m_user) <= 255 && ArraySize(m_password) <= 255;
   }

   // Shake hands on a new connection.
   bool Run(LbZmtpLink &link, const ulong deadline) {
      LbZmtpCommand command;
      if(ArraySize(m_user) > 255 || ArraySize(m_password) > 255)
         return Fail("User and password may have 255 bytes each.");
      if(!SendGreeting(link, deadline) || !ReadGreeting(link, deadline))
         return false;
      if(m_plain && !(SendHello(link, deadline) && Await(link, "WELCOME", command, deadline)))
         return false;
      if(!SendProperties(link, m_plain ? "INITIATE" : "READY", deadline))
         return false;
      return Await(link, "READY", command, deadline) && CheckReady(command);
   }
};

#endif
