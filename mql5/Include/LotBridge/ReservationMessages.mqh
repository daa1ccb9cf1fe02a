// What became of a reservation: filled, or given back.
#ifndef LOTBRIDGE_RESERVATION_MESSAGES_MQH
#define LOTBRIDGE_RESERVATION_MESSAGES_MQH
#property strict
#include <LotBridge/Reply.mqh>
#include <LotBridge/Request.mqh>

// The beginning of a text, so many characters at the most: half of a surrogate pair is none.
string LbCut(const string text, const int most) {
   int length = StringLen(text);
   int at = 0;
   for(int left = most; left > 0 && at < length; left--) {
      bool high = (StringGetCharacter(text, at) & 0xFC00) == 0xD800;
      bool pair = high && at + 1 < length && (StringGetCharacter(text, at + 1) & 0xFC00) == 0xDC00;
      at += pair ? 2 : 1;
   }
   return StringSubstr(text, 0, at);
}

class LbFillRequest : public LbRequest {
public:
   string reservation;
   // POSITION_TICKET, not the deal's.
   long   ticket;
   // What the ticket holds so far.
   double lots;
   double price;

   LbFillRequest() : LbRequest("fill"), reservation(""), ticket(0), lots(0), price(0) {}

   virtual void WriteFields(LbJsonWriter &writer) {
      writer.TextField("reservation", reservation);
      writer.IntegerField("ticket", ticket);
      writer.NumberField("lots", lots);
      writer.NumberField("price", price);
   }
};

class LbReleaseRequest : public LbRequest {
public:
   string reservation;
   string reason;

   LbReleaseRequest() : LbRequest("release"), reservation(""), reason("") {}

   virtual void WriteFields(LbJsonWriter &writer) {
      writer.TextField("reservation", reservation);
      writer.TextField("reason", LbCut(reason, 200));
   }
};

class LbReservationAnswer : public LbReply {
public:
   string reservation;
   // reserved, partly_open, open, released or lapsed.
   string state;

   LbReservationAnswer() { ResetFields(); }

protected:
   virtual void ResetFields() {
      reservation = "";
      state = "";
   }

   virtual bool ReadFields(const LbJsonReader &json) {
      return json.GetText(0, "reservation", reservation) && json.GetText(0, "state", state);
   }
};

#endif
