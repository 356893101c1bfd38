// SPDX-License-Identifier: BSL-1.0
// What a pack must be for a pool to make sense of it. Concepts only; the sentences stand in pool.hpp.
#pragma once

#include <concepts>
#include <type_traits>

#include <dewpond/detail/pack.hpp>
#include <dewpond/detail/setup.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/policies/hooks.hpp>
#include <dewpond/policy.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0::detail {

/// Wraps a condition, so that compilers print the sentence and not the condition.
template <bool Holds>
concept rule = Holds;

template <class Q, class... Ps>
concept at_most_one = count_v<Q, Ps...> <= 1;
template <class... Ps>
concept all_policies = (Policy<Ps> && ...);
template <class... Ps>
concept no_duplicates = at_most_one<question::liveness, Ps...> && at_most_one<question::reset, Ps...> && at_most_one<question::lifetime, Ps...> &&
                        at_most_one<question::metrics, Ps...> && at_most_one<question::waiting, Ps...> && at_most_one<question::opening, Ps...> &&
                        at_most_one<question::watch, Ps...> && at_most_one<question::cells, Ps...> && at_most_one<question::sync, Ps...> && at_most_one<question::on_open, Ps...> &&
                        at_most_one<question::on_checkout, Ps...> && at_most_one<question::on_return, Ps...>;

template <class P>
concept user_hook = answers_v<question::on_open, P> || answers_v<question::on_checkout, P> || answers_v<question::on_return, P>;
template <class P, class R>
concept fits_resource = !user_hook<P> || requires(P& p) { requires hook_for<decltype(p.f), R>; };
template <class D, class... Ps>
concept hooks_fit = (fits_resource<Ps, typename D::resource> && ...);
template <class D, class... Ps>
concept abilities_served = ability_served<ability::status_ok, D, Ps...> && ability_served<ability::probe, D, Ps...> &&
                           ability_served<ability::ping, D, Ps...> && ability_served<ability::dirty, D, Ps...> &&
                           ability_served<ability::reset, D, Ps...>;

// ---- a policy's hook with the right name and the wrong shape is an error, never an absence ----

#define DEWPOND_HAS_HOOK(name)                                                \
    struct hook_##name##_probe {                                              \
        int name;                                                             \
    };                                                                        \
    template <class P>                                                        \
    struct hook_##name##_both : P, hook_##name##_probe {};                    \
    template <class P>                                                        \
    constexpr bool hook_##name() {                                            \
        if constexpr (!std::is_class_v<P>) return false;                      \
        else if constexpr (std::is_final_v<P>) return requires { &P::name; }; \
        else return !requires(hook_##name##_both<P>& b) { b.name; };          \
    }
DEWPOND_HAS_HOOK(usable)
DEWPOND_HAS_HOOK(wants_reset)
DEWPOND_HAS_HOOK(expired)
DEWPOND_HAS_HOOK(waited)
DEWPOND_HAS_HOOK(failed)
DEWPOND_HAS_HOOK(opened)
DEWPOND_HAS_HOOK(open_failed)
DEWPOND_HAS_HOOK(dirty_return)
DEWPOND_HAS_HOOK(closed)
DEWPOND_HAS_HOOK(read)
DEWPOND_HAS_HOOK(opened_for_caller)
DEWPOND_HAS_HOOK(served_late)
DEWPOND_HAS_HOOK(gave_up)
DEWPOND_HAS_HOOK(left_dirty)
DEWPOND_HAS_HOOK(detached)
DEWPOND_HAS_HOOK(clock_ticks)
DEWPOND_HAS_HOOK(lent)
DEWPOND_HAS_HOOK(back)
DEWPOND_HAS_HOOK(warn_after)
#undef DEWPOND_HAS_HOOK

template <class P, class D>
concept usable_at_all = requires(P& p, D& d, resource_of<D>& r, const AnyVisit& v) { p.usable(d, r, v); };
template <class P, class D>
concept liveness_shape = !answers_v<question::liveness, P> || (!hook_usable<P>() && !usable_at_all<P, D>) || requires(P& p, D& d, resource_of<D>& r, const AnyVisit& v) {
    { p.usable(d, r, v) } noexcept -> std::same_as<bool>;
};
template <class P, class D>
concept wants_reset_at_all = requires(P& p, D& d, resource_of<D>& r) { p.wants_reset(d, r); };
template <class P, class D>
concept reset_shape = !answers_v<question::reset, P> || (!hook_wants_reset<P>() && !wants_reset_at_all<P, D>) || requires(P& p, D& d, resource_of<D>& r) {
    { p.wants_reset(d, r) } noexcept -> std::same_as<bool>;
};
template <class P>
concept lifetime_shape = !answers_v<question::lifetime, P> || !hook_expired<P>() || requires(const P& p, typename per_slot_of<P>::type& s, Ages a) {
    { p.opened(s, std::uint32_t{}) } noexcept;
    { p.expired(s, a) } noexcept -> std::same_as<CloseReason>;
};
template <class P>
concept metrics_shape =
    !answers_v<question::metrics, P> ||
    ((!hook_waited<P>() || requires(P& p) { { p.waited(Duration{}) } noexcept; }) && (!hook_failed<P>() || requires(P& p) { { p.failed(Code{}) } noexcept; }) &&
     (!hook_opened<P>() || requires(P& p) { { p.opened(Duration{}) } noexcept; }) &&
     (!hook_open_failed<P>() || requires(P& p) { { p.open_failed(Fault{}) } noexcept; }) &&
     (!hook_dirty_return<P>() || requires(P& p) { { p.dirty_return() } noexcept; }) &&
     (!hook_closed<P>() || requires(P& p) { { p.closed(CloseReason{}) } noexcept; }) &&
     (!hook_read<P>() || requires(const P& p, Stats& s) { { p.read(s) } noexcept; }) &&
     (!hook_opened_for_caller<P>() || requires(P& p) { { p.opened_for_caller(Duration{}) } noexcept; }) &&
     (!hook_served_late<P>() || requires(P& p) { { p.served_late(Duration{}) } noexcept; }) &&
     (!hook_gave_up<P>() || requires(P& p) { { p.gave_up(Code{}, Duration{}) } noexcept; }) &&
     (!hook_left_dirty<P>() || requires(P& p) { { p.left_dirty() } noexcept; }) && (!hook_detached<P>() || requires(P& p) { { p.detached() } noexcept; }) &&
     (!hook_clock_ticks<P>() || requires(P& p) { { p.clock_ticks(Duration{}) } noexcept; }) &&
     ((!hook_lent<P>() && !hook_back<P>()) || requires(P& p, const P& c, typename per_slot_of<P>::type& s, Stats& stats, TimePoint now) {
         { p.lent(s, now) } noexcept;
         { p.back(s, now) } noexcept;
         { c.read(stats, s) } noexcept;
     }));
template <class P>
concept waiting_shape = !answers_v<question::waiting, P> || requires(const P& p) {
    { p.hand_over(WaitingView{}) } noexcept -> std::same_as<bool>;
};
template <class P>
concept opening_shape = !answers_v<question::opening, P> || requires(const P& p) {
    { p.wanted(OpeningView{}) } noexcept -> std::same_as<std::uint32_t>;
    { P::in_caller } -> std::convertible_to<bool>;
};
template <class P>
concept watch_shape = !answers_v<question::watch, P> || ((requires { typename P::place_type; } && (!requires { typename P::per_slot; } || requires(typename P::per_slot& s, typename P::place_type place) {
    { s.took(place) } noexcept;
    { s.place() } noexcept -> std::same_as<Place>;
    { s.by_this_thread() } noexcept -> std::same_as<bool>;
})) && (!hook_warn_after<P>() || requires(const P& p) {
    { p.warn_after() } noexcept -> std::same_as<Duration>;
}));
template <class P>
concept cells_shape = !answers_v<question::cells, P> || requires { typename std::bool_constant<P::keeps>; };
template <class D, class... Ps>
concept shapes_fit = ((liveness_shape<Ps, D> && reset_shape<Ps, D> && lifetime_shape<Ps> && metrics_shape<Ps> && waiting_shape<Ps> && opening_shape<Ps> &&
                       watch_shape<Ps> && cells_shape<Ps>) && ...);

// ---- drivers ----

template <class D>
concept exact_abilities = exact_status_ok<D> && exact_probe<D> && exact_ping<D> && exact_dirty<D> && exact_reset<D> && exact_poll_handle<D> &&
                          exact_interrupt<D> && exact_abandon<D> && exact_last_fault<D> && exact_label<D>;
template <class D>
concept suggests_policies = is_suggest<typename suggests_of<D>::type>;
/// What a driver suggests is judged like a pack of the user's.
template <class D, class S>
inline constexpr bool sound_suggestion_v = false;
template <class D, class... Ps>
inline constexpr bool sound_suggestion_v<D, Suggest<Ps...>> =
    all_policies<Ps...> && no_duplicates<Ps...> && abilities_served<D, Ps...> && shapes_fit<D, Ps...> && (std::is_default_constructible_v<Ps> && ...);
template <class D>
concept sound_suggestion = sound_suggestion_v<D, typename suggests_of<D>::type>;

template <class D>
concept sound_driver = Driver<D> && exact_abilities<D> && suggests_policies<D> && sound_suggestion<D>;
template <class D, class... Ps>
concept sound_pack =
    sound_driver<D> && all_policies<Ps...> && no_duplicates<Ps...> && hooks_fit<D, Ps...> && abilities_served<D, Ps...> && shapes_fit<D, Ps...>;

}  // namespace dewpond::inline v0::detail
