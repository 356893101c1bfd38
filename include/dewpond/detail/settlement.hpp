// SPDX-License-Identifier: BSL-1.0
// L2, the state and its one rule: what is written under the mutex, and settle(), which every mutex section that changed
// the queue, the vacancies or the idle set ends in. It keeps: an idle slot and a parked head never coexist.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <dewpond/detail/cells.hpp>
#include <dewpond/detail/idle_set.hpp>
#include <dewpond/detail/ledger.hpp>
#include <dewpond/detail/samples.hpp>
#include <dewpond/detail/sync.hpp>
#include <dewpond/detail/waiters.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0::detail {

/// The answer to a wish for a slot. `waiting`: queued, now call wait().
struct Grant {
    Standing what = Standing::failed;
    std::uint32_t slot = nil;
    Code failure = Code::timed_out;
};

/// What a snapshot tells of an outage, in one word: the fault, how many openings failed in a row, and the gate in
/// milliseconds of the clock, rounded up.
struct OutageWord {
    std::uint64_t bits = 0;

    [[nodiscard]] static OutageWord of(const Outage& o) noexcept {
        if (o.failures == 0) return {};
        const std::int64_t ms = (std::max<std::int64_t>)(ticks(o.gate), 0) / 1'000'000 + 1;
        constexpr std::uint64_t most = (std::uint64_t{1} << 40) - 1;
        return {(std::min)(static_cast<std::uint64_t>(ms), most) << 24 | std::uint64_t{(std::min)(o.failures, 0xffffu)} << 8 | static_cast<std::uint8_t>(o.fault)};
    }
    [[nodiscard]] Fault fault() const noexcept { return static_cast<Fault>(bits & 0xff); }
    [[nodiscard]] std::uint32_t failures() const noexcept { return static_cast<std::uint32_t>(bits >> 8 & 0xffff); }
    /// What is left at `now` of the back-off in force.
    [[nodiscard]] Duration backoff(TimePoint now) const noexcept {
        const std::int64_t left = static_cast<std::int64_t>(bits >> 24) * 1'000'000 - ticks(now);
        return std::chrono::nanoseconds{left > 0 ? left : 0};
    }
};

/// How many slots stand where; a snapshot for messages and stats.
struct Census {
    std::uint32_t counted = 0, opening = 0, retiring = 0, waiting = 0;
    std::uint32_t openers = 0;  ///< of the opening ones, those that callers open for themselves
};

template <class Sync, class Waiting, class Opening, class Hub = NoHub<Sync>>
class Settlement {
protected:
    using Node = detail::Node<Sync>;
    using Lock = Locked<typename Sync::mutex>;
    /// Every return goes to the head and nothing is visible while anybody is queued.
    static constexpr bool strict = requires { Waiting::always_hands_over; };

    Settlement(const Plan& plan, Sync sync, Waiting waiting, Opening opening, void* pool, void (*offer)(void*, std::uint32_t) noexcept)
        : hub_{pool, offer}, idle_{(std::max)(plan.capacity, plan.max_size), plan.sample}, sync_{std::move(sync)}, waiting_{std::move(waiting)}, opening_{std::move(opening)}, ledger_{plan}, most_{plan.max_size} {
        // Not by its address alone: forked workers have their pools where their siblings have them.
        random_ = scatter(static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(this) >> 4) ^ static_cast<std::uint64_t>(ticks(sync_.now()))) | 1;
    }

    // ---- called with the mutex held ----

    /// The one place that decides what the words' control bits are, whom to wake and who may open.
    void settle(Wakes<Sync>& wakes) noexcept {
        for (;;) {
            Node* h = fifo_.head();
            const std::uint64_t wanted = control_wanted(h);
            hub_.follow(wanted != 0, publisher());  // first: what was kept is seen below
            const bool seen = idle_.set_control(wanted);
            if (h == nullptr || closing_) break;
            if (seen && (strict || h->async()) && !wakes.full()) {  // a callback cannot come and look
                if (const std::uint32_t i = idle_.take(); i != nil) {
                    grant(*h, Standing::slot, i, wakes);
                    continue;
                }
            } else if (seen && h->standing() == Standing::waiting && !wakes.full()) {
                notify(*h, wakes);
                idle_.set_control(control_wanted(h));
            }
            if constexpr (Opening::in_caller) {
                if (!h->async() && h->standing() == Standing::waiting && ledger_.has_room() && !wakes.full()) {
                    const TimePoint gate = ledger_.outage.gate;
                    if (sync_.now() >= gate) {
                        grant(*h, Standing::vacancy, ledger_.take_vacancy(true), wakes);
                        continue;
                    }
                    if (h->wake_at.load(std::memory_order_relaxed) != ticks(gate)) {  // the head alone looks again when the back-off ends
                        h->wake_at.store(ticks(gate), std::memory_order_relaxed);
                        notify(*h, wakes);
                        idle_.set_control(control_wanted(h));
                    }
                }
            }
            break;
        }
        if (!closing_ && wants_opening() && ledger_.has_room()) ring(wakes, ledger_.outage.gate);
        publish_census();
    }
    [[nodiscard]] std::uint64_t control_wanted(const Node* h) const noexcept {
        using Set = IdleSet<Sync>;
        if (closing_ || ledger_.excess()) return Set::attention;
        if (h == nullptr) return 0;
        return !strict && h->standing() == Standing::notified && idle_.words() == 1 ? Set::control : Set::attention;
    }
    /// What was kept in a cell is idle for all to see.
    [[nodiscard]] auto publisher() noexcept {
        return [this](std::uint32_t slot) { idle_.publish(slot); };
    }
    [[nodiscard]] bool hand_over(const Node& h) noexcept {
        if (strict || h.async()) return true;
        return waiting_.hand_over({Duration{sync_.now() - h.since}});
    }

    /// A fit slot goes to the head or becomes visible. False: the pool is closing or too many exist; it is retiring now.
    [[nodiscard]] bool pass_on(std::uint32_t slot, Wakes<Sync>& wakes) noexcept {
        if (closing_ || ledger_.excess()) {
            ledger_.retire(slot);
            return false;
        }
        if (Node* h = fifo_.head(); h != nullptr && hand_over(*h)) grant(*h, Standing::slot, slot, wakes);
        else idle_.publish(slot);
        return true;
    }
    void notify(Node& n, Wakes<Sync>& wakes) noexcept {
        n.set(Standing::notified);
        wakes.thread(&n.word);
    }
    void grant(Node& n, Standing what, std::uint32_t slot, Wakes<Sync>& wakes) noexcept {
        fifo_.remove(n);
        n.slot = slot;
        send_off(n, what, wakes);
    }
    void fail(Node& n, Code why, Wakes<Sync>& wakes) noexcept {
        fifo_.remove(n);
        n.failure = why;
        ++visitors_;  // it still has an error to write; leave() ends that
        send_off(n, Standing::failed, wakes);
    }
    void send_off(Node& n, Standing what, Wakes<Sync>& wakes) noexcept {
        if (n.async()) {
            n.word.store(static_cast<std::uint32_t>(what), std::memory_order_relaxed);
            wakes.call(n);
            return;
        }
        const void* address = &n.word;
        n.set(what);  // the node's last touch
        wakes.thread(address);
    }
    Grant refuse(Code why) noexcept {
        ++visitors_;
        return {Standing::failed, nil, why};
    }
    /// The same for a section that may have rung before it refused: who was rung has to hear it.
    Grant turn_down(Code why, Wakes<Sync>& wakes, Lock& lock) noexcept {
        const Grant refusal = refuse(why);
        finish(wakes, lock);
        return refusal;
    }
    Grant leave_queue(Node& n, Wakes<Sync>& wakes, Lock& lock, Grant g) noexcept {
        fifo_.remove(n);
        settle(wakes);
        finish(wakes, lock);
        return g;
    }
    Grant claim_vacancy(Wakes<Sync>& wakes, Lock& lock) noexcept {
        const std::uint32_t slot = ledger_.take_vacancy(true);
        settle(wakes);
        finish(wakes, lock);
        return {Standing::vacancy, slot, {}};
    }

    /// Should the crew open one more? While down one prober goes on, whoever waits or not.
    [[nodiscard]] bool wants_opening() const noexcept {
        const Node* h = fifo_.head();
        OpeningView v;
        v.waiting = Opening::in_caller ? fifo_.async_count() : fifo_.size();
        v.on_way = !Opening::in_caller && h != nullptr && h->standing() == Standing::notified ? 1 : 0;
        v.min_idle = ledger_.plan().min_idle;
        v.idle = v.min_idle == 0 ? 0 : idle_.count();
        if (v.idle < v.min_idle) v.idle += hub_.count();
        v.vacant = ledger_.max_size() - (std::min)(ledger_.max_size(), ledger_.counted());
        return (std::max)(opening_.wanted(v), ledger_.outage.down ? 1u : 0u) > ledger_.opening();
    }

    /// When the crew has to look again: now for a job, at the gate for an opening, at the deadline of a callback, at the tick.
    [[nodiscard]] TimePoint wanted_at() const noexcept {
        if (ledger_.has_jobs()) return (TimePoint::min)();
        if (closing_) return (TimePoint::max)();
        TimePoint at = ticking_ ? (TimePoint::max)() : tick_at_;
        if (wants_opening() && ledger_.has_room()) at = (std::min)(at, ledger_.outage.gate);
        for (const Node* n = fifo_.async_count() != 0 ? fifo_.head() : nullptr; n != nullptr; n = n->next) {
            if (n->async()) at = (std::min)(at, n->deadline.at());
        }
        return at;
    }
    [[nodiscard]] bool last() const noexcept { return !handle_ && ledger_.counted() == 0 && visitors_ == 0 && fifo_.size() == 0; }
    void tell_drained(Wakes<Sync>& wakes) noexcept {
        if (!closing_ || ledger_.counted() != 0) return;
        drained_.fetch_add(1, std::memory_order_relaxed);
        wakes.everybody = &drained_;
    }
    /// Wakes one of the resting crew, unless one was rung and has not looked yet, or one looks by `at` anyway.
    void ring(Wakes<Sync>& wakes, TimePoint at) noexcept {
        if (resting_ == 0 || rung_ || at >= rest_until_) return;
        rung_ = true;
        bell_.fetch_add(1, std::memory_order_relaxed);
        wakes.bell = &bell_;
    }
    std::uint32_t draw() noexcept {
        random_ ^= random_ << 13;
        random_ ^= random_ >> 17;
        return random_ ^= random_ << 5;
    }
    void publish_census() noexcept {
        const auto most = [](std::uint32_t n) { return std::uint64_t{(std::min)(n, 0xffffu)}; };
        census_.store(most(ledger_.counted()) | most(ledger_.opening()) << 16 | most(ledger_.retiring()) << 32 | most(fifo_.size()) << 48, std::memory_order_relaxed);
        openers_.store(ledger_.openers(), std::memory_order_relaxed);
        most_.store(ledger_.max_size(), std::memory_order_relaxed);
        const Outage& outage = ledger_.outage;
        head_since_.store(fifo_.head() != nullptr ? ticks(fifo_.head()->since) : 0, std::memory_order_relaxed);
        down_since_.store(outage.down ? ticks(outage.down_since) : 0, std::memory_order_relaxed);
        outage_.store(OutageWord::of(outage).bits, std::memory_order_relaxed);
    }
    /// Ends a section: nothing of the exchange is touched after the unlock, it may be gone then.
    void finish(Wakes<Sync>& wakes, Lock& lock) noexcept {
        Sync sync = sync_;
        lock.unlock();
        wakes.send(sync);
    }

    // ---- data ----

    [[no_unique_address]] Hub hub_;
    IdleSet<Sync> idle_;
    typename Sync::mutex mutex_;
    [[no_unique_address]] Sync sync_;
    [[no_unique_address]] Waiting waiting_;
    [[no_unique_address]] Opening opening_;

    // under the mutex
    Ledger ledger_;
    Fifo<Sync> fifo_;
    typename Sync::template var<std::uint32_t> visitors_{0};  ///< callers that were refused and crew at work: they keep the pool alive
    typename Sync::template var<std::uint32_t> resting_{0};
    typename Sync::template var<bool> closing_{false}, handle_{true}, ticking_{false}, rung_{false};
    std::uint32_t random_ = 1;
    TimePoint rest_until_ = (TimePoint::max)(), tick_at_ = (TimePoint::max)();
    Duration overslept_{};  ///< by how much the crew missed the tick that is due

    // written under the mutex, read by anybody
    template <class T>
    using atomic = typename Sync::template atomic<T>;
    atomic<std::uint32_t> drained_{0}, bell_{0};
    atomic<std::uint32_t> most_;  ///< max_size as it is now
    atomic<std::uint64_t> census_{0};
    atomic<std::uint32_t> openers_{0};
    atomic<std::int64_t> head_since_{0}, down_since_{0};
    atomic<std::uint64_t> outage_{0};  ///< an OutageWord
    atomic<std::uint8_t> closed_{0}, ready_{0};
};

}  // namespace dewpond::inline v0::detail
