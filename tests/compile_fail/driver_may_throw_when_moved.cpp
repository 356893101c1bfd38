// expect: dewpond: the driver must be nothrow-movable: it is moved into the pool
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle : Sound {
    Kettle() = default;
    Kettle(Kettle&&) {}
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
