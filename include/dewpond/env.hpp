// SPDX-License-Identifier: BSL-1.0
// Options and policies from environment variables. Every bad value is refused with its name, its value and the remedy.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <dewpond/detail/text.hpp>
#include <dewpond/error.hpp>
#include <dewpond/options.hpp>
#include <dewpond/policies/lifetime.hpp>
#include <dewpond/policies/liveness.hpp>
#include <dewpond/policies/waiting.hpp>
#include <dewpond/policies/watch.hpp>

namespace dewpond::inline v0 {
namespace detail {

/// Every key that some reader below knows: one prefix may carry options and policies together.
constexpr std::string_view env_keys[] = {
    "NAME",         "MAX_SIZE",      "MIN_IDLE",      "CHECKOUT_TIMEOUT",    "MAX_WAITING", "OPEN_TIMEOUT",  "OPENS_AT_ONCE",
    "BACKOFF_MIN",  "BACKOFF_MAX_WAITING", "BACKOFF_MAX", "OUTAGE_GRACE",    "RESET_TIMEOUT", "RETURN_BUDGET", "KEEPER_THREAD",
    "MAX_IDLE",     "MAX_LIFETIME",  "JITTER",        "RESTED",              "PATIENCE",    "CAPACITY",      "MAX_USES",
    "WARN_AFTER",
};

/// How many single edits lie between two words.
[[nodiscard]] inline std::size_t distance(std::string_view a, std::string_view b) {
    std::string row(b.size() + 1, '\0');  // words are short: a byte a cell
    for (std::size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<char>(j);
    for (std::size_t i = 1; i <= a.size(); ++i) {
        char diagonal = row[0];
        row[0] = static_cast<char>(i);
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const char above = row[j];
            row[j] = (std::min)({static_cast<char>(above + 1), static_cast<char>(row[j - 1] + 1), static_cast<char>(diagonal + (a[i - 1] == b[j - 1] ? 0 : 1))});
            diagonal = above;
        }
    }
    return static_cast<std::size_t>(row[b.size()]);
}

[[noreturn]] inline void refuse_env(std::string_view variable, std::string_view value, std::string_view remedy) {
    DEWPOND_THROW(PoolError(Code::bad_option, "", text(variable, " is '", value, "': ", remedy)));
}

/// Reads the variables under one prefix.
class Env {
public:
    /// Refuses what nobody knows under the prefix, naming the nearest key.
    explicit Env(std::string_view prefix) : prefix_{prefix} {
        if (prefix.empty()) DEWPOND_THROW(PoolError(Code::bad_option, "", "the prefix is empty: name one, such as APP_POOL_"));
        for (char** e = environ; e != nullptr && *e != nullptr; ++e) {
            const std::string_view entry{*e};
            const std::string_view variable = entry.substr(0, entry.find('='));
            if (variable.substr(0, prefix.size()) != prefix) continue;
            const std::string_view key = variable.substr(prefix.size()).substr(0, 40);
            if (std::find(std::begin(env_keys), std::end(env_keys), key) != std::end(env_keys)) continue;
            const auto nearest = std::min_element(std::begin(env_keys), std::end(env_keys),
                                                  [key](std::string_view a, std::string_view b) { return distance(key, a) < distance(key, b); });
            // The value is not repeated: a variable that nobody knows may hold anything, a password too.
            DEWPOND_THROW(PoolError(Code::bad_option, "", text(variable, " is no option of a pool: did you mean ", prefix, *nearest, "?")));
        }
    }

    void read(std::string_view key, std::string& out) const {
        if (const char* v = find(key)) out = v;
    }
    void read(std::string_view key, bool& out) const {
        const char* v = find(key);
        if (v == nullptr) return;
        const std::string_view s{v};
        if (s != "true" && s != "false") refuse_env(variable(key), s, "it must be true or false");
        out = s == "true";
    }
    /// A whole number from `low` to `high`; an out-of-range one is refused here, with both.
    template <class Int>
    void read(std::string_view key, Int& out, std::uint64_t low, std::uint64_t high) const {
        const char* v = find(key);
        if (v == nullptr) return;
        const std::string_view s{v};
        std::uint64_t n = 0;
        const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), n);
        if (error != std::errc{} || end != s.data() + s.size() || n < low || n > high) {
            refuse_env(variable(key), s, text("it must be a whole number from ", low, " to ", high));
        }
        out = static_cast<Int>(n);
    }
    void read(std::string_view key, Duration& out) const {
        const char* v = find(key);
        if (v == nullptr) return;
        const std::string_view s{v};
        if (s == "never") {
            out = never;
            return;
        }
        std::uint64_t n = 0;
        const auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), n);
        const std::string_view unit{end, static_cast<std::size_t>(s.data() + s.size() - end)};
        struct Unit {
            std::string_view name;
            std::uint64_t ns;
        };
        constexpr Unit units[] = {{"ns", 1}, {"us", 1'000}, {"ms", 1'000'000}, {"s", 1'000'000'000}, {"min", 60'000'000'000}, {"h", 3'600'000'000'000}};
        const auto u = std::find_if(std::begin(units), std::end(units), [unit](const Unit& x) { return x.name == unit; });
        constexpr auto most = static_cast<std::uint64_t>((std::numeric_limits<std::int64_t>::max)());
        if (error != std::errc{} || u == std::end(units) || n > most / u->ns) {
            refuse_env(variable(key), s, "it must be a whole number with a unit (ns, us, ms, s, min, h), such as 250ms, or never");
        }
        out = std::chrono::nanoseconds{static_cast<std::int64_t>(n * u->ns)};
    }
    /// Passes a sentence of a check on, with the prefix and the value's variable in front.
    void refuse_if(std::string_view sentence) const {
        if (!sentence.empty()) DEWPOND_THROW(PoolError(Code::bad_option, "", text("under ", prefix_, ": ", sentence)));
    }

private:
    [[nodiscard]] std::string variable(std::string_view key) const { return text(prefix_, key); }
    [[nodiscard]] const char* find(std::string_view key) const { return std::getenv(variable(key).c_str()); }
    std::string_view prefix_;
};

}  // namespace detail

inline Options Options::from_env(std::string_view prefix) { return from_env(prefix, Options{}); }

inline Options Options::from_env(std::string_view prefix, Options base) {
    const detail::Env env{prefix};
    env.read("NAME", base.name);
    env.read("MAX_SIZE", base.max_size, 1, 65'535);
    if (std::size_t n = 0; env.read("CAPACITY", n, 1, 65'535), n != 0) base.capacity = n;
    if (std::size_t n = ~std::size_t{0}; env.read("MIN_IDLE", n, 0, 65'535), n != ~std::size_t{0}) base.min_idle = n;
    env.read("CHECKOUT_TIMEOUT", base.checkout_timeout);
    env.read("MAX_WAITING", base.max_waiting, 0, 65'535);
    env.read("OPEN_TIMEOUT", base.open_timeout);
    env.read("OPENS_AT_ONCE", base.opens_at_once, 1, 16);
    env.read("BACKOFF_MIN", base.backoff_min);
    env.read("BACKOFF_MAX_WAITING", base.backoff_max_waiting);
    env.read("BACKOFF_MAX", base.backoff_max);
    env.read("OUTAGE_GRACE", base.outage_grace);
    env.read("RESET_TIMEOUT", base.reset_timeout);
    env.read("RETURN_BUDGET", base.return_budget);
    env.read("KEEPER_THREAD", base.keeper_thread);
    env.refuse_if(detail::check(base));
    return base;
}

/// `Lifetime` from `<prefix>MAX_IDLE`, `<prefix>MAX_LIFETIME`, `<prefix>MAX_USES`, `<prefix>JITTER` (per cent), over `base`. Throws PoolError.
[[nodiscard]] inline Lifetime lifetime_from_env(std::string_view prefix, Lifetime base = {}) {
    const detail::Env env{prefix};
    env.read("MAX_IDLE", base.max_idle);
    env.read("MAX_LIFETIME", base.max_lifetime);
    if (std::size_t n = 0; env.read("MAX_USES", n, 1, 1'000'000'000), n != 0) base.max_uses = n;
    env.read("JITTER", base.jitter, 0, 90);
    env.refuse_if(base.check(Options{}));
    return base;
}

/// `PingAfterIdle` from `<prefix>RESTED`, over `base`. Throws PoolError.
[[nodiscard]] inline PingAfterIdle ping_after_idle_from_env(std::string_view prefix, PingAfterIdle base = {}) {
    const detail::Env env{prefix};
    env.read("RESTED", base.rested);
    env.refuse_if(base.check(Options{}));
    return base;
}

/// `WarnAfter` from `<prefix>WARN_AFTER`, over `base`. Throws PoolError.
[[nodiscard]] inline WarnAfter warn_after_from_env(std::string_view prefix, WarnAfter base = WarnAfter{}) {
    const detail::Env env{prefix};
    Duration after = base.warn_after();
    env.read("WARN_AFTER", after);
    base = WarnAfter{after};
    env.refuse_if(base.check(Options{}));
    return base;
}

/// `Adaptive` from `<prefix>PATIENCE`, over `base`. Throws PoolError.
[[nodiscard]] inline Adaptive adaptive_from_env(std::string_view prefix, Adaptive base = {}) {
    const detail::Env env{prefix};
    env.read("PATIENCE", base.patience);
    env.refuse_if(base.check(Options{}));
    return base;
}

}  // namespace dewpond::inline v0
