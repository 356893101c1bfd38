// SPDX-License-Identifier: BSL-1.0
// Pack algebra: which policy answers which question. User's pack > the driver's suggestion > the default by ability.
#pragma once

#include <type_traits>

#include <dewpond/driver.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0::detail {

template <class Q, class P>
inline constexpr bool answers_v = false;
template <class Q, class P>
    requires requires { typename P::answers; }
inline constexpr bool answers_v<Q, P> = std::is_same_v<typename P::answers, Q>;

/// How many of a pack answer a question.
template <class Q, class... Ps>
inline constexpr int count_v = (0 + ... + (answers_v<Q, Ps> ? 1 : 0));

template <class Q, class Default, class... Ps>
struct pick {
    using type = Default;
};
template <class Q, class Default, class P, class... Ps>
struct pick<Q, Default, P, Ps...> : std::conditional_t<answers_v<Q, P>, std::type_identity<P>, pick<Q, Default, Ps...>> {};
/// The first of a pack that answers a question, else the default.
template <class Q, class Default, class... Ps>
using pick_t = typename pick<Q, Default, Ps...>::type;

template <class Q, class Default, class S>
struct pick_suggested {
    using type = Default;
};
template <class Q, class Default, class... Ps>
struct pick_suggested<Q, Default, Suggest<Ps...>> : pick<Q, Default, Ps...> {};

template <class D>
struct suggests_of {
    using type = Suggest<>;
};
template <class D>
    requires requires { typename D::suggests; }
struct suggests_of<D> {
    using type = typename D::suggests;
};

template <class T>
inline constexpr bool is_suggest = false;
template <class... Ps>
inline constexpr bool is_suggest<Suggest<Ps...>> = true;

/// Where an answer came from, for `describe()`.
enum class Origin : unsigned char { user, driver, by_default };
template <class Q, class D, class... Ps>
constexpr Origin origin_of() {
    struct nobody {};
    if (count_v<Q, Ps...> != 0) return Origin::user;
    if (!std::is_same_v<typename pick_suggested<Q, nobody, typename suggests_of<D>::type>::type, nobody>) return Origin::driver;
    return Origin::by_default;
}

// ---- what a policy asks of the driver ----

template <class Ability, class D>
inline constexpr bool has_ability = false;
template <class D>
inline constexpr bool has_ability<ability::status_ok, D> = TellsStatus<D>;
template <class D>
inline constexpr bool has_ability<ability::probe, D> = Probes<D>;
template <class D>
inline constexpr bool has_ability<ability::ping, D> = Pings<D>;
template <class D>
inline constexpr bool has_ability<ability::dirty, D> = KnowsDirty<D>;
template <class D>
inline constexpr bool has_ability<ability::reset, D> = Resets<D>;

template <class Ability, class N>
inline constexpr bool asks_for = false;
template <class Ability, class... As>
inline constexpr bool asks_for<Ability, Needs<As...>> = (std::is_same_v<Ability, As> || ...);

template <class P>
struct needs_of {
    using type = Needs<>;
};
template <class P>
    requires requires { typename P::needs; }
struct needs_of<P> {
    using type = typename P::needs;
};

/// Every policy of the pack that asks for this ability gets it.
template <class Ability, class D, class... Ps>
concept ability_served = has_ability<Ability, D> || !(asks_for<Ability, typename needs_of<Ps>::type> || ...);

// ---- a member with an ability's name but not its exact shape is an error, never an absence ----

// A name is found in a class or its bases by making the look-up ambiguous; a final class is asked by address.
#define DEWPOND_HAS_MEMBER(name)                                                                        \
    struct has_##name##_probe {                                                                         \
        int name;                                                                                       \
    };                                                                                                  \
    template <class D>                                                                                  \
    struct has_##name##_both : D, has_##name##_probe {};                                                \
    template <class D>                                                                                  \
    constexpr bool has_##name() {                                                                       \
        if constexpr (!std::is_class_v<D>) return false;                                                \
        else if constexpr (std::is_final_v<D>)                                                          \
            return requires { &D::name; } || requires(D& d, resource_of<D>& r, Deadline by) {           \
                requires requires { d.name(r); } || requires { d.name(r, by); } || requires { d.name(); }; \
            };                                                                                          \
        else return !requires(has_##name##_both<D>& b) { b.name; };                                     \
    }
DEWPOND_HAS_MEMBER(status_ok)
DEWPOND_HAS_MEMBER(probe)
DEWPOND_HAS_MEMBER(ping)
DEWPOND_HAS_MEMBER(dirty)
DEWPOND_HAS_MEMBER(reset)
DEWPOND_HAS_MEMBER(poll_handle)
DEWPOND_HAS_MEMBER(interrupt)
DEWPOND_HAS_MEMBER(abandon)
DEWPOND_HAS_MEMBER(last_fault)
DEWPOND_HAS_MEMBER(label)
#undef DEWPOND_HAS_MEMBER

template <class D>
concept exact_status_ok = !has_status_ok<D>() || TellsStatus<D>;
template <class D>
concept exact_probe = !has_probe<D>() || Probes<D>;
template <class D>
concept exact_ping = !has_ping<D>() || Pings<D>;
template <class D>
concept exact_dirty = !has_dirty<D>() || KnowsDirty<D>;
template <class D>
concept exact_reset = !has_reset<D>() || Resets<D>;
template <class D>
concept exact_poll_handle = !has_poll_handle<D>() || HasPollHandle<D>;
template <class D>
concept exact_interrupt = !has_interrupt<D>() || Interrupts<D>;
template <class D>
concept exact_abandon = !has_abandon<D>() || Abandons<D>;
template <class D>
concept exact_last_fault = !has_last_fault<D>() || TellsFault<D>;
template <class D>
concept exact_label = !has_label<D>() || HasLabel<D>;

}  // namespace dewpond::inline v0::detail
