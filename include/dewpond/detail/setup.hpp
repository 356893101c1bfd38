// SPDX-License-Identifier: BSL-1.0
// One type that names a driver and the answer to every question, in canonical order: two spellings of the same pack
// share one core. What follows from the choices is computed here, once.
#pragma once

#include <type_traits>

#include <dewpond/detail/pack.hpp>
#include <dewpond/detail/slot.hpp>
#include <dewpond/place.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0::detail {

/// The shape of what a liveness answer is shown: how the resource rested, and how long the check may take.
struct AnyVisit {
    [[nodiscard]] bool aged() const noexcept;
    [[nodiscard]] Deadline deadline() const noexcept;
};

template <class D, class Live, class Reset, class Life, class Metrics, class Waiting, class Opening, class Watch, class Keep, class Sync, class HookOpen, class HookCheckout,
          class HookReturn>
struct Setup {
    using driver = D;
    using resource = typename D::resource;
    using liveness = Live;
    using reset = Reset;
    using lifetime = Life;
    using metrics = Metrics;
    using waiting = Waiting;
    using opening = Opening;
    using watch = Watch;
    using cells = Keep;
    using sync = Sync;
    using on_open = HookOpen;
    using on_checkout = HookCheckout;
    using on_return = HookReturn;
    using place_type = typename Watch::place_type;

    template <class H>
    static constexpr bool has_hook = requires(H& h) { h.f; };

    static constexpr bool checks = requires(Live& l, D& d, resource& r, const AnyVisit& v) { l.usable(d, r, v); };
    /// The check may speak to the other side: it needs time, and what it leaves behind is looked at.
    static constexpr bool check_talks = asks_for<ability::ping, typename needs_of<Live>::type> || requires { requires Live::talks; };
    static constexpr bool resets = requires(Reset& p, D& d, resource& r) { p.wants_reset(d, r); };
    static constexpr bool expires = requires(Life& l) { l.expired(typename per_slot_of<Life>::type{}, Ages{}); };
    /// The keeper asks all handles at rest at once; what has something to say is probed.
    static constexpr bool sweeps = checks && HasPollHandle<D> && Probes<D>;
    static constexpr bool limits_uses = requires(const Life& l) { l.last_use(std::uint64_t{}); };
    static constexpr bool ages_for_check = requires(const Live& l) { l.aged_after(); };
    static constexpr bool holders = !std::is_empty_v<typename per_slot_of<Watch>::type>;
    static constexpr bool counts = requires { requires Metrics::counts_checkouts; };
    /// Leases are timed: a clock on the hit path.
    static constexpr bool times = requires(Metrics& m, typename per_slot_of<Metrics>::type& s) { m.lent(s, TimePoint{}); };
    static constexpr bool times_exactly = requires { requires Metrics::exact; };
    static constexpr bool keeps_marks = expires || ages_for_check;
    static constexpr bool keeps_uses = counts || holders || keeps_marks || limits_uses;
    /// Threads keep what they return.
    static constexpr bool keeps_cells = requires { requires bool{Keep::keeps}; };
    /// Leases that are out too long are reported.
    static constexpr bool warns = holders && requires(const Watch& w) { w.warn_after(); };
    static constexpr bool needs_keeper = keeps_marks || warns || !Opening::in_caller;
};

}  // namespace dewpond::inline v0::detail
