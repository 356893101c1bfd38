// SPDX-License-Identifier: BSL-1.0
// Answers to `opening`: who opens a resource when none is idle and another may exist?
#pragma once

#include <algorithm>
#include <cstdint>

#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {
namespace detail {

/// For everybody the pool's threads have to serve and whom nothing idle is about to, and to refill.
[[nodiscard]] constexpr std::uint32_t openings_wanted(const OpeningView& v) noexcept {
    const std::uint32_t unserved = v.waiting - (std::min)(v.waiting, v.on_way);
    return unserved + (v.idle < v.min_idle ? v.min_idle - v.idle : 0);
}

}  // namespace detail

/// The caller who needs it, on its own thread, within its own deadline. (A waiter without a thread, and the refill to
/// `min_idle`, are served by the pool's own threads all the same.)
struct OpenInCaller {
    using answers = question::opening;
    static constexpr const char* name = "OpenInCaller";
    static constexpr bool in_caller = true;
    [[nodiscard]] constexpr std::uint32_t wanted(const OpeningView& v) const noexcept { return detail::openings_wanted(v); }
};

/// The pool's own threads, for as many waiters as no return has served meanwhile: an opening that is not yet started
/// is withdrawn when a return serves the waiter first.
struct OpenInBackground {
    using answers = question::opening;
    static constexpr const char* name = "OpenInBackground";
    static constexpr bool in_caller = false;
    [[nodiscard]] constexpr std::uint32_t wanted(const OpeningView& v) const noexcept { return detail::openings_wanted(v); }
};

}  // namespace dewpond::inline v0
