// expect: dewpond: two cells policies: keep one
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}, dewpond::ThreadCells{}, dewpond::NoCells{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
