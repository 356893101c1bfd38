// SPDX-License-Identifier: BSL-1.0
// L2, the operations: who waits, gives, opens, closes; who keeps the pool alive. It
// knows no driver: slots are numbers. docs/design.md has the state table.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include <dewpond/detail/crew.hpp>

namespace dewpond::inline v0::detail {

template <class Sync, class Waiting, class Opening, class Hub = NoHub<Sync>>
class Exchange : CrewDesk<Sync, Waiting, Opening, Hub> {
    using Base = CrewDesk<Sync, Waiting, Opening, Hub>;
    friend struct Invariants;  // tests/model: what holds whenever the mutex is free

public:
    using Node = detail::Node<Sync>;
    using Lock = Locked<typename Sync::mutex>;
    using typename Base::Work;
    using Base::next_work, Base::hasten, Base::ticked, Base::post_job, Base::rest, Base::ring_all;

    /// `offer(pool, slot)`: how a thread that ends gives back what it kept.
    Exchange(const Plan& plan, Sync sync, Waiting waiting, Opening opening, void* pool = nullptr, void (*offer)(void*, std::uint32_t) noexcept = nullptr)
        : Base{plan, std::move(sync), std::move(waiting), std::move(opening), pool, offer} {}

    [[nodiscard]] IdleSet<Sync>& idle() noexcept { return idle_; }
    [[nodiscard]] const IdleSet<Sync>& idle() const noexcept { return idle_; }
    /// Where threads keep what they have just returned.
    [[nodiscard]] Hub& hub() noexcept { return hub_; }
    /// What is idle, kept or not. What goes from a cell to the words meanwhile is counted twice rather than not at all.
    [[nodiscard]] std::uint32_t count_idle() const noexcept {
        const std::uint32_t kept = hub_.count();
        return kept + idle_.count();
    }
    [[nodiscard]] Sync& sync() noexcept { return sync_; }
    [[nodiscard]] const Plan& plan() const noexcept { return ledger_.plan(); }
    [[nodiscard]] const Waiting& waiting_rule() const noexcept { return waiting_; }
    [[nodiscard]] const Opening& opening_rule() const noexcept { return opening_; }

    // ---- waiting ----

    /// First step of a slow checkout: serves at once, refuses, or queues the node (`waiting`). A refused node's
    /// caller is counted as a visitor until leave().
    Grant begin(Node& n, bool may_wait) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        n.word.store(static_cast<std::uint32_t>(Standing::waiting), std::memory_order_relaxed);
        if (closing_) return refuse(Code::closed);
        if (const std::uint32_t i = take_any(); i != nil) return {Standing::slot, i, {}};
        const TimePoint now = sync_.now();
        const bool late = n.deadline.passed(now);
        if (may_wait && !late && !n.async() && Opening::in_caller && ledger_.may_open(now)) return claim_vacancy(wakes, lock);
        Outage& outage = ledger_.outage;
        // Whoever asks counts as waiting, even if it is refused: the shorter cap of the back-off holds from now on.
        if (outage.failures != 0) bring_gate_near(now, wakes);
        if (Code why{}; refuses(outage, ledger_.any_live(), now, why)) return turn_down(why, wakes, lock);
        if (!may_wait) return turn_down(Code::none_idle, wakes, lock);
        if (late) return turn_down(Code::timed_out, wakes, lock);
        if (fifo_.size() >= plan().max_waiting) return turn_down(Code::too_many_waiting, wakes, lock);
        fifo_.push(n);
        settle(wakes);
        if (n.async()) ring(wakes, n.deadline.at());  // nobody else watches its deadline
        finish(wakes, lock);
        return {Standing::waiting, nil, {}};
    }

    /// Parks a queued thread until it is granted something, refused, late or cancelled.
    Grant wait(Node& n) noexcept {
        bool missed = false;
        for (;;) {
            const Standing s = park(n, missed);
            if (s >= Standing::slot) return {s, n.slot, n.failure};
            Wakes<Sync> wakes;
            Lock lock{mutex_};
            if (!n.linked) return {n.standing(), n.slot, n.failure};  // granted while we were on our way
            missed = n.standing() == Standing::notified;
            if (const std::uint32_t i = idle_.take(); i != nil) return leave_queue(n, wakes, lock, {Standing::slot, i, {}});
            const TimePoint now = sync_.now();
            if (n.cancelled || n.deadline.passed(now)) {
                ++visitors_;
                return leave_queue(n, wakes, lock, {Standing::failed, nil, n.cancelled ? Code::cancelled : Code::timed_out});
            }
            if (Opening::in_caller && ledger_.may_open(now)) {
                fifo_.remove(n);
                return claim_vacancy(wakes, lock);
            }
            if (n.wake_at.load(std::memory_order_relaxed) <= ticks(now)) n.wake_at.store(no_time, std::memory_order_relaxed);
            n.word.store(static_cast<std::uint32_t>(Standing::waiting), std::memory_order_relaxed);
            settle(wakes);
            finish(wakes, lock);
        }
    }

    /// A stop token was triggered: the waiter leaves by the same code as one that is late.
    void cancel(Node& n) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        if (!n.linked) return;
        n.cancelled = true;
        n.set(Standing::notified);
        wakes.thread(&n.word);
        finish(wakes, lock);
    }

    /// Takes a callback's node out of the queue, to be served as cancelled by the caller, who is a visitor then. False:
    /// somebody else serves it.
    bool withdraw(Node& n) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        if (!n.linked) return false;
        fifo_.remove(n);
        ++visitors_;
        settle(wakes);
        finish(wakes, lock);
        return true;
    }

    /// Serves the callbacks whose deadline has passed.
    void expire(TimePoint now) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        if (fifo_.async_count() == 0) return;
        for (Node *n = fifo_.head(), *next = nullptr; n != nullptr; n = next) {
            next = n->next;
            if (n->async() && n->deadline.passed(now)) fail(*n, Code::timed_out, wakes);
        }
        settle(wakes);
        finish(wakes, lock);
    }

    /// A caller that was refused, or lost what it was granted, is done with the pool. True: it was the last reference.
    [[nodiscard]] bool leave() noexcept {
        Lock lock{mutex_};
        --visitors_;
        return last();
    }
    /// Keeps the pool alive until leave(), for a caller about to give up the slot that did so.
    void visit() noexcept {
        Lock lock{mutex_};
        ++visitors_;
    }

    /// What is idle, or kept in whatever cell; `nil`.
    [[nodiscard]] std::uint32_t take_idle() noexcept {
        if constexpr (Hub::on) {
            if (std::uint32_t i = nil; hub_.take(i)) return i;
            if (const std::uint32_t i = idle_.take(); i != nil) return i;
            Lock lock{mutex_};
            return take_any();
        } else {
            return idle_.take();
        }
    }
    /// Nothing is kept at this moment; nobody is in want of it.
    void recall() noexcept {
        if constexpr (Hub::on) {
            Lock lock{mutex_};
            hub_.recall(publisher(), true);
        }
    }

    // ---- slots that become free ----

    /// A slot that its owner found fit is free: to the head, or visible. False: the pool is closing or too many exist;
    /// the slot is the caller's to close, counted as retiring.
    [[nodiscard]] bool give(std::uint32_t slot) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        const bool passed = pass_on(slot, wakes);
        settle(wakes);
        finish(wakes, lock);
        return passed;
    }

    /// The owner of a slot is about to close (or reset in the background) what is in it.
    void begin_retiring(std::uint32_t slot) noexcept {
        Lock lock{mutex_};
        ledger_.retire(slot);
        publish_census();
    }
    /// A background reset ended well: the slot is its owner's again, to give. It counts again, so that there may be too
    /// many by now: its return, or somebody else's, has to come to the mutex.
    void end_retiring(std::uint32_t slot) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        ledger_.revive(slot);
        settle(wakes);
        finish(wakes, lock);
    }
    /// The resource of this slot is gone (closed or detached). True: the pool itself is to be freed now.
    [[nodiscard]] bool vacated(std::uint32_t slot) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        ledger_.vacate(slot);
        settle(wakes);
        tell_drained(wakes);
        const bool done = last();
        finish(wakes, lock);
        return done;
    }

    // ---- opening ----

    /// What an opening that succeeded ended, and what became of the slot.
    struct Opened {
        Outage before{};
        bool kept = true;  ///< the slot is its opener's; false: it is retiring, to be closed
    };
    /// A resource was opened: the opener's own, or (`to_give`) for whoever waits, in the same section, so that nobody
    /// opens another one for a waiter who is just being served.
    Opened opened(std::uint32_t slot, bool to_give) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        Opened result{ledger_.opened(slot)};
        ready_.store(1, std::memory_order_relaxed);
        if (to_give) result.kept = pass_on(slot, wakes);
        settle(wakes);
        finish(wakes, lock);
        return result;
    }
    /// What was just opened was refused by a hook at once, and not for the first time: the next opening has to wait.
    void opened_in_vain(std::uint32_t times) noexcept {
        Lock lock{mutex_};
        on_opened_in_vain(ledger_.outage, plan().outage, times, draw(), sync_.now());
        publish_census();
    }
    /// Opening failed. The caller is counted as a visitor from here on.
    Verdict open_failed(std::uint32_t slot, Fault fault, Duration allowed, Duration took, bool& newly_down) noexcept {
        Verdict verdict{};
        {
            Wakes<Sync> wakes;
            Lock lock{mutex_};
            ++visitors_;
            ledger_.vacate(slot);
            Outage& outage = ledger_.outage;
            const bool was_down = outage.down;
            verdict = on_open_failed(outage, plan().outage, {fault, allowed, took, ledger_.any_live(), fifo_.size() != 0, draw()}, sync_.now());
            newly_down = outage.down && !was_down;
            settle(wakes);
            tell_drained(wakes);
            finish(wakes, lock);
        }
        if (verdict == Verdict::refuse) fail_all(Code::open_failed);
        if (verdict == Verdict::down) fail_all(Code::server_down);
        return verdict;
    }

    // ---- another size ----

    /// Another bound on how many may exist, up to the capacity. What is too many by now goes by shed() and by returns.
    void resize(std::uint32_t max_size) noexcept {
        Wakes<Sync> wakes;
        Lock lock{mutex_};
        ledger_.set_max_size(max_size);
        settle(wakes);
        finish(wakes, lock);
    }
    /// An idle slot that is one too many, retiring from now on; `nil`: there is none.
    [[nodiscard]] std::uint32_t shed() noexcept {
        Lock lock{mutex_};
        if (closing_ || !ledger_.excess()) return nil;
        const std::uint32_t slot = idle_.take();
        if (slot != nil) {
            ledger_.retire(slot);
            publish_census();
        }
        return slot;
    }

    // ---- closing ----

    /// From now on nobody is served and every slot is closed on return. False: that was so already.
    bool close() noexcept {
        {
            Wakes<Sync> wakes;
            Lock lock{mutex_};
            if (closing_) return false;
            closing_ = true;
            closed_.store(1, std::memory_order_relaxed);
            settle(wakes);
            finish(wakes, lock);
        }
        fail_all(Code::closed);
        return true;
    }
    /// Waits until no resource is left, at most until the deadline; how many are left.
    std::uint32_t drain(Deadline until) noexcept {
        for (;;) {
            std::uint32_t turn;
            {
                Lock lock{mutex_};
                if (ledger_.counted() == 0) return 0;
                turn = drained_.load(std::memory_order_relaxed);
                if (until.passed(sync_.now())) return ledger_.counted();
            }
            sync_.park(drained_, turn, until);
        }
    }
    /// The handle lets go. True: the pool is to be freed now.
    [[nodiscard]] bool drop_handle() noexcept {
        Lock lock{mutex_};
        handle_ = false;
        return last();
    }

    /// Runs `f` under the mutex: for the shell's own plain fields.
    template <class F>
    auto locked(F&& f) noexcept {
        Lock lock{mutex_};
        return f();
    }

    // ---- looking in, without the mutex ----

    [[nodiscard]] Census census() const noexcept {
        const std::uint64_t c = census_.load(std::memory_order_relaxed);
        const auto part = [c](unsigned shift) { return static_cast<std::uint32_t>(c >> shift & 0xffff); };
        return {part(0), part(16), part(32), part(48), (std::min)(openers_.load(std::memory_order_relaxed), part(16))};
    }
    /// When the first in the queue began to wait, in nanoseconds of the clock; 0: nobody waits.
    [[nodiscard]] std::int64_t head_since() const noexcept { return head_since_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool closed() const noexcept { return closed_.load(std::memory_order_relaxed) != 0; }
    [[nodiscard]] std::uint32_t max_size() const noexcept { return most_.load(std::memory_order_relaxed); }
    [[nodiscard]] bool ready() const noexcept { return ready_.load(std::memory_order_relaxed) != 0; }
    /// When the pool went down, 0: it is up.
    [[nodiscard]] std::int64_t down_since() const noexcept { return down_since_.load(std::memory_order_relaxed); }
    [[nodiscard]] OutageWord outage() const noexcept { return {outage_.load(std::memory_order_relaxed)}; }

    [[nodiscard]] const Ledger& ledger() const noexcept { return ledger_; }  ///< inside locked() only

private:
    [[nodiscard]] std::uint32_t take_any() noexcept {
        std::uint32_t i = idle_.take();
        if (i == nil && hub_.recall(publisher())) i = idle_.take();
        return i;
    }
    void fail_all(Code why) noexcept {
        for (bool more = true; more;) {
            Wakes<Sync> wakes;
            Lock lock{mutex_};
            while (fifo_.head() != nullptr && wakes.count < wakes.most / 2) fail(*fifo_.head(), why, wakes);
            more = fifo_.head() != nullptr;
            settle(wakes);
            finish(wakes, lock);
        }
    }

    void bring_gate_near(TimePoint now, Wakes<Sync>& wakes) noexcept {
        ledger_.outage.gate = nearer_gate(ledger_.outage, plan().outage, now);
        if (wants_opening() && ledger_.has_room()) ring(wakes, ledger_.outage.gate);
        publish_census();
    }

    Standing park(Node& n, bool missed) noexcept {
        const auto look = [&n] {
            // acquire: pairs with the release in Node::set, so that slot and failure are seen with a final standing
            return static_cast<Standing>(n.word.load(std::memory_order_acquire));
        };
        // A waiter that was woken in vain is awake already: a grant within about 2 us costs no thread switch.
        for (int spin = missed ? Sync::spins : 0; spin > 0 && look() == Standing::waiting; --spin) sync_.relax();
        const Deadline until = earlier(n.deadline, Deadline{TimePoint{TimePoint::duration{n.wake_at.load(std::memory_order_relaxed)}}});
        while (look() == Standing::waiting) {
            sync_.park(n.word, static_cast<std::uint32_t>(Standing::waiting), until);
            if (look() == Standing::waiting && until.passed(sync_.now())) break;
        }
        return look();
    }

    using Base::hub_, Base::publisher, Base::pass_on, Base::idle_, Base::mutex_, Base::sync_, Base::waiting_, Base::opening_, Base::ledger_, Base::fifo_, Base::visitors_,
        Base::closing_, Base::handle_, Base::drained_, Base::most_, Base::census_, Base::openers_, Base::head_since_, Base::down_since_, Base::outage_, Base::closed_, Base::ready_,
        Base::settle, Base::fail, Base::refuse, Base::turn_down, Base::leave_queue, Base::claim_vacancy, Base::wants_opening, Base::last, Base::tell_drained, Base::ring,
        Base::draw, Base::publish_census, Base::finish;
};

}  // namespace dewpond::inline v0::detail
