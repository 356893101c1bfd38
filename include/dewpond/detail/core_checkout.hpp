// SPDX-License-Identifier: BSL-1.0
// The core: from a wish to a lease that is fit. Checking, hooks, waiting, opening; all driver calls outside locks.
#pragma once

#include <version>
#if defined(__cpp_lib_jthread)
#include <stop_token>
#endif

#include <dewpond/detail/core.hpp>
#include <dewpond/policies/hooks.hpp>

namespace dewpond::inline v0::detail {

/// Stands for a stop token where the caller gave none.
struct NoStop {};

template <class S>
Core<S>::Core(Parts parts, Options options)
    : exchange_{plan_of(options), std::move(parts.sync), std::move(parts.waiting), std::move(parts.opening), this, &Core::offer_of},
      slots_{std::make_unique<Slot[]>(exchange_.plan().capacity)},
      driver_{std::move(parts.driver)},
      live_{std::move(parts.liveness)},
      reset_{std::move(parts.reset)},
      life_{std::move(parts.lifetime)},
      metrics_{std::move(parts.metrics)},
      watch_{std::move(parts.watch)},
      on_open_{std::move(parts.on_open)},
      on_checkout_{std::move(parts.on_checkout)},
      on_return_{std::move(parts.on_return)},
      options_{std::move(options)},
      origins_{parts.origins},
      announcer_{options_.on_event, options_.name},
      notes_(exchange_.plan().capacity),
      sweep_{exchange_.plan().capacity},
      labels_(exchange_.plan().capacity),
      warnings_(exchange_.plan().capacity) {
    if constexpr (by_coarse_clock && requires { metrics_.clock_ticks(Duration{}); }) metrics_.clock_ticks(Sync::coarse_tick());
    for (std::uint32_t i = 0; i < exchange_.plan().capacity; ++i) slots_[i].settle_at(i);
    if constexpr (requires { driver_.pool_named(std::string_view{}); }) driver_.pool_named(std::string_view{options_.name});
}

template <class S>
Plan Core<S>::plan_of(const Options& o) {
    Plan p;
    p.max_size = static_cast<std::uint32_t>(o.max_size);
    p.capacity = static_cast<std::uint32_t>(capacity_of(o));
    p.min_idle = static_cast<std::uint32_t>(o.min_idle.value_or(0));
    p.max_waiting = static_cast<std::uint32_t>(o.max_waiting);
    p.opens_at_once = static_cast<std::uint32_t>(o.opens_at_once);
    p.outage = {o.backoff_min, o.backoff_max_waiting, o.backoff_max, o.outage_grace, o.open_timeout};
    return p;
}

/// Is a claimed resource fit to be handed out? Asks the liveness answer, then the user's hook; whatever spoke to the
/// resource must have left it clean.
template <class S>
DEWPOND_INLINE Admission Core<S>::admit(Slot& s, Call* call) noexcept {
    if constexpr (S::check_talks) {
        if (call->late()) return passes_free_checks(s) ? admit_by_hook(s, call) : Admission::unusable;
    }
    if constexpr (S::checks) {
        const Visit visit{&s, call};
        if (!live_.usable(driver_, s.resource, visit)) [[unlikely]] return Admission::unusable;
        if constexpr (S::check_talks) {
            if (visit.talked && !clean_after(s, "the liveness check", call->deadline())) return Admission::left_dirty;
        }
    }
    if constexpr (S::ages_for_check) {
        // Only the claimant clears this mark, and only when it is set: a plain store could lose a retirement.
        if (s.marked(mark_aged)) [[unlikely]] s.marks.n.fetch_and(~std::uint32_t{mark_aged}, std::memory_order_relaxed);
    }
    return admit_by_hook(s, call);
}

template <class S>
DEWPOND_INLINE Admission Core<S>::admit_by_hook(Slot& s, Call* call) noexcept {
    if constexpr (S::template has_hook<typename S::on_checkout>) {
        DEWPOND_TRY {
            if (!run_hook(on_checkout_.f, s.resource, call->deadline())) return Admission::left_dirty;
        }
        DEWPOND_CATCH_ALL { return Admission::hook_threw; }
        if (!clean_after(s, "OnCheckout", call->deadline())) return Admission::left_dirty;
    } else {
        static_cast<void>(s), static_cast<void>(call);
    }
    return Admission::fit;
}

/// In stead of a check that talks: what the driver can say without.
template <class S>
bool Core<S>::passes_free_checks(Slot& s) noexcept {
    bool fit = true;
    if constexpr (TellsStatus<Driver>) fit = driver_.status_ok(s.resource);
    if constexpr (Probes<Driver>) fit = fit && driver_.probe(s.resource);
    static_cast<void>(s);
    return fit;
}

/// What keeps a resource from the next borrower after it was reset; count_: nothing does. `OnOpen` runs again where a
/// reset has wiped its work, and has to leave the resource clean: another reset would wipe it again.
template <class S>
DEWPOND_COLD CloseReason Core<S>::flaw_after(Slot& s, ResetResult r, Deadline by) noexcept {
    if (r != ResetResult::clean && r != ResetResult::blank) return CloseReason::reset_failed;
    CloseReason flaw = CloseReason::reset_failed;
    if constexpr (S::template has_hook<typename S::on_open>) {
        if (r == ResetResult::blank) {
            flaw = CloseReason::hook_left_dirty;
            bool fit = false;
            DEWPOND_TRY { fit = run_hook(on_open_.f, s.resource, by); }
            DEWPOND_CATCH_ALL {}
            if (!fit) return flaw;
        }
    } else {
        static_cast<void>(by);
    }
    if constexpr (KnowsDirty<Driver>) {
        if (driver_.dirty(s.resource)) {
            if (flaw == CloseReason::hook_left_dirty) tell_left_dirty(s, "OnOpen");
            return flaw;
        }
    } else {
        static_cast<void>(s);
    }
    return CloseReason::count_;
}

template <class S>
void Core<S>::tell_left_dirty(const Slot& s, const char* who) noexcept {
    Event e;
    e.kind = EventKind::hook_left_dirty;
    e.slot = s.index;
    e.text = who;
    if constexpr (requires { metrics_.left_dirty(); }) metrics_.left_dirty();
    tell(e);
}

/// The rule of hooks: what a hook or check leaves dirty is reset once, else it is not fit. (Nor is it when that reset
/// would wipe the work of the very hook that has just run: `opening`.)
template <class S>
bool Core<S>::clean_after(Slot& s, const char* who, Deadline by, bool opening) noexcept {
    if constexpr (KnowsDirty<Driver>) {
        if (!driver_.dirty(s.resource)) return true;
        tell_left_dirty(s, who);
        if constexpr (Resets<Driver>) {
            const ResetResult r = driver_.reset(s.resource, by);
            return !(opening && r == ResetResult::blank) && flaw_after(s, r, by) == CloseReason::count_;
        }
        return false;
    } else {
        static_cast<void>(s), static_cast<void>(who), static_cast<void>(by), static_cast<void>(opening);
        return true;
    }
}

/// Closes what is not fit; the search goes on.
template <class S>
DEWPOND_COLD void Core<S>::turn_away(Slot& s, Admission why, Call* call) noexcept {
    if (why == Admission::hook_threw) call->hook_threw = true;
    retire(s, why == Admission::unusable ? CloseReason::check_failed : CloseReason::hook_left_dirty);
}

template <class S>
DEWPOND_COLD auto Core<S>::try_idle(Place place) noexcept -> Result<Slot*> {
    if (forked()) return not_ours();
    Call call{Limit{std::chrono::nanoseconds{0}}, exchange_.sync()};
    const auto no = [this](Code code) {
        if constexpr (requires { metrics_.failed(code); }) metrics_.failed(code);
        return error(code, {});
    };
    for (std::uint32_t i; (i = exchange_.take_idle()) != nil;) {
        Slot& s = slots_[i];
        const Admission a = admit(s, &call);  // with no time at all, hence without the checks that talk
        if (a == Admission::fit) {
            lent(s, place);
            return &s;
        }
        turn_away(s, a, &call);
        if (call.hook_threw) return no(Code::hook_failed);
    }
    return no(exchange_.closed() ? Code::closed : Code::none_idle);
}

template <class S>
template <class Stop>
DEWPOND_COLD auto Core<S>::checkout(Call& call, Place place, const Stop* stop) noexcept -> Result<Slot*> {
    if (forked()) return not_ours();
    if (call.hook_threw) {
        if constexpr (requires { metrics_.failed(Code{}); }) metrics_.failed(Code::hook_failed);
        return error(Code::hook_failed, {});
    }
    Sync& sync = exchange_.sync();
    Node n;
    const TimePoint arrived = sync.now();
    bool refused = call.has_begun();  // what was there was not fit, and to find out has taken time
    call.anchor(arrived);  // unless a check or a hook on the hit path did
    n.since = call.began();
    n.deadline = call.deadline();
    if (!exchange_.closed()) note_demand(1, arrived);
    bool visiting = false, queued = false, tried_to_open = false;
    std::uint32_t in_vain = 0;
    // A caller that has lost what kept the pool alive is a visitor until it has something else, or an answer.
    const auto fail = [&](Code code) -> Result<Slot*> {
        if (!visiting) exchange_.visit();
        const TimePoint now = sync.now();
        const Duration took{now - n.since};
        PoolError e = error(code, took, tried_to_open);
        remember_call(EventKind::failed, place, PastEvent::no_slot, took, now, e.code());
        if constexpr (requires { metrics_.failed(code); }) metrics_.failed(e.code());
        if constexpr (requires { metrics_.gave_up(code, took); }) {
            if (queued || tried_to_open || refused) metrics_.gave_up(e.code(), took);
        }
        free_if(exchange_.leave());
        return e;
    };
    for (;;) {
        Grant g;
        n.cancelled = false;
        if constexpr (!std::is_same_v<Stop, NoStop>) {
            if (stop != nullptr && stop->stop_requested()) return fail(Code::cancelled);
        }
        g = exchange_.begin(n, true);
        if (g.what == Standing::waiting) {
            queued = true;
            look_at_all(arrived);
#if defined(__cpp_lib_jthread)
            if constexpr (!std::is_same_v<Stop, NoStop>) {
                // Built and destroyed outside the mutex: either may run, or wait for, the callback itself.
                std::stop_callback on_stop{*stop, [&]() noexcept { exchange_.cancel(n); }};
                g = exchange_.wait(n);
            } else
#endif
                g = exchange_.wait(n);
        }
        if (g.what == Standing::failed) {
            if (visiting) static_cast<void>(exchange_.leave());  // counted twice: the refusal counts, too
            visiting = true;
            return fail(g.failure);
        }
        if (g.what == Standing::vacancy && !open_into(g.slot, call.deadline(), false)) {
            if (visiting) static_cast<void>(exchange_.leave());
            visiting = tried_to_open = true;
            continue;
        }
        Slot& s = slots_[g.slot];
        Admission a = Admission::fit;
        if (g.what == Standing::slot) {
            a = admit(s, &call);
        } else if (exchange_.closed()) {  // closed while it was being opened
            if (!visiting) exchange_.visit();
            visiting = true;
            retire(s, CloseReason::pool_closed);
            return fail(Code::closed);
        } else {
            a = admit_by_hook(s, &call);  // just opened: it needs no check
        }
        if (a == Admission::fit) {
            lent(s, place);
            if (queued) waited(place, s, n.since);
            if constexpr (requires { metrics_.opened_for_caller(Duration{}); }) {
                if (!queued && g.what == Standing::vacancy) metrics_.opened_for_caller(Duration{sync.now() - n.since});
            }
            if constexpr (requires { metrics_.served_late(Duration{}); }) {
                if (!queued && g.what == Standing::slot && (refused || tried_to_open)) metrics_.served_late(Duration{sync.now() - n.since});
            }
            if (visiting) static_cast<void>(exchange_.leave());  // the slot keeps the pool alive now
            return &s;
        }
        if (!visiting) exchange_.visit();
        visiting = true;
        refused = true;
        count_in_vain(s, n.since, in_vain);
        turn_away(s, a, &call);
        if (call.hook_threw) return fail(Code::hook_failed);
    }
}

/// What is told when there is no memory to tell more.
DEWPOND_HIDDEN inline const OpenError& speechless() noexcept {
    static const OpenError plain{Fault::other};
    return plain;
}

/// Opens into a slot; the driver's answer in whatever form it comes. Null: a live resource is in the slot.
template <class S>
auto Core<S>::try_open(Slot& s, Deadline by) noexcept -> OpenNote {
    const auto note = [](Fault fault, const char* what) noexcept -> OpenNote {
        DEWPOND_TRY { return OpenNote{new OpenError(fault, what)}; }
        DEWPOND_CATCH_ALL { return OpenNote{OpenNote{}, &speechless()}; }
    };
    [[maybe_unused]] const auto keep = [&note](const OpenError& e) noexcept -> OpenNote {
        DEWPOND_TRY { return OpenNote{new OpenError(e)}; }
        DEWPOND_CATCH_ALL { return note(e.fault(), ""); }
    };
    Resource* const at = std::addressof(s.resource);
    DEWPOND_TRY {
        const auto call = [&]() -> decltype(auto) {
            if constexpr (opens_by_deadline<Driver>) return driver_.open(by);
            else return driver_.open();
        };
        if constexpr (std::is_same_v<decltype(call()), Resource>) {
            ::new (static_cast<void*>(at)) Resource(call());
        } else {
            auto opened = call();
            if (!opened) return keep(opened.error());
            ::new (static_cast<void*>(at)) Resource(std::move(*opened));
        }
    }
#if defined(__cpp_exceptions)
    catch (const OpenError& e) {
        return keep(e);
    }
#endif
    DEWPOND_CATCH_ALL { return note(Fault::other, "the driver's open threw (its text is withheld)"); }
    if constexpr (S::template has_hook<typename S::on_open>) {
        const char* wrong = nullptr;
        DEWPOND_TRY {
            if (!run_hook(on_open_.f, s.resource, by)) wrong = "the OnOpen hook refused the resource";
        }
        DEWPOND_CATCH_ALL { wrong = "the OnOpen hook threw"; }
        if (wrong == nullptr && !clean_after(s, "OnOpen", by, true)) wrong = "the OnOpen hook left the resource dirty";
        if (wrong != nullptr) {
            driver_.close(s.resource);
            std::destroy_at(at);
            return note(Fault::other, wrong);
        }
    }
    return nullptr;
}

/// The resource is the caller's, or (`to_give`) somebody else's by now. False: nothing was opened, the slot is vacant
/// again and the caller is a visitor.
template <class S>
DEWPOND_COLD bool Core<S>::open_into(std::uint32_t slot, Deadline by, bool to_give) noexcept {
    Slot& s = slots_[slot];
    Sync& sync = exchange_.sync();
    const TimePoint began = sync.now();
    const std::uint32_t incarnation = incarnation_.load(std::memory_order_relaxed);  // before: what opens now may be of before renew()
    const Deadline until = earlier(by, Deadline::after(began, options_.open_timeout));
    const OpenNote failed = try_open(s, until);
    const TimePoint now = sync.now();
    Event e;
    e.slot = slot;
    if (failed == nullptr) {
        s.settle_again();
        SlotNote note;
        note.sample.opened(uses_of(s), now);
        note.uses_before = uses_of(s);
        note.incarnation = incarnation;
        if constexpr (S::sweeps) note.handle = driver_.poll_handle(s.resource);
        if constexpr (S::limits_uses) s.last_use.n = life_.last_use(uses_of(s));
        if constexpr (S::expires) {
            life_.opened(note.life, scatter(static_cast<std::uint64_t>(now.time_since_epoch().count()) + slot));
        }
        [[maybe_unused]] std::string label;
        if constexpr (HasLabel<Driver>) {
            DEWPOND_TRY { label = driver_.label(s.resource); }
            DEWPOND_CATCH_ALL {}
        }
        {
            Locked lock{notes_mutex_};
            if constexpr (S::keeps_marks) s.marks.n.store(0, std::memory_order_relaxed);
            notes_[slot] = note;
            open_note_ = nullptr;
            if constexpr (HasLabel<Driver>) labels_[slot].swap(label);
        }
        last_open_.store(ticks(now), std::memory_order_relaxed);
        e.kind = EventKind::opened;
        e.age = Duration{now - began};
        remember(e, now);
        if constexpr (requires { metrics_.opened(Duration{}); }) metrics_.opened(Duration{now - began});
        const auto [before, kept] = exchange_.opened(slot, to_give);
        if (before.failures != 0) {
            e.kind = before.down ? EventKind::up : EventKind::opened_after_outage;
            e.age = Duration{now - (before.down ? before.down_since : before.since)};
            tell(e);
        }
        if (!kept) retire(s, exchange_.closed() ? CloseReason::pool_closed : CloseReason::excess, true);
        return true;
    }
    {
        Locked lock{notes_mutex_};
        notes_[slot].sample.vacated();
        open_note_ = failed;
    }
    if constexpr (requires { metrics_.open_failed(Fault{}); }) metrics_.open_failed(failed->fault());
    e.kind = EventKind::open_failed;
    e.fault = failed->fault();
    e.text = failed->text();
    tell(e);
    bool newly_down = false;
    exchange_.open_failed(slot, failed->fault(), Duration{until.remaining(began)}, Duration{now - began}, newly_down);
    if (newly_down) {
        e.kind = EventKind::down;
        tell(e);
    }
    return false;
}

}  // namespace dewpond::inline v0::detail
