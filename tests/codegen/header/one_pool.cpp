// SPDX-License-Identifier: BSL-1.0
// What every user compiles once: a pool of some driver, made, used, looked at.
#include "../numbers.hpp"

int use(Pool<Numbers>& pool) {
    auto lease = pool.checkout();
    return *lease;
}

unsigned make() {
    Pool pool{Numbers{}, {.name = "numbers", .max_size = 4}};
    return static_cast<unsigned>(use(pool)) + pool.stats().in_use;
}
