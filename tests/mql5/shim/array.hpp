// MQL5's arrays: an index outside stops the program; what ArrayResize adds is garbage until it is written.
#pragma once
#include <algorithm>
#include <initializer_list>
#include <type_traits>
#include "text.hpp"

#define WHOLE_ARRAY (-1)

template <class T>
class Array {
    struct Cell {
        T value;
    };
    std::vector<Cell> cells;

public:
    bool fixed = false;

    Array() {}
    Array(std::initializer_list<T> values) : fixed(true) {
        for (const T &value : values) cells.push_back(Cell{value});
    }
    static Array OfSize(int size) {
        Array made;
        made.resize(size, 0);
        made.fixed = true;
        return made;
    }
    // MQL5 has no assignment of arrays.
    Array(const Array &) = default;
    Array &operator=(const Array &) = default;

    int size() const { return (int)cells.size(); }
    T &operator[](long index) { return cells[checked(index)].value; }
    const T &operator[](long index) const { return cells[checked(index)].value; }

    void resize(int size, int reserve) {
        if (fixed) shim::fatal("ArrayResize of a fixed array");
        if (size < 0) shim::fatal("ArrayResize to a negative size");
        size_t before = cells.size();
        if (reserve > 0 && (size_t)size > cells.capacity()) cells.reserve((size_t)size + (size_t)reserve);
        cells.resize((size_t)size);
        if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>)
            if (cells.size() > before)
                std::memset(static_cast<void *>(cells.data() + before), 0xCD, (cells.size() - before) * sizeof(Cell));
    }
    T *data() { return cells.empty() ? nullptr : &cells[0].value; }
    const T *data() const { return cells.empty() ? nullptr : &cells[0].value; }

private:
    size_t checked(long index) const {
        if (index < 0 || index >= (long)cells.size())
            shim::fatal("array out of range: index " + std::to_string(index) + " of " + std::to_string(cells.size()));
        return (size_t)index;
    }
};

template <class T>
int ArraySize(const Array<T> &array) {
    return array.size();
}

template <class T>
int ArrayResize(Array<T> &array, int size, int reserve = 0) {
    array.resize(size, reserve);
    return size;
}

template <class T>
void ArrayFree(Array<T> &array) {
    array.resize(0, 0);
}

template <class T, class V>
int ArrayInitialize(Array<T> &array, V value) {
    for (int i = 0; i < array.size(); i++) array[i] = (T)value;
    return array.size();
}

template <class T, class V>
void ArrayFill(Array<T> &array, int start, int count, V value) {
    for (int i = 0; i < count; i++) array[start + i] = (T)value;
}

template <class T>
int ArrayCopy(Array<T> &to, const Array<T> &from, int to_start = 0, int from_start = 0, int count = WHOLE_ARRAY) {
    if (&to == &from) shim::fatal("ArrayCopy onto itself");
    if (to_start < 0 || from_start < 0 || to_start > to.size() || count < WHOLE_ARRAY)
        shim::fatal("ArrayCopy with a start outside");
    int rest = from.size() - from_start;
    if (count > rest) shim::fatal("ArrayCopy of more than there is");
    int n = count == WHOLE_ARRAY ? rest : count;
    if (n <= 0) return 0;
    if (to.size() < to_start + n) to.resize(to_start + n, 0);
    std::copy(from.data() + from_start, from.data() + from_start + n, to.data() + to_start);
    return n;
}

template <class T>
bool ArraySetAsSeries(Array<T> &, bool on) {
    if (on) shim::fatal("series arrays are not simulated");
    return true;
}

// The array grows as needed and never shrinks; with the default count the closing 0 is copied too.
inline int StringToCharArray(const string &text, Array<uchar> &array, int start = 0, int count = -1, uint page = CP_ACP) {
    if (count != -1) shim::fatal("StringToCharArray with a count: characters or bytes? Nobody says");
    std::string bytes = text.utf8();
    if (page != CP_UTF8)
        for (char c : bytes)
            if ((uchar)c > 127) shim::fatal("StringToCharArray of foreign letters without CP_UTF8");
    int n = (int)bytes.size() + 1;
    if (array.size() < start + n) array.resize(start + n, 0);
    for (int i = 0; i < n; i++) array[start + i] = (uchar)bytes.c_str()[i];
    return n;
}

inline string CharArrayToString(const Array<uchar> &array, int start = 0, int count = -1, uint page = CP_ACP) {
    int end = count < 0 ? array.size() : start + count;
    std::string bytes;
    for (int i = start; i < end && array[i] != 0; i++) bytes += (char)array[i];
    if (page != CP_UTF8)
        for (char c : bytes)
            if ((uchar)c > 127) shim::fatal("CharArrayToString of foreign letters without CP_UTF8");
    return string(bytes);
}

// As in MQL5: the parts are added to the array, whose size is the answer; an empty text has none.
inline int StringSplit(const string &text, ushort separator, Array<string> &parts) {
    parts.resize(0, 0);
    if (text.units.empty()) return 0;
    size_t from = 0;
    while (true) {
        size_t at = text.units.find((char16_t)separator, from);
        parts.resize(parts.size() + 1, 0);
        parts[parts.size() - 1] = string(text.units.substr(from, at == std::u16string::npos ? at : at - from));
        if (at == std::u16string::npos) return parts.size();
        from = at + 1;
    }
}
