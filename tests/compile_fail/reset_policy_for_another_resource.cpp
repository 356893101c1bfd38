// expect: dewpond: a reset policy's `wants_reset` must be `bool wants_reset(driver&, resource&) noexcept`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Mine {
    using answers = dewpond::question::reset;
    bool wants_reset(Sound&, long&) noexcept { return true; }
};

int main() {
    dewpond::Pool pool{Sound{}, Mine{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
