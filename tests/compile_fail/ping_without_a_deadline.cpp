// expect: dewpond: the driver's `ping` must be `bool ping(resource&, dewpond::Deadline) noexcept;`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle : Sound {
    bool ping(int&) noexcept;
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
