// What every request has. A derived class writes its own fields.
#ifndef LOTBRIDGE_REQUEST_MQH
#define LOTBRIDGE_REQUEST_MQH
#property strict
#include <LotBridge/JsonWriter.mqh>

#define LB_PROTOCOL 1
#define LB_MAX_REQUEST 262144

// A number that may be left out.
class LbOptional {
private:
   bool   m_given;
   double m_value;

public:
   LbOptional() : m_given(false), m_value(0) {}

   bool   Given() const { return m_given; }
   double Value() const { return m_value; }
   void   Clear() { m_given = false; }

   void Set(const double value) {
      m_given = true;
      m_value = value;
   }

   void Write(LbJsonWriter &writer, const string name) const {
      if(m_given)
         writer.NumberField(name, m_value);
   }

   // For fields that are whole numbers.
   void WriteWhole(LbJsonWriter &writer, const string name) const {
      if(m_given)
         writer.IntegerField(name, (long)m_value);
   }
};

class LbRequest {
private:
   string m_type;
   string m_fault;

public:
   // Chosen by the client.
   string id;
   // Login; below 0 it is left out, which a daemon with a single account allows.
   long   account;
   // When it was first said under this id, by GetMicrosecondCount; 0: never.
   ulong  asked_us;

   LbRequest(const string type) : m_type(type), m_fault(""), id(""), account(-1), asked_us(0) {}
   virtual ~LbRequest() {}

   string Type() const { return m_type; }
   // Whether an "ok" holds risk for this program.
   virtual bool Reserves() const { return false; }
   // Why the request could not be written.
   string Fault() const { return m_fault; }

   // The fields beyond the common ones. Where they cannot be said, Refuse.
   virtual void WriteFields(LbJsonWriter &writer) {}

   // The whole body; false where it must not be sent.
   bool Write(uchar &body[]) {
      LbJsonWriter writer;
      m_fault = "";
      writer.BeginObject();
      writer.IntegerField("v", LB_PROTOCOL);
      writer.TextField("type", m_type);
      writer.TextField("id", id);
      if(account >= 0)
         writer.IntegerField("account", account);
      WriteFields(writer);
      writer.EndObject();
      if(m_fault == "")
         m_fault = writer.Fault();
      if(m_fault == "" && writer.Size() > LB_MAX_REQUEST)
         m_fault = "the request is larger than 262144 bytes";
      writer.TakeAll(body);
      return m_fault == "";
   }

protected:
   void Refuse(const string why) { m_fault = why; }
};

#endif
