// SPDX-License-Identifier: BSL-1.0
// Answers to `opening`: who opens a resource when none is idle and another may exist?
#pragma once

#include <algorithm>
#include <cstdint>

#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {

/// The caller who needs it, on its own thread, within its own deadline.
struct OpenInCaller {
    using answers = question::opening;
    static constexpr const char* name = "OpenInCaller";
    static constexpr bool in_caller = true;
    /// How many openings should be pending or running for the keeper: to refill, and for waiters without a thread.
    [[nodiscard]] constexpr std::uint32_t wanted(const OpeningView& v) const noexcept {
        return v.idle < v.min_idle ? v.min_idle - v.idle : 0;
    }
};

/// The pool's own threads, for as many waiters as no return has served meanwhile: an opening that is not yet started
/// is withdrawn when a return serves the waiter first.
struct OpenInBackground {
    using answers = question::opening;
    static constexpr const char* name = "OpenInBackground";
    static constexpr bool in_caller = false;
    [[nodiscard]] constexpr std::uint32_t wanted(const OpeningView& v) const noexcept {
        const std::uint32_t unserved = v.waiting - std::min(v.waiting, v.on_way);
        const std::uint32_t refill = v.idle < v.min_idle ? v.min_idle - v.idle : 0;
        return unserved + refill;
    }
};

}  // namespace dewpond::inline v0
