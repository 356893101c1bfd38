// expect: dewpond: a policy of the pack needs `bool dirty(resource&) noexcept;` in the driver
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}, dewpond::ResetIfDirty{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
