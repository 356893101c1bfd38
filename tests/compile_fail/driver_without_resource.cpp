// expect: dewpond: the driver lacks `using resource = ...;`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle {
    int open();
    void close(int&) noexcept;
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
