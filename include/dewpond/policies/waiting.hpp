// SPDX-License-Identifier: BSL-1.0
// Answers to `waiting`: who is served first?
#pragma once

#include <chrono>
#include <string>

#include <dewpond/detail/text.hpp>
#include <dewpond/fwd.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {

/// Whoever runs takes what is idle, until the first waiter has waited `patience`; from then on returns are handed to
/// it directly. The throughput of barging with the tail of a queue: nobody is overtaken for longer than that, but by
/// at most sixteen returns a slot while it wakes up.
struct Adaptive {
    using answers = question::waiting;
    static constexpr const char* name = "Adaptive";

    Duration patience = std::chrono::milliseconds{1};

    [[nodiscard]] std::string check(const Options&) const {
        if (patience >= Duration{} && !patience.is_never()) return {};
        return detail::text("patience is ", patience, ": it must be 0 or more and finite");
    }
    [[nodiscard]] std::string describe() const { return detail::text("patience = ", patience); }
    [[nodiscard]] constexpr bool hand_over(const WaitingView& v) const noexcept { return v.head_waited >= patience; }
};

/// Strictly first come, first served. Costs a thread switch per return while anybody waits: nothing where leases
/// last a millisecond, seven- to tenfold where they last a microsecond.
struct StrictFifo {
    using answers = question::waiting;
    static constexpr const char* name = "StrictFifo";
    static constexpr bool always_hands_over = true;
    [[nodiscard]] constexpr bool hand_over(const WaitingView&) const noexcept { return true; }
};

}  // namespace dewpond::inline v0
