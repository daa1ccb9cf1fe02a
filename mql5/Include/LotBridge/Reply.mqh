// What every reply has, and what is said where none came. A derived class reads its own fields.
#ifndef LOTBRIDGE_REPLY_MQH
#define LOTBRIDGE_REPLY_MQH
#property strict
#include <LotBridge/JsonReader.mqh>
#include <LotBridge/Request.mqh>

class LbReply {
public:
   // "ok", "reject", "error", or "none" where the daemon gave no usable answer.
   string status;
   // The daemon's code, or no_answer, bad_reply, bad_request, which are this client's own.
   string code;
   // One sentence for a person.
   string message;
   // The culprit of an error.
   string field;
   string id;
   // The daemon's clock, UTC.
   long   server_ms;
   // When its question was first said, by GetMicrosecondCount; 0 where there is no reply.
   ulong  asked_us;

   LbReply() { ResetCommon(); }
   virtual ~LbReply() {}

   bool Ok() const { return status == "ok"; }
   // Whether the daemon said anything, be it a refusal.
   bool Answered() const { return status != "none"; }

   // Back to "no answer".
   void Reset() {
      ResetCommon();
      ResetFields();
   }

   // The answer that the client itself gives.
   void Refuse(const string why_code, const string why) {
      Reset();
      code = why_code;
      message = why;
   }

   // Read a reply that belongs to this question; false where it is not as the protocol says.
   bool Read(const LbJsonReader &json, const LbRequest &request) {
      Reset();
      bool good = ReadCommon(json, request.Type());
      if(good && status != "error")
         good = ReadFields(json) && Suits(request);
      if(!good)
         Refuse("bad_reply", "The daemon's reply cannot be read. Update this program or the daemon.");
      return good;
   }

protected:
   // The fields beyond the common ones, of a reply that is no error.
   virtual bool ReadFields(const LbJsonReader &json) { return true; }
   virtual void ResetFields() {}
   // Whether the fields, as they were read, can be the answer to this question.
   virtual bool Suits(const LbRequest &request) const { return true; }

private:
   void ResetCommon() {
      status = "none";
      code = "no_answer";
      message = "";
      field = "";
      id = "";
      server_ms = 0;
      asked_us = 0;
   }

   bool ReadCommon(const LbJsonReader &json, const string type) {
      long version = 0;
      string found = type;
      code = "";
      if(!json.GetInteger(0, "v", version) || version != 1)
         return false;
      if(!json.GetTextOrNull(0, "type", found) || found != type || !json.GetTextOrNull(0, "id", id))
         return false;
      if(!json.GetTextOrNull(0, "code", code) || !json.GetTextOrNull(0, "message", message))
         return false;
      if(!json.GetInteger(0, "server_ms", server_ms) || !json.GetText(0, "status", status))
         return false;
      if(status == "error")
         return json.GetTextOrNull(0, "field", field);
      return status == "ok" || status == "reject";
   }
};

#endif
