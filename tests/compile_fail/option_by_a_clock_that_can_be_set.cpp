// expect: Duration'
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}};
    static_cast<void>(dewpond::Options{.open_timeout = std::chrono::system_clock::now()});
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
