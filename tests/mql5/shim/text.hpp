// MQL5's types and strings: UTF-16 inside, UTF-8 at the borders.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/types.h>
#include <string>
#include <vector>

typedef unsigned char uchar;
typedef int64_t datetime;
typedef unsigned int color;
// uint, ushort and ulong come with sys/types.h; long has 64 bits, as in MQL5.
static_assert(sizeof(long) == 8 && sizeof(int) == 4 && sizeof(ulong) == 8, "a 64-bit Unix");

#define CP_ACP 0
#define CP_UTF8 65001

namespace shim {

[[noreturn]] inline void fatal(const std::string &why) {
    std::fprintf(stderr, "MQL5 shim: %s\n", why.c_str());
    std::fflush(stderr);
    std::abort();
}

// Malformed input becomes U+FFFD, as Windows does.
inline std::u16string from_utf8(const std::string &in) {
    std::u16string out;
    size_t i = 0;
    while (i < in.size()) {
        unsigned char first = (unsigned char)in[i];
        size_t more = first < 0x80 ? 0 : first >= 0xF0 && first < 0xF5 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : 9;
        uint32_t code = more == 0 ? first : first & (0x3Fu >> more);
        size_t k = 1;
        for (; k <= more && more < 9 && i + k < in.size() && ((unsigned char)in[i + k] & 0xC0) == 0x80; k++)
            code = code << 6 | ((unsigned char)in[i + k] & 0x3F);
        bool good = more < 9 && k == more + 1 && !(code >= 0xD800 && code < 0xE000) && code < 0x110000 &&
                    !(more == 2 && code < 0x800) && !(more == 3 && code < 0x10000);
        if (!good) {
            out += u'\uFFFD';
            i += 1;
            continue;
        }
        if (code >= 0x10000) {
            out += (char16_t)(0xD7C0 + (code >> 10));
            out += (char16_t)(0xDC00 + (code & 0x3FF));
        } else {
            out += (char16_t)code;
        }
        i += more + 1;
    }
    return out;
}

inline std::string to_utf8(const std::u16string &in) {
    std::string out;
    for (size_t i = 0; i < in.size(); i++) {
        uint32_t code = in[i];
        if (code >= 0xD800 && code < 0xDC00 && i + 1 < in.size() && in[i + 1] >= 0xDC00 && in[i + 1] < 0xE000)
            code = 0x10000 + ((code - 0xD800) << 10) + (in[++i] - 0xDC00u);
        else if (code >= 0xD800 && code < 0xE000)
            code = 0xFFFD;
        if (code < 0x80) {
            out += (char)code;
        } else if (code < 0x800) {
            out += (char)(0xC0 | code >> 6);
            out += (char)(0x80 | (code & 0x3F));
        } else if (code < 0x10000) {
            out += (char)(0xE0 | code >> 12);
            out += (char)(0x80 | (code >> 6 & 0x3F));
            out += (char)(0x80 | (code & 0x3F));
        } else {
            out += (char)(0xF0 | code >> 18);
            out += (char)(0x80 | (code >> 12 & 0x3F));
            out += (char)(0x80 | (code >> 6 & 0x3F));
            out += (char)(0x80 | (code & 0x3F));
        }
    }
    return out;
}

}  // namespace shim

class string {
public:
    std::u16string units;

    string() {}
    explicit string(const char16_t *text) : units(text) {}
    explicit string(const std::u16string &text) : units(text) {}
    // For test programs only: the preprocessor turns the literals of MQL5 sources into u"..." ones.
    explicit string(const std::string &utf8) : units(shim::from_utf8(utf8)) {}
    explicit string(const char *utf8) : units(shim::from_utf8(utf8)) {}
    std::string utf8() const { return shim::to_utf8(units); }

    string &operator+=(const string &other) {
        units += other.units;
        return *this;
    }
    friend string operator+(const string &a, const string &b) { return string(a.units + b.units); }
    friend bool operator==(const string &a, const string &b) { return a.units == b.units; }
    friend bool operator!=(const string &a, const string &b) { return a.units != b.units; }
    friend bool operator<(const string &a, const string &b) { return a.units < b.units; }
    friend bool operator>(const string &a, const string &b) { return b < a; }
};

inline int StringLen(const string &text) { return (int)text.units.size(); }

inline ushort StringGetCharacter(const string &text, int at) {
    // MQL5 answers 0 and sets an error; no source may lean on that.
    if (at < 0 || at >= StringLen(text)) shim::fatal("StringGetCharacter outside the text");
    return text.units[(size_t)at];
}

inline string StringSubstr(const string &text, int start, int length = -1) {
    if (start < 0 || start > StringLen(text)) shim::fatal("StringSubstr outside the text");
    if (length < -1) shim::fatal("StringSubstr with a negative length");
    return string(text.units.substr((size_t)start, length < 0 ? std::u16string::npos : (size_t)length));
}

inline int StringFind(const string &text, const string &part, int start = 0) {
    size_t at = text.units.find(part.units, (size_t)start);
    return at == std::u16string::npos ? -1 : (int)at;
}

inline string ShortToString(ushort unit) { return string(std::u16string(1, (char16_t)unit)); }
inline string CharToString(uchar code) { return string(std::u16string(1, (char16_t)code)); }

inline int StringReplace(string &text, const string &find, const string &with) {
    int count = 0;
    for (size_t at = 0; !find.units.empty() && (at = text.units.find(find.units, at)) != std::u16string::npos;) {
        text.units.replace(at, find.units.size(), with.units);
        at += with.units.size();
        count++;
    }
    return count;
}

inline bool StringAdd(string &text, const string &more) {
    text += more;
    return true;
}

// MQL5's trim only blanks, tabs and line ends.
inline int StringTrimLeft(string &text) {
    size_t n = 0;
    while (n < text.units.size() && text.units[n] <= u' ') n++;
    text.units.erase(0, n);
    return (int)n;
}
inline int StringTrimRight(string &text) {
    size_t n = 0;
    while (!text.units.empty() && text.units.back() <= u' ') text.units.pop_back(), n++;
    return (int)n;
}
// ASCII letters only: what the sources use it for.
inline bool StringToLower(string &text) {
    for (char16_t &unit : text.units)
        if (unit >= u'A' && unit <= u'Z') unit = (char16_t)(unit + 32);
    return true;
}
inline bool StringToUpper(string &text) {
    for (char16_t &unit : text.units)
        if (unit >= u'a' && unit <= u'z') unit = (char16_t)(unit - 32);
    return true;
}
inline int StringCompare(const string &a, const string &b, bool = true) { return a == b ? 0 : a < b ? -1 : 1; }

inline long StringToInteger(const string &text) { return std::strtol(text.utf8().c_str(), nullptr, 10); }
inline double StringToDouble(const string &text) { return std::strtod(text.utf8().c_str(), nullptr); }
