// SPDX-License-Identifier: BSL-1.0
// Stats: one snapshot of a pool, in plain numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <dewpond/deadline.hpp>
#include <dewpond/error.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {

/// What `stats()` answers. Conserving: `idle + in_use + opening + retiring == size <= max_size` (after a `resize`
/// downwards: once the surplus has come back), nothing is ever negative; the counts are not all of one instant. Counters only grow; those of the metrics question stay 0 under
/// `NoMetrics`.
struct Stats {
    std::string name{};
    std::uint32_t max_size = 0;
    std::uint32_t min_idle = 0;
    Duration checkout_timeout{};

    // now
    std::uint32_t size = 0;      ///< slots that count against max_size
    std::uint32_t idle = 0;
    std::uint32_t in_use = 0;
    std::uint32_t opening = 0;
    std::uint32_t retiring = 0;  ///< being reset or closed in the background
    std::uint32_t waiting = 0;
    Duration oldest_wait{};      ///< of the first in the queue
    Duration oldest_lease{};     ///< as the keeper's samples know it
    bool ready = false;          ///< a resource has been opened at some time
    bool down = false;
    bool closed = false;
    Duration down_for{};
    Fault open_fault = Fault::none;  ///< of the openings that keep failing, none while all is well

    // since the start
    std::uint64_t checkouts = 0;       ///< served; kept per slot
    std::uint64_t waited = 0;          ///< checkouts that had to queue and were served
    std::uint64_t timed_out = 0;
    std::uint64_t refused = 0;         ///< too many waiting, server down, or closed
    std::uint64_t cancelled = 0;
    std::uint64_t opened = 0;
    std::uint64_t open_failures = 0;
    std::uint64_t dirty_returns = 0;
    std::uint64_t stalls = 0;          ///< the keeper came seconds late
    std::uint64_t closed_by[static_cast<std::size_t>(CloseReason::count_)] = {};

    [[nodiscard]] std::uint64_t closed_because(CloseReason r) const noexcept {
        return closed_by[static_cast<std::size_t>(r)];
    }
};

}  // namespace dewpond::inline v0
