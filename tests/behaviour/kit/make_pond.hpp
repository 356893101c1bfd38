// SPDX-License-Identifier: BSL-1.0
// PondOf: the one real pool behind a Pond. Included by the files that name a configuration, and by no other.
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <dewpond/pool.hpp>

#include "kit/pond.hpp"

namespace behaviour {

using OnOpenHook = dewpond::OnOpen<HookFunction>;
using OnCheckoutHook = dewpond::OnCheckout<HookFunction>;
using OnReturnHook = dewpond::OnReturn<HookFunction>;

/// A policy with the values of the setting.
template <class P>
P answer(const Setting& s) {
    const auto or_welcome = [](const HookFunction& f) -> HookFunction {
        if (f) return f;
        return [](ScriptedResource&, Deadline) { return true; };
    };
    if constexpr (std::same_as<P, StallClock>) return s.clock;
    else if constexpr (std::same_as<P, EagerClock>) return EagerClock{s.clock};
    else if constexpr (std::same_as<P, dewpond::Lifetime>) return s.lifetime;
    else if constexpr (std::same_as<P, dewpond::PingAfterIdle>) return {s.rested};
    else if constexpr (std::same_as<P, dewpond::Adaptive>) return {s.patience};
    else if constexpr (std::same_as<P, OnOpenHook>) return {or_welcome(s.on_open)};
    else if constexpr (std::same_as<P, OnCheckoutHook>) return {or_welcome(s.on_checkout)};
    else if constexpr (std::same_as<P, OnReturnHook>) return {or_welcome(s.on_return)};
    else return P{};
}

template <class D, class... Ps>
class PondOf final : public Pond {
    using Pool = dewpond::Pool<D, Ps...>;
    using Lease = typename Pool::Lease;

    struct LeaseOf final : AnyLease::Face {
        explicit LeaseOf(Lease l) noexcept : lease{std::move(l)} {}
        ScriptedResource& resource() override { return *lease; }
        ReturnReport give_back() override { return lease.give_back(); }
        void discard() override { lease.discard(); }
        ScriptedResource detach() override { return lease.detach(); }
        void report(Fault f) override { lease.report(f); }
        Lease lease;
    };
    struct TicketOf final : Ticket, Pool::Waiter {
        explicit TicketOf(std::function<void(Outcome)> served)
            : Ticket{std::move(served)}, Pool::Waiter{[](typename Pool::Waiter& w, dewpond::Result<Lease> r) noexcept {
                  // What the caller owns may be gone once it knows.
                  const auto tell = static_cast<TicketOf&>(w).told_;
                  tell(any(std::move(r)));
              }} {}
    };
    static AnyLease any(Lease lease) { return AnyLease{std::make_unique<LeaseOf>(std::move(lease))}; }
    static Outcome any(dewpond::Result<Lease> r) {
        if (!r) return std::move(r).error();
        return any(*std::move(r));
    }

public:
    PondOf(Script script, const Setting& s) : pool_{D{std::move(script)}, s.options, answer<Ps>(s)...} {}

    AnyLease checkout(const Wish& w) override {
        if (w.limit && w.stop) return any(pool_.checkout(*w.limit, *w.stop, w.place));
        if (w.stop) return any(pool_.checkout(*w.stop, w.place));
        return any(w.limit ? pool_.checkout(*w.limit, w.place) : pool_.checkout(w.place));
    }
    Outcome try_checkout(const Wish& w) override {
        if (w.limit && w.stop) return any(pool_.try_checkout(*w.limit, *w.stop, w.place));
        if (w.stop) return any(pool_.try_checkout(*w.stop, w.place));
        return any(w.limit ? pool_.try_checkout(*w.limit, w.place) : pool_.try_checkout(w.place));
    }
    std::unique_ptr<Ticket> ticket(std::function<void(Outcome)> served) override { return std::make_unique<TicketOf>(std::move(served)); }
    void enqueue(Ticket& t, std::optional<Limit> limit) override {
        auto& waiter = static_cast<TicketOf&>(t);
        if (limit) pool_.enqueue(waiter, *limit);
        else pool_.enqueue(waiter);
    }
    bool withdraw(Ticket& t) override { return pool_.withdraw(static_cast<TicketOf&>(t)); }
    dewpond::Result<void> wait_ready(Limit limit) override { return pool_.wait_ready(limit); }
    Stats stats() const override { return pool_.stats(); }
    std::string inspect() const override { return pool_.inspect(); }
    std::string describe() const override { return pool_.describe(); }
    void maintain() override { pool_.maintain(); }
    std::uint32_t close(Limit limit) override { return pool_.close(limit); }

private:
    Pool pool_;
};

template <class P, class... Ps>
inline constexpr bool has = (std::same_as<P, Ps> || ...);

/// The configuration of this driver and these policies.
template <class D, class... Ps>
Config pond(const char* name) {
    using namespace dewpond;
    constexpr bool pings = has<PingAlways, Ps...>;
    constexpr bool no_check = has<NoCheck, Ps...> || (!TellsStatus<D> && !Probes<D> && !pings);
    using Clock = std::conditional_t<has<ThreadCells, Ps...>, EagerClock, StallClock>;
    constexpr bool no_reset = has<NoReset, Ps...> || !(has<ResetAlways, Ps...> || (KnowsDirty<D> && Resets<D>));
    return {.name = name,
            .make = [](Script script, const Setting& s) -> std::unique_ptr<Pond> {
                return std::make_unique<PondOf<D, Ps..., Clock>>(std::move(script), s);
            },
            .strict = has<StrictFifo, Ps...>,
            .background = has<OpenInBackground, Ps...>,
            .holders = !has<NoHolders, Ps...>,
            .counts = !has<NoMetrics, Ps...>,
            .checks = !no_check,
            .pings = pings,
            .resets = !no_reset,
            .knows_dirty = !no_reset && KnowsDirty<D>,
            .keeps = has<Lifetime, Ps...> || has<PingAfterIdle, Ps...>};
}

}  // namespace behaviour
