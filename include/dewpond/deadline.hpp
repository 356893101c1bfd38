// SPDX-License-Identifier: BSL-1.0
// How long something may take: Duration (a saturating span), Limit (what a caller says), Deadline (the moment that follows).
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

#include <dewpond/config.hpp>

namespace dewpond::inline v0 {

/// The type of `dewpond::never`.
struct Never {
    friend constexpr bool operator==(Never, Never) noexcept = default;
};

/// The one spelling of "no limit", for every duration, count and limit of this library.
DEWPOND_HIDDEN inline constexpr Never never{};

/// A moment on the monotonic clock; the library knows no other clock.
using TimePoint = std::chrono::steady_clock::time_point;

namespace detail {

/// Converts without overflow: what does not fit becomes the largest (smallest) span there is.
template <class Rep, class Period>
constexpr std::chrono::nanoseconds saturate(std::chrono::duration<Rep, Period> d) noexcept {
    using std::chrono::nanoseconds;
    using Wide = std::chrono::duration<long double, std::nano>;
    const auto wide = std::chrono::duration_cast<Wide>(d);
    if (!(wide.count() < static_cast<long double>((nanoseconds::max)().count()))) {  // also: not a number
        return (nanoseconds::max)();
    }
    if (wide.count() <= static_cast<long double>((nanoseconds::min)().count())) return (nanoseconds::min)();
    if constexpr (std::is_floating_point_v<Rep>) return nanoseconds{static_cast<nanoseconds::rep>(wide.count())};
    else return std::chrono::duration_cast<nanoseconds>(d);
}

/// `at + span`, at most the end of time. A span of `(nanoseconds::max)()` or more means never.
constexpr TimePoint add(TimePoint at, std::chrono::nanoseconds span) noexcept {
    if (span.count() <= 0) return at;
    const auto room = (TimePoint::max)() - at;
    return span >= room ? (TimePoint::max)() : at + std::chrono::duration_cast<TimePoint::duration>(span);
}

}  // namespace detail

/// A span of time in nanoseconds, made from any `std::chrono` duration without overflow, or from `never`.
class Duration {
public:
    constexpr Duration() noexcept = default;
    template <class Rep, class Period>
    constexpr Duration(std::chrono::duration<Rep, Period> d) noexcept : ns_{detail::saturate(d)} {}
    constexpr Duration(Never) noexcept : ns_{(std::chrono::nanoseconds::max)()} {}

    [[nodiscard]] constexpr std::chrono::nanoseconds ns() const noexcept { return ns_; }
    [[nodiscard]] constexpr bool is_never() const noexcept {
        return ns_ == (std::chrono::nanoseconds::max)();
    }
    friend constexpr bool operator==(Duration, Duration) noexcept = default;
    friend constexpr auto operator<=>(Duration a, Duration b) noexcept { return a.ns_.count() <=> b.ns_.count(); }

private:
    std::chrono::nanoseconds ns_{};
};

/// A moment by which something must have ended. Reading the clock is the caller's affair: `remaining(now)`.
class Deadline {
public:
    constexpr Deadline() noexcept = default;  ///< never
    constexpr explicit Deadline(TimePoint at) noexcept : at_{at} {}
    /// The moment `span` after `now`; `never` stays never.
    [[nodiscard]] static constexpr Deadline after(TimePoint now, Duration span) noexcept {
        return Deadline{detail::add(now, span.ns())};
    }

    [[nodiscard]] constexpr TimePoint at() const noexcept { return at_; }
    [[nodiscard]] constexpr bool is_never() const noexcept { return at_ == (TimePoint::max)(); }
    [[nodiscard]] constexpr bool passed(TimePoint now) const noexcept { return now >= at_; }
    /// What is left at `now`, never negative.
    [[nodiscard]] constexpr std::chrono::nanoseconds remaining(TimePoint now) const noexcept {
        return is_never() ? (std::chrono::nanoseconds::max)()
               : at_ > now ? std::chrono::duration_cast<std::chrono::nanoseconds>(at_ - now)
                           : std::chrono::nanoseconds::zero();
    }
    /// The earlier of two deadlines.
    [[nodiscard]] friend constexpr Deadline earlier(Deadline a, Deadline b) noexcept {
        return a.at_ < b.at_ ? a : b;
    }
    friend constexpr bool operator==(Deadline, Deadline) noexcept = default;

private:
    TimePoint at_ = (TimePoint::max)();
};

/// How long a caller is willing to wait: a duration, a `steady_clock` time point, or `never`. It is kept as said;
/// the clock is read at the first step that needs it, so a checkout that hits reads none. A plain number or a
/// `system_clock` time is refused at compile time: the first has no unit, the second can be stepped.
class Limit {
public:
    template <class Rep, class Period>
    constexpr Limit(std::chrono::duration<Rep, Period> d) noexcept : ns_{detail::saturate(d).count()} {}
    constexpr Limit(Duration d) noexcept : ns_{d.ns().count()} {}
    template <class Dur>
    constexpr Limit(std::chrono::time_point<std::chrono::steady_clock, Dur> at) noexcept
        : ns_{detail::saturate(at.time_since_epoch()).count()}, absolute_{true} {}
    constexpr Limit(Never) noexcept : ns_{(std::numeric_limits<std::int64_t>::max)()} {}

    /// The deadline of this limit for something that starts at `now`.
    [[nodiscard]] constexpr Deadline from(TimePoint now) const noexcept {
        const std::chrono::nanoseconds n{ns_};
        if (n == (std::chrono::nanoseconds::max)()) return Deadline{};
        return absolute_ ? Deadline{TimePoint{std::chrono::duration_cast<TimePoint::duration>(n)}}
                         : Deadline{detail::add(now, n)};
    }
    /// Nothing may be waited for (zero or negative span).
    [[nodiscard]] constexpr bool is_zero() const noexcept { return !absolute_ && ns_ <= 0; }

private:
    std::int64_t ns_;
    bool absolute_ = false;
};

}  // namespace dewpond::inline v0
