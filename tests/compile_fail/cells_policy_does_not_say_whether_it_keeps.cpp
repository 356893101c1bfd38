// expect: dewpond: a cells policy needs `static constexpr bool keeps`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Mine {
    using answers = dewpond::question::cells;
};

int main() {
    dewpond::Pool pool{Sound{}, Mine{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
