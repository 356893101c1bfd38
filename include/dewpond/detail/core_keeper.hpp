// SPDX-License-Identifier: BSL-1.0
// The core: the keeper. Expiry, refill, deferred resets, deadlines of callbacks, ages; on threads of the pool's own (as
// many as may open at once, and one more), or on whatever thread calls maintain().
#pragma once

#include <cstdio>
#include <system_error>

#include <dewpond/detail/core.hpp>

namespace dewpond::inline v0::detail {

/// Sets the keeper's pace and starts the crew if a policy asked for one; every option was checked before. Throws
/// PoolError (no_thread).
template <class S>
void Core<S>::start_crew() {
    Duration resolution = never, aged = never;
    if constexpr (requires { life_.resolution(); }) resolution = life_.resolution();
    if constexpr (requires { live_.aged_after(); }) aged = live_.aged_after();
    if constexpr (S::warns) {
        const Duration after = watch_.warn_after();
        if (!after.is_never()) resolution = (std::min)(resolution, Duration{after.ns() / 10});
    }
    const bool refills = exchange_.plan().min_idle != 0;
    const bool wanted = S::needs_keeper || refills;
    if (wanted) period_ = tick_period(resolution, aged);
    exchange_.ticked(add(exchange_.sync().now(), period_.ns()), true);
    crew_ = std::vector<Worker>(!S::opening::in_caller || refills ? options_.opens_at_once + 1 : 1);
    if (wanted && options_.keeper_thread && !launch_crew()) {
        DEWPOND_THROW(PoolError(Code::no_thread, options_.name,
                                "the system refused a thread: set keeper_thread = false and call maintain(), or raise the limit on threads"));
    }
}

/// Starts the threads, once; a pool without a keeper, which has one at most, does so when the first callback waits. False:
/// refused; where that leaves some of them running, the pool is not made.
template <class S>
bool Core<S>::launch_crew() noexcept {
    Locked lock{launch_mutex_};
    if (crew_on_.load(std::memory_order_relaxed) != 0 || exchange_.closed()) return true;
    ThreadName name;
    std::snprintf(name.data(), name.size(), "dew-%.11s", options_.name.c_str());
    bool started = true;
    for (Worker& w : crew_) {
        exchange_.visit();
        DEWPOND_TRY {
            w.thread = Sync::start(name, [this, &w]() noexcept { crew_main(w); });
        }
        DEWPOND_CATCH_ALL {
            static_cast<void>(exchange_.leave());
            started = false;
            break;
        }
    }
    if (started) crew_on_.store(1, std::memory_order_relaxed);
    return started;
}

template <class S>
void Core<S>::crew_main(Worker& me) noexcept {
    for (;;) {
        // A callback that is late is the user's code, too; it waits for no other work.
        if (exchange_.locked([&] { return me.busy = !crew_done_, crew_done_; })) break;
        exchange_.expire(exchange_.sync().now());
        if (!work_once(me.busy, true)) exchange_.rest(crew_done_);
    }
    free_if(exchange_.leave());
}

/// Ends the crew. Those inside a driver's code are let go: they end by themselves, and keep the core until then.
template <class S>
void Core<S>::end_crew() noexcept {
    Locked launching{launch_mutex_};
    exchange_.locked([&] {
        crew_done_ = true;
        for (Worker& w : crew_) {
            if (w.busy && w.thread.joinable()) w.thread.detach();
        }
    });
    exchange_.ring_all();
    for (Worker& w : crew_) {
        if (w.thread.joinable()) w.thread.join();
    }
}

/// One piece of work, if there is any; by one of the crew, or by whoever called.
template <class S>
bool Core<S>::work_once(bool& busy, bool of_crew) noexcept {
    const auto work = exchange_.next_work(busy);
    switch (work.kind) {
        case Exchange::Work::none: return false;
        case Exchange::Work::tick: tick(of_crew, work.late); break;
        case Exchange::Work::slot_job: finish_reset(slots_[work.slot]); break;
        case Exchange::Work::open:
            if (!open_into(work.slot, Deadline{}, true)) static_cast<void>(exchange_.leave());  // the crew itself, or the handle, keeps the core
            break;
    }
    return true;
}

/// The keeper's work now, for programs that want no thread of the pool's.
template <class S>
void Core<S>::maintain() noexcept {
    if (forked()) return;
    bool busy = false;
    do exchange_.expire(exchange_.sync().now());
    while (work_once(busy));
}

template <class S>
void Core<S>::renew() noexcept {
    if (forked()) return;
    incarnation_.fetch_add(1, std::memory_order_relaxed);
    remember_change(EventKind::renewed);
    exchange_.hasten();
}

template <class S>
DEWPOND_COLD void Core<S>::renew_since(const Slot& s) noexcept {
    if constexpr (can_renew) {
        if (forked()) return;
        std::uint32_t opened_in = 0;
        {
            Locked lock{notes_mutex_};
            opened_in = notes_[s.index].incarnation;
        }
        // Fifty leases may tell of the same failover: one of them has its effect.
        if (!incarnation_.compare_exchange_strong(opened_in, opened_in + 1, std::memory_order_relaxed)) return;
        remember_change(EventKind::renewed);
        exchange_.hasten();
    } else {
        static_cast<void>(s);
    }
}

/// Has this keeper been stopped (SIGSTOP, a machine moved)? Only threads of the pool's own keep a pace to be late by.
template <class S>
Duration Core<S>::stalled(Duration late) noexcept {
    if (crew_on_.load(std::memory_order_relaxed) == 0 || late < stall_after(period_)) return {};
    stalls_.store(stalls_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    Event e;
    e.kind = EventKind::stalled;
    e.age = late;
    tell(e);
    return late;
}

/// Nobody was looked at meanwhile: ages of rest begin anew, and what is idle is asked whether it is still alive. A lease
/// is not blamed for the time in which its holder was stopped as well.
template <class S>
void Core<S>::after_stall(TimePoint now, Duration late) noexcept {
    {
        Locked lock{notes_mutex_};
        for (SlotNote& note : notes_) {
            if (note.sample.idle) note.sample.since = now;
            else if (S::warns) note.sample.since = (std::min)(now, add(note.sample.since, late.ns()));
        }
    }
    if constexpr (TellsStatus<Driver> || Probes<Driver> || S::ages_for_check) {
        for (std::uint32_t i = 0; i < exchange_.plan().capacity; ++i) {
            if (!exchange_.idle().claim(i)) continue;
            // What is asked by age is asked before it is lent: nobody knows how long it really rested.
            if constexpr (S::ages_for_check) slots_[i].marks.n.fetch_or(mark_aged, std::memory_order_relaxed);
            if (passes_free_checks(slots_[i])) offer(slots_[i]);
            else retire(slots_[i], CloseReason::check_failed);
        }
    }
}

/// Asks what rests, in one system call, whether something has happened to it: a resource that died is closed, and a new
/// one opened where `min_idle` wants it, before anybody asks for it.
template <class S>
void Core<S>::sweep() noexcept {
    if constexpr (S::sweeps) {
        {
            Locked lock{notes_mutex_};
            for (std::uint32_t i = 0; i < exchange_.plan().capacity; ++i) {
                // A leased one may well have something to say: to its borrower.
                if (notes_[i].sample.present && exchange_.idle().is_idle(i)) sweep_.add(i, notes_[i].handle);
            }
        }
        sweep_.look([this](std::uint32_t slot) { look_after(slot); });
    }
}

/// Something has happened to this one, or to whatever has the number of its handle now.
template <class S>
void Core<S>::look_after(std::uint32_t slot) noexcept {
    if constexpr (S::sweeps) {
        if (!exchange_.idle().claim(slot)) return;  // its borrower looks for himself
        Slot& s = slots_[slot];
        if (!passes_free_checks(s)) return retire(s, CloseReason::check_failed);
        const int handle = driver_.poll_handle(s.resource);  // a borrower may have changed it
        {
            Locked lock{notes_mutex_};
            notes_[slot].handle = handle;
        }
        offer(s);
    }
}

/// Why this one should go; count_: it should not.
template <class S>
CloseReason Core<S>::judge(const SlotNote& note, Ages ages) const noexcept {
    if (note.incarnation != incarnation_.load(std::memory_order_relaxed)) return CloseReason::renewed;
    if constexpr (S::expires) return life_.expired(note.life, ages);
    else return static_cast<void>(ages), CloseReason::count_;
}

/// The keeper's round. Whoever does it has told the callbacks that are late before.
template <class S>
void Core<S>::tick(bool of_crew, Duration overslept) noexcept {
    const TimePoint now = exchange_.sync().now();
    exchange_.recall();  // what threads keep rests, too
    look_at_all(now);
    note_demand(0, now);
    if (const Duration late = stalled(overslept); late > Duration{}) {
        after_stall(now, late);
    } else {
        warn_of_old(now);
        retire_aged(now);
        sweep();
    }
    last_tick_.store(ticks(now), std::memory_order_relaxed);
    exchange_.ticked(add(now, period_.ns()), of_crew);
}

/// Tells of leases that are out too long, and of those that have ended since. Everything is known from samples.
template <class S>
void Core<S>::warn_of_old(TimePoint now) noexcept {
    if constexpr (S::warns) {
        std::uint32_t overdue = 0;
        for (std::uint32_t i = 0; i < exchange_.plan().capacity; ++i) {
            Warning& w = warnings_[i];
            Event e;
            std::string label;
            Sample sample;
            {
                Locked lock{notes_mutex_};
                sample = notes_[i].sample;
                if constexpr (HasLabel<Driver>) {
                    DEWPOND_TRY { label = labels_[i]; }
                    DEWPOND_CATCH_ALL {}
                }
            }
            e.slot = i;
            e.text = label;
            if (w.told && (!sample.present || sample.idle || sample.uses != w.uses)) {
                w.told = false;
                e.kind = EventKind::old_lease_back;
                e.place = w.place;
                e.age = w.age;
                tell(e);
            }
            const Duration out = sample.out_for(now);
            if (out < watch_.warn_after()) continue;
            if (!w.told) {
                // Out of the pool's hands, too, is what is being reset or closed: that is nobody's lease.
                const bool live = exchange_.locked([&] { return exchange_.ledger().phase(i) == SlotPhase::live; });
                const dewpond::Place place = place_of(slots_[i]);
                if (!live || uses_of(slots_[i]) != sample.uses) continue;  // or it has ended meanwhile
                w = {true, sample.uses, place, out};
                leaks_.store(leaks_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
                e.kind = EventKind::lease_too_old;
                e.place = place;
                e.age = out;
                tell(e);
            }
            w.age = out;
            ++overdue;
        }
        overdue_.store(overdue, std::memory_order_relaxed);
    } else {
        static_cast<void>(now);
    }
}

/// What has lived or rested long enough. A few at a time, so that what was opened together does not go together.
template <class S>
void Core<S>::retire_aged(TimePoint now) noexcept {
    if constexpr (S::keeps_marks) {
        std::uint32_t idle = exchange_.idle().count();
        std::uint32_t budget = retirements_per_tick(exchange_.census().counted);
        for (std::uint32_t i = 0; i < exchange_.plan().capacity; ++i) {
            SlotNote note;
            {
                Locked lock{notes_mutex_};
                note = notes_[i];
            }
            const Sample& sample = note.sample;
            if (!sample.present) continue;
            Slot& s = slots_[i];
            const Ages ages = sample.ages(now);
            if constexpr (S::ages_for_check) {
                if (sample.idle && ages.idle >= live_.aged_after()) mark_if_same(s, note, mark_aged);
            }
            const CloseReason why = judge(note, ages);
            if (why == CloseReason::count_ || budget == 0) continue;
            if (why == CloseReason::max_idle && !may_shrink(idle, exchange_.plan().min_idle)) continue;
            if (!exchange_.idle().claim(i)) {
                // Out: its return closes it. A mark that comes just too late is found by the next tick.
                if (why == CloseReason::max_idle || s.to_retire()) continue;
                mark_if_same(s, note, why == CloseReason::renewed ? mark_renew : mark_retire);
                if (why == CloseReason::renewed) --budget;
                continue;
            }
            if (idle != 0) --idle;  // some may have come back since they were counted
            const bool used = uses_of(s) != sample.uses;
            if (!same_resource(i, note) || (used && why == CloseReason::max_idle)) {  // not the one we judged, or not idle at all
                offer(s);
                continue;
            }
            --budget;
            retire(s, why);
        }
    } else {
        static_cast<void>(now);
    }
}

/// Is the resource of this slot still the one that a note is about?
template <class S>
bool Core<S>::same_resource(std::uint32_t slot, const SlotNote& note) noexcept {
    Locked lock{notes_mutex_};
    return notes_[slot].sample.present && notes_[slot].sample.born == note.sample.born;
}
/// Marks it if so; marks are cleared under the same lock when a slot is opened anew.
template <class S>
void Core<S>::mark_if_same(Slot& s, const SlotNote& note, Mark mark) noexcept {
    if constexpr (S::keeps_marks) {
        Locked lock{notes_mutex_};
        const Sample& now = notes_[s.index].sample;
        if (now.present && now.born == note.sample.born) s.marks.n.fetch_or(mark, std::memory_order_relaxed);
    }
}

/// Samples are taken at most once in 50 ms, whoever comes.
template <class S>
bool Core<S>::look_is_due(TimePoint now) noexcept {
    std::int64_t next = next_look_.load(std::memory_order_relaxed);
    if (ticks(now) < next) return false;
    return next_look_.compare_exchange_strong(next, ticks(add(now, std::chrono::milliseconds{50})), std::memory_order_relaxed);
}
template <class S>
DEWPOND_COLD void Core<S>::look_at_all(TimePoint now) noexcept {
    if constexpr (S::keeps_uses) {
        if (!look_is_due(now)) return;
        Locked lock{notes_mutex_};
        look(now);
    } else {
        static_cast<void>(now);
    }
}
/// The same for a caller that must not wait.
template <class S>
void Core<S>::look_if_free(TimePoint now) noexcept {
    if constexpr (S::keeps_uses && requires { notes_mutex_.try_lock(); }) {
        if (!notes_mutex_.try_lock()) return;
        if (look_is_due(now)) look(now);
        notes_mutex_.unlock();
    } else {
        static_cast<void>(now);
    }
}

/// Samples every slot for the ages. Under notes_mutex_.
template <class S>
void Core<S>::look(TimePoint now) noexcept {
    if constexpr (S::keeps_uses) {
        Duration oldest{};
        if constexpr (S::keeps_cells) {
            for (SlotNote& note : notes_) note.kept.seen = false;
            exchange_.hub().each([this](std::uint32_t slot) { notes_[slot].kept.seen = true; });
        }
        for (std::uint32_t i = 0; i < exchange_.plan().capacity; ++i) {
            Sample& sample = notes_[i].sample;
            if (!sample.present) continue;
            // The bit first: whoever sees it set also sees the use count its holder wrote before.
            bool idle = exchange_.idle().is_idle(i);
            if constexpr (S::keeps_cells) idle = idle || notes_[i].kept.seen;
            sample.look(uses_of(slots_[i]), idle, now);
            oldest = (std::max)(oldest, sample.out_for(now));
        }
        oldest_lease_.store(oldest.ns().count(), std::memory_order_relaxed);
    } else {
        static_cast<void>(now);
    }
}

}  // namespace dewpond::inline v0::detail
