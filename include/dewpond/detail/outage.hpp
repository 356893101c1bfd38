// SPDX-License-Identifier: BSL-1.0
// When opening fails: back-off, the down state, and what it means for those who wait. Pure functions of values.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include <dewpond/deadline.hpp>
#include <dewpond/error.hpp>

namespace dewpond::inline v0::detail {

/// How opening has been going.
struct Outage {
    std::uint32_t failures = 0;  ///< in a row
    bool down = false;           ///< no live resource, and every opening failed for the grace
    Fault fault = Fault::none;   ///< of the last failure
    TimePoint since{};           ///< of the first failure in the row
    TimePoint down_since{};
    TimePoint gate{};            ///< nobody opens before this moment
};

/// The rules of an outage, from the pool's options.
struct OutageRules {
    Duration backoff_min{}, backoff_max_waiting{}, backoff_max{};
    Duration grace{};
    Duration open_timeout{};
};

/// What an opening that failed looked like.
struct FailedOpen {
    Fault fault = Fault::other;
    Duration allowed{};      ///< the time it was given
    Duration took{};         ///< the time it used
    bool any_live = false;   ///< resources that exist apart from those being opened
    bool anyone_waiting = false;
    std::uint32_t random = 0;
};

/// What follows for those who wait.
enum class Verdict : std::uint8_t {
    carry_on,   ///< they go on waiting: a return or the next attempt may serve them
    refuse,     ///< a configuration fault and nothing live: they get that error at once
    down,       ///< the pool is down from now on: they are refused with the reason
};

/// Full jitter over a doubling span: never in step with anybody else, never beyond the cap.
[[nodiscard]] constexpr Duration backoff(std::uint32_t failures, Duration least, Duration most, std::uint32_t random) noexcept {
    std::int64_t span = std::max<std::int64_t>(least.ns().count(), 1);
    const std::int64_t cap = std::max<std::int64_t>(most.ns().count(), 1);
    for (std::uint32_t i = 1; i < failures && span < cap; ++i) span = span > cap / 2 ? cap : span * 2;
    span = (std::min)(span, cap);
    // A tenth of the span at least: a draw of nothing would be no back-off.
    const std::int64_t least_ns = span / 10;
    return std::chrono::nanoseconds{least_ns + (span - least_ns) / 65536 * static_cast<std::int64_t>(random % 65536)};
}

/// An opening failed at `now`. A caller that gave it less time than `open_timeout` proves nothing by a time-out.
constexpr Verdict on_open_failed(Outage& o, const OutageRules& rules, const FailedOpen& f, TimePoint now) noexcept {
    if (f.fault == Fault::timed_out && f.allowed < rules.open_timeout && f.took >= f.allowed) return Verdict::carry_on;
    if (o.failures == 0) o.since = now;
    ++o.failures;
    o.fault = f.fault;
    const Duration most = f.anyone_waiting ? rules.backoff_max_waiting : rules.backoff_max;
    o.gate = add(now, backoff(o.failures, rules.backoff_min, most, f.random).ns());
    if (f.any_live) return Verdict::carry_on;
    if (f.fault == Fault::configuration) return Verdict::refuse;
    if (o.down || now - o.since < rules.grace.ns()) return o.down ? Verdict::down : Verdict::carry_on;
    o.down = true;
    o.down_since = now;
    return Verdict::down;
}

/// What was just opened was of no use to its opener, for so many `times` in one call: the next one has to wait.
constexpr void on_opened_in_vain(Outage& o, const OutageRules& rules, std::uint32_t times, std::uint32_t random, TimePoint now) noexcept {
    if (o.failures == 0) o.since = now;
    o.failures = (std::max)(o.failures, times);
    o.fault = Fault::other;
    o.gate = add(now, backoff(o.failures, rules.backoff_min, rules.backoff_max_waiting, random).ns());
}

/// Somebody began to wait while the gate stood far off: the shorter cap counts from now on.
constexpr TimePoint nearer_gate(const Outage& o, const OutageRules& rules, TimePoint now) noexcept {
    return (std::min)(o.gate, add(now, rules.backoff_max_waiting.ns()));
}

/// What a newcomer gets while nothing live exists: nothing (it may wait or open), or a refusal.
[[nodiscard]] constexpr bool refuses(const Outage& o, bool any_live, TimePoint now, Code& code) noexcept {
    if (any_live || o.failures == 0) return false;
    if (o.down) return code = Code::server_down, true;
    if (o.fault == Fault::configuration && now < o.gate) return code = Code::open_failed, true;
    return false;
}

/// How many may open at once: one alone while it keeps failing.
[[nodiscard]] constexpr std::uint32_t opening_cap(const Outage& o, std::uint32_t opens_at_once) noexcept {
    return o.failures != 0 ? 1 : opens_at_once;
}

}  // namespace dewpond::inline v0::detail
