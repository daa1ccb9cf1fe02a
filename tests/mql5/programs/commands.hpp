// A program that a test talks to: one JSON object in a line asks, one answers. Both go through the MQL5 code itself.
#pragma once
#include <functional>
#include <iostream>
#include <LotBridge/Json.mqh>

namespace commands {

inline Array<uchar> bytes_of(const std::string &text) {
    Array<uchar> bytes;
    bytes.resize((int)text.size(), 0);
    for (size_t i = 0; i < text.size(); i++) bytes[(long)i] = (uchar)text[i];
    return bytes;
}

inline std::string text_of(const Array<uchar> &bytes) {
    std::string text;
    for (int i = 0; i < bytes.size(); i++) text += (char)bytes[i];
    return text;
}

// A command's arguments by name; what is missing is a mistake of the test, unless a default is given.
class Arguments {
    LbJsonReader &json;

public:
    explicit Arguments(LbJsonReader &reader) : json(reader) {}
    bool has(const char *name) const { return json.Find(0, string(name)) != LB_NONE; }
    bool null(const char *name) const { return json.IsNull(json.Find(0, string(name))); }
    string text(const char *name) const {
        string value;
        if (!json.GetText(0, string(name), value)) shim::fatal(std::string("the test names no text ") + name);
        return value;
    }
    double number(const char *name) const {
        double value = 0;
        if (!json.GetNumber(0, string(name), value)) shim::fatal(std::string("the test names no number ") + name);
        return value;
    }
    long integer(const char *name) const {
        long value = 0;
        if (!json.GetInteger(0, string(name), value)) shim::fatal(std::string("the test names no integer ") + name);
        return value;
    }
    bool flag(const char *name) const {
        bool value = false;
        if (!json.GetFlag(0, string(name), value)) shim::fatal(std::string("the test names no flag ") + name);
        return value;
    }
    std::string bytes(const char *name) const {  // as hexadecimal digits
        std::string digits = text(name).utf8(), out;
        for (size_t i = 0; i + 1 < digits.size(); i += 2) out += (char)std::stoi(digits.substr(i, 2), nullptr, 16);
        return out;
    }
};

using Command = std::function<void(const Arguments &, LbJsonWriter &)>;

// Answer commands until the input ends.
inline int serve(const std::map<std::string, Command> &known) {
    for (std::string line; std::getline(std::cin, line);) {
        LbJsonReader reader;
        LbJsonWriter writer;
        string name;
        if (!reader.Parse(bytes_of(line)) || !reader.GetText(0, string("do"), name)) shim::fatal("no command: " + line);
        auto found = known.find(name.utf8());
        if (found == known.end()) shim::fatal("unknown command " + name.utf8());
        int64_t begun = shim::watch.now_us();
        writer.BeginObject();
        found->second(Arguments(reader), writer);
        writer.IntegerField(string("elapsed_us"), shim::watch.now_us() - begun);
        writer.EndObject();
        Array<uchar> out;
        writer.TakeAll(out);
        std::cout << text_of(out) << std::endl;
    }
    return 0;
}

}  // namespace commands
