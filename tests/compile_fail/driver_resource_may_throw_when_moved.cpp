// expect: dewpond: the driver lacks `using resource = ...;`: an object type, nothrow-movable
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Cup {
    Cup() = default;
    Cup(Cup&&) {}
};
struct Kettle {
    using resource = Cup;
    Cup open();
    void close(Cup&) noexcept;
};

int main() {
    dewpond::Pool pool{Kettle{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
