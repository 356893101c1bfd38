// expect: dewpond: an opening policy needs `std::uint32_t wanted(const OpeningView&) const noexcept` and `static constexpr bool in_caller`
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Mine {
    using answers = dewpond::question::opening;
    std::uint32_t wanted(const dewpond::OpeningView& view) const noexcept { return view.waiting; }
};

int main() {
    dewpond::Pool pool{Sound{}, Mine{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
