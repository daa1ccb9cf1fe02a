// The account's closed history as the terminal has it, and whether that can be all of it: a terminal that has just
// logged in loads history in pieces, and does not say so.
#ifndef LOTBRIDGE_DEAL_HISTORY_MQH
#define LOTBRIDGE_DEAL_HISTORY_MQH
#property strict
#include <LotBridge/Clock.mqh>
#include <LotBridge/TicketSet.mqh>

// Deals make the balance: that proves that they are all there. Where they never do, for brokers book as they please,
// they must stand still for so long.
#define LB_HISTORY_STILL_MS 12000
#define LB_HISTORY_CENT 0.01

struct LbDeal {
   ulong ticket;
   long  time_msc;
};

class LbDealHistory {
private:
   LbTicketSet m_known;
   // The newest deal's time.
   long        m_newest;
   // Before this moment deals may be missing; 0: none are. LONG_MAX: any.
   long        m_doubt;
   ulong       m_still;
   // Of the look at hand: the sum of the deals, and whether any is new.
   double      m_sum;
   bool        m_grown;

   double Net(const ulong ticket) const {
      return HistoryDealGetDouble(ticket, DEAL_PROFIT) + HistoryDealGetDouble(ticket, DEAL_SWAP)
             + HistoryDealGetDouble(ticket, DEAL_COMMISSION) + HistoryDealGetDouble(ticket, DEAL_FEE);
   }

   // A deal older than those of the looks before had not been loaded then, nor perhaps others of its time.
   void Meet(const LbDeal &deal, const long newest) {
      if(!m_known.Add(deal.ticket))
         return;
      m_grown = true;
      if(deal.time_msc > m_newest)
         m_newest = deal.time_msc;
      if(deal.time_msc < newest && deal.time_msc >= m_doubt)
         m_doubt = deal.time_msc + 1;
   }

   void Judge(const int count) {
      double balance = AccountInfoDouble(ACCOUNT_BALANCE);
      if(m_grown)
         m_still = LbDeadline(LB_HISTORY_STILL_MS);
      // That there is money, and never was a deal, is not believed.
      bool never = count == 0 && (balance != 0 || PositionsTotal() > 0);
      bool adds_up = count > 0 && MathAbs(m_sum - balance) < LB_HISTORY_CENT;
      if(!never && (adds_up || LbLeft(m_still) == 0))
         m_doubt = 0;
   }

public:
   LbDealHistory() : m_newest(0), m_doubt(LONG_MAX), m_still(0), m_sum(0), m_grown(false) {}

   // Another account: nothing is known any more.
   void Forget() {
      m_known.Clear();
      m_newest = 0;
      m_doubt = LONG_MAX;
      m_still = 0;
   }

   // Without a broker nothing is loaded: to stand still proves nothing then, and begins anew.
   void Interrupt() { m_still = 0; }

   bool IsWhole() const { return m_doubt == 0; }
   // Whether nothing at all can be said yet.
   bool IsUnknown() const { return m_doubt == LONG_MAX; }
   // From when on, in the broker's ms, no deal is missing.
   long Since() const { return m_doubt; }

   // Every deal but credits, which are no balance, in the terminal's order: oldest first. False where history cannot
   // be had now. Times are the trade server's; a day ahead, as its clock may be ahead of what the terminal has seen.
   bool Look(LbDeal &deals[]) {
      if(!HistorySelect(0, TimeTradeServer() + 86400))
         return false;
      // The first look, and the first one after an interruption, begins the time of standing still.
      m_grown = m_still == 0;
      m_sum = 0;
      long newest = m_newest;
      int total = HistoryDealsTotal();
      int count = 0;
      ArrayResize(deals, total);
      for(int i = 0; i < total; i++) {
         LbDeal deal;
         deal.ticket = HistoryDealGetTicket(i);
         deal.time_msc = deal.ticket == 0 ? 0 : HistoryDealGetInteger(deal.ticket, DEAL_TIME_MSC);
         // The list has changed while it was read.
         if(deal.time_msc <= 0)
            return false;
         if(HistoryDealGetInteger(deal.ticket, DEAL_TYPE) == (long)DEAL_TYPE_CREDIT)
            continue;
         deals[count] = deal;
         count++;
         Meet(deal, newest);
      }
      ArrayResize(deals, count);
      for(int i = 0; m_doubt != 0 && i < count; i++)
         m_sum += Net(deals[i].ticket);
      if(m_doubt != 0)
         Judge(count);
      return true;
   }
};

#endif
