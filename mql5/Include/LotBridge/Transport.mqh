// What carries a request's body to the daemon and a reply's body back. One request at a time.
#ifndef LOTBRIDGE_TRANSPORT_MQH
#define LOTBRIDGE_TRANSPORT_MQH
#property strict
#include <LotBridge/Clock.mqh>

// A larger body is refused on both sides.
#define LB_MAX_BODY 1048576

class LbTransport {
protected:
   string m_fault;

   // Note what went wrong, and say that it failed.
   bool Fail(const string why) {
      m_fault = why;
      return false;
   }

public:
   LbTransport() : m_fault("") {}
   virtual ~LbTransport() {}

   // Connect to an address such as tcp://127.0.0.1:5757. None of these waits past its deadline.
   virtual bool Open(const string address, const ulong deadline) = 0;
   virtual bool IsOpen() = 0;
   virtual bool Send(const uchar &body[], const ulong deadline) = 0;
   // The next body. After false the transport may still be open: then nothing has come in time.
   virtual bool Receive(uchar &body[], const ulong deadline) = 0;
   virtual void Close() = 0;

   // Why the last call failed, in a sentence for a person.
   string LastFault() const {
      return m_fault;
   }
};

#endif
