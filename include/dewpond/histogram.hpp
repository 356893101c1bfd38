// SPDX-License-Identifier: BSL-1.0
// Histogram: how often something took how long, in buckets that are fixed at compile time.
#pragma once

#include <cstddef>
#include <cstdint>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>

namespace dewpond::inline v0 {

/// A snapshot of a histogram over `Bounds`, a type with `static constexpr std::int64_t ns[]`: the upper bounds of the
/// buckets in nanoseconds, ascending, hidden so that no plugin is pinned by it. One more bucket takes what lies above the
/// last. A value equal to a bound belongs to that bound's bucket (the `le` of Prometheus).
template <class Bounds>
struct Histogram {
    /// How many bounds there are; the buckets are one more.
    DEWPOND_HIDDEN static constexpr std::size_t bounds = sizeof(Bounds::ns) / sizeof(Bounds::ns[0]);

    std::uint64_t buckets[bounds + 1] = {};  ///< not cumulative; the last has no bound
    Duration sum{};                          ///< of all values

    /// The upper bound of a bucket; `never` for the last.
    [[nodiscard]] static constexpr Duration bound(std::size_t bucket) noexcept {
        if (bucket >= bounds) return never;
        return std::chrono::nanoseconds{Bounds::ns[bucket]};
    }
    /// The bucket that a value belongs to.
    [[nodiscard]] static constexpr std::size_t bucket_of(Duration d) noexcept {
        std::size_t i = 0;
        while (i < bounds && d.ns().count() > Bounds::ns[i]) ++i;
        return i;
    }
    /// How many values there are.
    [[nodiscard]] constexpr std::uint64_t count() const noexcept {
        std::uint64_t n = 0;
        for (const std::uint64_t b : buckets) n += b;
        return n;
    }
};

/// Buckets of the time until a checkout was served, or gave up. `le="10"` is the default checkout_timeout: what is
/// above it has timed out.
struct WaitBounds {
    DEWPOND_HIDDEN static constexpr std::int64_t ns[] = {10'000,      100'000,     500'000,     1'000'000,     5'000'000,     10'000'000,    50'000'000,
                                          100'000'000, 250'000'000, 500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
};
/// Buckets of the time a lease is out.
struct LeaseBounds {
    DEWPOND_HIDDEN static constexpr std::int64_t ns[] = {100'000,     1'000'000,     5'000'000,     10'000'000,     50'000'000,     100'000'000,
                                          500'000'000, 1'000'000'000, 5'000'000'000, 10'000'000'000, 60'000'000'000, 300'000'000'000, 1'800'000'000'000};
};
/// Buckets of the time a successful opening takes.
struct OpenBounds {
    DEWPOND_HIDDEN static constexpr std::int64_t ns[] = {1'000'000,   5'000'000,   10'000'000,    25'000'000,    50'000'000,
                                          100'000'000, 500'000'000, 1'000'000'000, 5'000'000'000, 10'000'000'000};
};

}  // namespace dewpond::inline v0
