// SPDX-License-Identifier: BSL-1.0
// Compiled once per object of the program, with PART its name.
#include "part.hpp"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

Layout JOIN(layout_, PART)() {
    using Maybe = decltype(std::declval<NumberPool&>().try_checkout());
    return {sizeof(NumberPool),
            sizeof(NumberPool::Lease),
            sizeof(Maybe),
            sizeof(std::declval<Maybe&>().error()),
            sizeof(dewpond::Options),
            sizeof(std::declval<NumberPool&>().stats())};
}

NumberPool::Lease JOIN(take_, PART)(NumberPool& pool) { return pool.checkout(); }

NumberPool::Lease JOIN(pass_, PART)(NumberPool::Lease lease, int& seen) {
    seen = *lease;
    return lease;
}
