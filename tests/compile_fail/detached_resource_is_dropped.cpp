// expect: nodiscard
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

#pragma GCC diagnostic error "-Wunused-result"

int main() {
    dewpond::Pool pool{Sound{}};
    auto lease = pool.checkout();
    lease.detach();
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
