// Time, errors, pointers, and what the terminal says of itself. A test sets `shim::watch` and `shim::program`.
#pragma once
#include <chrono>
#include <map>
#include <thread>
#include "format.hpp"

namespace shim {

// Real time plus `ahead_us`. Frozen, it moves only by Sleep, by waits of faulty sockets and by `pass`.
struct Clock {
    int64_t ahead_us = 0;
    int64_t utc_ahead_ms = 0;
    int64_t broker_offset_s = 0;
    bool frozen = false;
    int64_t frozen_us = 0, frozen_utc_us = 0;
    // Sleep lets time pass without waiting; on by itself while frozen.
    bool skip_sleeps = false;

    static int64_t real_us() {
        using namespace std::chrono;
        return duration_cast<microseconds>(steady_clock::now().time_since_epoch()).count();
    }
    static int64_t real_utc_us() {
        using namespace std::chrono;
        return duration_cast<microseconds>(system_clock::now().time_since_epoch()).count();
    }
    // Microseconds since the program began.
    int64_t now_us() const {
        static const int64_t begun = real_us();
        return (frozen ? frozen_us : real_us() - begun + 1000) + ahead_us;
    }
    int64_t utc_us() const { return (frozen ? frozen_utc_us : real_utc_us()) + ahead_us + utc_ahead_ms * 1000; }
    void pass_ms(int64_t ms) { ahead_us += ms * 1000; }
    // Stand still at a moment in UTC.
    void freeze(int64_t utc_ms) {
        frozen_us = now_us() - ahead_us;
        frozen = true;
        ahead_us = utc_ahead_ms = 0;
        frozen_utc_us = utc_ms * 1000;
    }
};
inline Clock watch;

struct Program {
    int last_error = 0;
    bool stopped = false;
    // MQLInfoInteger, TerminalInfoInteger and the texts by their property numbers; 0 and "" by default.
    std::map<int, long> mql, terminal;
    std::map<int, std::string> mql_text{{0, "Test"}}, terminal_text;
    long chart = 1;
    int timer_ms = 0;
    bool expert_removed = false;
};
inline Program program;

inline void wait_ms(int64_t ms) {
    if (watch.frozen || watch.skip_sleeps)
        watch.pass_ms(ms);
    else
        std::this_thread::sleep_for(std::chrono::milliseconds(ms));
}

}  // namespace shim

inline void Sleep(int ms) { shim::wait_ms(ms); }
inline ulong GetMicrosecondCount() { return (ulong)shim::watch.now_us(); }
inline ulong GetTickCount64() { return (ulong)(shim::watch.now_us() / 1000); }
inline uint GetTickCount() { return (uint)GetTickCount64(); }
inline datetime TimeGMT() { return shim::watch.utc_us() / 1000000; }
inline datetime TimeLocal() { return TimeGMT(); }
inline datetime TimeTradeServer() { return TimeGMT() + shim::watch.broker_offset_s; }
inline int GetLastError() { return shim::program.last_error; }
inline void ResetLastError() { shim::program.last_error = 0; }
inline bool IsStopped() { return shim::program.stopped; }
inline long ChartID() { return shim::program.chart; }
inline bool EventSetMillisecondTimer(int ms) {
    shim::program.timer_ms = ms;
    return true;
}
inline bool EventSetTimer(int seconds) { return EventSetMillisecondTimer(seconds * 1000); }
inline void EventKillTimer() { shim::program.timer_ms = 0; }
inline void ExpertRemove() { shim::program.expert_removed = true; }

enum ENUM_POINTER_TYPE { POINTER_INVALID, POINTER_DYNAMIC, POINTER_AUTOMATIC };
template <class T>
ENUM_POINTER_TYPE CheckPointer(const T *pointer) {
    return pointer == nullptr ? POINTER_INVALID : POINTER_DYNAMIC;
}
template <class T>
T *GetPointer(T &object) {
    return &object;
}
template <class T>
void ZeroMemory(T &object) {
    object = T{};
}

// The real numbers of the properties are not documented: names only matter.
enum ENUM_MQL_INFO_INTEGER {
    MQL_TESTER = 1, MQL_DLLS_ALLOWED, MQL_TRADE_ALLOWED, MQL_PROGRAM_TYPE, MQL_OPTIMIZATION, MQL_VISUAL_MODE, MQL_DEBUG
};
enum ENUM_MQL_INFO_STRING { MQL_PROGRAM_NAME, MQL_PROGRAM_PATH };
enum ENUM_TERMINAL_INFO_INTEGER {
    TERMINAL_BUILD = 1, TERMINAL_DLLS_ALLOWED, TERMINAL_TRADE_ALLOWED, TERMINAL_CONNECTED, TERMINAL_X64
};
enum ENUM_TERMINAL_INFO_STRING { TERMINAL_NAME, TERMINAL_PATH, TERMINAL_DATA_PATH, TERMINAL_COMPANY };
inline long MQLInfoInteger(int property) { return shim::program.mql[property]; }
inline long TerminalInfoInteger(int property) { return shim::program.terminal[property]; }
inline string MQLInfoString(int property) { return string(shim::program.mql_text[property]); }
inline string TerminalInfoString(int property) { return string(shim::program.terminal_text[property]); }

enum { INIT_SUCCEEDED = 0, INIT_FAILED = 1, INIT_PARAMETERS_INCORRECT = 2 };
#define INVALID_HANDLE (-1)
