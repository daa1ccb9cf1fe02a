// ZeroMQ with libzmq.dll (64 bits): for the strategy tester's local agents, and CURVE for a daemon elsewhere.
// The user must allow DLL imports; libzmq.dll lies in MQL5/Libraries.
#ifndef LOTBRIDGE_LIBZMQ_TRANSPORT_MQH
#define LOTBRIDGE_LIBZMQ_TRANSPORT_MQH
#property strict
#include <LotBridge/Transport.mqh>

// Handles and sizes have 64 bits. Texts are handed over as UTF-8 with a closing 0.
#import "libzmq.dll"
long zmq_ctx_new();
int zmq_ctx_term(long context);
long zmq_socket(long context, int type);
int zmq_close(long socket);
int zmq_setsockopt(long socket, int option, const uchar &value[], ulong size);
int zmq_getsockopt(long socket, int option, uchar &value[], uchar &size[]);
int zmq_connect(long socket, const uchar &address[]);
int zmq_send(long socket, const uchar &body[], ulong size, int flags);
int zmq_recv(long socket, uchar &body[], ulong size, int flags);
int zmq_errno();
#import

#define LB_ZMQ_DEALER 5
#define LB_ZMQ_RCVMORE 13
#define LB_ZMQ_LINGER 17
#define LB_ZMQ_MAXMSGSIZE 22
#define LB_ZMQ_RCVTIMEO 27
#define LB_ZMQ_SNDTIMEO 28
#define LB_ZMQ_PLAIN_USERNAME 45
#define LB_ZMQ_PLAIN_PASSWORD 46
#define LB_ZMQ_CURVE_PUBLICKEY 48
#define LB_ZMQ_CURVE_SECRETKEY 49
#define LB_ZMQ_CURVE_SERVERKEY 50
#define LB_ZMQ_EAGAIN 11

class LbLibZmqTransport : public LbTransport {
private:
   long   m_context;
   long   m_socket;
   string m_user;
   string m_password;
   string m_server_key;
   string m_public_key;
   string m_secret_key;
   uchar  m_buffer[];

   bool Broken(const string what) {
      string why = what + " (libzmq error " + IntegerToString((long)zmq_errno()) + ")";
      Close();
      return Fail(why);
   }

   // A number as libzmq reads it: the lowest byte first.
   bool SetNumber(const int option, const long value, const int size) {
      uchar bytes[];
      ArrayResize(bytes, size);
      for(int i = 0; i < size; i++)
         bytes[i] = (uchar)((value >> (8 * i)) & 255);
      return zmq_setsockopt(m_socket, option, bytes, (ulong)size) == 0;
   }

   bool SetText(const int option, const string text) {
      uchar bytes[];
      int size = StringLen(text) == 0 ? 0 : StringToCharArray(text, bytes, 0, -1, CP_UTF8) - 1;
      return zmq_setsockopt(m_socket, option, bytes, (ulong)size) == 0;
   }

   bool SetMechanism() {
      if(m_server_key != "")
         return SetText(LB_ZMQ_CURVE_SERVERKEY, m_server_key) && SetText(LB_ZMQ_CURVE_PUBLICKEY, m_public_key)
                && SetText(LB_ZMQ_CURVE_SECRETKEY, m_secret_key);
      if(m_user != "")
         return SetText(LB_ZMQ_PLAIN_USERNAME, m_user) && SetText(LB_ZMQ_PLAIN_PASSWORD, m_password);
      return true;
   }

   bool HasMore() {
      uchar value[];
      uchar size[];
      ArrayResize(value, 4);
      ArrayInitialize(value, 0);
      ArrayResize(size, 8);
      ArrayInitialize(size, 0);
      size[0] = 4;
      return zmq_getsockopt(m_socket, LB_ZMQ_RCVMORE, value, size) == 0 && value[0] != 0;
   }

public:
   LbLibZmqTransport()
      : m_context(0), m_socket(0), m_user(""), m_password(""), m_server_key(""), m_public_key(""), m_secret_key("") {}

   ~LbLibZmqTransport() {
      Close();
      if(m_context != 0)
         zmq_ctx_term(m_context);
   }

   void SetPlain(const string user, const string password) {
      m_user = user;
      m_password = password;
   }

   // Keys as 40 characters of Z85, as `lotbridge keys` writes them.
   void SetCurve(const string server_key, const string public_key, const string secret_key) {
      m_server_key = server_key;
      m_public_key = public_key;
      m_secret_key = secret_key;
   }

   // libzmq connects on its own: a daemon that is not there shows as no answer.
   virtual bool Open(const string address, const ulong deadline) {
      Close();
      if(MQLInfoInteger(MQL_DLLS_ALLOWED) == 0)
         return Fail("DLL imports are not allowed: tick 'Allow DLL imports' in the program's Common tab.");
      if(m_context == 0)
         m_context = zmq_ctx_new();
      if(m_context != 0)
         m_socket = zmq_socket(m_context, LB_ZMQ_DEALER);
      if(m_socket == 0)
         return Broken("libzmq gave no socket.");
      if(!SetNumber(LB_ZMQ_LINGER, 0, 4) || !SetNumber(LB_ZMQ_MAXMSGSIZE, LB_MAX_BODY, 8))
         return Broken("libzmq refuses an option.");
      if(!SetMechanism())
         return Broken("libzmq refuses the user or the keys.");
      uchar bytes[];
      StringToCharArray(address, bytes, 0, -1, CP_UTF8);
      if(zmq_connect(m_socket, bytes) != 0)
         return Broken("libzmq cannot use the address " + address + ".");
      return true;
   }

   virtual bool IsOpen() {
      return m_socket != 0;
   }

   virtual bool Send(const uchar &body[], const ulong deadline) {
      if(m_socket == 0)
         return Fail("There is no connection.");
      uint left = LbLeft(deadline);
      if(left == 0)
         return Fail("No time was left to send.");
      if(!SetNumber(LB_ZMQ_SNDTIMEO, (long)left, 4) || zmq_send(m_socket, body, (ulong)ArraySize(body), 0) < 0)
         return Broken("The request could not be sent.");
      return true;
   }

   virtual bool Receive(uchar &body[], const ulong deadline) {
      if(m_socket == 0)
         return Fail("There is no connection.");
      if(ArraySize(m_buffer) == 0)
         ArrayResize(m_buffer, LB_MAX_BODY);
      while(true) {
         uint left = LbLeft(deadline);
         if(left == 0)
            return Fail("Nothing came in time.");
         if(!SetNumber(LB_ZMQ_RCVTIMEO, (long)left, 4))
            return Broken("libzmq refuses an option.");
         int size = zmq_recv(m_socket, m_buffer, (ulong)LB_MAX_BODY, 0);
         if(size < 0 && zmq_errno() == LB_ZMQ_EAGAIN)
            return Fail("Nothing came in time.");
         if(size < 0 || size > LB_MAX_BODY)
            return Broken("The reply could not be received.");
         if(HasMore())
            continue;
         ArrayResize(body, size);
         ArrayCopy(body, m_buffer, 0, 0, size);
         return true;
      }
      return false;
   }

   virtual void Close() {
      if(m_socket != 0)
         zmq_close(m_socket);
      m_socket = 0;
   }
};

#endif
