// expect: dewpond: the driver lacks `using resource = ...;`: an object type
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle {
    using resource = int&;
    int& open();
    void close(int&) noexcept;
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
