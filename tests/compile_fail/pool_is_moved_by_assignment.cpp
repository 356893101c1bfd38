// expect: operator=(const Pool&) = delete
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}};
    dewpond::Pool other{Sound{}};
    other = std::move(pool);
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
