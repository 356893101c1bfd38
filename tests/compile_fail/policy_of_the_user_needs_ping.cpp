// expect: dewpond: a policy of the pack needs `bool ping(resource&, dewpond::Deadline) noexcept;` in the driver
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Cautious {
    using answers = dewpond::question::liveness;
    using needs = dewpond::Needs<dewpond::ability::ping>;
    template <class Driver, class Resource, class Visit>
    bool usable(Driver& driver, Resource& resource, const Visit& visit) noexcept {
        return driver.ping(resource, visit.deadline());
    }
};

int main() {
    dewpond::Pool pool{Sound{}, Cautious{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
