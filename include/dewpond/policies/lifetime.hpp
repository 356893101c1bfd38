// SPDX-License-Identifier: BSL-1.0
// Answers to `lifetime`: when is a healthy resource retired?
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <dewpond/detail/text.hpp>
#include <dewpond/fwd.hpp>
#include <dewpond/policy.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0 {

/// Never.
struct NoExpiry {
    using answers = question::lifetime;
    static constexpr const char* name = "NoExpiry";
};

/// How often a resource may be lent; `never` for no limit.
class Uses {
public:
    constexpr Uses(Never) noexcept {}  // NOLINT: a value or never
    constexpr Uses(std::uint64_t n) noexcept : n_{n} {}  // NOLINT
    [[nodiscard]] constexpr bool is_never() const noexcept { return n_ == ~std::uint64_t{0}; }
    [[nodiscard]] constexpr std::uint64_t count() const noexcept { return n_; }

private:
    std::uint64_t n_ = ~std::uint64_t{0};
};

/// After resting for `max_idle`, after `max_uses` checkouts, or after `max_lifetime`, shortened at random by up to `jitter` per cent for each
/// resource, so that what was opened together does not retire together. Ages are judged by the keeper, never on the hit
/// path; uses cost a comparison on it.
struct Lifetime {
    using answers = question::lifetime;
    static constexpr const char* name = "Lifetime";

    Duration max_idle = std::chrono::seconds{300};
    Duration max_lifetime = std::chrono::seconds{1800};
    Uses max_uses = never;
    unsigned jitter = 10;  ///< per cent, downwards

    /// Kept for each slot; touched under the keeper's eyes only.
    struct per_slot {
        Duration lifetime = never;
    };

    /// The sentence of what cannot work, empty when all is well.
    [[nodiscard]] std::string check(const Options&) const {
        if (max_idle <= Duration{}) return detail::text("max_idle is ", max_idle, ": it must be above 0, or never");
        if (max_lifetime <= Duration{}) {
            return detail::text("max_lifetime is ", max_lifetime, ": it must be above 0, or never");
        }
        if (max_uses.count() == 0) return "max_uses is 0: it must be 1 or more, or never";
        if (jitter > 90) return detail::text("jitter is ", std::uint64_t{jitter}, " %: it must be 0 to 90");
        return {};
    }
    /// A resource was opened; `random` is any number, the same number gives the same lifetime.
    constexpr void opened(per_slot& slot, std::uint32_t random) const noexcept {
        slot.lifetime = max_lifetime;
        if (max_lifetime.is_never()) return;
        const auto ns = max_lifetime.ns().count();
        const auto cut = ns / 100 * static_cast<std::int64_t>(jitter);
        slot.lifetime = std::chrono::nanoseconds{ns - cut / 4096 * static_cast<std::int64_t>(random % 4096)};
    }
    /// Whether it has lived long enough, `CloseReason::count_` for no.
    [[nodiscard]] constexpr CloseReason expired(const per_slot& slot, Ages ages) const noexcept {
        if (!slot.lifetime.is_never() && ages.life >= slot.lifetime) return CloseReason::max_lifetime;
        if (!max_idle.is_never() && ages.idle >= max_idle) return CloseReason::max_idle;
        return CloseReason::count_;
    }
    /// The use with which a resource opened after `before` of them retires.
    [[nodiscard]] constexpr std::uint64_t last_use(std::uint64_t before) const noexcept {
        return max_uses.is_never() ? max_uses.count() : before + max_uses.count();
    }
    [[nodiscard]] std::string describe() const {
        const std::string uses = max_uses.is_never() ? std::string{"never"} : detail::text(max_uses.count());
        return detail::text("max_idle = ", max_idle, ", max_lifetime = ", max_lifetime, ", max_uses = ", uses, ", jitter = ", std::uint64_t{jitter}, " %");
    }
    void read(Settings& s) const noexcept {
        s.max_idle = max_idle;
        s.max_lifetime = max_lifetime;
        s.max_uses = max_uses.is_never() ? 0 : max_uses.count();
    }
    /// The keeper looks at least this often.
    [[nodiscard]] constexpr Duration resolution() const noexcept {
        const Duration least = max_idle < max_lifetime ? max_idle : max_lifetime;
        return least.is_never() ? least : Duration{least.ns() / 10};
    }
};

}  // namespace dewpond::inline v0
