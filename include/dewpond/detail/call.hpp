// SPDX-License-Identifier: BSL-1.0
// One call of a user: its limit, its deadline, and the share of it that a check may take.
#pragma once

#include <algorithm>
#include <chrono>

#include <dewpond/deadline.hpp>

namespace dewpond::inline v0::detail {

/// How much of what is left one check may take, so that a peer that is mute leaves time to ask another one or to open: half,
/// but at most two seconds, and up to a tenth of a second in any case: a short limit is the check's alone. Pure.
[[nodiscard]] constexpr Duration share_of_check(Duration left) noexcept {
    const Duration half = left.ns() / 2, least = std::chrono::milliseconds{100}, most = std::chrono::seconds{2};
    return (std::min)((std::min)((std::max)(half, least), most), left);
}

/// One call of a user: its limit, turned into a deadline at the first step that needs one.
template <class Sync>
class Call {
public:
    Call(Limit limit, Sync& sync) noexcept : limit_{limit}, sync_{&sync} {}
    [[nodiscard]] Deadline deadline() noexcept {
        if (!known_) anchor(sync_->now());
        return deadline_;
    }
    void anchor(TimePoint now) noexcept {
        if (known_) return;
        deadline_ = limit_.from(now);
        began_ = seen_ = now;
        known_ = true;
    }
    /// The moment it was anchored at: what was spent since, on the hit path too, belongs to the call.
    [[nodiscard]] TimePoint began() const noexcept { return began_; }
    [[nodiscard]] bool has_begun() const noexcept { return known_; }
    /// No time is left: a check that talks would only tell that.
    [[nodiscard]] bool late() noexcept {
        if (known_) seen_ = sync_->now();
        return limit_.is_zero() || (known_ && deadline_.passed(seen_));
    }
    /// By when one check is to have its answer; after `late()`, which has looked at the clock.
    [[nodiscard]] Deadline check_deadline() noexcept {
        const Deadline all = deadline();
        return earlier(all, Deadline::after(seen_, share_of_check(all.remaining(seen_))));
    }
    bool hook_threw = false;

private:
    Limit limit_;
    Sync* sync_;
    Deadline deadline_{};
    TimePoint began_{}, seen_{};
    bool known_ = false;
};

}  // namespace dewpond::inline v0::detail
