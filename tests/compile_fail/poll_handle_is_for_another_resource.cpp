// expect: dewpond: the driver's `poll_handle` must be `int poll_handle(resource&) noexcept;`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle : Sound {
    int poll_handle(int*) noexcept;
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
