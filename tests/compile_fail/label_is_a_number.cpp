// expect: dewpond: the driver's `label` must be `std::string label(resource&);`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle : Sound {
    int label(int&);
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
