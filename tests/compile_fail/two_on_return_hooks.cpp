// expect: dewpond: two OnReturn hooks: keep one
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    const auto first = [](int&) {};
    const auto second = [](int&) {};
    dewpond::Pool pool{Sound{}, dewpond::OnReturn{first}, dewpond::OnReturn{second}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
