// expect: dewpond: the driver's `suggests` must be `dewpond::Suggest<Policies...>`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle : Sound {
    using suggests = dewpond::Lifetime;
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
