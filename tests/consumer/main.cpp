// SPDX-License-Identifier: BSL-1.0
// The program of somebody who uses the pool with a driver of their own.
#include <dewpond/pool.hpp>

struct Numbers {
    using resource = int;
    int open() { return 42; }
    void close(int&) noexcept {}
};

int main() {
    dewpond::Pool<Numbers> pool{Numbers{}};
    auto lease = pool.checkout();
    return *lease == 42 ? 0 : 1;
}
