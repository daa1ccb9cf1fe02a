// What to do where the daemon refuses every size of an account; `lotbridge codes` says the same.
#ifndef LOTBRIDGE_REMEDIES_MQH
#define LOTBRIDGE_REMEDIES_MQH
#property strict

string LbRemedy(const string code) {
   if(code == "terminal_unavailable")
      return "The terminal does not answer: start it, or start the feeding EA.";
   if(code == "stale_account")
      return "Check the feed and its deals; where a rule's anchor is unknown, use `lotbridge anchor set`.";
   if(code == "trading_halted")
      return "Allow algorithmic trading in the terminal, or lift the halt with `lotbridge resume`.";
   if(code == "unpriceable_position")
      return "An open position or order has no stop or no price: set its stop, or feed its symbol.";
   if(code == "rule_breached")
      return "A loss rule of the firm is breached: do not trade this account. See `lotbridge rules`.";
   if(code == "drawdown_halt")
      return "The drawdown has reached drawdown.halt_pct: `lotbridge resume` lifts the halt, at smaller sizes.";
   if(code == "weekend")
      return "The firm wants no positions over the weekend: wait until it ends.";
   if(code == "daily_break")
      return "The firm wants no positions in its daily break: wait until it ends.";
   if(code == "news_window")
      return "Wait until the news window ends; where the calendar is missing or stale, renew its file.";
   return "See what 'lotbridge codes' says of it.";
}

#endif
