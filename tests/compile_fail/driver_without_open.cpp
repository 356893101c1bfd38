// expect: dewpond: the driver lacks `resource open(dewpond::Deadline);` (or `resource open();`, or one that returns Result<resource, OpenError>)
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle {
    using resource = int;
    void close(int&) noexcept;
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
