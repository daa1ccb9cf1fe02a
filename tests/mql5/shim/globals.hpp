// The terminal's global variables: in memory, and in a file from the moment they are flushed.
#pragma once
#include <fstream>
#include <iomanip>
#include "platform.hpp"

namespace shim {

struct Globals {
    std::map<std::string, double> values;
    // Where the terminal keeps them; "" writes nothing.
    std::string path;
    // The terminal cannot add any.
    bool full = false;

    // What a terminal that starts finds.
    void load(const std::string &from) {
        path = from;
        values.clear();
        std::ifstream file(path);
        std::string name;
        for (double value = 0; std::getline(file, name, '\t') && file >> value; file.ignore()) values[name] = value;
    }
    void save() const {
        if (path.empty()) return;
        std::ofstream file(path, std::ios::trunc);
        for (const auto &[name, value] : values) file << name << '\t' << std::setprecision(17) << value << '\n';
    }
};
inline Globals globals;

inline const std::string &global_name(const std::string &name) {
    if (name.empty() || name.size() > 63) fatal("a global variable with a name of " + std::to_string(name.size()));
    return name;
}

}  // namespace shim

inline bool GlobalVariableCheck(const string &name) {
    return shim::globals.values.count(shim::global_name(name.utf8())) > 0;
}
// The time of the change, 0 where it failed.
inline datetime GlobalVariableSet(const string &name, double value) {
    if (shim::globals.full) return 0;
    shim::globals.values[shim::global_name(name.utf8())] = value;
    return TimeLocal();
}
inline void GlobalVariablesFlush() { shim::globals.save(); }
