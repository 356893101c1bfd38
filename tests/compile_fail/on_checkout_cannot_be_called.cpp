// expect: dewpond: a hook must be callable as f(resource&) or f(resource&, dewpond::Deadline)
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool pool{Sound{}, dewpond::OnCheckout{[] {}}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
