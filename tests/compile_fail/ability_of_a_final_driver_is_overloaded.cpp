// expect: dewpond: the driver's `probe` must be `bool probe(resource&) noexcept;`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle final : Sound {
    bool probe(int&);
    bool probe(int&, int);
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
