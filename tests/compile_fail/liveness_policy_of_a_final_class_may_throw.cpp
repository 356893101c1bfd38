// expect: dewpond: a liveness policy's `usable` must be `bool usable(driver&, resource&, const visit&) noexcept`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Mine final {
    using answers = dewpond::question::liveness;
    template <class Driver, class Resource, class Visit>
    bool usable(Driver&, Resource&, const Visit&) {
        return true;
    }
};

int main() {
    dewpond::Pool pool{Sound{}, Mine{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
