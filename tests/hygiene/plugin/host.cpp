// SPDX-License-Identifier: BSL-1.0
// Loads a plugin, calls it, unloads it, and looks whether it is gone. It uses the standard library itself, as C++ programs
// do: where a plugin brings the library in, the library finds the plugin's inline functions and keeps it for good.
#include <dlfcn.h>

#include <cstdio>
#include <string>

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    const std::string name = argv[1];
    void* plugin = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (plugin == nullptr) {
        std::printf("cannot load: %s\n", dlerror());
        return 1;
    }
    auto* run = reinterpret_cast<int (*)()>(dlsym(plugin, "plugin_run"));
    if (run == nullptr || run() != 0) {
        std::puts("the plugin failed");
        return 1;
    }
    dlclose(plugin);
    if (dlopen(name.c_str(), RTLD_NOW | RTLD_NOLOAD) != nullptr) {
        std::puts("still loaded");
        return 1;
    }
    std::puts("used and unloaded");
    return 0;
}
