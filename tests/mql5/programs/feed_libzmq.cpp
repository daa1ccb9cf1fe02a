// The same with libzmq's transport, chosen as a user would: by an include before the others.
#include <LotBridge/LibZmqTransport.mqh>
#include "feed.cpp"
