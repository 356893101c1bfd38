// expect: no matching
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}};
    auto lease = pool.checkout("orders");
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
