// SPDX-License-Identifier: BSL-1.0
// Answers to `metrics`: what is recorded?
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include <dewpond/error.hpp>
#include <dewpond/policy.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0 {

/// Nothing; the states (idle, in use, ...) are known all the same.
struct NoMetrics {
    using answers = question::metrics;
    static constexpr const char* name = "NoMetrics";
};

/// Counts what happens off the hit path; checkouts are counted in each slot by its holder, without a locked
/// instruction. Every hook is optional in a policy of your own: absent means no code.
class Counters {
public:
    using answers = question::metrics;
    static constexpr const char* name = "Counters";
    static constexpr bool counts_checkouts = true;

    Counters() noexcept = default;
    Counters(Counters&&) noexcept {}  // moved into the pool before anything was counted

    void waited(Duration) noexcept { bump(waited_); }
    void failed(Code code) noexcept {
        switch (code) {
            case Code::timed_out:
            case Code::open_failed: return bump(timed_out_);
            case Code::cancelled: return bump(cancelled_);
            case Code::server_down:
            case Code::closed:
            case Code::too_many_waiting: return bump(refused_);
            default: return;
        }
    }
    void opened(Duration) noexcept { bump(opened_); }
    void open_failed(Fault) noexcept { bump(open_failures_); }
    void dirty_return() noexcept { bump(dirty_returns_); }
    void closed(CloseReason why) noexcept { bump(closed_[static_cast<std::size_t>(why)]); }

    /// Adds what was counted to a snapshot.
    void read(Stats& s) const noexcept {
        s.waited = waited_.load(std::memory_order_relaxed);
        s.timed_out = timed_out_.load(std::memory_order_relaxed);
        s.refused = refused_.load(std::memory_order_relaxed);
        s.cancelled = cancelled_.load(std::memory_order_relaxed);
        s.opened = opened_.load(std::memory_order_relaxed);
        s.open_failures = open_failures_.load(std::memory_order_relaxed);
        s.dirty_returns = dirty_returns_.load(std::memory_order_relaxed);
        for (std::size_t i = 0; i < static_cast<std::size_t>(CloseReason::count_); ++i) {
            s.closed_by[i] = closed_[i].load(std::memory_order_relaxed);
        }
    }

private:
    using Count = std::atomic<std::uint64_t>;
    static void bump(Count& c) noexcept { c.fetch_add(1, std::memory_order_relaxed); }
    Count waited_{0}, timed_out_{0}, refused_{0}, cancelled_{0}, opened_{0}, open_failures_{0}, dirty_returns_{0};
    Count closed_[static_cast<std::size_t>(CloseReason::count_)] = {};
};

}  // namespace dewpond::inline v0
