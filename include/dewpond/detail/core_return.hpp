// SPDX-License-Identifier: BSL-1.0
// The core: what happens to a resource that comes back, is closed, or leaves. noexcept throughout, and bounded: a
// dirty resource may keep its returner for `return_budget` at most.
#pragma once

#include <dewpond/detail/core.hpp>
#include <dewpond/policies/hooks.hpp>

namespace dewpond::inline v0::detail {

/// The long form of a return: doomed, dirty, marked, or wanted at the mutex.
template <class S>
DEWPOND_COLD ReturnReport Core<S>::come_home(Slot& s) noexcept {
    if (s.doomed() || forked()) {
        retire(s, s.worn_out() ? CloseReason::max_uses : CloseReason::discarded);
        return ReturnReport::closed;
    }
    if constexpr (S::resets) {
        if (!exchange_.closed() && reset_.wants_reset(driver_, s.resource)) {
            bool was_dirty = false;  // a driver that cannot say has nothing to report
            if constexpr (KnowsDirty<Driver>) was_dirty = driver_.dirty(s.resource);
            const bool here = options_.return_budget > Duration{};
            const ResetResult r = here ? driver_.reset(s.resource, within(options_.return_budget)) : ResetResult::unfinished;
            bool left_dirty = was_dirty;
            if constexpr (TellsFault<Driver>) {
                // A server that changed its role is nobody's lost COMMIT.
                if (was_dirty && r == ResetResult::broken) left_dirty = driver_.last_fault(s.resource).fault() != Fault::wrong_role;
            }
            if (left_dirty) {
                if constexpr (requires { metrics_.dirty_return(); }) metrics_.dirty_return();
                Event e;
                e.kind = EventKind::dirty_return;
                e.place = place_of(s);
                e.slot = s.index;
                tell(e);
            }
            if (r == ResetResult::unfinished && can_defer()) {
                if (exchange_.post_job(s.index)) return ReturnReport::deferred;
                retire(s, CloseReason::pool_closed, true);
                return ReturnReport::closed;
            }
            const CloseReason flaw = flaw_after(s, r, r == ResetResult::blank ? within(hook_budget()) : Deadline{});
            if (flaw != CloseReason::count_) {
                retire(s, flaw);
                return ReturnReport::closed;
            }
            return after_reset(s, was_dirty ? ReturnReport::reset : ReturnReport::clean);
        }
    }
    return after_reset(s, ReturnReport::clean);
}

/// A clean resource: the user's hook, then back into the pool, or closed if its time has come.
template <class S>
ReturnReport Core<S>::after_reset(Slot& s, ReturnReport so_far) noexcept {
    if constexpr (S::template has_hook<typename S::on_return>) {
        if (!exchange_.closed()) {
            const Deadline by = within(hook_budget());
            bool fit = false;
            DEWPOND_TRY { fit = run_hook(on_return_.f, s.resource, by); }
            DEWPOND_CATCH_ALL {}
            if (!fit || !clean_after(s, "OnReturn", by)) {
                retire(s, CloseReason::hook_left_dirty);
                return ReturnReport::closed;
            }
        }
    }
    if (s.to_retire()) {
        retire(s, s.marked(mark_retire) ? CloseReason::max_lifetime : CloseReason::renewed);
        return ReturnReport::closed;
    }
    if constexpr (S::keeps_cells) {
        if (exchange_.hub().keep(s.index)) return so_far;
    }
    return offer(s) ? so_far : ReturnReport::closed;
}

/// A put was refused: the slot goes to whoever waits, becomes idle under the mutex, or (false) had to be closed.
template <class S>
DEWPOND_COLD bool Core<S>::surrender(Slot& s) noexcept {
    if (s.doomed() || forked()) {
        retire(s, s.worn_out() ? CloseReason::max_uses : CloseReason::discarded);
        return false;
    }
    if (exchange_.give(s.index)) return true;
    retire(s, exchange_.closed() ? CloseReason::pool_closed : CloseReason::excess, true);
    return false;
}

/// Closes the resource of a slot that the caller owns, and makes the slot vacant. It counts until that is done. This
/// may free the core: touch nothing afterwards unless something else keeps it.
template <class S>
DEWPOND_COLD void Core<S>::retire(Slot& s, CloseReason why, bool counted_as_retiring) noexcept {
    if (forked()) return abandon(s);
    if (!counted_as_retiring) exchange_.begin_retiring(s.index);
    if constexpr (Interrupts<Driver>) {
        // Somebody is inside interrupt() on this very resource: the close becomes theirs.
        if (exchange_.locked([&] { return interrupting_ == s.index && (inherited_close_ = true); })) return;
    }
    bury(s, why);
}

template <class S>
void Core<S>::bury(Slot& s, CloseReason why) noexcept {
    [[maybe_unused]] OpenError fault;
    if constexpr (TellsFault<Driver>) {
        if (why == CloseReason::check_failed || why == CloseReason::reset_failed || why == CloseReason::hook_left_dirty || why == CloseReason::discarded) {
            fault = driver_.last_fault(s.resource);
        }
        // Healthy, but of a server that is not what it was: a failover looks unlike a network that breaks.
        const bool refused = why == CloseReason::check_failed || why == CloseReason::reset_failed;
        if (refused && fault.fault() == Fault::wrong_role) why = CloseReason::wrong_role;
    }
    if constexpr (requires { metrics_.closed(why); }) metrics_.closed(why);
    const bool worth_telling = why == CloseReason::check_failed || why == CloseReason::reset_failed || why == CloseReason::hook_left_dirty ||
                               why == CloseReason::discarded || why == CloseReason::wrong_role;
    Event e;
    e.kind = EventKind::closed;
    e.reason = why;
    e.slot = s.index;
    if (worth_telling) {
        e.place = place_of(s);
        e.fault = fault.fault();
        e.text = fault.text();
        tell(e);
    } else {
        remember(e, exchange_.sync().now());
    }
    driver_.close(s.resource);
    std::destroy_at(std::addressof(s.resource));
    {
        Locked lock{notes_mutex_};
        notes_[s.index].sample.vacated();
    }
    free_if(exchange_.vacated(s.index));
}

/// A checkout that began then is about to turn this resource away. If it was opened since and nobody ever had it, whoever
/// opened it, it was opened in vain; the second time, and from then on, the next opening has to wait.
template <class S>
DEWPOND_COLD void Core<S>::count_in_vain(const Slot& s, TimePoint began, std::uint32_t& in_vain) noexcept {
    {
        Locked lock{notes_mutex_};
        const SlotNote& note = notes_[s.index];
        if (note.sample.born < began || note.uses_before != uses_of(s)) return;
    }
    if (++in_vain > 1) exchange_.opened_in_vain(in_vain - 1);
}

/// The keeper's half of a return whose reset did not fit into the budget.
template <class S>
void Core<S>::finish_reset(Slot& s) noexcept {
    CloseReason flaw = CloseReason::reset_failed;
    if constexpr (Resets<Driver>) {
        if (!exchange_.closed()) {
            const Deadline by = within(options_.reset_timeout);
            flaw = flaw_after(s, driver_.reset(s.resource, by), by);
        }
    }
    if (flaw != CloseReason::count_) return retire(s, exchange_.closed() ? CloseReason::pool_closed : flaw, true);
    exchange_.end_retiring(s.index);
    after_reset(s, ReturnReport::reset);
}

template <class S>
DEWPOND_COLD auto Core<S>::detach(Slot& s) noexcept -> Resource {
    ended(s);
    if (forked()) return Resource{std::move(s.resource)};
    if constexpr (requires { metrics_.detached(); }) metrics_.detached();
    if constexpr (Interrupts<Driver>) {
        // Out of reach of interrupt_all() before anything moves; an interrupt that is under way is waited for.
        exchange_.begin_retiring(s.index);
        while (exchange_.locked([&] { return interrupting_ == s.index; })) exchange_.sync().relax();
    }
    Resource out{std::move(s.resource)};
    std::destroy_at(std::addressof(s.resource));
    {
        Locked lock{notes_mutex_};
        notes_[s.index].sample.vacated();
    }
    free_if(exchange_.vacated(s.index));
    return out;
}

/// Refuse, wake every waiter, close what is idle, wait for the leases, interrupt what is still out; how many are left.
template <class S>
std::uint32_t Core<S>::close(Limit limit) noexcept {
    if (forked()) return abandon_idle(), 0;
    Call call{limit, exchange_.sync()};
    const Deadline until = call.deadline();
    if (exchange_.close()) remember_change(EventKind::closing);
    for (std::uint32_t i; (i = exchange_.idle().take()) != nil;) retire(slots_[i], CloseReason::pool_closed);
    for (bool busy = false; work_once(busy);) {
    }
    std::uint32_t left = exchange_.drain(until);
    if (left != 0) {
        interrupt_all();
        left = exchange_.locked([&] { return exchange_.ledger().counted(); });
    }
    return left;
}

/// Closes what is idle and too many; what is out goes when it comes back.
template <class S>
DEWPOND_COLD void Core<S>::resize(std::uint32_t max_size) noexcept {
    if (forked()) return;
    exchange_.resize(max_size);
    remember_change(EventKind::resized, max_size);
    for (std::uint32_t i; (i = exchange_.shed()) != nil;) retire(slots_[i], CloseReason::excess, true);
}

template <class S>
void Core<S>::interrupt_all() noexcept {
    if constexpr (Interrupts<Driver>) {
        for (std::uint32_t i = 0; i < exchange_.plan().capacity; ++i) {
            const bool mine = exchange_.locked([&] {
                if (interrupting_ != nil || exchange_.ledger().phase(i) != SlotPhase::live) return false;
                interrupting_ = i;
                return true;
            });
            if (!mine) continue;
            driver_.interrupt(slots_[i].resource);
            const bool inherited = exchange_.locked([&] {
                interrupting_ = nil;
                return std::exchange(inherited_close_, false);
            });
            if (inherited) bury(slots_[i], CloseReason::pool_closed);
        }
    }
}

template <class S>
void Core<S>::let_go() noexcept {
    static_cast<void>(close(Limit{std::chrono::nanoseconds{0}}));
    if (forked()) return;
    end_crew();
    announcer_.mute(exchange_.sync());
    free_if(exchange_.drop_handle());
}

}  // namespace dewpond::inline v0::detail
