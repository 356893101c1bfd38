// expect: dewpond: an argument is no policy: a policy says `using answers = dewpond::question::...;` and is nothrow-movable (options come second, right after the driver)
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}, dewpond::Lifetime{}, dewpond::Options{.max_size = 50}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
