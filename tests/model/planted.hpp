// Broken twins of the exchange and of the recorder, one for each way in which pools like this one have been broken.
// `Sync<flaw>`, or `Recording<flaw>`, selects one: these specialisations replace a member of the real code, everything else stays what it is.
#pragma once

#include <dewpond/detail/recorder.hpp>

#include "model/basin.hpp"

namespace model {

enum Flaw : int {
    none,
    // the idle set
    returns_stay_away,         ///< a return ignores that somebody is parked
    returns_touch_after,       ///< a return touches the pool after it has published its slot
    returns_relaxed,           ///< a return does not release what the holder wrote
    takes_relaxed,             ///< a take does not acquire it
    takes_in_two_steps,        ///< a take reads and writes: two may take the same
    keeper_takes_blindly,      ///< the keeper claims a slot whether it is idle or not
    // waiting
    sleeps_without_looking,    ///< a waiter does not look again once it is in the queue
    miss_is_final,             ///< a waiter that looked in vain sleeps without asking for returns again
    leaves_silently,           ///< whoever leaves the queue does not pass on what woke it
    late_one_swallows,         ///< ... only who is late or called off
    late_one_drops_its_grant,  ///< a waiter that is late does not look whether it was served meanwhile
    cancels_the_served,        ///< calling off overwrites what was granted
    grants_relaxed,            ///< a grant does not release what is granted
    grants_and_looks_back,     ///< the granter looks at the waiter after it was told
    grants_silently,           ///< the granted waiter is not woken
    notifies_silently,         ///< the head is told to look, and not woken
    grants_and_publishes,      ///< a return is handed over and made visible, too
    // vacancies and openings
    vacates_silently,          ///< who closed a resource tells nobody of the vacancy
    failed_opening_is_silent,  ///< an opening failed, and nobody looks after the next one
    failed_opening_keeps_slot, ///< ... and the slot is counted for ever
    // another size
    shrinks_silently,          ///< returns are not told that too many exist
    revives_silently,          ///< a reset in the background ended, and nobody asks whether too many exist now
    sheds_too_many,            ///< what is on its way out counts as too many
    grows_silently,            ///< nobody who waits is told that more may exist
    // closing
    closes_for_one,            ///< closing wakes one waiter only
    closes_too_late,           ///< the waiters are refused before the door is shut
    frees_under_visitors,      ///< the pool is freed while a refused caller still reads it
    drains_deaf,               ///< who waits for the last return may miss it
    // callbacks and the crew
    withdraws_the_served,      ///< a callback is told twice
    rests_without_looking,     ///< a crew thread goes to rest while work arrives
    posts_silently,            ///< work is left for a crew that rests
    deadlines_unwatched,       ///< nobody wakes for a callback's deadline
    bell_stuck,                ///< once rung, the crew is never rung again
    turns_down_silently,       ///< whoever is refused after it rang the crew does not send what it rang
    ticks_silently,            ///< who rests while a stranger does the tick is not told when the next one is due
    // cells
    recalls_without_barrier,   ///< whoever recalls does not wait until owners' last stores are seen
    recalls_without_epoch,     ///< the epoch is as before once it has been recalled
    queues_beside_cells,       ///< returns have to come to the mutex, and nothing is recalled
    opens_while_shut,          ///< a cell opens while returns have to come to the mutex
    keeps_without_looking,     ///< an owner does not look whether it was recalled while it stored
    takes_without_looking,     ///< ... nor when it takes
    thinks_it_lost,            ///< an owner that was recalled gives up what it has
    thinks_it_won,             ///< ... or takes what it has lost
    keeps_relaxed,             ///< what is kept is not released to whoever recalls it
    ends_with_its_cell,        ///< a thread ends and gives nothing back
    queue_looks_before_cells,  ///< what is recalled for a waiter becomes visible after the queue was looked after
    hastens_in_vain,           ///< the end of a tick forgets that one more was asked for meanwhile
    // the recorder
    records_relaxed,           ///< a word can be seen before the end of the old entry
    records_unclaimed,         ///< who overtakes a writer writes into its entry, too
    flaws
};

}  // namespace model

namespace dewpond::inline v0::detail {

#define IDLE_SET(flaw) IdleSet<model::Sync<model::flaw>>
#define SETTLEMENT(flaw) Settlement<model::Sync<model::flaw>, model::AnyPatience, OpenInCaller>
#define EXCHANGE(flaw) Exchange<model::Sync<model::flaw>, model::AnyPatience, OpenInCaller>
#define CREW_DESK(flaw) CrewDesk<model::Sync<model::flaw>, model::AnyPatience, OpenInCaller>
#define WAKES(flaw) Wakes<model::Sync<model::flaw>>
#define CELLS(flaw) Cells<model::Sync<model::flaw>>
#define RECORDER(flaw) BasicRecorder<model::Recording<model::flaw>, 1>

// ---- the idle set ----

template <>
inline bool IDLE_SET(returns_stay_away)::put_in(Word& w, std::uint64_t bit, std::uint32_t&) noexcept {
    w.bits.fetch_or(bit, std::memory_order_release);
    return true;
}
template <>
inline bool IDLE_SET(returns_touch_after)::put_in(Word& w, std::uint64_t bit, std::uint32_t&) noexcept {
    std::uint64_t b = w.bits.load(std::memory_order_relaxed);
    do {
        if ((b & attention) != 0) return false;
    } while (!w.bits.compare_exchange_weak(b, b | bit, std::memory_order_release, std::memory_order_relaxed));
    return w.bits.load(std::memory_order_relaxed) != 0 || true;
}
template <>
inline bool IDLE_SET(returns_relaxed)::put_in(Word& w, std::uint64_t bit, std::uint32_t&) noexcept {
    std::uint64_t b = w.bits.load(std::memory_order_relaxed);
    do {
        if ((b & attention) != 0) return false;
    } while (!w.bits.compare_exchange_weak(b, b | bit, std::memory_order_relaxed, std::memory_order_relaxed));
    return true;
}
template <>
inline std::uint32_t IDLE_SET(takes_relaxed)::take_in(Word& w) noexcept {
    std::uint64_t b = w.bits.load(std::memory_order_relaxed);
    while ((b & ~control) != 0) {
        const std::uint64_t before = b;
        if (w.bits.compare_exchange_weak(b, b & (b - 1), std::memory_order_relaxed, std::memory_order_relaxed)) return static_cast<std::uint32_t>(std::countr_zero(before));
    }
    return nil;
}
template <>
inline std::uint32_t IDLE_SET(takes_in_two_steps)::take_in(Word& w) noexcept {
    const std::uint64_t b = w.bits.load(std::memory_order_acquire);
    if ((b & ~control) == 0) return nil;
    w.bits.fetch_and(b & (b - 1), std::memory_order_acq_rel);
    return static_cast<std::uint32_t>(std::countr_zero(b));
}
template <>
inline bool IDLE_SET(keeper_takes_blindly)::claim(std::uint32_t slot) noexcept {
    Word& w = word(home_of(slot));
    if ((w.bits.load(std::memory_order_relaxed) & bit_of(slot)) == 0) return false;
    w.bits.fetch_and(~bit_of(slot), std::memory_order_acquire);
    return true;
}

// ---- waiting ----

template <>
inline bool IDLE_SET(sleeps_without_looking)::set_control(std::uint64_t want) noexcept {
    std::uint64_t b = first_.bits.load(std::memory_order_relaxed);
    while ((b & control) != want && !first_.bits.compare_exchange_weak(b, (b & ~control) | want, std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
    return false;
}
template <>
inline Grant EXCHANGE(miss_is_final)::wait(Node& n) noexcept {
    for (;;) {
        const Standing s = park(n, false);
        if (s >= Standing::slot) return {s, n.slot, n.failure};
        Wakes<model::Sync<model::miss_is_final>> wakes;
        Lock lock{mutex_};
        if (!n.linked) return {n.standing(), n.slot, n.failure};
        if (const std::uint32_t i = idle_.take(); i != nil) return leave_queue(n, wakes, lock, {Standing::slot, i, {}});
        n.word.store(static_cast<std::uint32_t>(Standing::waiting), std::memory_order_relaxed);
        idle_.set_control(0);
    }
}
template <>
inline Grant SETTLEMENT(leaves_silently)::leave_queue(Node& n, WAKES(leaves_silently)& wakes, Lock& lock, Grant g) noexcept {
    fifo_.remove(n);
    finish(wakes, lock);
    return g;
}
template <>
inline Grant SETTLEMENT(late_one_swallows)::leave_queue(Node& n, WAKES(late_one_swallows)& wakes, Lock& lock, Grant g) noexcept {
    fifo_.remove(n);
    if (g.what != Standing::failed) settle(wakes);
    finish(wakes, lock);
    return g;
}
template <>
inline Grant EXCHANGE(late_one_drops_its_grant)::wait(Node& n) noexcept {
    for (;;) {
        const Standing s = park(n, false);
        if (s >= Standing::slot) return {s, n.slot, n.failure};
        Wakes<model::Sync<model::late_one_drops_its_grant>> wakes;
        Lock lock{mutex_};
        if (n.deadline.passed(sync_.now())) {
            ++visitors_;
            if (n.linked) return leave_queue(n, wakes, lock, {Standing::failed, nil, Code::timed_out});
            return {Standing::failed, nil, Code::timed_out};
        }
        if (!n.linked) return {n.standing(), n.slot, n.failure};
        if (const std::uint32_t i = idle_.take(); i != nil) return leave_queue(n, wakes, lock, {Standing::slot, i, {}});
        n.word.store(static_cast<std::uint32_t>(Standing::waiting), std::memory_order_relaxed);
        settle(wakes);
        finish(wakes, lock);
    }
}
template <>
inline void EXCHANGE(cancels_the_served)::cancel(Node& n) noexcept {
    Wakes<model::Sync<model::cancels_the_served>> wakes;
    Lock lock{mutex_};
    if (n.linked) fifo_.remove(n);
    ++visitors_;
    n.failure = Code::cancelled;
    n.set(Standing::failed);
    settle(wakes);
    wakes.thread(&n.word);
    finish(wakes, lock);
}
template <>
inline void Node<model::Sync<model::grants_relaxed>>::set(Standing s) noexcept {
    word.store(static_cast<std::uint32_t>(s), std::memory_order_relaxed);
}
template <>
inline void SETTLEMENT(grants_and_looks_back)::send_off(Node& n, Standing what, WAKES(grants_and_looks_back)& wakes) noexcept {
    n.set(what);
    if (n.standing() == what) wakes.thread(&n.word);
}
template <>
inline void SETTLEMENT(grants_silently)::send_off(Node& n, Standing what, WAKES(grants_silently)&) noexcept {
    n.set(what);
}
template <>
inline void SETTLEMENT(notifies_silently)::notify(Node& n, WAKES(notifies_silently)&) noexcept {
    n.set(Standing::notified);
}
template <>
inline bool SETTLEMENT(grants_and_publishes)::pass_on(std::uint32_t slot, WAKES(grants_and_publishes)& wakes) noexcept {
    if (Node* h = fifo_.head(); h != nullptr && hand_over(*h)) grant(*h, Standing::slot, slot, wakes);
    idle_.publish(slot);
    return true;
}

// ---- vacancies and openings ----

template <>
inline bool EXCHANGE(vacates_silently)::vacated(std::uint32_t slot) noexcept {
    Wakes<model::Sync<model::vacates_silently>> wakes;
    Lock lock{mutex_};
    ledger_.vacate(slot);
    publish_census();
    tell_drained(wakes);
    const bool done = last();
    finish(wakes, lock);
    return done;
}
template <>
inline Verdict EXCHANGE(failed_opening_is_silent)::open_failed(std::uint32_t slot, Fault fault, Duration allowed, Duration took, bool&) noexcept {
    Lock lock{mutex_};
    ++visitors_;
    ledger_.vacate(slot);
    return on_open_failed(ledger_.outage, plan().outage, {fault, allowed, took, ledger_.any_live(), fifo_.size() != 0, draw()}, sync_.now());
}
template <>
inline Verdict EXCHANGE(failed_opening_keeps_slot)::open_failed(std::uint32_t, Fault fault, Duration allowed, Duration took, bool&) noexcept {
    Wakes<model::Sync<model::failed_opening_keeps_slot>> wakes;
    Lock lock{mutex_};
    ++visitors_;
    const Verdict v = on_open_failed(ledger_.outage, plan().outage, {fault, allowed, took, ledger_.any_live(), fifo_.size() != 0, draw()}, sync_.now());
    settle(wakes);
    finish(wakes, lock);
    return v;
}

// ---- another size ----

template <>
inline std::uint64_t SETTLEMENT(shrinks_silently)::control_wanted(const Node* h) const noexcept {
    if (closing_) return IdleSet<model::Sync<model::shrinks_silently>>::attention;
    if (h == nullptr) return 0;
    return h->standing() == Standing::notified ? IdleSet<model::Sync<model::shrinks_silently>>::control : IdleSet<model::Sync<model::shrinks_silently>>::attention;
}
template <>
inline void EXCHANGE(revives_silently)::end_retiring(std::uint32_t slot) noexcept {
    Lock lock{mutex_};
    ledger_.revive(slot);
    publish_census();
}
template <>
inline std::uint32_t EXCHANGE(sheds_too_many)::shed() noexcept {
    Lock lock{mutex_};
    if (closing_ || ledger_.counted() <= ledger_.max_size()) return nil;
    const std::uint32_t slot = idle_.take();
    if (slot != nil) ledger_.retire(slot);
    return slot;
}
template <>
inline void EXCHANGE(grows_silently)::resize(std::uint32_t max_size) noexcept {
    Lock lock{mutex_};
    ledger_.set_max_size(max_size);
    publish_census();
}

// ---- closing ----

template <>
inline void EXCHANGE(closes_for_one)::fail_all(Code why) noexcept {
    Wakes<model::Sync<model::closes_for_one>> wakes;
    Lock lock{mutex_};
    if (fifo_.head() != nullptr) fail(*fifo_.head(), why, wakes);
    settle(wakes);
    finish(wakes, lock);
}
template <>
inline bool EXCHANGE(closes_too_late)::close() noexcept {
    fail_all(Code::closed);
    Wakes<model::Sync<model::closes_too_late>> wakes;
    Lock lock{mutex_};
    if (closing_) return false;
    closing_ = true;
    closed_.store(1, std::memory_order_relaxed);
    settle(wakes);
    finish(wakes, lock);
    return true;
}
template <>
inline bool SETTLEMENT(frees_under_visitors)::last() const noexcept {
    return !handle_ && ledger_.counted() == 0;
}
template <>
inline std::uint32_t EXCHANGE(drains_deaf)::drain(Deadline until) noexcept {
    for (;;) {
        {
            Lock lock{mutex_};
            if (ledger_.counted() == 0) return 0;
            if (until.passed(sync_.now())) return ledger_.counted();
        }
        sync_.park(drained_, drained_.load(std::memory_order_relaxed), until);
    }
}

// ---- callbacks and the crew ----

template <>
inline bool EXCHANGE(withdraws_the_served)::withdraw(Node& n) noexcept {
    Wakes<model::Sync<model::withdraws_the_served>> wakes;
    Lock lock{mutex_};
    if (n.linked) fifo_.remove(n);
    ++visitors_;
    settle(wakes);
    finish(wakes, lock);
    return true;
}
template <>
inline void CREW_DESK(rests_without_looking)::rest(const bool&) noexcept {
    TimePoint at;
    {
        Lock lock{mutex_};
        rung_ = false;
        at = wanted_at();
        ++resting_;
        rest_until_ = at;
    }
    sync_.park(bell_, bell_.load(std::memory_order_relaxed), Deadline{at});
    Lock lock{mutex_};
    --resting_;
    rung_ = false;
}
template <>
inline bool CREW_DESK(posts_silently)::post_job(std::uint32_t slot) noexcept {
    Lock lock{mutex_};
    ledger_.retire(slot);
    if (closing_) return false;
    ledger_.push_job(slot);
    return true;
}
template <>
inline TimePoint SETTLEMENT(deadlines_unwatched)::wanted_at() const noexcept {
    return ledger_.has_jobs() ? (TimePoint::min)() : (TimePoint::max)();
}
template <>
inline Grant SETTLEMENT(turns_down_silently)::turn_down(Code why, WAKES(turns_down_silently)&, Lock&) noexcept {
    return refuse(why);
}
template <>
inline void CREW_DESK(ticks_silently)::ticked(TimePoint next, bool) noexcept {
    Lock lock{mutex_};
    ticking_ = false;
    tick_at_ = (std::min)(tick_at_, next);
}
template <>
inline void CREW_DESK(hastens_in_vain)::ticked(TimePoint next, bool looks_again) noexcept {
    Wakes<model::Sync<model::hastens_in_vain>> wakes;
    Lock lock{mutex_};
    ticking_ = false;
    tick_at_ = next;
    if (!looks_again) ring(wakes, tick_at_);
    finish(wakes, lock);
}
template <>
inline void SETTLEMENT(bell_stuck)::ring(WAKES(bell_stuck)& wakes, TimePoint) noexcept {
    if (resting_ == 0 || random_ == 0) return;
    random_ = 0;
    bell_.fetch_add(1, std::memory_order_relaxed);
    wakes.bell = &bell_;
}

// ---- cells ----

template <>
template <class F>
bool CELLS(recalls_without_barrier)::recall_all(F publish, bool) noexcept {
    if (hub_->open == 0) return false;
    hub_->open = 0;
    const std::uint64_t epoch = hub_->epoch.load(std::memory_order_relaxed);
    hub_->epoch.store(epoch + 1, std::memory_order_relaxed);
    for (Cell* c = hub_->cells.load(std::memory_order_relaxed); c != nullptr; c = c->next) {
        if (c->opened_in.load(std::memory_order_relaxed) != epoch || c->state.load(std::memory_order_acquire) != full) continue;
        c->stolen.store(1, std::memory_order_relaxed);
        publish(c->slot.load(std::memory_order_relaxed));
    }
    hub_->looked.store(epoch + 1, std::memory_order_release);
    return true;
}
template <>
template <class F>
bool CELLS(recalls_without_epoch)::recall_all(F publish, bool) noexcept {
    const std::uint64_t epoch = hub_->epoch.load(std::memory_order_relaxed);
    hub_->epoch.store(epoch + 1, std::memory_order_relaxed);
    model::Sync<model::recalls_without_epoch>::heavy();
    for (Cell* c = hub_->cells.load(std::memory_order_relaxed); c != nullptr; c = c->next) {
        if (c->opened_in.load(std::memory_order_relaxed) != epoch || c->state.load(std::memory_order_acquire) != full) continue;
        c->stolen.store(1, std::memory_order_relaxed);
        publish(c->slot.load(std::memory_order_relaxed));
    }
    hub_->epoch.store(epoch, std::memory_order_relaxed);
    return true;
}
template <>
template <class F>
void CELLS(queues_beside_cells)::follow(bool, F) noexcept {}
template <>
inline void CELLS(opens_while_shut)::open(Hub& hub, Cell& c) noexcept {
    c.rest = c.next_rest;
    Lock lock{hub.mutex};
    c.opened_in.store(hub.epoch.load(std::memory_order_relaxed), std::memory_order_relaxed);
    c.state.store(empty, std::memory_order_relaxed);
    ++hub.open;
}
template <>
inline bool CELLS(keeps_without_looking)::keep(std::uint32_t slot) noexcept {
    const Mine& mine = block().of[key_];
    if (mine.hub != hub_) return false;
    Cell& c = *mine.cell;
    if (c.state.load(std::memory_order_relaxed) != empty) return open_later(*mine.hub, c);
    if (mine.hub->epoch.load(std::memory_order_relaxed) != c.opened_in.load(std::memory_order_relaxed)) return !still_mine(*mine.hub, c, true);
    c.slot.store(slot, std::memory_order_relaxed);
    c.state.store(full, std::memory_order_release);
    return true;
}
template <>
inline bool CELLS(takes_without_looking)::take(std::uint32_t& slot) noexcept {
    const Mine& mine = block().of[key_];
    if (mine.hub != hub_) return join(), false;
    Cell& c = *mine.cell;
    if (c.state.load(std::memory_order_relaxed) != full) return false;
    if (mine.hub->epoch.load(std::memory_order_relaxed) != c.opened_in.load(std::memory_order_relaxed)) return still_mine(*mine.hub, c, false);
    slot = c.slot.load(std::memory_order_relaxed);
    c.state.store(empty, std::memory_order_relaxed);
    return true;
}
template <>
inline bool CELLS(thinks_it_lost)::still_mine(Hub& hub, Cell& c, bool) noexcept {
    c.state.store(closed, std::memory_order_relaxed);
    Lock lock{hub.mutex};
    c.stolen.store(0, std::memory_order_relaxed);
    return false;
}
template <>
inline bool CELLS(thinks_it_won)::still_mine(Hub& hub, Cell& c, bool) noexcept {
    c.state.store(closed, std::memory_order_relaxed);
    Lock lock{hub.mutex};
    c.stolen.store(0, std::memory_order_relaxed);
    return true;
}
template <>
inline bool CELLS(keeps_relaxed)::keep(std::uint32_t slot) noexcept {
    const Mine& mine = block().of[key_];
    if (mine.hub != hub_) return false;
    Cell& c = *mine.cell;
    if (c.state.load(std::memory_order_relaxed) != empty) return open_later(*mine.hub, c);
    c.slot.store(slot, std::memory_order_relaxed);
    c.state.store(full, std::memory_order_relaxed);
    if (mine.hub->epoch.load(std::memory_order_relaxed) != c.opened_in.load(std::memory_order_relaxed)) return !still_mine(*mine.hub, c, true);
    return true;
}
template <>
inline void CELLS(ends_with_its_cell)::leave() noexcept {
    for (Mine& m : block().of) {
        if (m.hub == nullptr) continue;
        Lock lock{m.hub->mutex};
        --m.hub->refs;
    }
}
template <>
inline void Settlement<model::Sync<model::queue_looks_before_cells>, model::AnyPatience, OpenInCaller, CELLS(queue_looks_before_cells)>::settle(WAKES(queue_looks_before_cells)& wakes) noexcept {
    Node* h = fifo_.head();
    const bool seen = idle_.set_control(control_wanted(h));
    if (h != nullptr && seen && h->standing() == Standing::waiting) {
        notify(*h, wakes);
        idle_.set_control(control_wanted(h));
    }
    hub_.follow(control_wanted(h) != 0, publisher());
    publish_census();
}

// ---- the recorder ----

template <>
inline void RECORDER(records_relaxed)::note(PastEvent e, TimePoint now) noexcept {
    e.number = number_.fetch_add(1, std::memory_order_relaxed) + 1;
    Entry& at = entries_[next_[0].fetch_add(1, std::memory_order_relaxed) % each];
    const RecordWords w = RecordWords::of(e, now);
    std::uint64_t old = at.stamp.load(std::memory_order_relaxed);
    if (old == being_written || !at.stamp.compare_exchange_strong(old, being_written, std::memory_order_acquire)) return;
    at.when.store(w.when, std::memory_order_relaxed);
    at.place.store(w.place, std::memory_order_relaxed);
    at.rest.store(w.rest, std::memory_order_relaxed);
    at.stamp.store(w.stamp, std::memory_order_release);
}
template <>
inline void RECORDER(records_unclaimed)::note(PastEvent e, TimePoint now) noexcept {
    e.number = number_.fetch_add(1, std::memory_order_relaxed) + 1;
    Entry& at = entries_[next_[0].fetch_add(1, std::memory_order_relaxed) % each];
    const RecordWords w = RecordWords::of(e, now);
    static_cast<void>(at.stamp.exchange(being_written, std::memory_order_acquire));
    at.when.store(w.when, std::memory_order_release);
    at.place.store(w.place, std::memory_order_release);
    at.rest.store(w.rest, std::memory_order_release);
    at.stamp.store(w.stamp, std::memory_order_release);
}

#undef IDLE_SET
#undef SETTLEMENT
#undef EXCHANGE
#undef CREW_DESK
#undef WAKES
#undef CELLS
#undef RECORDER

}  // namespace dewpond::inline v0::detail
