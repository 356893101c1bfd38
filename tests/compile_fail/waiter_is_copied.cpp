// expect: Waiter(const Waiter&) = delete
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}};
    decltype(pool)::Waiter waiter{nullptr};
    auto copy = waiter;
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
