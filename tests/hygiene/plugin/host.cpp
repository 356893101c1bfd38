// SPDX-License-Identifier: BSL-1.0
// Loads a plugin, calls it, unloads it, and looks whether it is gone.
#include <dlfcn.h>

#include <cstdio>

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
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
    if (dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) != nullptr) {
        std::puts("still loaded");
        return 1;
    }
    std::puts("used and unloaded");
    return 0;
}
