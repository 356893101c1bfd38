// expect: dewpond: a hook of a metrics policy has not the shape of the table in docs/policies.md (noexcept is required)
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Mine {
    using answers = dewpond::question::metrics;
    void dirty_return() {}
};

int main() {
    dewpond::Pool pool{Sound{}, Mine{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
