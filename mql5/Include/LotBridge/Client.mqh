// Asks the daemon. No answer is 0 lots and a reason; nothing here waits past its deadline.
#ifndef LOTBRIDGE_CLIENT_MQH
#define LOTBRIDGE_CLIENT_MQH
#property strict
#include <LotBridge/Ids.mqh>
#include <LotBridge/Messages.mqh>
#include <LotBridge/Transport.mqh>

#define LB_DEADLINE_MS 500
#define LB_ATTEMPTS 3
#define LB_PAUSE_MS 10
#define LB_BACKOFF_MS 250
#define LB_BACKOFF_MOST_MS 5000

class LbClient {
private:
   LbTransport *m_transport;
   string       m_address;
   long         m_account;
   uint         m_deadline_ms;
   LbIds        m_ids;
   LbJsonReader m_json;
   // After a question without any answer the next ones are not sent for a while.
   uint         m_backoff_ms;
   ulong        m_quiet_until;
   string       m_last_fault;
   int          m_sent;
   // Whether something came that could not be read.
   bool         m_garbled;

   bool Attempt(LbRequest &request, LbReply &reply, const uchar &body[], const ulong until) {
      if(!m_transport.IsOpen() && !m_transport.Open(m_address, until))
         return false;
      m_sent++;
      if(request.asked_us == 0)
         request.asked_us = GetMicrosecondCount();
      return m_transport.Send(body, until) && Await(request, reply, until);
   }

   // The reply to this request. Others are late ones, or garbage: they are dropped.
   bool Await(LbRequest &request, LbReply &reply, const ulong until) {
      uchar body[];
      while(m_transport.Receive(body, until)) {
         if(!m_json.Parse(body) || !IsReply()) {
            m_garbled = true;
            continue;
         }
         if(Answers(request.id)) {
            if(reply.Read(m_json, request))
               reply.asked_us = request.asked_us;
            return true;
         }
      }
      return false;
   }

   bool IsReply() const {
      string found = "";
      return m_json.IsObject(0) && m_json.GetText(0, "status", found) && m_json.GetTextOrNull(0, "id", found);
   }

   // An error names no id where none could be read.
   bool Answers(const string id) const {
      string found = "";
      if(m_json.IsNull(m_json.Find(0, "id")))
         return m_json.GetText(0, "status", found) && found == "error";
      return m_json.GetText(0, "id", found) && found == id;
   }

   void BackOff() {
      m_backoff_ms = m_backoff_ms == 0 ? LB_BACKOFF_MS : 2 * m_backoff_ms;
      if(m_backoff_ms > LB_BACKOFF_MOST_MS)
         m_backoff_ms = LB_BACKOFF_MOST_MS;
      m_quiet_until = LbDeadline(m_backoff_ms);
   }

   bool Exchange(LbRequest &request, LbReply &reply) {
      ulong deadline = LbDeadline(m_deadline_ms);
      uchar body[];
      reply.Reset();
      m_garbled = false;
      if(CheckPointer(m_transport) == POINTER_INVALID) {
         reply.Refuse("no_answer", "There is no transport.");
         return false;
      }
      if(!request.Write(body)) {
         reply.Refuse("bad_request", "The request was not sent: " + request.Fault() + ".");
         return false;
      }
      if(GetMicrosecondCount() < m_quiet_until) {
         reply.Refuse("no_answer", "The daemon did not answer a moment ago: " + m_last_fault);
         return false;
      }
      for(int left = LB_ATTEMPTS; left > 0 && LbLeft(deadline) > 0; left--) {
         if(Attempt(request, reply, body, LbDeadline(LbLeft(deadline) / (uint)left))) {
            m_backoff_ms = 0;
            return reply.Ok();
         }
         m_last_fault = m_transport.LastFault();
         m_transport.Close();
         if(left > 1 && LbLeft(deadline) > 2 * LB_PAUSE_MS)
            Sleep(LB_PAUSE_MS);
      }
      BackOff();
      reply.Refuse("no_answer", "The daemon gave no answer. " + m_last_fault);
      return false;
   }

public:
   // The transport stays the caller's. An account below 0 is left out of the requests.
   LbClient(LbTransport *transport, const string address, const long account)
      : m_transport(transport), m_address(address), m_account(account), m_deadline_ms(LB_DEADLINE_MS),
        m_backoff_ms(0), m_quiet_until(0), m_last_fault(""), m_sent(0), m_garbled(false) {}

   // For all attempts at one question together.
   void DeadlineMs(const uint milliseconds) {
      m_deadline_ms = milliseconds;
   }
   uint DeadlineMs() const { return m_deadline_ms; }

   // Below 0: left out of the requests.
   long   Account() const { return m_account; }
   // 18 characters that tell this run from all others.
   string Session() { return m_ids.Prefix(); }
   // How often a body was sent, repetitions included.
   int    Sent() const { return m_sent; }
   // Whether the last question was met with something that is no reply of this protocol.
   bool   Garbled() const { return m_garbled; }

   // Ask a question under a new id. True when it was done as asked.
   bool Ask(LbRequest &request, LbReply &reply) {
      request.id = m_ids.Next();
      request.asked_us = 0;
      request.account = m_account;
      return Exchange(request, reply);
   }

   // The same question under the same id: the daemon repeats its answer, nothing happens twice.
   bool AskAgain(LbRequest &request, LbReply &reply) {
      return Exchange(request, reply);
   }

   bool RequestLots(LbSizeRequest &request, LbSizeAnswer &answer) {
      return Ask(request, answer);
   }

   // Report what a position holds of a reservation so far.
   bool ConfirmFill(const string reservation, const long ticket, const double lots, const double price,
                    LbReservationAnswer &answer) {
      LbFillRequest request;
      request.reservation = reservation;
      request.ticket = ticket;
      request.lots = lots;
      request.price = price;
      return Ask(request, answer);
   }

   // Give back what was not filled.
   bool Release(const string reservation, const string reason, LbReservationAnswer &answer) {
      LbReleaseRequest request;
      request.reservation = reservation;
      request.reason = reason;
      return Ask(request, answer);
   }

   bool Status(LbStatusAnswer &answer) {
      LbStatusRequest request;
      return Ask(request, answer);
   }

   bool Ping(LbReply &answer) {
      LbPingRequest request;
      return Ask(request, answer);
   }

   // Let go of the connection; the next question opens a new one at once.
   void Disconnect() {
      if(CheckPointer(m_transport) != POINTER_INVALID)
         m_transport.Close();
      m_backoff_ms = 0;
      m_quiet_until = 0;
   }
};

#endif
