// JSON: the strict reader and the writer.
#ifndef LOTBRIDGE_JSON_MQH
#define LOTBRIDGE_JSON_MQH
#property strict
#include <LotBridge/JsonReader.mqh>
#include <LotBridge/JsonWriter.mqh>

#endif
