// expect: dewpond: a waiting policy needs `bool hand_over(const WaitingView&) const noexcept`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Mine {
    using answers = dewpond::question::waiting;
};

int main() {
    dewpond::Pool pool{Sound{}, Mine{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
