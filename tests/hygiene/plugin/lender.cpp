// SPDX-License-Identifier: BSL-1.0
// A plugin that makes a pool, ends it, and leaves a lease of it to the program.
#include "lender.hpp"

extern "C" BoatPool::Lease* plugin_lease() {
    BoatPool pool{Boats{}};
    return new BoatPool::Lease{pool.checkout()};
}
