// A TCP connection on MQL5's native sockets that never waits past a deadline.
#ifndef LOTBRIDGE_SOCKET_STREAM_MQH
#define LOTBRIDGE_SOCKET_STREAM_MQH
#property strict
#include <LotBridge/Bytes.mqh>
#include <LotBridge/Clock.mqh>

#define LB_ERROR_NOT_ALLOWED 4014
#define LB_ERROR_TOO_MANY 5271
#define LB_ERROR_DROPPED 5273
#define LB_CHUNK 65536
// One wait lasts at most so long, so that an EA that is removed ends soon.
#define LB_SLICE_MS 100

enum ENUM_LB_WAIT {
   LB_WAIT_DONE,
   LB_WAIT_LATE,
   LB_WAIT_FAILED
};

class LbSocketStream {
private:
   int    m_socket;
   uchar  m_chunk[];
   uchar  m_rest[];
   string m_fault;

   bool Fail(const string why) {
      m_fault = why;
      return false;
   }

   bool ConnectFault(const string host, const uint port, const int error) {
      string where = host + ":" + IntegerToString((long)port);
      if(error == LB_ERROR_NOT_ALLOWED)
         return Fail("MetaTrader does not let programs connect to " + host
                     + ". Tools > Options > Expert Advisors: tick 'Allow WebRequest for listed URL' and add "
                     + host + " (error 4014).");
      return Fail("Nothing answers at " + where + ". Is the daemon running? (error "
                  + IntegerToString((long)error) + ")");
   }

   // The connection is of no use any more.
   ENUM_LB_WAIT Broken(const string why) {
      m_fault = why;
      Close();
      return LB_WAIT_FAILED;
   }

public:
   LbSocketStream() : m_socket(INVALID_HANDLE), m_fault("") {}
   ~LbSocketStream() { Close(); }

   string Fault() const { return m_fault; }
   bool   IsOpen() const { return m_socket != INVALID_HANDLE; }

   void Close() {
      if(m_socket != INVALID_HANDLE)
         SocketClose(m_socket);
      m_socket = INVALID_HANDLE;
   }

   bool Connect(const string host, const uint port, const ulong deadline) {
      Close();
      if(MQLInfoInteger(MQL_TESTER) != 0)
         return Fail("The strategy tester has no sockets.");
      uint left = LbLeft(deadline);
      if(left == 0)
         return Fail("No time was left to connect.");
      ResetLastError();
      m_socket = SocketCreate();
      if(m_socket == INVALID_HANDLE) {
         int error = GetLastError();
         if(error == LB_ERROR_TOO_MANY)
            return Fail("The program has too many sockets open (error 5271).");
         return Fail("Sockets work in expert advisors and scripts only (error " + IntegerToString((long)error) + ").");
      }
      ResetLastError();
      if(SocketConnect(m_socket, host, port, left))
         return true;
      int error = GetLastError();
      Close();
      return ConnectFault(host, port, error);
   }

   // Everything or nothing: a message that was sent in part has broken the stream, so the connection is closed.
   ENUM_LB_WAIT Send(const uchar &bytes[], const ulong deadline) {
      int size = ArraySize(bytes);
      int sent = 0;
      while(sent < size) {
         uint left = LbLeft(deadline);
         if(left == 0 || IsStopped())
            return Broken("The daemon did not take the request in time.");
         SocketTimeouts(m_socket, left, left);
         int taken = SendFrom(bytes, sent, size);
         if(taken < 0)
            return Broken("The connection was lost while sending.");
         if(taken == 0)
            Sleep(1);
         sent += taken;
      }
      return LB_WAIT_DONE;
   }

   // What has come, at least a byte. MQL5's hint may say 1 of an empty buffer, and a read may block until all that it
   // asked for is there: so never ask for more than the hint, and for a single byte where there is none.
   ENUM_LB_WAIT Read(LbBytes &into, const ulong deadline) {
      while(true) {
         uint left = LbLeft(deadline);
         if(left == 0)
            return Late("Nothing came in time.");
         if(IsStopped())
            return Late("The program is being removed.");
         uint wanted = SocketIsReadable(m_socket);
         if(wanted < 1)
            wanted = 1;
         if(wanted > LB_CHUNK)
            wanted = LB_CHUNK;
         uint wait = left < LB_SLICE_MS ? left : LB_SLICE_MS;
         ulong begun = GetMicrosecondCount();
         ResetLastError();
         int got = SocketRead(m_socket, m_chunk, wanted, wait);
         if(got > 0) {
            into.Append(m_chunk, got);
            return LB_WAIT_DONE;
         }
         // -1 means a timeout as well as an error: an error comes before the time is over.
         bool early = GetMicrosecondCount() - begun < (ulong)wait * 500;
         if(!SocketIsConnected(m_socket) || (early && GetLastError() == LB_ERROR_DROPPED))
            return Broken("The daemon closed the connection.");
         if(early)
            Sleep(1);
      }
      return LB_WAIT_FAILED;
   }

private:
   ENUM_LB_WAIT Late(const string why) {
      m_fault = why;
      return LB_WAIT_LATE;
   }

   int SendFrom(const uchar &bytes[], const int start, const int size) {
      if(start == 0)
         return SocketSend(m_socket, bytes, (uint)size);
      ArrayResize(m_rest, size - start);
      ArrayCopy(m_rest, bytes, 0, start, size - start);
      return SocketSend(m_socket, m_rest, (uint)(size - start));
   }
};

#endif
