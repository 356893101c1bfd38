// expect: dewpond: an argument is no policy: a policy says `using answers = dewpond::question::...;` and is nothrow-movable
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}, dewpond::Options{}, 50};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
