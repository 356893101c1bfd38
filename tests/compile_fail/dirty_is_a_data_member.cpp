// expect: dewpond: the driver's `dirty` must be `bool dirty(resource&) noexcept;`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle : Sound {
    bool dirty = false;
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
