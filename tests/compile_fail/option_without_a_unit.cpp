// expect: Duration'
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}};
    static_cast<void>(dewpond::Options{.checkout_timeout = 10});
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
