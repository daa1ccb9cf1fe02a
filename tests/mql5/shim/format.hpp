// StringFormat, Print and the conversions of numbers. A format that does not fit its values stops the program.
#pragma once
#include <cmath>
#include <limits>
#include "array.hpp"

namespace shim {

struct Value {
    enum Kind { INT, LONG, REAL, TEXT, FLAG } kind;
    long whole = 0;
    double real = 0;
    std::string text;

    Value(int v) : kind(INT), whole(v) {}
    Value(uint v) : kind(INT), whole(v) {}
    Value(ushort v) : kind(INT), whole(v) {}
    Value(uchar v) : kind(INT), whole(v) {}
    Value(long v) : kind(LONG), whole(v) {}
    Value(ulong v) : kind(LONG), whole((long)v) {}
    Value(bool v) : kind(FLAG), whole(v) {}
    Value(double v) : kind(REAL), real(v) {}
    Value(const string &v) : kind(TEXT), text(v.utf8()) {}
    template <class E, class = std::enable_if_t<std::is_enum_v<E>>>
    Value(E v) : kind(INT), whole((long)v) {}

    std::string shown() const {
        char out[64];
        if (kind == TEXT) return text;
        if (kind == FLAG) return whole ? "true" : "false";
        if (kind == REAL) {
            std::snprintf(out, sizeof out, "%.15g", real);
            return out;
        }
        return std::to_string(whole);
    }
};

inline std::string one(const std::string &spec, const Value &value) {
    char out[512];
    char last = spec.back();
    bool wide = spec.find("I64") != std::string::npos;
    std::string plain = spec;
    if (wide) plain.replace(plain.find("I64"), 3, "l");
    if (last == 's') {
        if (value.kind != Value::TEXT) fatal("StringFormat: " + spec + " for a number");
        if (spec == "%s") return value.text;
        std::snprintf(out, sizeof out, plain.c_str(), value.text.c_str());
    } else if (std::strchr("diuxXc", last)) {
        if (value.kind == Value::TEXT || value.kind == Value::REAL) fatal("StringFormat: " + spec + " for no integer");
        if (wide != (value.kind == Value::LONG)) fatal("StringFormat: " + spec + " for an integer of another width");
        if (wide)
            std::snprintf(out, sizeof out, plain.c_str(), value.whole);
        else
            std::snprintf(out, sizeof out, plain.c_str(), (int)value.whole);
    } else if (std::strchr("eEfgG", last)) {
        if (value.kind != Value::REAL) fatal("StringFormat: " + spec + " for no double");
        std::snprintf(out, sizeof out, plain.c_str(), value.real);
    } else {
        fatal("StringFormat: " + spec + " is not known");
    }
    return out;
}

inline std::string formatted(const std::string &format, const std::vector<Value> &values) {
    std::string out;
    size_t used = 0;
    for (size_t i = 0; i < format.size(); i++) {
        if (format[i] != '%') {
            out += format[i];
            continue;
        }
        if (format[i + 1] == '%') {
            out += format[++i];
            continue;
        }
        size_t end = format.find_first_of("sdiuxXceEfgG", i);
        if (end == std::string::npos || used >= values.size()) fatal("StringFormat: too few values for " + format);
        out += one(format.substr(i, end - i + 1), values[used++]);
        i = end;
    }
    if (used != values.size()) fatal("StringFormat: too many values for " + format);
    return out;
}

// What the program has printed, newest last; a test looks here. Echoed to stderr when SHIM_ECHO is set.
inline std::vector<std::string> printed;

inline void put_line(const std::string &line) {
    static const bool echo = std::getenv("SHIM_ECHO") != nullptr;
    printed.push_back(line);
    if (echo) std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace shim

template <class... Args>
string StringFormat(const string &format, const Args &...args) {
    return string(shim::formatted(format.utf8(), {shim::Value(args)...}));
}

template <class... Args>
void Print(const Args &...args) {
    std::string line;
    for (const shim::Value &value : std::vector<shim::Value>{shim::Value(args)...}) line += value.shown();
    shim::put_line(line);
}

template <class... Args>
void PrintFormat(const string &format, const Args &...args) {
    shim::put_line(shim::formatted(format.utf8(), {shim::Value(args)...}));
}

// The chart's corner and the message box: kept like prints.
template <class... Args>
void Comment(const Args &...args) {
    Print(args...);
}
template <class... Args>
void Alert(const Args &...args) {
    Print(args...);
}

inline string IntegerToString(long number, int length = 0, ushort fill = u' ') {
    string text(std::to_string(number));
    while (StringLen(text) < length) text.units.insert(text.units.begin(), (char16_t)fill);
    return text;
}

inline string DoubleToString(double value, int digits = 8) {
    if (digits < 0 || digits > 16) shim::fatal("DoubleToString with odd digits");
    char out[512];
    std::snprintf(out, sizeof out, "%.*f", digits, value);
    return string(out);
}

template <class E>
string EnumToString(E value) {
    return string(std::to_string((long)value));
}

#ifndef DBL_MAX
#define DBL_MAX 1.7976931348623157e308
#endif
#ifndef DBL_EPSILON
#define DBL_EPSILON 2.2204460492503131e-16
#endif
#define EMPTY_VALUE DBL_MAX
#ifndef INT_MAX
#define INT_MAX 2147483647
#endif
#ifndef LONG_MAX
#define LONG_MAX 9223372036854775807L
#endif
#ifndef ULONG_MAX
#define ULONG_MAX 18446744073709551615UL
#endif

inline bool MathIsValidNumber(double value) { return std::isfinite(value); }
inline double MathAbs(double value) { return std::fabs(value); }
inline double MathFloor(double value) { return std::floor(value); }
inline double MathCeil(double value) { return std::ceil(value); }
inline double MathRound(double value) { return std::round(value); }
inline double MathPow(double base, double exponent) { return std::pow(base, exponent); }
inline double MathSqrt(double value) { return std::sqrt(value); }
inline double MathLog10(double value) { return std::log10(value); }
inline int MathRand() { return std::rand() % 32768; }
// As documented: of doubles, giving a double.
inline double MathMin(double a, double b) { return b < a ? b : a; }
inline double MathMax(double a, double b) { return a < b ? b : a; }

inline double NormalizeDouble(double value, int digits) {
    double scale = std::pow(10.0, digits);
    return std::round(value * scale) / scale;
}
