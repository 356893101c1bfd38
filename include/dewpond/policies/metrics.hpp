// SPDX-License-Identifier: BSL-1.0
// Answers to `metrics`: what is recorded?
#pragma once

#include <algorithm>
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
    void opened_for_caller(Duration) noexcept { bump(opened_for_caller_); }
    void failed(Code code) noexcept { bump(failed_[static_cast<std::size_t>(code)]); }
    void opened(Duration) noexcept { bump(opened_); }
    void open_failed(Fault fault) noexcept { bump(open_failed_[static_cast<std::size_t>(fault)]); }
    void dirty_return() noexcept { bump(dirty_returns_); }
    void left_dirty() noexcept { bump(left_dirty_); }
    void closed(CloseReason why) noexcept { bump(closed_[static_cast<std::size_t>(why)]); }
    void detached() noexcept { bump(detached_); }

    /// Adds what was counted to a snapshot.
    void read(Stats& s) const noexcept {
        s.waited = waited_.load(std::memory_order_relaxed);
        s.opened_for_caller = opened_for_caller_.load(std::memory_order_relaxed);
        s.opened = opened_.load(std::memory_order_relaxed);
        s.dirty_returns = dirty_returns_.load(std::memory_order_relaxed);
        s.hooks_left_dirty = left_dirty_.load(std::memory_order_relaxed);
        s.detached = detached_.load(std::memory_order_relaxed);
        copy(closed_, s.closed_by);
        copy(failed_, s.failed_by);
        copy(open_failed_, s.open_failed_by);
        s.open_failures = 0;
        for (const std::uint64_t n : s.open_failed_by) s.open_failures += n;
        s.timed_out = s.failed_with(Code::timed_out) + s.failed_with(Code::open_failed);
        s.refused = s.failed_with(Code::server_down) + s.failed_with(Code::closed) + s.failed_with(Code::too_many_waiting);
        s.cancelled = s.failed_with(Code::cancelled);
    }

private:
    using Count = std::atomic<std::uint64_t>;
    static void bump(Count& c) noexcept { c.fetch_add(1, std::memory_order_relaxed); }
    template <std::size_t N>
    static void copy(const Count (&from)[N], std::uint64_t (&to)[N]) noexcept {
        for (std::size_t i = 0; i < N; ++i) to[i] = from[i].load(std::memory_order_relaxed);
    }
    Count waited_{0}, opened_for_caller_{0}, opened_{0}, dirty_returns_{0}, left_dirty_{0}, detached_{0};
    Count closed_[Stats::reasons] = {}, failed_[Stats::codes] = {}, open_failed_[Stats::faults] = {};
};

namespace detail {

/// The buckets of a histogram, written by many threads off the hit path (`Shared`), or by one at a time on it.
template <class Bounds, bool Shared>
class Buckets {
    using Shape = Histogram<Bounds>;

public:
    /// A value for the sum, and the bucket of another that is sure not to be less.
    void add(Duration value, Duration at_most) noexcept {
        raise(buckets_[Shape::bucket_of(at_most)], 1);
        raise(sum_, static_cast<std::uint64_t>(value.ns().count() < 0 ? 0 : value.ns().count()), longest);
    }
    void add(Duration value) noexcept { add(value, value); }
    void add_to(Shape& h) const noexcept {
        for (std::size_t i = 0; i <= Shape::bounds; ++i) h.buckets[i] += buckets_[i].load(std::memory_order_relaxed);
        const std::uint64_t sum = static_cast<std::uint64_t>(h.sum.ns().count()) + sum_.load(std::memory_order_relaxed);
        h.sum = std::chrono::nanoseconds{static_cast<std::int64_t>((std::min)(sum, longest))};
    }

private:
    using Count = std::atomic<std::uint64_t>;
    /// The longest Duration: a sum stays there. Two of them still fit into the word.
    DEWPOND_HIDDEN static constexpr std::uint64_t longest = 0x7fff'ffff'ffff'ffff;

    static void raise(Count& c, std::uint64_t by) noexcept {
        if constexpr (Shared) c.fetch_add(by, std::memory_order_relaxed);
        else c.store(c.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);  // no locked instruction
    }
    static void raise(Count& c, std::uint64_t by, std::uint64_t most) noexcept {
        std::uint64_t old = c.load(std::memory_order_relaxed);
        if constexpr (Shared) {
            while (!c.compare_exchange_weak(old, (std::min)(old + by, most), std::memory_order_relaxed)) {
            }
        } else {
            c.store((std::min)(old + by, most), std::memory_order_relaxed);
        }
    }
    Count sum_{0};
    Count buckets_[Shape::bounds + 1] = {};
};

}  // namespace detail

/// `Counters`, and how long things took: histograms of waits, leases and openings. Waits and openings are timed off the
/// hit path, where the clock is read anyway. A lease costs two readings of the system's coarse clock (21 ns in all)
/// and 128 bytes a slot; that clock moves each few milliseconds (`CLOCK_MONOTONIC_COARSE`, 1 to 10 ms), so a lease is
/// put into the bucket of what it can have been at most, one tick more than was seen: `le="0.001"` stays empty where a
/// tick is longer than that. The sum is right on the average. `ExactTimings` reads the exact clock.
class Timings : public Counters {
public:
    static constexpr const char* name = "Timings";

    Timings() noexcept = default;
    Timings(Timings&&) noexcept {}  // as Counters: nothing has been recorded yet

    /// Kept in each slot, written by the holder of its lease.
    class per_slot {
        friend class Timings;
        TimePoint began_{};
        detail::Buckets<LeaseBounds, false> leases_;
    };

    void clock_ticks(Duration every) noexcept { tick_ = every; }
    void lent(per_slot& s, TimePoint now) noexcept { s.began_ = now; }
    void back(per_slot& s, TimePoint now) noexcept {
        const Duration out{now - s.began_};
        s.leases_.add(out, std::chrono::nanoseconds{out.ns().count() + tick_.ns().count()});
    }
    void waited(Duration d) noexcept {
        Counters::waited(d);
        waits_.add(d);
    }
    void opened_for_caller(Duration d) noexcept {
        Counters::opened_for_caller(d);
        waits_.add(d);
    }
    void served_late(Duration d) noexcept {
        late_.fetch_add(1, std::memory_order_relaxed);
        waits_.add(d);
    }
    void gave_up(Code, Duration d) noexcept { waits_.add(d); }
    void opened(Duration d) noexcept {
        Counters::opened(d);
        opens_.add(d);
    }
    void read(Stats& s) const noexcept {
        Counters::read(s);
        s.timed = true;
        waits_.add_to(s.wait);
        const std::uint64_t idle = s.served_idle(), late = late_.load(std::memory_order_relaxed);
        s.wait.buckets[0] += idle > late ? idle - late : 0;  // nobody read a clock for them
        opens_.add_to(s.open);
    }
    void read(Stats& s, const per_slot& slot) const noexcept { slot.leases_.add_to(s.lease); }

private:
    Duration tick_{};
    std::atomic<std::uint64_t> late_{0};
    detail::Buckets<WaitBounds, true> waits_;
    detail::Buckets<OpenBounds, true> opens_;
};

/// `Timings` with the exact clock for leases (100 ns in all, on the same machine): every bucket counts.
class ExactTimings : public Timings {
public:
    static constexpr const char* name = "ExactTimings";
    static constexpr bool exact = true;
};

}  // namespace dewpond::inline v0
