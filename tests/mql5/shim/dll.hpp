// `#import "x.dll"`: the functions come from the shared library that the environment names (SHIM_LIBZMQ).
#pragma once
#include <dlfcn.h>
#include "platform.hpp"

namespace shim {

inline std::map<std::string, void *> libraries;

inline void *imported(const char *dll, const char *name) {
    if (!program.mql[MQL_DLLS_ALLOWED]) fatal("a DLL is called that the user has not allowed");
    if (std::strcmp(dll, "libzmq.dll") != 0) fatal(std::string("no library stands for ") + dll);
    void *&library = libraries[dll];
    if (!library) {
        const char *path = std::getenv("SHIM_LIBZMQ");
        library = dlopen(path ? path : "libzmq.so.5", RTLD_NOW);
        if (!library) fatal(dlerror());
    }
    void *found = dlsym(library, name);
    if (!found) fatal(std::string(dll) + " has no " + name);
    return found;
}

// How values travel: arrays as a pointer to their first element, references as pointers.
inline long passed(long value) { return value; }
inline ulong passed(ulong value) { return value; }
inline int passed(int value) { return value; }
inline const uchar *passed(const Array<uchar> &array) { return array.data(); }
inline uchar *passed(Array<uchar> &array) { return array.data(); }

template <class R, class... Args>
R dll_call(const char *dll, const char *name, Args &&...args) {
    auto function = (R(*)(decltype(passed(args))...))imported(dll, name);
    return function(passed(args)...);
}

}  // namespace shim
