// expect: dewpond: the driver lacks `void close(resource&) noexcept;` (noexcept is required: a return cannot throw)
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle {
    using resource = int;
    int open();
    void close(int&);
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
