// SPDX-License-Identifier: BSL-1.0
// Stats: one snapshot of a pool, in plain numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/error.hpp>
#include <dewpond/histogram.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {

/// Every option and value of a policy that is a number, as the pool runs with it. Fields are named as in docs/options.md.
struct Settings {
    std::uint32_t max_size = 0;      ///< as it is now, after `resize`
    std::uint32_t capacity = 0;
    std::uint32_t min_idle = 0;
    std::uint32_t max_waiting = 0;
    std::uint32_t opens_at_once = 0;
    Duration checkout_timeout{};
    Duration open_timeout{};
    Duration backoff_min{};
    Duration backoff_max_waiting{};
    Duration backoff_max{};
    Duration outage_grace{};         ///< may be `never`
    Duration reset_timeout{};
    Duration return_budget{};
    // of policies; `never` (or 0 for max_uses) where the policy is absent
    Duration max_idle = never;       ///< `Lifetime`
    Duration max_lifetime = never;   ///< `Lifetime`
    std::uint64_t max_uses = 0;      ///< `Lifetime`; 0: no limit
    Duration warn_after = never;     ///< `WarnAfter`
};

/// What `stats()` answers. Conserving: `idle + in_use + opening + retiring == size <= max_size` (after a `resize`
/// downwards: once the surplus has come back), nothing is ever negative; the counts are not all of one instant. Counters
/// only grow; those of the metrics question stay 0 under `NoMetrics`, histograms are filled under `Timings` only.
struct Stats {
    /// How many codes and faults there are: the length of the arrays below.
    DEWPOND_HIDDEN static constexpr std::size_t codes = static_cast<std::size_t>(Code::forked) + 1;
    DEWPOND_HIDDEN static constexpr std::size_t faults = static_cast<std::size_t>(Fault::broken) + 1;
    DEWPOND_HIDDEN static constexpr std::size_t reasons = static_cast<std::size_t>(CloseReason::count_);

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
    Duration oldest_lease{};     ///< as samples know it (the keeper's, or those of whoever calls `stats()`): never too much
    bool ready = false;          ///< a resource has been opened at some time
    bool down = false;
    bool closed = false;
    Duration down_for{};
    Fault open_fault = Fault::none;  ///< of the openings that keep failing, none while all is well

    // since the start
    std::uint64_t checkouts = 0;       ///< served; kept per slot
    std::uint64_t waited = 0;          ///< checkouts that had to queue and were served
    std::uint64_t timed_out = 0;       ///< by the deadline, whether for want of a slot or of an opening that succeeds
    std::uint64_t refused = 0;         ///< too many waiting, server down, or closed
    std::uint64_t cancelled = 0;
    std::uint64_t opened = 0;
    std::uint64_t open_failures = 0;
    std::uint64_t dirty_returns = 0;
    std::uint64_t stalls = 0;          ///< the keeper came seconds late
    std::uint64_t closed_by[reasons] = {};

    // now, continued
    Settings settings{};
    Duration age{};                    ///< of the pool itself
    std::uint32_t failures_in_row = 0; ///< openings since the last one that succeeded
    Duration backoff{};                ///< until the next opening may begin; 0: at once
    Duration last_open = never;        ///< since an opening succeeded; `never`: none has
    Duration keeper_age = never;       ///< since the keeper last looked; `never`: there is none, or it has not looked yet
    Duration keeper_period = never;    ///< how often it looks; `never`: there is none
    std::uint32_t overdue = 0;         ///< leases that are out longer than `WarnAfter` allows, as the keeper's samples know it
    /// Slots in use and those who waited, at the most: of this moment, the last minute (up to ten seconds more), since the
    /// start. With it `max_size` nobody would have waited. Exact as soon as somebody finds nothing idle; below that what
    /// the keeper and `stats()` happened to see.
    std::uint32_t demand = 0;
    std::uint32_t demand_peak_minute = 0;
    std::uint32_t demand_peak = 0;

    // since the start, continued
    std::uint64_t opened_for_caller = 0;  ///< checkouts that opened for themselves without having queued; the rest of `checkouts` was idle
    std::uint64_t failed_by[codes] = {};         ///< checkouts that failed; `none_idle` is what `try_checkout()` met
    std::uint64_t open_failed_by[faults] = {};
    std::uint64_t hooks_left_dirty = 0;   ///< a hook or check left a resource dirty
    std::uint64_t leaks_suspected = 0;    ///< leases reported by `WarnAfter`, each once
    std::uint64_t detached = 0;           ///< resources taken out of the pool: `opened` is live + closed + detached

    // under `Timings` only
    bool timed = false;                   ///< the histograms below are filled
    /// Of every checkout: until it was served, those that found something idle in the first bucket; or until it gave up
    /// (timed out, cancelled, could not open). Not of those refused at once.
    Histogram<WaitBounds> wait{};
    Histogram<LeaseBounds> lease{};       ///< of every lease that has ended; see `Timings` for its resolution
    Histogram<OpenBounds> open{};         ///< of every opening that succeeded

    [[nodiscard]] std::uint64_t closed_because(CloseReason r) const noexcept {
        return closed_by[static_cast<std::size_t>(r)];
    }
    [[nodiscard]] std::uint64_t failed_with(Code c) const noexcept { return failed_by[static_cast<std::size_t>(c)]; }
    [[nodiscard]] std::uint64_t open_failed_with(Fault f) const noexcept { return open_failed_by[static_cast<std::size_t>(f)]; }
    /// Checkouts that found something idle.
    [[nodiscard]] std::uint64_t served_idle() const noexcept {
        const std::uint64_t slow = waited + opened_for_caller;
        return checkouts > slow ? checkouts - slow : 0;
    }
};

}  // namespace dewpond::inline v0
