// The size question and its answer.
#ifndef LOTBRIDGE_SIZE_MESSAGES_MQH
#define LOTBRIDGE_SIZE_MESSAGES_MQH
#property strict
#include <LotBridge/Reply.mqh>
#include <LotBridge/Request.mqh>

// How many lots? symbol, side and a stop are needed; what is not set is left to the daemon's policy.
class LbSizeRequest : public LbRequest {
private:
   LbOptional m_stop_loss;
   bool       m_policy_stop;

public:
   string     symbol;
   // "buy" or "sell".
   string     side;
   LbOptional entry;
   LbOptional take_profit;
   // Percent, 0 to 100.
   LbOptional confidence;
   LbOptional market_score;
   // "trending", "ranging", "volatile", or "" for the daemon's own view.
   string     regime;
   string     strategy;
   LbOptional magic;
   // "market", or "pending" for an entry that is waited for.
   string     order;
   LbOptional horizon_minutes;
   // This program's own ceilings; they only ever lower.
   LbOptional max_lots;
   LbOptional max_risk_pct;
   LbOptional sent_ms;
   // Priced and journalled, nothing reserved.
   bool       dry_run;

   LbSizeRequest()
      : LbRequest("size"), m_policy_stop(false), symbol(""), side(""), regime(""), strategy(""), order("market"),
        dry_run(false) {}

   // The price of the stop. One that could not be computed (not finite, or EMPTY_VALUE) is refused, not left out.
   void StopLoss(const double price) {
      m_stop_loss.Set(price);
      m_policy_stop = false;
   }

   // Ask for the policy's ATR stop.
   void PolicyStop() {
      m_policy_stop = true;
   }

   // Whether the stop is this program's own, and its price.
   bool   HasStop() const { return !m_policy_stop && m_stop_loss.Given(); }
   double AskedStop() const { return m_stop_loss.Value(); }

   virtual bool Reserves() const { return !dry_run; }

   virtual void WriteFields(LbJsonWriter &writer) {
      writer.TextField("symbol", symbol);
      writer.TextField("side", side);
      if(m_policy_stop)
         writer.NullField("stop_loss");
      else
         m_stop_loss.Write(writer, "stop_loss");
      entry.Write(writer, "entry");
      take_profit.Write(writer, "take_profit");
      confidence.Write(writer, "confidence");
      market_score.Write(writer, "market_score");
      if(regime != "")
         writer.TextField("regime", regime);
      if(strategy != "")
         writer.TextField("strategy", strategy);
      magic.WriteWhole(writer, "magic");
      if(order != "market")
         writer.TextField("order", order);
      horizon_minutes.WriteWhole(writer, "horizon_minutes");
      max_lots.Write(writer, "max_lots");
      max_risk_pct.Write(writer, "max_risk_pct");
      sent_ms.WriteWhole(writer, "sent_ms");
      if(dry_run)
         writer.FlagField("dry_run", true);
   }
};

// So many lots, or 0 and why. Prices and money that were not got to are 0, texts "".
class LbSizeAnswer : public LbReply {
public:
   double lots;
   double entry;
   double stop_loss;
   double take_profit;
   double base_lots;
   // The tightest cap and the next one.
   string binding;
   string runner_up;
   // Give this back with ConfirmFill or Release.
   string reservation;
   long   expires_ms;
   string decision;
   string risk_currency;
   // Money at the stop with costs; with the gap allowance; in percent of equity; per lot.
   double risk_amount;
   double risk_worst_case;
   double risk_percent;
   double risk_per_lot;
   double expected_shortfall;
   // How old the quote was, -1 where nobody knows.
   long   quote_age_ms;

   LbSizeAnswer() { ResetFields(); }

protected:
   virtual void ResetFields() {
      lots = 0;
      entry = 0;
      stop_loss = 0;
      take_profit = 0;
      base_lots = 0;
      binding = "";
      runner_up = "";
      reservation = "";
      expires_ms = 0;
      decision = "";
      risk_currency = "";
      risk_amount = 0;
      risk_worst_case = 0;
      risk_percent = 0;
      risk_per_lot = 0;
      expected_shortfall = 0;
      quote_age_ms = -1;
   }

   virtual bool ReadFields(const LbJsonReader &json) {
      return ReadPrices(json) && ReadNames(json) && ReadRisk(json, json.Find(0, "risk"));
   }

   // "ok" means lots above 0, anything else means 0; and lots are reserved unless they were only asked about.
   virtual bool Suits(const LbRequest &request) const {
      bool reserved = reservation != "" && expires_ms > 0;
      if(Ok())
         return lots > 0 && (request.Reserves() ? reserved : reservation == "");
      return lots == 0 && reservation == "";
   }

private:
   bool ReadPrices(const LbJsonReader &json) {
      return json.GetNumber(0, "lots", lots) && json.GetNumber(0, "base_lots", base_lots)
             && json.GetNumberOrNull(0, "entry", entry) && json.GetNumberOrNull(0, "stop_loss", stop_loss)
             && json.GetNumberOrNull(0, "take_profit", take_profit)
             && json.GetIntegerOrNull(json.Find(0, "ages"), "quote_ms", quote_age_ms);
   }

   bool ReadNames(const LbJsonReader &json) {
      return json.GetTextOrNull(0, "binding", binding) && json.GetTextOrNull(0, "runner_up", runner_up)
             && json.GetTextOrNull(0, "reservation", reservation) && json.GetTextOrNull(0, "decision", decision)
             && json.GetIntegerOrNull(0, "expires_ms", expires_ms);
   }

   bool ReadRisk(const LbJsonReader &json, const int risk) {
      return json.GetText(risk, "currency", risk_currency) && json.GetNumber(risk, "amount", risk_amount)
             && json.GetNumber(risk, "worst_case", risk_worst_case) && json.GetNumber(risk, "percent", risk_percent)
             && json.GetNumber(risk, "per_lot", risk_per_lot)
             && json.GetNumber(risk, "expected_shortfall", expected_shortfall);
   }
};

#endif
