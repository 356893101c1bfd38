// expect: dewpond: a policy of the pack needs `bool dirty(resource&) noexcept;` in the driver
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

struct Kettle : Sound {
    dewpond::ResetResult reset(int&, dewpond::Deadline) noexcept;
};

int main() {
    dewpond::Pool pool{Kettle{}, dewpond::ResetIfDirty{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
