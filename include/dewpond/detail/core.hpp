// SPDX-License-Identifier: BSL-1.0
// The core of a pool: one heap block that holds driver, policies and slots, and outlives the pool's handle as long as a
// lease is out. This header: the data and the hit path; the rest is in core_*.hpp.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <dewpond/detail/announcer.hpp>
#include <dewpond/detail/call.hpp>
#include <dewpond/detail/demand.hpp>
#include <dewpond/detail/exchange.hpp>
#include <dewpond/detail/fork_watch.hpp>
#include <dewpond/detail/recorder.hpp>
#include <dewpond/detail/rules.hpp>
#include <dewpond/detail/samples.hpp>
#include <dewpond/detail/setup.hpp>
#include <dewpond/detail/slot.hpp>
#include <dewpond/detail/sweep.hpp>
#include <dewpond/options.hpp>
#include <dewpond/report.hpp>
#include <dewpond/result.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0::detail {

/// What a resource about to be handed out turned out to be.
enum class Admission : std::uint8_t { fit, unusable, left_dirty, hook_threw };

template <class S>
class Core {
public:
    using Slot = detail::Slot<S>;
    using Sync = typename S::sync;
    using Driver = typename S::driver;
    using Resource = typename S::resource;
    using Place = typename S::place_type;
    using Exchange = detail::Exchange<Sync, typename S::waiting, typename S::opening, std::conditional_t<S::keeps_cells, Cells<Sync>, NoHub<Sync>>>;
    using Node = typename Exchange::Node;
    using Call = detail::Call<Sync>;
    template <class T>
    using atomic = typename Sync::template atomic<T>;

    /// The answers to every question, moved in.
    struct Parts {
        Driver driver;
        typename S::liveness liveness;
        typename S::reset reset;
        typename S::lifetime lifetime;
        typename S::metrics metrics;
        typename S::waiting waiting;
        typename S::opening opening;
        typename S::watch watch;
        Sync sync;
        typename S::on_open on_open;
        typename S::on_checkout on_checkout;
        typename S::on_return on_return;
        const char* origins = "";  ///< one letter per question, for describe()
    };

    Core(Parts parts, Options options);
    Core(const Core&) = delete;

    static constexpr bool can_renew = S::keeps_marks;

    // ---- the hit path ----

    /// Does a hit need the caller's deadline? If not, not even a limit is stored on the way.
    static constexpr bool hit_takes_time = S::check_talks || S::template has_hook<typename S::on_checkout>;

    /// Takes what is idle and fit; null: take the slow path. `call` is null unless hit_takes_time.
    DEWPOND_INLINE Slot* hit(Place place, Call* call = nullptr) noexcept {
        std::uint32_t i = nil;
        if constexpr (S::keeps_cells) {
            if (!exchange_.hub().take(i)) [[unlikely]] {
                i = take_shared();
                if (i == nil) return nullptr;
            }
        } else {
            i = exchange_.idle().take();
            if (i == nil) [[unlikely]] return nullptr;
        }
        Slot* const slot = slots_.get() + i;
        if (slot == nullptr) __builtin_unreachable();  // so that the caller's question is answered
        Slot& s = *slot;
        if constexpr (S::checks || hit_takes_time) {
            if (const Admission a = admit(s, call); a != Admission::fit) [[unlikely]] {
                turn_away(s, a, call);
                return nullptr;
            }
        }
        lent(s, place);
        return slot;
    }
    // Where a thread keeps its own, what all share is out of line, so that the end of a lease is still inlined.
    DEWPOND_OUTLINE std::uint32_t take_shared() noexcept { return exchange_.idle().take(); }
    DEWPOND_OUTLINE bool put_shared(Slot& s) noexcept { return offer(s); }
    /// A lease ends. The successful put, or to keep it, is the last touch of the core.
    DEWPOND_INLINE void give_back(Slot& s) noexcept {
        ended(s);
        if constexpr (S::template has_hook<typename S::on_return>) {
            come_home(s);
        } else {
            if constexpr (S::resets) {
                if (reset_.wants_reset(driver_, s.resource)) [[unlikely]] {
                    come_home(s);
                    return;
                }
            }
            if (s.to_retire()) [[unlikely]] {
                come_home(s);
                return;
            }
            if constexpr (S::keeps_cells) {
                if (s.doomed() || !exchange_.hub().keep(s.index)) [[unlikely]] put_shared(s);
                return;
            }
            if (!exchange_.idle().put(s.home, s.bit, s.barged)) [[unlikely]] surrender(s);
        }
    }

    // ---- core_checkout.hpp ----
    /// The whole way: wait, open, check. `stop` is null or a pointer to a std::stop_token.
    template <class Stop>
    Result<Slot*> checkout(Call& call, Place place, const Stop* stop) noexcept;
    /// What is idle and passes the checks that are free; nothing else.
    Result<Slot*> try_idle(Place place) noexcept;

    // ---- core_async.hpp ----
    template <class Waiter>
    void enqueue(Waiter& w, Limit limit, Place place) noexcept;
    template <class Waiter>
    bool withdraw(Waiter& w) noexcept;

    // ---- core_return.hpp ----
    /// As `give_back`, and says what was found.
    ReturnReport come_back(Slot& s) noexcept {
        ended(s);
        return come_home(s);
    }
    void discard(Slot& s) noexcept {
        ended(s);
        retire(s, CloseReason::discarded);
    }
    Resource detach(Slot& s) noexcept;
    void doom(Slot& s) noexcept { s.home = IdleSet<Sync>::nowhere; }
    void resize(std::uint32_t max_size) noexcept;
    /// Everything that exists now retires, a few at each tick.
    void renew() noexcept;
    /// The same, unless it has been done since this resource was opened.
    void renew_since(const Slot& s) noexcept;
    std::uint32_t close(Limit limit) noexcept;
    /// The handle goes; the core frees itself with its last reference.
    void let_go() noexcept;

    // ---- core_keeper.hpp ----
    void start_crew();
    void maintain() noexcept;

    // ---- core_report.hpp ----
    Stats stats();
    Settings settings() const noexcept;
    std::string inspect();
    std::vector<PastEvent> events() { return recorder_.read(exchange_.sync().now()); }
    std::string describe() const;
    PoolError error(Code code, Duration waited, bool tried_to_open = false) noexcept;

    [[nodiscard]] std::uint32_t capacity() const noexcept { return exchange_.plan().capacity; }
    [[nodiscard]] const Options& options() const noexcept { return options_; }
    [[nodiscard]] const typename S::lifetime& lifetime() const noexcept { return life_; }
    [[nodiscard]] Sync& sync() noexcept { return exchange_.sync(); }
    [[nodiscard]] Driver& driver() noexcept { return driver_; }

private:
    struct Worker {
        typename Sync::thread thread;
        bool busy = false;
    };
    /// What a liveness answer is shown.
    struct Visit {
        const Slot* slot;
        Call* call;
        mutable bool talked = false;
        [[nodiscard]] bool aged() const noexcept { return slot->marked(mark_aged); }
        template <bool Talks = S::check_talks>
        [[nodiscard]] Deadline deadline() const noexcept {
            static_assert(rule<Talks>, "dewpond: a liveness policy that asks for the deadline says `static constexpr bool talks = true;`, or needs ability::ping");
            talked = true;
            return call->check_deadline();
        }
    };
    using OpenNote = std::shared_ptr<const OpenError>;
    /// What the keeper knows of a slot.
    struct SlotNote {
        Sample sample;
        std::uint64_t uses_before = 0;  ///< how often the slot had been lent when this one was opened
        std::uint32_t incarnation = 0;  ///< how often renew() had been called when its opening began
        int handle = -1;                ///< what the driver's poll_handle said last, where the keeper sweeps
        [[no_unique_address]] typename per_slot_of<typename S::lifetime>::type life;
        struct Kept {
            bool seen = false;  ///< in a cell, when last looked at
        };
        [[no_unique_address]] std::conditional_t<S::keeps_cells, Kept, Absent<struct kept_tag>> kept;
    };

    static Plan plan_of(const Options& o);

    DEWPOND_INLINE Admission admit(Slot& s, Call* call) noexcept;
    DEWPOND_INLINE Admission admit_by_hook(Slot& s, Call* call) noexcept;
    DEWPOND_INLINE void lent(Slot& s, Place place) noexcept {
        // Holder-only words, written before the slot can be seen idle again: no locked instruction, no shared line.
        if constexpr (S::keeps_uses) {
            const std::uint64_t use = s.uses.n.load(std::memory_order_relaxed) + 1;
            s.uses.n.store(use, std::memory_order_relaxed);
            if constexpr (S::limits_uses) {
                if (use >= s.last_use.n) [[unlikely]] doom(s);
            }
        }
        if constexpr (S::holders) s.watch.took(place);
        else static_cast<void>(place);
        if constexpr (S::times) metrics_.lent(s.meter, lease_clock());
    }
    /// The lease of this slot has ended; what is done about the resource takes no lease's time.
    DEWPOND_INLINE void ended(Slot& s) noexcept {
        if constexpr (S::times) metrics_.back(s.meter, lease_clock());
        else static_cast<void>(s);
    }
    static constexpr bool by_coarse_clock = S::times && !S::times_exactly && requires { Sync::coarse_now(); };
    [[nodiscard]] DEWPOND_INLINE TimePoint lease_clock() noexcept {
        if constexpr (by_coarse_clock) return Sync::coarse_now();
        else return exchange_.sync().now();
    }
    void waited(Place place, const Slot& s, TimePoint since) noexcept;
    void turn_away(Slot& s, Admission why, Call* call) noexcept;
    void count_in_vain(const Slot& s, TimePoint began, std::uint32_t& in_vain) noexcept;
    bool clean_after(Slot& s, const char* who, Deadline by, bool opening = false) noexcept;
    void tell_left_dirty(const Slot& s, const char* who) noexcept;
    CloseReason flaw_after(Slot& s, ResetResult r, Deadline by) noexcept;
    bool open_into(std::uint32_t slot, Deadline by, bool to_give) noexcept;
    bool passes_free_checks(Slot& s) noexcept;
    OpenNote try_open(Slot& s, Deadline by) noexcept;
    template <class Waiter>
    void serve(Waiter& w) noexcept;
    template <class Waiter>
    void refuse(Waiter& w, Code code) noexcept;

    [[nodiscard]] Deadline within(Duration d) noexcept { return Deadline::after(exchange_.sync().now(), d); }
    /// For a hook on a return: a budget of nothing would make every one of them late.
    [[nodiscard]] Duration hook_budget() const noexcept { return (std::max)(options_.return_budget, Duration{std::chrono::milliseconds{1}}); }
    ReturnReport come_home(Slot& s) noexcept;
    ReturnReport after_reset(Slot& s, ReturnReport so_far) noexcept;
    bool offer(Slot& s) noexcept { return exchange_.idle().put(s.home, s.bit, s.barged) || surrender(s); }
    bool surrender(Slot& s) noexcept;
    static void offer_of(void* pool, std::uint32_t slot) noexcept { static_cast<Core*>(pool)->offer(static_cast<Core*>(pool)->slots_[slot]); }
    void retire(Slot& s, CloseReason why, bool counted_as_retiring = false) noexcept;
    void bury(Slot& s, CloseReason why) noexcept;
    void finish_reset(Slot& s) noexcept;
    void interrupt_all() noexcept;
    void free_if(bool last) noexcept {
        if (last) delete this;
    }

    void crew_main(Worker& me) noexcept;
    void end_crew() noexcept;
    bool work_once(bool& busy, bool of_crew = false) noexcept;
    void tick(bool of_crew, Duration overslept) noexcept;
    void retire_aged(TimePoint now) noexcept;
    void warn_of_old(TimePoint now) noexcept;
    void look_at_all(TimePoint now) noexcept;
    void look_if_free(TimePoint now) noexcept;
    void look(TimePoint now) noexcept;
    [[nodiscard]] bool look_is_due(TimePoint now) noexcept;
    std::uint32_t note_demand(std::uint32_t more, TimePoint now) noexcept;
    Duration stalled(Duration late) noexcept;
    void after_stall(TimePoint now, Duration late) noexcept;
    void sweep() noexcept;
    void look_after(std::uint32_t slot) noexcept;
    [[nodiscard]] CloseReason judge(const SlotNote& note, Ages ages) const noexcept;
    bool same_resource(std::uint32_t slot, const SlotNote& note) noexcept;
    void mark_if_same(Slot& s, const SlotNote& note, Mark mark) noexcept;
    [[nodiscard]] bool can_defer() const noexcept { return crew_on_.load(std::memory_order_relaxed) != 0 || !options_.keeper_thread; }
    [[nodiscard]] bool launch_crew() noexcept;

    // ---- core_fork.hpp: in the child of a fork every slow path ends at its first step, before any lock ----
    [[nodiscard]] bool forked() const noexcept { return forked_.load(std::memory_order_relaxed) != 0; }
    static void orphan(void* self) noexcept;
    static PoolError not_ours() noexcept { return PoolError{Code::forked, Fault::none}; }
    void abandon(Slot& s) noexcept;
    void abandon_idle() noexcept;

    /// Remembers what has happened and tells the sink; outside every lock.
    void tell(Event e) noexcept {
        const TimePoint now = exchange_.sync().now();
        remember(e, now);
        announcer_.tell(e, now, exchange_.sync());
    }
    void remember(const Event& e, TimePoint now, Code code = {}) noexcept;
    void remember_call(EventKind kind, Place place, std::uint32_t slot, Duration age, TimePoint now, Code code = {}) noexcept;
    void remember_change(EventKind kind, std::uint32_t size = PastEvent::no_slot) noexcept;
    [[nodiscard]] dewpond::Place place_of(const Slot& s) const noexcept {
        if constexpr (S::holders) return s.watch.place();
        else return {};
    }
    [[nodiscard]] std::uint64_t uses_of(const Slot& s) const noexcept {
        if constexpr (S::keeps_uses) return s.uses.n.load(std::memory_order_relaxed);
        else return 0;
    }

    Exchange exchange_;
    std::unique_ptr<Slot[]> slots_;
    [[no_unique_address]] Driver driver_;
    [[no_unique_address]] typename S::liveness live_;
    [[no_unique_address]] typename S::reset reset_;
    [[no_unique_address]] typename S::lifetime life_;
    [[no_unique_address]] typename S::metrics metrics_;
    [[no_unique_address]] typename S::watch watch_;
    [[no_unique_address]] typename S::on_open on_open_;
    [[no_unique_address]] typename S::on_checkout on_checkout_;
    [[no_unique_address]] typename S::on_return on_return_;

    Options options_;
    const char* origins_;
    Announcer<Sync> announcer_;
    Recorder recorder_{options_.name};
    std::vector<Worker> crew_;          // as many as there can be; threads in them once launched
    typename Sync::mutex launch_mutex_;
    atomic<std::uint32_t> crew_on_{0};
    Duration period_ = never;
    bool crew_done_ = false;            // under the exchange's mutex
    std::uint32_t interrupting_ = nil;  // under the exchange's mutex
    bool inherited_close_ = false;      // under the exchange's mutex

    typename Sync::mutex notes_mutex_;  // never held together with the exchange's
    std::vector<SlotNote> notes_;       // under notes_mutex_
    OpenNote open_note_;                // under notes_mutex_
    struct NoSweep {
        explicit NoSweep(std::uint32_t) noexcept {}
    };
    [[no_unique_address]] std::conditional_t<S::sweeps, Sweep, NoSweep> sweep_;  // of whoever does the tick

    struct NoWarnings {
        explicit NoWarnings(std::uint32_t) noexcept {}
    };
    struct Nameless {
        explicit Nameless(std::uint32_t) noexcept {}
    };
    /// What each resource was called when it was opened: one that is out cannot be asked. Under notes_mutex_.
    [[no_unique_address]] std::conditional_t<HasLabel<Driver>, std::vector<std::string>, Nameless> labels_;

    /// A lease that was reported as too old.
    struct Warning {
        bool told = false;
        std::uint64_t uses = 0;
        dewpond::Place place{};
        Duration age{};
    };
    [[no_unique_address]] std::conditional_t<S::warns, std::vector<Warning>, NoWarnings> warnings_;  // of whoever does the tick
    atomic<std::uint32_t> overdue_{0};
    atomic<std::uint64_t> leaks_{0};

    DemandMeter demand_;
    TimePoint born_ = exchange_.sync().now();
    atomic<std::int64_t> next_look_{0}, oldest_lease_{0}, last_open_{0}, last_tick_{0};
    atomic<std::uint32_t> incarnation_{0}, forked_{0};
    atomic<std::uint64_t> stalls_{0};
    ForkWatch fork_watch_{this, &Core::orphan};  // the last: a fork finds whole pools only
};

}  // namespace dewpond::inline v0::detail
