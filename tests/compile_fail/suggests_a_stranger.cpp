// expect: dewpond: the driver's `suggests` must hold default-constructible policies, one a question, that the driver itself can serve
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle : Sound {
    using suggests = dewpond::Suggest<dewpond::Lifetime, int>;
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
