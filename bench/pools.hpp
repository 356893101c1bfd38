// SPDX-License-Identifier: BSL-1.0
// The pools under the lens: a resource that costs nothing, so that what is left is the pool.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "textbook_pool.hpp"
#include <dewpond/pool.hpp>

namespace bench {

/// Opens numbers; can do nothing else, so that no check and no reset is asked for.
struct NullDriver {
    using resource = int;
    resource open() noexcept { return 1; }
    void close(resource&) noexcept {}
};

/// What a user gets who names a driver and nothing else.
using DefaultPool = dewpond::Pool<NullDriver>;
/// Every question answered with nothing.
using BarePool = dewpond::Pool<NullDriver, dewpond::NoCheck, dewpond::NoReset, dewpond::NoExpiry, dewpond::NoMetrics,
                               dewpond::NoHolders>;
/// Between the two: only the count of checkouts; only the holders.
using CountingPool = dewpond::Pool<NullDriver, dewpond::NoHolders>;
using WatchingPool = dewpond::Pool<NullDriver, dewpond::NoMetrics>;
/// The default, and histograms of leases by the coarse clock and by the exact one; and a keeper that warns.
using TimedPool = dewpond::Pool<NullDriver, dewpond::Timings>;
using ExactlyTimedPool = dewpond::Pool<NullDriver, dewpond::ExactTimings>;
using WarningPool = dewpond::Pool<NullDriver, dewpond::WarnAfter>;
/// A thread keeps the slot that it returned last: with the default policies, and with every other question answered with
/// nothing.
using CellsPool = dewpond::Pool<NullDriver, dewpond::ThreadCells>;
using BareCellsPool = dewpond::Pool<NullDriver, dewpond::NoCheck, dewpond::NoReset, dewpond::NoExpiry, dewpond::NoMetrics,
                                    dewpond::NoHolders, dewpond::ThreadCells>;
using Textbook = TextbookPool<int>;

inline dewpond::Options options_for(std::size_t size) { return {.name = "bench", .max_size = size}; }

/// Takes everything, so that a pool which opens lazily has opened all there is.
template <class Pool>
auto take_all(Pool& pool, std::size_t size) {
    std::vector<decltype(pool.checkout())> leases;
    leases.reserve(size);
    for (std::size_t i = 0; i < size; ++i) leases.push_back(pool.checkout());
    return leases;
}

}  // namespace bench
