// expect: dewpond: the driver must be a class: see docs/drivers.md
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool<int> pool{1};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
