// expect: dewpond: two sync policies: keep one
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Calm {
    using answers = dewpond::question::sync;
};
struct Steady : Calm {};

int main() {
    dewpond::Pool pool{Sound{}, Calm{}, Steady{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
