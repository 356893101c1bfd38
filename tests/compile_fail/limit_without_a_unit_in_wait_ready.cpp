// expect: Limit'
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}};
    if (!pool.wait_ready(10)) return 1;
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
