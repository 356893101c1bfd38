// SPDX-License-Identifier: BSL-1.0
// Loads a plugin that lends a lease of its own pool, and ends the lease, and with it the pool, in the program's own code.
// Then it forks, where each pool is called that is still thought to exist: what is freed is overwritten (MALLOC_PERTURB_).
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "lender.hpp"

int main(int argc, char** argv) {
    if (argc != 2) return 2;
    void* plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    auto* lend = plugin != nullptr ? reinterpret_cast<BoatPool::Lease* (*)()>(dlsym(plugin, "plugin_lease")) : nullptr;
    if (lend == nullptr) {
        std::printf("cannot load: %s\n", dlerror());
        return 1;
    }
    BoatPool own{Boats{}};
    std::unique_ptr<BoatPool::Lease>{lend()}.reset();
    const pid_t child = ::fork();
    if (child == 0) ::_exit(own.try_checkout() ? 3 : 7);  // a pool of the parent's refuses
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7) {
        std::printf("the child's status is %d\n", status);
        return 1;
    }
    std::puts("ended elsewhere and forgotten");
    return 0;
}
