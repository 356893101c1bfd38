// expect: dewpond: a policy of the pack needs `dewpond::ResetResult reset(resource&, dewpond::Deadline) noexcept;` in the driver
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}, dewpond::ResetAlways{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
