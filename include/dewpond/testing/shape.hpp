// SPDX-License-Identifier: BSL-1.0
// misshapen: has a driver a member with the name of an ability, but not its exact shape?
#pragma once

#include <dewpond/detail/pack.hpp>
#include <dewpond/testing/action.hpp>

namespace dewpond::inline v0::testing {

/// Whether `D` has a member of this name that is not the ability. A pool refuses such a driver at compile time instead
/// of passing over the member in silence. The usual reasons: `noexcept` is missing, the deadline is missing, or it
/// returns something else. False for names that are not those of abilities.
template <class D>
[[nodiscard]] constexpr bool misshapen(Hook hook) noexcept {
    switch (hook) {
        case Hook::status_ok: return !dewpond::detail::exact_status_ok<D>;
        case Hook::probe: return !dewpond::detail::exact_probe<D>;
        case Hook::ping: return !dewpond::detail::exact_ping<D>;
        case Hook::dirty: return !dewpond::detail::exact_dirty<D>;
        case Hook::reset: return !dewpond::detail::exact_reset<D>;
        case Hook::poll_handle: return !dewpond::detail::exact_poll_handle<D>;
        case Hook::interrupt: return !dewpond::detail::exact_interrupt<D>;
        case Hook::abandon: return !dewpond::detail::exact_abandon<D>;
        case Hook::last_fault: return !dewpond::detail::exact_last_fault<D>;
        case Hook::label: return !dewpond::detail::exact_label<D>;
        default: return false;
    }
}

}  // namespace dewpond::inline v0::testing
