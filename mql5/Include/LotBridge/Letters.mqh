// What the daemon must hear of, one question each, said under one id however often: the daemon takes it once.
#ifndef LOTBRIDGE_LETTERS_MQH
#define LOTBRIDGE_LETTERS_MQH
#property strict
#include <LotBridge/Client.mqh>

class LbLetter {
private:
   string m_about;
   string m_code;
   string m_message;
   bool   m_said;

protected:
   bool Tell(LbClient *client, LbRequest &request, LbReply &reply) {
      bool done = m_said ? client.AskAgain(request, reply) : client.Ask(request, reply);
      m_said = true;
      m_code = reply.code;
      m_message = reply.message;
      return done;
   }

public:
   // How often it was met with an answer that is of no use.
   int tries;

   LbLetter(const string about) : m_about(about), m_code(""), m_message(""), m_said(false), tries(0) {}
   virtual ~LbLetter() {}

   // The reservation or the instruction that it tells of.
   string About() const { return m_about; }
   // Of the last answer.
   string Code() const { return m_code; }
   string Message() const { return m_message; }

   // True when the daemon has taken it.
   virtual bool Say(LbClient *client) = 0;
};

// What a position holds of a reservation so far.
class LbFillLetter : public LbLetter {
private:
   LbFillRequest       m_fill;
   LbReservationAnswer m_heard;

public:
   LbFillLetter(const string reservation, const long ticket, const double lots, const double price)
      : LbLetter(reservation) {
      m_fill.reservation = reservation;
      m_fill.ticket = ticket;
      m_fill.lots = lots;
      m_fill.price = price;
   }

   virtual bool Say(LbClient *client) { return Tell(client, m_fill, m_heard); }
};

// A reservation's rest is given back.
class LbReleaseLetter : public LbLetter {
private:
   LbReleaseRequest    m_release;
   LbReservationAnswer m_heard;

public:
   LbReleaseLetter(const string reservation, const string reason) : LbLetter(reservation) {
      m_release.reservation = reservation;
      m_release.reason = reason;
   }

   virtual bool Say(LbClient *client) { return Tell(client, m_release, m_heard); }
};

#endif
