// expect: deleted
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}};
    auto maybe = pool.try_checkout();
    auto copy = maybe;
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
