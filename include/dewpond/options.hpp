// SPDX-License-Identifier: BSL-1.0
// Options of a pool, their defaults and their legal ranges.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/text.hpp>
#include <dewpond/error.hpp>
#include <dewpond/event.hpp>

namespace dewpond::inline v0 {

/// What a pool is told at construction. The order of the fields is API: designated initialisers depend on it.
struct Options {
    std::string name = "pool";  ///< for messages, metrics and thread names; letters, digits, `_ - . :`
    std::size_t max_size = 10;  ///< resources that may exist at once in this process, 1 to 65535
    std::optional<std::size_t> capacity = std::nullopt;  ///< `resize` goes up to here; unset: 62, or max_size if that is more
    std::optional<std::size_t> min_idle = std::nullopt;  ///< kept idle as a canary; unset: what the driver suggests, else 0
    Duration checkout_timeout = std::chrono::seconds{10};  ///< for calls that name no limit
    std::size_t max_waiting = 10'000;  ///< waiters at once, 0 to 65535; 0: never queue
    Duration open_timeout = std::chrono::seconds{5};  ///< of one attempt to open
    std::size_t opens_at_once = 2;     ///< 1 to 16
    Duration backoff_min = std::chrono::milliseconds{100};  ///< after the first failed opening; doubled by each further one
    Duration backoff_max_waiting = std::chrono::seconds{1}; ///< at most this while somebody waits
    Duration backoff_max = std::chrono::seconds{5};         ///< at most this otherwise
    Duration outage_grace = std::chrono::seconds{3};  ///< failing for so long with nothing live: the pool is down
    Duration reset_timeout = std::chrono::seconds{1}; ///< for a reset in the background
    Duration return_budget = std::chrono::milliseconds{20};  ///< for a reset on the returner's thread; 0: never there
    bool keeper_thread = true;  ///< false: no thread of the pool's own, the program calls `maintain()`
    EventSink on_event{};

    /// Options from the environment: the field's name in capitals after the prefix, e.g. `APP_POOL_MAX_SIZE=50`,
    /// `APP_POOL_CHECKOUT_TIMEOUT=250ms`. Durations need a unit (ns us ms s min h) or are `never`. What is not set
    /// keeps its default. Throws PoolError (bad_option) naming the variable, its value and the legal range; an
    /// unknown variable under the prefix is refused with the nearest name. Include `<dewpond/env.hpp>`.
    static Options from_env(std::string_view prefix);
    /// The same over given defaults.
    static Options from_env(std::string_view prefix, Options base);
};

namespace detail {

/// As many slots are made: one word of the idle set at least.
[[nodiscard]] inline std::size_t capacity_of(const Options& o) noexcept {
    if (o.capacity) return *o.capacity;
    return o.max_size < 62 ? 62 : o.max_size;
}

/// The sentence of what cannot work, empty when all is well. Pure.
[[nodiscard]] inline std::string check(const Options& o) {
    constexpr std::size_t most = 65'535;
    const auto range = [](std::string_view field, std::size_t value, std::size_t low, std::size_t high) {
        return value < low || value > high
                   ? text(field, " is ", std::uint64_t{value}, ": it must be ", std::uint64_t{low}, " to ", std::uint64_t{high})
                   : std::string{};
    };
    const auto span = [](std::string_view field, Duration d, bool zero_allowed, bool never_allowed) {
        const bool low = zero_allowed ? d < Duration{} : d <= Duration{};
        if (!low && (never_allowed || !d.is_never())) return std::string{};
        return text(field, " is ", d, ": it must be ", zero_allowed ? "0 or more" : "above 0", never_allowed ? ", or never" : " and finite");
    };
    std::string bad;
    const auto first = [&bad](std::string sentence) {
        if (bad.empty()) bad = std::move(sentence);
    };
    if (o.name.empty() || o.name.size() > 64) first(text("name has ", std::uint64_t{o.name.size()}, " characters: it must have 1 to 64"));
    for (const char c : o.name) {
        const bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == ':';
        if (!ok) first(text("name '", o.name, "' has a character other than letters, digits and _ - . :"));
    }
    first(range("max_size", o.max_size, 1, most));
    if (o.capacity) first(range("capacity", *o.capacity, o.max_size, most));
    if (o.min_idle) first(range("min_idle", *o.min_idle, 0, o.max_size));
    first(span("checkout_timeout", o.checkout_timeout, false, false));
    first(range("max_waiting", o.max_waiting, 0, most));
    first(span("open_timeout", o.open_timeout, false, false));
    first(range("opens_at_once", o.opens_at_once, 1, 16));
    first(span("backoff_min", o.backoff_min, false, false));
    first(span("backoff_max_waiting", o.backoff_max_waiting, false, false));
    first(span("backoff_max", o.backoff_max, false, false));
    if (o.backoff_max_waiting < o.backoff_min) first(text("backoff_max_waiting is ", o.backoff_max_waiting, ": it must be at least backoff_min (", o.backoff_min, ")"));
    if (o.backoff_max < o.backoff_max_waiting) first(text("backoff_max is ", o.backoff_max, ": it must be at least backoff_max_waiting (", o.backoff_max_waiting, ")"));
    first(span("outage_grace", o.outage_grace, true, true));
    first(span("reset_timeout", o.reset_timeout, false, false));
    first(span("return_budget", o.return_budget, true, false));
    return bad;
}

}  // namespace detail
}  // namespace dewpond::inline v0
