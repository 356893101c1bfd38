// expect: dewpond: a lifetime policy needs `void opened(per_slot&, std::uint32_t) const noexcept` and `CloseReason expired(const per_slot&, Ages) const noexcept`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Mine {
    using answers = dewpond::question::lifetime;
    struct per_slot {};
    void opened(per_slot&, std::uint32_t) const noexcept {}
    bool expired(const per_slot&, dewpond::Ages) const noexcept { return false; }
};

int main() {
    dewpond::Pool pool{Sound{}, Mine{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
