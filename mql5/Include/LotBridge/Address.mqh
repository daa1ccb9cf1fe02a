// An address such as tcp://127.0.0.1:5757, taken apart.
#ifndef LOTBRIDGE_ADDRESS_MQH
#define LOTBRIDGE_ADDRESS_MQH
#property strict

class LbAddress {
private:
   string m_host;
   uint   m_port;
   string m_fault;

   bool Fail(const string why) {
      m_fault = why;
      return false;
   }

   bool ReadPort(const string digits) {
      int length = StringLen(digits);
      uint port = 0;
      for(int i = 0; i < length; i++) {
         int digit = (int)StringGetCharacter(digits, i) - '0';
         if(digit < 0 || digit > 9 || length > 5)
            return false;
         port = 10 * port + (uint)digit;
      }
      m_port = port;
      return port > 0 && port < 65536;
   }

public:
   LbAddress() : m_host(""), m_port(0), m_fault("") {}

   string Host() const { return m_host; }
   uint   Port() const { return m_port; }
   string Fault() const { return m_fault; }

   bool Parse(const string address) {
      string wanted = "The address '" + address + "' must look like tcp://127.0.0.1:5757.";
      if(StringFind(address, "tcp://") != 0)
         return Fail(wanted);
      string rest = StringSubstr(address, 6);
      int colon = -1;
      for(int i = 0; i < StringLen(rest); i++)
         if(StringGetCharacter(rest, i) == ':')
            colon = i;
      if(colon < 1 || !ReadPort(StringSubstr(rest, colon + 1)))
         return Fail(wanted);
      m_host = StringSubstr(rest, 0, colon);
      int length = StringLen(m_host);
      if(length > 2 && StringGetCharacter(m_host, 0) == '[' && StringGetCharacter(m_host, length - 1) == ']')
         m_host = StringSubstr(m_host, 1, length - 2);
      if(m_port == 443)
         return Fail("MetaTrader starts TLS on port 443 by itself: let the daemon listen on another port.");
      return true;
   }
};

#endif
