// What became of a reservation: filled, or given back.
#ifndef LOTBRIDGE_RESERVATION_MESSAGES_MQH
#define LOTBRIDGE_RESERVATION_MESSAGES_MQH
#property strict
#include <LotBridge/Reply.mqh>
#include <LotBridge/Request.mqh>

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
      writer.TextField("reason", StringLen(reason) > 200 ? StringSubstr(reason, 0, 200) : reason);
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
