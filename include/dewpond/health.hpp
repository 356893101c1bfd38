// SPDX-License-Identifier: BSL-1.0
// health(stats, rules): is this pool well? A pure function of a snapshot: no I/O, no clock, no connection of its own, so
// that it answers at once when the pool is full.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/text.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0 {

/// pass and warn are answered with HTTP 200, fail with 503.
enum class HealthStatus : std::uint8_t { pass, warn, fail };

/// What lies behind an answer other than pass.
enum class HealthCause : std::uint8_t {
    none,
    busy,         ///< somebody waits, but not for long
    stuck,        ///< the first waiter has waited too long
    server_down,  ///< nothing live, and opening keeps failing
    not_ready,    ///< no resource has ever been opened
    closed,
};

[[nodiscard]] constexpr std::string_view to_string(HealthStatus s) noexcept {
    return s == HealthStatus::pass ? "pass" : s == HealthStatus::warn ? "warn" : "fail";
}
[[nodiscard]] constexpr std::string_view to_string(HealthCause c) noexcept {
    switch (c) {
        case HealthCause::none: return "none";
        case HealthCause::busy: return "busy";
        case HealthCause::stuck: return "stuck";
        case HealthCause::server_down: return "server down";
        case HealthCause::not_ready: return "not ready";
        case HealthCause::closed: return "closed";
    }
    return "none";
}

/// Which states fail. Use one of the three named rules, or fill in your own.
struct HealthRules {
    bool look_at_pool = true;          ///< false: always pass
    bool fail_when_waiting = false;
    double fail_wait_fraction = 0.5;   ///< of checkout_timeout, for the oldest wait; 0: never fails for it
    bool fail_when_not_ready = false;
    bool fail_when_down = false;
    double warn_fullness = 0.8;        ///< in use / max_size from which it warns

    /// For a monitor: fail while anybody waits, or the server is down.
    [[nodiscard]] static constexpr HealthRules alarm() noexcept { return {true, true, 0.5, true, true, 0.8}; }
    /// For a load balancer: fail only when closed, never yet ready, or the oldest wait exceeds half of checkout_timeout. A
    /// server that is down is a warning: all instances leaving the balancer together is the bigger outage.
    [[nodiscard]] static constexpr HealthRules readiness() noexcept { return {true, false, 0.5, true, false, 0.8}; }
    /// For whoever restarts the process: never looks at the pool, a restart makes a full pool worse.
    [[nodiscard]] static constexpr HealthRules liveness() noexcept { return {false, false, 0, false, false, 2}; }
};

/// An answer: the status, its HTTP code, what is behind it, and a sentence of counts (no hosts, no errors).
struct Health {
    HealthStatus status = HealthStatus::pass;
    HealthCause cause = HealthCause::none;
    std::string sentence{};
    Duration retry_after{};  ///< when it fails: whole seconds after which asking again may find another answer
    [[nodiscard]] int http() const noexcept { return status == HealthStatus::fail ? 503 : 200; }
};

namespace detail {

/// Whole seconds, one at the least, a minute at the most: what stands behind `Retry-After`. Pure.
[[nodiscard]] inline Duration retry_after(const Stats& s, HealthCause cause) noexcept {
    Duration wait = std::chrono::seconds{1};
    if (cause == HealthCause::stuck) wait = s.checkout_timeout.ns() - s.oldest_wait.ns();  // then it gives up, or was served
    if (cause == HealthCause::server_down) wait = s.backoff;                               // then the server is asked again
    if (cause == HealthCause::closed) wait = std::chrono::seconds{5};                      // for this process to be replaced
    const std::int64_t whole = wait >= Duration{std::chrono::minutes{1}} ? 60 : (wait.ns().count() + 999'999'999) / 1'000'000'000;
    return std::chrono::seconds{(std::max)(whole, std::int64_t{1})};
}

}  // namespace detail

/// Judges a snapshot by rules. Allocates for the sentence only.
[[nodiscard]] inline Health health(const Stats& s, const HealthRules& rules = HealthRules::readiness()) {
    Health h;
    if (!rules.look_at_pool) return h;
    const auto found = [&h](HealthCause cause, bool fails) {
        const HealthStatus status = fails ? HealthStatus::fail : HealthStatus::warn;
        if (status > h.status || h.status == HealthStatus::pass) h = {status, cause, {}, {}};
    };
    const auto ns = [](Duration d) { return static_cast<double>(d.ns().count()); };
    if (s.closed) found(HealthCause::closed, true);
    const bool too_long = rules.fail_wait_fraction > 0 && s.waiting != 0 && ns(s.oldest_wait) > rules.fail_wait_fraction * ns(s.checkout_timeout);
    if (too_long) found(HealthCause::stuck, true);
    if (s.down) found(HealthCause::server_down, rules.fail_when_down);
    if (!s.ready && !s.closed) found(HealthCause::not_ready, rules.fail_when_not_ready);
    if (s.waiting != 0) found(HealthCause::busy, rules.fail_when_waiting);
    if (s.max_size != 0 && s.in_use >= rules.warn_fullness * s.max_size) found(HealthCause::busy, false);
    h.sentence = detail::text("pool '", s.name, "': ", s.in_use, " of ", s.max_size, " in use, ", s.waiting, " waiting");
    if (s.waiting != 0) detail::append(h.sentence, detail::text(", the first for ", s.oldest_wait));
    if (h.status == HealthStatus::fail) h.retry_after = detail::retry_after(s, h.cause);
    return h;
}

}  // namespace dewpond::inline v0
