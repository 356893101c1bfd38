// expect: nodiscard
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

#pragma GCC diagnostic error "-Wunused-result"

int main() {
    dewpond::Pool pool{Sound{}};
    pool.try_checkout(std::chrono::seconds{1});
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
