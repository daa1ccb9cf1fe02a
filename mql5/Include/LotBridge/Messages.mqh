// All questions and answers but the feed's.
#ifndef LOTBRIDGE_MESSAGES_MQH
#define LOTBRIDGE_MESSAGES_MQH
#property strict
#include <LotBridge/InstructionMessages.mqh>
#include <LotBridge/ReservationMessages.mqh>
#include <LotBridge/SizeMessages.mqh>
#include <LotBridge/StatusMessages.mqh>

#endif
