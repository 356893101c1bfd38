// expect: dewpond: the driver's `interrupt` must be `void interrupt(resource&) noexcept;`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle : Sound {
    template <class Resource>
    void interrupt(Resource&);
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
