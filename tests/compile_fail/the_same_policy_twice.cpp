// expect: dewpond: two lifetime policies: keep one
// SPDX-License-Identifier: BSL-1.0
#include "goes_on.hpp"

int main() {
    dewpond::Pool<Sound, dewpond::Lifetime, dewpond::Lifetime> pool{Sound{}};
    goes_on(pool);
    return static_cast<int>(pool.stats().in_use);
}
