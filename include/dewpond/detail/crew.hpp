// SPDX-License-Identifier: BSL-1.0
// L2, the desk of the crew: what there is to do for threads of the pool's own, or for whoever calls maintain(), and how
// they rest until there is.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <dewpond/detail/settlement.hpp>

namespace dewpond::inline v0::detail {

template <class Sync, class Waiting, class Opening, class Hub = NoHub<Sync>>
class CrewDesk : protected Settlement<Sync, Waiting, Opening, Hub> {
    using Base = Settlement<Sync, Waiting, Opening, Hub>;
    using Lock = Locked<typename Sync::mutex>;

public:
    CrewDesk(const Plan& plan, Sync sync, Waiting waiting, Opening opening, void* pool, void (*offer)(void*, std::uint32_t) noexcept)
        : Base{plan, std::move(sync), std::move(waiting), std::move(opening), pool, offer} {}

    struct Work {
        enum Kind : std::uint8_t { none, slot_job, open, tick } kind = none;
        std::uint32_t slot = nil;
        TimePoint due{};  ///< of a tick
        Duration late{};  ///< of a tick: how long the crew overslept it, which is not how long it was at work elsewhere
    };
    /// The next thing to do, claimed; the caller keeps the pool alive meanwhile. Whoever takes something makes sure that
    /// somebody else looks after what is left.
    /// `busy` is written under the mutex: whoever ends the crew must not wait for a worker inside foreign code.
    Work next_work(bool& busy) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        rung_ = false;
        Work work{};
        if (!closing_ && !ticking_ && sync_.now() >= tick_at_) {  // first: it is short, and jobs may be many and long
            ticking_ = true;
            if (resting_ != 0) note_oversleeping(rest_until_);
            work = {Work::tick, nil, std::exchange(tick_at_, (TimePoint::max)()), std::exchange(overslept_, {})};
        } else if (ledger_.has_jobs()) {
            work = {Work::slot_job, ledger_.pop_job()};
        } else if (!closing_ && wants_opening() && ledger_.may_open(sync_.now())) {
            work = {Work::open, ledger_.take_vacancy()};
            settle(wakes);
        }
        busy = work.kind != Work::none;
        if (busy) ring(wakes, wanted_at());
        finish(wakes, lock);
        return work;
    }
    /// The next tick is due now. One that is being done may have looked already: then there is one more.
    void hasten() noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        tick_at_ = (std::min)(tick_at_, sync_.now());
        if (!ticking_) ring(wakes, tick_at_);
        finish(wakes, lock);
    }
    /// The tick is done; when the next one is due. `looks_again`: the caller is of the crew, and asks for work before it
    /// rests. Whoever else has done it leaves it to one of the crew that went to rest meanwhile and knew of no next one.
    void ticked(TimePoint next, bool looks_again) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        ticking_ = false;
        tick_at_ = (std::min)(tick_at_, next);
        if (!looks_again) ring(wakes, tick_at_);
        finish(wakes, lock);
    }
    /// Queues a slot for the crew, as retiring. False: the pool is closing, nobody would do it; the slot is retiring all
    /// the same.
    [[nodiscard]] bool post_job(std::uint32_t slot) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        ledger_.retire(slot);
        publish_census();
        if (closing_) return false;
        ledger_.push_job(slot);
        ring(wakes, (TimePoint::min)());
        finish(wakes, lock);
        return true;
    }
    /// Parks a crew thread until there may be work; `done` (under the mutex) ends it.
    void rest(const bool& done) noexcept {
        std::uint32_t turn;
        TimePoint at;
        {
            Lock lock{mutex_};
            at = wanted_at();
            if (done || at <= sync_.now()) return;
            turn = bell_.load(std::memory_order_relaxed);
            ++resting_;
            rest_until_ = (std::min)(rest_until_, at);
        }
        sync_.park(bell_, turn, Deadline{at});
        Lock lock{mutex_};
        --resting_;
        note_oversleeping(at);
        rest_until_ = (TimePoint::max)();  // the others' are not known: rather ring once too often
    }
    /// Wakes the whole crew, to end it: what rest() asks for was written under the mutex before.
    void ring_all() noexcept {
        bell_.fetch_add(1, std::memory_order_relaxed);
        sync_.unpark_all(&bell_);
    }

protected:
    /// One of the crew rested, or still does, although it meant to look at `until`, and the tick is overdue.
    void note_oversleeping(TimePoint until) noexcept {
        const TimePoint due = (std::max)(until, tick_at_), now = sync_.now();
        if (now > due) overslept_ = (std::max)(overslept_, Duration{now - due});
    }

    using Base::mutex_, Base::sync_, Base::ledger_, Base::closing_, Base::ticking_, Base::tick_at_, Base::rung_, Base::resting_, Base::rest_until_, Base::overslept_,
        Base::bell_, Base::wanted_at, Base::wants_opening, Base::settle, Base::ring, Base::publish_census, Base::finish;
};

}  // namespace dewpond::inline v0::detail
