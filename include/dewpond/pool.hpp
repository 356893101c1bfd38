// SPDX-License-Identifier: BSL-1.0
// Pool<Driver, Policies...>: the one header to include. It alone knows the defaults.
#pragma once

#include <concepts>
#include <memory>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <dewpond/config.hpp>
#include <dewpond/detail/core.hpp>
#include <dewpond/detail/core_async.hpp>
#include <dewpond/detail/core_checkout.hpp>
#include <dewpond/detail/core_fork.hpp>
#include <dewpond/detail/core_keeper.hpp>
#include <dewpond/detail/core_report.hpp>
#include <dewpond/detail/core_return.hpp>
#include <dewpond/detail/pack.hpp>
#include <dewpond/detail/rules.hpp>
#include <dewpond/detail/stand_in.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/error.hpp>
#include <dewpond/event.hpp>
#include <dewpond/lease.hpp>
#include <dewpond/options.hpp>
#include <dewpond/place.hpp>
#include <dewpond/policies/cells.hpp>
#include <dewpond/policies/hooks.hpp>
#include <dewpond/policies/lifetime.hpp>
#include <dewpond/policies/liveness.hpp>
#include <dewpond/policies/metrics.hpp>
#include <dewpond/policies/opening.hpp>
#include <dewpond/policies/reset.hpp>
#include <dewpond/policies/waiting.hpp>
#include <dewpond/policies/watch.hpp>
#include <dewpond/record.hpp>
#include <dewpond/result.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0 {
namespace detail {

/// The strongest check without a round trip that the driver offers.
template <class D>
using default_liveness = std::conditional_t<Probes<D>, ProbeAlways, std::conditional_t<TellsStatus<D>, StatusAlways, NoCheck>>;
template <class D>
using default_reset = std::conditional_t<KnowsDirty<D> && Resets<D>, ResetIfDirty, NoReset>;

/// User's pack > driver's suggestion > default.
template <class Q, class Default, class D, class... Ps>
using resolve_t = pick_t<Q, typename pick_suggested<Q, Default, typename suggests_of<D>::type>::type, Ps...>;

template <class D, class... Ps>
using setup_t = Setup<D, resolve_t<question::liveness, default_liveness<D>, D, Ps...>, resolve_t<question::reset, default_reset<D>, D, Ps...>,
                      resolve_t<question::lifetime, NoExpiry, D, Ps...>, resolve_t<question::metrics, Counters, D, Ps...>,
                      resolve_t<question::waiting, Adaptive, D, Ps...>, resolve_t<question::opening, OpenInCaller, D, Ps...>,
                      resolve_t<question::watch, Holders, D, Ps...>, resolve_t<question::cells, NoCells, D, Ps...>, pick_t<question::sync, RealSync, Ps...>,
                      pick_t<question::on_open, Absent<question::on_open>, Ps...>, pick_t<question::on_checkout, Absent<question::on_checkout>, Ps...>,
                      pick_t<question::on_return, Absent<question::on_return>, Ps...>>;

/// After a mistake the rest of the user's code is still checked, against the nearest pool that makes sense.
template <bool Driver, bool Pack, class D, class... Ps>
struct core_for {
    using type = Core<setup_t<StandInDriver<D>>>;
};
template <class D, class... Ps>
struct core_for<true, false, D, Ps...> {
    using type = Core<setup_t<D>>;
};
template <class D, class... Ps>
struct core_for<true, true, D, Ps...> {
    using type = Core<setup_t<D, Ps...>>;
};

}  // namespace detail

/// A pool of resources that `D` opens and closes. What is asked and answered how is in docs/policies.md.
///
/// Thread-safe: every member may be called by many threads at once, except the constructor and the destructor. Never
/// opens in its constructor. Neither copyable nor movable. The destructor is `close(0ms)`: waiters get an error, leases
/// that are out stay valid and close their resource when they end.
template <class D, class... Ps>
class Pool {
    static constexpr bool driver_ok = detail::sound_driver<D>;
    static constexpr bool pack_ok = detail::sound_pack<D, Ps...>;

    // One mistake, one sentence: each later rule holds its tongue once an earlier one has spoken.
    static_assert(detail::rule<(std::is_class_v<D>)>, "dewpond: the driver must be a class: see docs/drivers.md for the ten lines it takes");
    static_assert(detail::rule<(!std::is_class_v<D> || detail::has_resource<D>)>, "dewpond: the driver lacks `using resource = ...;`: an object type, nothrow-movable");
    static_assert(detail::rule<(!detail::has_resource<D> || detail::can_open<D>)>, "dewpond: the driver lacks `resource open(dewpond::Deadline);` (or `resource open();`, or one that returns Result<resource, OpenError>)");
    static_assert(detail::rule<(!detail::has_resource<D> || !detail::can_open<D> || detail::can_close<D>)>, "dewpond: the driver lacks `void close(resource&) noexcept;` (noexcept is required: a return cannot throw)");
    static_assert(detail::rule<(!detail::has_resource<D> || !detail::can_open<D> || !detail::can_close<D> || std::is_nothrow_move_constructible_v<D>)>, "dewpond: the driver must be nothrow-movable: it is moved into the pool");
    static_assert(detail::rule<(!Driver<D> || detail::exact_status_ok<D>)>, "dewpond: the driver's `status_ok` must be `bool status_ok(resource&) noexcept;`");
    static_assert(detail::rule<(!Driver<D> || detail::exact_probe<D>)>, "dewpond: the driver's `probe` must be `bool probe(resource&) noexcept;`");
    static_assert(detail::rule<(!Driver<D> || detail::exact_ping<D>)>, "dewpond: the driver's `ping` must be `bool ping(resource&, dewpond::Deadline) noexcept;`");
    static_assert(detail::rule<(!Driver<D> || detail::exact_dirty<D>)>, "dewpond: the driver's `dirty` must be `bool dirty(resource&) noexcept;`");
    static_assert(detail::rule<(!Driver<D> || detail::exact_reset<D>)>, "dewpond: the driver's `reset` must be `dewpond::ResetResult reset(resource&, dewpond::Deadline) noexcept;`");
    static_assert(detail::rule<(!Driver<D> || detail::exact_poll_handle<D>)>, "dewpond: the driver's `poll_handle` must be `int poll_handle(resource&) noexcept;`");
    static_assert(detail::rule<(!Driver<D> || detail::exact_interrupt<D>)>, "dewpond: the driver's `interrupt` must be `void interrupt(resource&) noexcept;`");
    static_assert(detail::rule<(!Driver<D> || detail::exact_abandon<D>)>, "dewpond: the driver's `abandon` must be `void abandon(resource&) noexcept;`");
    static_assert(detail::rule<(!Driver<D> || detail::exact_last_fault<D>)>, "dewpond: the driver's `last_fault` must be `dewpond::OpenError last_fault(resource&) noexcept;`");
    static_assert(detail::rule<(!Driver<D> || detail::exact_label<D>)>, "dewpond: the driver's `label` must be `std::string label(resource&);`");
    static_assert(detail::rule<(!Driver<D> || detail::suggests_policies<D>)>, "dewpond: the driver's `suggests` must be `dewpond::Suggest<Policies...>`");
    static_assert(detail::rule<(!Driver<D> || !detail::exact_abilities<D> || !detail::suggests_policies<D> || detail::sound_suggestion<D>)>, "dewpond: the driver's `suggests` must hold default-constructible policies, one a question, that the driver itself can serve");

    static_assert(detail::rule<(!driver_ok || detail::all_policies<Ps...>)>, "dewpond: an argument is no policy: a policy says `using answers = dewpond::question::...;` and is nothrow-movable (options come second, right after the driver)");
    static constexpr bool policies_ok = driver_ok && detail::all_policies<Ps...>;
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::liveness, Ps...>)>, "dewpond: two liveness policies: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::reset, Ps...>)>, "dewpond: two reset policies: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::lifetime, Ps...>)>, "dewpond: two lifetime policies: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::metrics, Ps...>)>, "dewpond: two metrics policies: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::waiting, Ps...>)>, "dewpond: two waiting policies: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::opening, Ps...>)>, "dewpond: two opening policies: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::watch, Ps...>)>, "dewpond: two watch policies: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::cells, Ps...>)>, "dewpond: two cells policies: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::sync, Ps...>)>, "dewpond: two sync policies: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::on_open, Ps...>)>, "dewpond: two OnOpen hooks: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::on_checkout, Ps...>)>, "dewpond: two OnCheckout hooks: keep one");
    static_assert(detail::rule<(!policies_ok || detail::at_most_one<question::on_return, Ps...>)>, "dewpond: two OnReturn hooks: keep one");
    static constexpr bool unique_ok = policies_ok && detail::no_duplicates<Ps...>;
    static_assert(detail::rule<(!unique_ok || detail::hooks_fit<D, Ps...>)>, "dewpond: a hook must be callable as f(resource&) or f(resource&, dewpond::Deadline)");
    static_assert(detail::rule<(!unique_ok || detail::ability_served<ability::status_ok, D, Ps...>)>, "dewpond: a policy of the pack needs `bool status_ok(resource&) noexcept;` in the driver");
    static_assert(detail::rule<(!unique_ok || detail::ability_served<ability::probe, D, Ps...>)>, "dewpond: a policy of the pack needs `bool probe(resource&) noexcept;` in the driver");
    static_assert(detail::rule<(!unique_ok || detail::ability_served<ability::ping, D, Ps...>)>, "dewpond: a policy of the pack needs `bool ping(resource&, dewpond::Deadline) noexcept;` in the driver");
    static_assert(detail::rule<(!unique_ok || detail::ability_served<ability::dirty, D, Ps...>)>, "dewpond: a policy of the pack needs `bool dirty(resource&) noexcept;` in the driver");
    static_assert(detail::rule<(!unique_ok || !detail::ability_served<ability::dirty, D, Ps...> || detail::ability_served<ability::reset, D, Ps...>)>, "dewpond: a policy of the pack needs `dewpond::ResetResult reset(resource&, dewpond::Deadline) noexcept;` in the driver");

    static constexpr bool served_ok = unique_ok && detail::hooks_fit<D, Ps...> && detail::abilities_served<D, Ps...>;
    static_assert(detail::rule<(!served_ok || (detail::liveness_shape<Ps, D> && ...))>, "dewpond: a liveness policy's `usable` must be `bool usable(driver&, resource&, const visit&) noexcept` (a template): see docs/policies.md");
    static_assert(detail::rule<(!served_ok || (detail::reset_shape<Ps, D> && ...))>, "dewpond: a reset policy's `wants_reset` must be `bool wants_reset(driver&, resource&) noexcept`: see docs/policies.md");
    static_assert(detail::rule<(!served_ok || (detail::lifetime_shape<Ps> && ...))>, "dewpond: a lifetime policy needs `void opened(per_slot&, std::uint32_t) const noexcept` and `CloseReason expired(const per_slot&, Ages) const noexcept`: see docs/policies.md");
    static_assert(detail::rule<(!served_ok || (detail::metrics_shape<Ps> && ...))>, "dewpond: a hook of a metrics policy has not the shape of the table in docs/policies.md (noexcept is required)");
    static_assert(detail::rule<(!served_ok || (detail::waiting_shape<Ps> && ...))>, "dewpond: a waiting policy needs `bool hand_over(const WaitingView&) const noexcept`");
    static_assert(detail::rule<(!served_ok || (detail::opening_shape<Ps> && ...))>, "dewpond: an opening policy needs `std::uint32_t wanted(const OpeningView&) const noexcept` and `static constexpr bool in_caller`");
    static_assert(detail::rule<(!served_ok || (detail::watch_shape<Ps> && ...))>, "dewpond: a watch policy needs `place_type`, and its `per_slot` (if any) took(place), place() and by_this_thread(), all noexcept: see docs/policies.md");

    static_assert(detail::rule<(!served_ok || (detail::cells_shape<Ps> && ...))>, "dewpond: a cells policy needs `static constexpr bool keeps`");

    using Core = typename detail::core_for<driver_ok, pack_ok, D, Ps...>::type;
    using PlaceArg = typename Core::Place;

public:
    using driver_type = D;
    using resource_type = typename Core::Resource;
    /// Exclusive use of one resource until the end of its scope.
    using Lease = dewpond::Lease<Core>;
    /// A caller-owned node for `enqueue`.
    using Waiter = dewpond::Waiter<Core>;

    /// The driver, then policies in any order; default options. Throws PoolError: `bad_option`, `no_thread`.
    explicit Pool(D driver, Ps... policies) : Pool{std::move(driver), Options{}, std::move(policies)...} {}
    /// The driver, the options, then policies in any order.
    Pool(D driver, Options options, Ps... policies) { start(driver, options, policies...); }
    /// Policies named in the type only are default-constructed.
    template <std::same_as<Options> O = Options>
        requires(sizeof...(Ps) > 0 && (std::is_default_constructible_v<Ps> && ...))
    explicit Pool(D driver, O options = {}) : Pool{std::move(driver), std::move(options), Ps{}...} {}
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;
    ~Pool() { core_->let_go(); }

    /// A lease, or an exception: waits, opens and checks within one deadline, `checkout_timeout` if none is given.
    /// Throws PoolError. Cost of a hit with nothing asked: two CAS with its return; no clock, no allocation.
    DEWPOND_INLINE Lease checkout(PlaceArg place = std::source_location::current()) { return take(nullptr, no_stop(), place); }
    DEWPOND_INLINE Lease checkout(Limit limit, PlaceArg place = std::source_location::current()) { return take(&limit, no_stop(), place); }

    /// What is idle and passes the checks that are free, at once: never waits, opens or pings. No exception is let out.
    Result<Lease> try_checkout(PlaceArg place = std::source_location::current()) noexcept {
        return wrap(core_->try_idle(place));
    }
    /// As `checkout(limit)`, the error in the result.
    Result<Lease> try_checkout(Limit limit, PlaceArg place = std::source_location::current()) noexcept { return attempt(&limit, no_stop(), place); }

#if defined(__cpp_lib_jthread)
    /// As above; a triggered stop token ends the wait with `cancelled`.
    DEWPOND_INLINE Lease checkout(Limit limit, const std::stop_token& stop, PlaceArg place = std::source_location::current()) { return take(&limit, &stop, place); }
    DEWPOND_INLINE Lease checkout(const std::stop_token& stop, PlaceArg place = std::source_location::current()) { return take(nullptr, &stop, place); }
    Result<Lease> try_checkout(Limit limit, const std::stop_token& stop, PlaceArg place = std::source_location::current()) noexcept {
        return attempt(&limit, &stop, place);
    }
    Result<Lease> try_checkout(const std::stop_token& stop, PlaceArg place = std::source_location::current()) noexcept {
        return attempt(nullptr, &stop, place);
    }
#endif

    /// The asynchronous primitive: `waiter` is served exactly once, with a lease or an error, outside every lock, also at
    /// the deadline and at close. It must stay in place until then. Never blocks longer than a checkout that hits. Starts
    /// the keeper's thread when the first one has to wait (unless `keeper_thread` is false: then `maintain()` does its work).
    void enqueue(Waiter& waiter, Limit limit, PlaceArg place = std::source_location::current()) noexcept { core_->enqueue(waiter, limit, place); }
    void enqueue(Waiter& waiter, PlaceArg place = std::source_location::current()) noexcept { core_->enqueue(waiter, limit_or_default(nullptr), place); }
    /// Takes a waiter back: true, it was served with `cancelled` before this returned; false, somebody else serves it or
    /// has served it. Only for a waiter that was enqueued and whose memory is still there.
    bool withdraw(Waiter& waiter) noexcept { return core_->withdraw(waiter); }

    /// Waits until one resource has been opened and found fit, or says why not.
    Result<void> wait_ready(Limit limit) noexcept {
        Result<Lease> lease = try_checkout(limit);
        if (!lease) return std::move(lease).error();
        return {};
    }

    /// Numbers of now and since the start. Never blocks; conserving, see `Stats`.
    [[nodiscard]] Stats stats() const { return core_->stats(); }
    /// The last 256 events, oldest first: half of them what each request may cause (waits, failures, dirty returns), half
    /// the rest (openings, closings, outages, ...). Thread-safe, takes no lock. Throws std::bad_alloc.
    [[nodiscard]] std::vector<PastEvent> events() const { return core_->events(); }
    /// One line per slot that exists: state, age, uses, place, label; then the last 32 events. For people; takes locks briefly.
    [[nodiscard]] std::string inspect() const { return core_->inspect(); }
    /// Every option and policy, its value and where it came from. Contains no secret.
    [[nodiscard]] std::string describe() const { return core_->describe(); }
    [[nodiscard]] const std::string& name() const noexcept { return core_->options().name; }
    /// The answer to `lifetime` that is in force, with its values: what to compare with the limits of the other side.
    [[nodiscard]] const auto& lifetime() const noexcept { return core_->lifetime(); }

    /// The keeper's work, now: expiry, refill, deferred resets, deadlines of callbacks. For programs with
    /// `keeper_thread = false`; harmless otherwise.
    void maintain() noexcept { core_->maintain(); }

    /// Another `max_size`, from 1 to `Options::capacity`, at once. Upwards: waiters may be served by new resources. Downwards:
    /// idle resources that are too many are closed before this returns, those that are out when they come back; until
    /// then more than `max_size` exist, and nothing is opened. Thread-safe. Throws PoolError (bad_option).
    void resize(std::size_t max_size) {
        const std::size_t most = core_->capacity();
        if (max_size < 1 || max_size > most) {
            DEWPOND_THROW(PoolError(Code::bad_option, name(),
                                    detail::text("resize to ", std::uint64_t{max_size}, ": it must be 1 to ", std::uint64_t{most}, ", the pool's capacity")));
        }
        core_->resize(static_cast<std::uint32_t>(max_size));
    }

    /// Retires every resource that exists now, or is being opened now: idle ones a few at each tick of the keeper (a tenth
    /// of them, one at least), those that are out when they come back. After a change of credentials or of the server
    /// behind a name. Thread-safe, returns at once. Needs a keeper: `Lifetime`, or a liveness answer that goes by age.
    template <bool Keeps = Core::can_renew>
    void renew() noexcept {
        static_assert(detail::rule<Keeps>, "dewpond: renew() needs a keeper: add a Lifetime policy");
        core_->renew();
    }

    /// Refuses new checkouts, wakes every waiter with `closed`, closes what is idle, waits for leases up to the limit,
    /// then asks the driver to interrupt what still runs. Returns how many leases are left: they close on return.
    /// May be called again.
    std::uint32_t close(Limit limit) noexcept { return core_->close(limit); }

private:
    [[nodiscard]] Limit limit_or_default(const Limit* limit) const noexcept { return limit != nullptr ? *limit : Limit{core_->options().checkout_timeout}; }
    static const detail::NoStop* no_stop() noexcept { return nullptr; }

    // A hit stores nothing but what was asked for: the limit stays where the caller has it, the lease in registers.
    template <class Stop>
    DEWPOND_INLINE Lease take(const Limit* limit, const Stop* stop, PlaceArg place) {
        if constexpr (Core::hit_takes_time) {
            typename Core::Call call{limit_or_default(limit), core_->sync()};
            auto* slot = core_->hit(place, &call);
            return Lease{*core_, slot != nullptr ? *slot : or_throw(core_->checkout(call, place, stop))};
        } else {
            Core& core = *core_;
            auto* slot = core.hit(place);
            return Lease{core, slot != nullptr ? *slot : *take_slowly(limit, stop, place)};
        }
    }
    template <class Stop>
    DEWPOND_COLD typename Core::Slot* take_slowly(const Limit* limit, const Stop* stop, PlaceArg place) {
        typename Core::Call call{limit_or_default(limit), core_->sync()};
        return &or_throw(core_->checkout(call, place, stop));
    }
    static typename Core::Slot& or_throw(Result<typename Core::Slot*> slot) {
        if (!slot) DEWPOND_THROW(std::move(slot).error());
        return **slot;
    }
    template <class Stop>
    DEWPOND_INLINE Result<Lease> attempt(const Limit* limit, const Stop* stop, PlaceArg place) noexcept {
        if constexpr (!Core::hit_takes_time) {
            if (auto* slot = core_->hit(place)) [[likely]] return Lease{*core_, *slot};
        }
        return attempt_slowly(limit, stop, place);
    }
    template <class Stop>
    DEWPOND_COLD Result<Lease> attempt_slowly(const Limit* limit, const Stop* stop, PlaceArg place) noexcept {
        typename Core::Call call{limit_or_default(limit), core_->sync()};
        if constexpr (Core::hit_takes_time) {
            if (auto* slot = core_->hit(place, &call)) return Lease{*core_, *slot};
        }
        return wrap(core_->checkout(call, place, stop));
    }
    Result<Lease> wrap(Result<typename Core::Slot*> slot) noexcept {
        if (!slot) return std::move(slot).error();
        return Lease{*core_, **slot};
    }

    /// The value that answers a question: the user's, else a default-constructed one.
    template <class P, class Q>
    static P answer(Ps&... policies) {
        if constexpr (pack_ok && detail::count_v<Q, Ps...> == 1) {
            auto all = std::tie(policies...);
            return std::move(std::get<P&>(all));
        } else {
            return P{};
        }
    }
    DEWPOND_HIDDEN static const char* origins() noexcept {
        using detail::origin_of;
        static constexpr auto letter = [](detail::Origin o) { return o == detail::Origin::user ? 'u' : o == detail::Origin::driver ? 'd' : '-'; };
        static constexpr char letters[] = {letter(origin_of<question::liveness, D, Ps...>()), letter(origin_of<question::reset, D, Ps...>()),
                                                          letter(origin_of<question::lifetime, D, Ps...>()), letter(origin_of<question::metrics, D, Ps...>()),
                                                          letter(origin_of<question::waiting, D, Ps...>()),  letter(origin_of<question::opening, D, Ps...>()),
                                                          letter(origin_of<question::watch, D, Ps...>()),    letter(origin_of<question::cells, D, Ps...>()),
                                                          '\0'};
        return letters;
    }

    void start(D& driver, Options& options, Ps&... policies) {
        if constexpr (pack_ok) {
            const auto refuse = [&options](std::string sentence) {
                if (!sentence.empty()) DEWPOND_THROW(PoolError(Code::bad_option, options.name, std::move(sentence)));
            };
            if (!options.min_idle) {
                if constexpr (requires { D::suggested_min_idle; }) options.min_idle = (std::min)(std::size_t{D::suggested_min_idle}, options.max_size);
            }
            refuse(detail::check(options));
            const auto check = [&](const auto& p) {
                if constexpr (requires { p.check(options); }) refuse(p.check(options));
            };
            (check(policies), ...);
            using S = detail::setup_t<D, Ps...>;
            typename Core::Parts parts{std::move(driver),
                                       answer<typename S::liveness, question::liveness>(policies...),
                                       answer<typename S::reset, question::reset>(policies...),
                                       answer<typename S::lifetime, question::lifetime>(policies...),
                                       answer<typename S::metrics, question::metrics>(policies...),
                                       answer<typename S::waiting, question::waiting>(policies...),
                                       answer<typename S::opening, question::opening>(policies...),
                                       answer<typename S::watch, question::watch>(policies...),
                                       answer<typename S::sync, question::sync>(policies...),
                                       answer<typename S::on_open, question::on_open>(policies...),
                                       answer<typename S::on_checkout, question::on_checkout>(policies...),
                                       answer<typename S::on_return, question::on_return>(policies...),
                                       origins()};
            core_ = new Core(std::move(parts), std::move(options));
            DEWPOND_TRY { core_->start_crew(); }
#if defined(__cpp_exceptions)
            catch (...) {
                core_->let_go();
                throw;
            }
#endif
        }
    }

    Core* core_ = nullptr;
};

template <class D, class... Ps>
Pool(D, Ps...) -> Pool<D, Ps...>;
template <class D, class... Ps>
Pool(D, Options, Ps...) -> Pool<D, Ps...>;

}  // namespace dewpond::inline v0
