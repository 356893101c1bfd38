// SPDX-License-Identifier: BSL-1.0
// misshapen: has a driver a member with the name of an ability, but not its exact shape?
#pragma once

#include <dewpond/deadline.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/testing/action.hpp>

namespace dewpond::inline v0::testing {
namespace detail {

// A name counts as taken when it can be called in any likely way, or its address taken.
template <class D, class R = typename D::resource>
concept names_status_ok = requires(D& d, R& r) { d.status_ok(r); } || requires { &D::status_ok; } ||
                          requires(D& d, R& r, Deadline by) { d.status_ok(r, by); };
template <class D, class R = typename D::resource>
concept names_probe = requires(D& d, R& r) { d.probe(r); } || requires { &D::probe; } ||
                      requires(D& d, R& r, Deadline by) { d.probe(r, by); };
template <class D, class R = typename D::resource>
concept names_ping = requires(D& d, R& r) { d.ping(r); } || requires { &D::ping; } ||
                     requires(D& d, R& r, Deadline by) { d.ping(r, by); };
template <class D, class R = typename D::resource>
concept names_dirty = requires(D& d, R& r) { d.dirty(r); } || requires { &D::dirty; } ||
                      requires(D& d, R& r, Deadline by) { d.dirty(r, by); };
template <class D, class R = typename D::resource>
concept names_reset = requires(D& d, R& r) { d.reset(r); } || requires { &D::reset; } ||
                      requires(D& d, R& r, Deadline by) { d.reset(r, by); };
template <class D, class R = typename D::resource>
concept names_poll_handle = requires(D& d, R& r) { d.poll_handle(r); } || requires { &D::poll_handle; };
template <class D, class R = typename D::resource>
concept names_interrupt = requires(D& d, R& r) { d.interrupt(r); } || requires { &D::interrupt; } ||
                          requires(D& d, R& r, Deadline by) { d.interrupt(r, by); };
template <class D, class R = typename D::resource>
concept names_abandon = requires(D& d, R& r) { d.abandon(r); } || requires { &D::abandon; };
template <class D, class R = typename D::resource>
concept names_last_fault = requires(D& d, R& r) { d.last_fault(r); } || requires { &D::last_fault; };
template <class D, class R = typename D::resource>
concept names_label = requires(D& d, R& r) { d.label(r); } || requires { &D::label; };

}  // namespace detail

/// Whether `D` has a member of this name that is not the ability: a pool would otherwise pass over it in silence. The
/// usual reasons: `noexcept` is missing, the deadline is missing, or it returns something else.
template <class D>
[[nodiscard]] constexpr bool misshapen(Hook hook) noexcept {
    switch (hook) {
        case Hook::status_ok: return detail::names_status_ok<D> && !TellsStatus<D>;
        case Hook::probe: return detail::names_probe<D> && !Probes<D>;
        case Hook::ping: return detail::names_ping<D> && !Pings<D>;
        case Hook::dirty: return detail::names_dirty<D> && !KnowsDirty<D>;
        case Hook::reset: return detail::names_reset<D> && !Resets<D>;
        case Hook::poll_handle: return detail::names_poll_handle<D> && !HasPollHandle<D>;
        case Hook::interrupt: return detail::names_interrupt<D> && !Interrupts<D>;
        case Hook::abandon: return detail::names_abandon<D> && !Abandons<D>;
        case Hook::last_fault: return detail::names_last_fault<D> && !TellsFault<D>;
        case Hook::label: return detail::names_label<D> && !HasLabel<D>;
        default: return false;
    }
}

}  // namespace dewpond::inline v0::testing
