// SPDX-License-Identifier: BSL-1.0
// Ages without a clock on the hit path: who looks at a slot twice and finds the same use count and the same side (idle
// or out) knows that nothing happened in between.
#pragma once

#include <chrono>
#include <cstdint>

#include <dewpond/deadline.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0::detail {

/// What the last look at a slot found.
struct Sample {
    std::uint64_t uses = 0;
    bool idle = false;
    bool present = false;  ///< a resource was in it
    TimePoint since{};     ///< the first of the looks that agree with this one
    TimePoint born{};      ///< when the resource was opened

    /// One more look at `now`; the age runs on only while use count and side are the same.
    constexpr void look(std::uint64_t uses_now, bool idle_now, TimePoint now) noexcept {
        if (!present || uses_now != uses || idle_now != idle) since = now;
        uses = uses_now;
        idle = idle_now;
        present = true;
    }
    /// A resource was opened into the slot.
    constexpr void opened(std::uint64_t uses_now, TimePoint now) noexcept { *this = Sample{uses_now, false, true, now, now}; }
    constexpr void vacated() noexcept { present = false; }

    [[nodiscard]] constexpr Ages ages(TimePoint now) const noexcept {
        return {idle && present ? Duration{now - since} : Duration{}, present ? Duration{now - born} : Duration{}};
    }
    [[nodiscard]] constexpr Duration out_for(TimePoint now) const noexcept { return present && !idle ? Duration{now - since} : Duration{}; }
};

/// How often the keeper looks, from what has to be noticed and how soon: a tenth of it, at most a second.
[[nodiscard]] constexpr Duration tick_period(Duration resolution, Duration aged_after) noexcept {
    Duration period = std::chrono::seconds{1};
    if (!aged_after.is_never()) period = (std::min)(period, Duration{aged_after.ns() / 10});
    period = (std::min)(period, resolution);
    return (std::max)(period, Duration{std::chrono::milliseconds{10}});
}

/// A tick so much late tells of a stall.
[[nodiscard]] constexpr Duration stall_after(Duration period) noexcept {
    return (std::max)(Duration{std::chrono::seconds{2}}, period.is_never() ? period : Duration{2 * period.ns()});
}

/// Neighbours give numbers that have nothing to do with each other: slots opened at one reading of the clock.
[[nodiscard]] constexpr std::uint32_t scatter(std::uint64_t n) noexcept {
    n = (n ^ (n >> 30)) * 0xBF58476D1CE4E5B9u;
    n = (n ^ (n >> 27)) * 0x94D049BB133111EBu;
    return static_cast<std::uint32_t>(n ^ (n >> 31));
}

/// How many healthy resources may be retired in one tick: spaced, so that no storm of openings follows.
[[nodiscard]] constexpr std::uint32_t retirements_per_tick(std::uint32_t counted) noexcept { return counted / 10 + 1; }

/// May an idle resource that rested too long be closed, with so many idle and so many to be kept?
[[nodiscard]] constexpr bool may_shrink(std::uint32_t idle, std::uint32_t min_idle) noexcept { return idle > min_idle; }

}  // namespace dewpond::inline v0::detail
