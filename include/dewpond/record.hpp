// SPDX-License-Identifier: BSL-1.0
// PastEvent: one of the last things that happened in a pool, as its recorder kept it.
#pragma once

#include <cstdint>
#include <string>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/text.hpp>
#include <dewpond/error.hpp>
#include <dewpond/event.hpp>
#include <dewpond/place.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0 {

/// What is remembered of something that happened off the hit path. Of texts nothing is kept.
struct PastEvent {
    /// Where no slot is concerned.
    DEWPOND_HIDDEN static constexpr std::uint32_t no_slot = 0xffff;

    std::uint64_t number = 0;                   ///< they are counted through, from 1
    EventKind kind = EventKind::closed;
    Duration ago{};                             ///< before the call that asked
    Place place{};                              ///< of the lease or checkout concerned, if any
    std::uint32_t slot = no_slot;               ///< the slot concerned; for `resized` the new max_size
    Duration age{};                             ///< how long what is told lasted; to the microsecond, above half an hour to the millisecond
    Fault fault = Fault::none;
    CloseReason reason = CloseReason::count_;   ///< for `closed`
    Code code = Code::timed_out;                ///< for `failed`
};

/// One line, without its end: `12.3 s ago: closed slot 3 (check failed) at orders.cpp:142, broken`.
[[nodiscard]] inline std::string to_string(const PastEvent& e) {
    std::string out = detail::text(e.ago, " ago: ", to_string(e.kind));
    if (e.kind == EventKind::resized) detail::append(out, detail::text(" to ", e.slot));
    else if (e.slot != PastEvent::no_slot) detail::append(out, detail::text(", slot ", e.slot));
    if (e.kind == EventKind::closed) detail::append(out, detail::text(" (", to_string(e.reason), ")"));
    if (e.kind == EventKind::failed) detail::append(out, detail::text(" (", std::string_view{to_string(e.code)}, ")"));
    if (!e.place.empty()) detail::append(out, detail::text(" at ", e.place));
    if (e.age > Duration{}) detail::append(out, detail::text(", ", e.age));
    if (e.fault != Fault::none) detail::append(out, detail::text(", ", to_string(e.fault)));
    return out;
}

}  // namespace dewpond::inline v0
