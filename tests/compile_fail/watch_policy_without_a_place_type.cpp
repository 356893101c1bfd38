// expect: dewpond: a watch policy needs `place_type`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Mine {
    using answers = dewpond::question::watch;
};

int main() {
    dewpond::Pool pool{Sound{}, Mine{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
