// SPDX-License-Identifier: BSL-1.0
// L0: a cell for each thread and pool, which keeps the slot that the thread has just returned. Taking and keeping are plain
// loads and stores of its owner; whoever needs what is kept (a waiter, a miss, close) recalls it: the epoch is raised, one
// heavy barrier makes every owner's last store visible and the new epoch visible to every owner, and what is still kept then
// becomes idle in the words. docs/design.md has the argument, tests/spin/cells.pml the model.
//
// - A cell keeps a slot if and only if it is `full` and was opened in the present epoch. Epochs are only ever raised.
// - Its owner alone writes state, slot and the epoch it was opened in; whoever recalls writes `stolen`, under the hub's mutex.
// - An owner looks at the epoch after each of its stores. If that was raised, the mutex tells who has the slot.
// - Cells and epoch belong to the hub, which lives as long as a thread has a cell of it: keeping a slot is an owner's last
//   touch of the pool.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <new>
#include <utility>

#include <dewpond/config.hpp>
#include <dewpond/detail/idle_set.hpp>
#include <dewpond/detail/sync.hpp>

namespace dewpond::inline v0::detail {

/// Where a pool keeps nothing: no field, no instruction.
template <class Sync>
struct NoHub {
    static constexpr bool on = false;
    NoHub(void*, void (*)(void*, std::uint32_t) noexcept) noexcept {}
    template <class F>
    static void each(F) noexcept {}
    template <class F>
    static bool recall(F, bool = false) noexcept { return false; }
    template <class F>
    static void follow(bool, F) noexcept {}
    template <class F>
    static void orphan(F) noexcept {}
    static std::uint32_t count() noexcept { return 0; }
};

template <class Sync>
class Cells {
    friend struct Invariants;  // tests/model
    template <class T>
    using atomic = typename Sync::template atomic<T>;
    template <class T>
    using var = typename Sync::template var<T>;
    using Lock = Locked<typename Sync::mutex>;

    using Keys = StdThreads::atomic<std::uint64_t>;  // a bit for each that is taken; no step of an explored schedule

    struct Hub;
    enum State : std::uint32_t {
        closed,  ///< returns go to the words; so many until it opens again
        empty,
        full,
    };
    struct alignas(cache_line) Cell {
        atomic<std::uint32_t> state{closed};
        atomic<std::uint32_t> slot{nil};
        atomic<std::uint64_t> opened_in{0};
        std::uint32_t rest = least_rest, next_rest = least_rest;  ///< owner only: returns until it opens, and the next time
        atomic<std::uint32_t> stolen{0};  ///< under the hub's mutex
        var<bool> taken{false};           ///< under the hub's mutex: a thread has it
        Cell* next = nullptr;                    ///< never changed once it is on the list
    };
    struct Hub {
        atomic<std::uint64_t> epoch{1};
        alignas(cache_line) typename Sync::mutex mutex;  // a leaf: nothing else is locked under it
        atomic<Cell*> cells{nullptr};                    ///< grows only
        atomic<std::uint64_t> looked{1};                 ///< the epoch, once all that was kept in the one before is published
        var<std::uint32_t> refs{1}, open{0};             ///< under the mutex
        var<bool> shut{false}, gently{false};            ///< under the mutex
        atomic<std::uint32_t> forked{0};                 ///< in the child of a fork: no mutex is locked any more
        atomic<std::uint32_t> gone{0};                   ///< the pool is
        void* pool;
        void (*offer)(void* pool, std::uint32_t slot) noexcept;
        Hub(void* p, void (*f)(void*, std::uint32_t) noexcept) noexcept : pool{p}, offer{f} {}
        ~Hub() {
            for (Cell *c = cells.load(std::memory_order_relaxed), *next = nullptr; c != nullptr; c = next) {
                next = c->next;
                delete c;
            }
        }
    };
    /// What a thread has: a place for each of so many pools.
    struct Mine {
        Hub* hub = nullptr;
        Cell* cell = nullptr;
    };

public:
    static constexpr bool on = true;
    /// Of the pools of a process (of a shared object), as many have cells.
    static constexpr std::uint32_t most = 64;
    /// So many returns of its thread go to the words before a cell opens: to begin with, and at the most.
    static constexpr std::uint32_t least_rest = Sync::rests, most_rest = 1024 * Sync::rests;

    /// `offer` returns a slot that a thread kept when it ended. Throws std::bad_alloc.
    Cells(void* pool, void (*offer)(void*, std::uint32_t) noexcept) : hub_{new Hub{pool, offer}}, keys_{keys()}, key_{Sync::has_heavy() ? take_key() : most} {}
    Cells(const Cells&) = delete;
    ~Cells() {
        if (key_ != most) keys_.fetch_and(~(std::uint64_t{1} << key_), std::memory_order_relaxed);
        hub_->gone.store(1, std::memory_order_relaxed);
        bool last = false;
        {
            Lock lock{hub_->mutex};
            last = --hub_->refs == 0;
        }
        if (last) delete hub_;
    }

    // ---- the owner ----

    /// Takes what this thread keeps. False: nothing.
    DEWPOND_INLINE bool take(std::uint32_t& slot) noexcept {
        const Mine& mine = block().of[key_];
        if (mine.hub == hub_) [[likely]] {
            Cell& c = *mine.cell;
            if (c.state.load(std::memory_order_relaxed) == full) [[likely]] {
                slot = c.slot.load(std::memory_order_relaxed);
                c.state.store(empty, std::memory_order_relaxed);
                Sync::light();  // pairs with heavy() in recall_all(): either that sees the store, or this sees the epoch
                if (hub_->epoch.load(std::memory_order_relaxed) == c.opened_in.load(std::memory_order_relaxed)) [[likely]] return true;
                return still_mine(*hub_, c, false);
            }
            return false;
        }
        return join(), false;
    }
    /// Keeps a slot that this thread returns. False: the slot is still the caller's, and goes to the words.
    DEWPOND_INLINE bool keep(std::uint32_t slot) noexcept {
        const Mine& mine = block().of[key_];
        Hub* const hub = mine.hub;
        if (hub != hub_) [[unlikely]] return false;
        Cell& c = *mine.cell;
        if (c.state.load(std::memory_order_relaxed) != empty) [[unlikely]] return open_later(*hub, c);
        if (c.slot.load(std::memory_order_relaxed) != slot) [[unlikely]] c.slot.store(slot, std::memory_order_relaxed);
        // release: whoever recalls it sees what its holder wrote. From here on the pool may be gone.
        c.state.store(full, std::memory_order_release);
        Sync::light();  // as above
        if (hub->epoch.load(std::memory_order_relaxed) != c.opened_in.load(std::memory_order_relaxed)) [[unlikely]] return !still_mine(*hub, c, true);
        return true;
    }

    // ---- under the mutex of the exchange ----

    /// Returns come to the mutex from now on, or no longer: while they do nothing is kept. `publish(slot)` for what was.
    template <class F>
    void follow(bool attention, F publish) noexcept {
        if (attention == shut_) return;
        shut_ = attention;
        Lock lock{hub_->mutex};
        hub_->shut = attention;
        if (attention) recall_all(publish, false);
    }
    /// What is kept by now is published. True: something was. `gently`: nobody was in want of it.
    template <class F>
    bool recall(F publish, bool gently = false) noexcept {
        Lock lock{hub_->mutex};
        return recall_all(publish, gently);
    }

    // ---- looking in, without a mutex ----

    /// Calls `f(slot)` for each slot that is kept at this moment, roughly.
    template <class F>
    void each(F f) const noexcept {
        // Not by the epoch: what a recall is about to publish is idle meanwhile, too. acquire: whoever sees it looked at sees the words.
        const std::uint64_t looked = hub_->looked.load(std::memory_order_acquire);
        for (const Cell* c = hub_->cells.load(std::memory_order_acquire); c != nullptr; c = c->next) {
            if (c->opened_in.load(std::memory_order_relaxed) != looked) continue;
            // acquire: whoever sees a slot kept also sees the counters its holder wrote before
            if (c->state.load(std::memory_order_acquire) == full) f(c->slot.load(std::memory_order_relaxed));
        }
    }
    [[nodiscard]] std::uint32_t count() const noexcept {
        std::uint32_t n = 0;
        each([&n](std::uint32_t) { ++n; });
        return n;
    }

    // ---- in the child of a fork: no lock ----

    /// Nothing is kept any more; `f(slot)` for what was.
    template <class F>
    void orphan(F f) noexcept {
        const std::uint64_t looked = hub_->looked.load(std::memory_order_relaxed);  // somebody may have been at a recall
        for (Cell* c = hub_->cells.load(std::memory_order_relaxed); c != nullptr; c = c->next) {
            const bool here = c->opened_in.load(std::memory_order_relaxed) == looked && c->stolen.load(std::memory_order_relaxed) == 0;
            if (here && c->state.load(std::memory_order_relaxed) == full) f(c->slot.load(std::memory_order_relaxed));
        }
        hub_->forked.store(1, std::memory_order_relaxed);
        hub_->epoch.store(hub_->epoch.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }

    /// The calling thread is about to end: what it keeps goes back, and it keeps nothing more.
    DEWPOND_HIDDEN static void leave() noexcept {
        Block& mine = block();
        mine.left = true;
        if (mine.process != Sync::process()) return;
        for (Mine& m : mine.of) give_up(m);
    }

private:
    struct Block {
        Mine of[most + 1];  // the last one stays as it is
        int process = 0;  ///< in which these are had: in the child of a fork they are the parent's, those of gone pools too
        bool left = false;
    };
    DEWPOND_INLINE static Block& block() noexcept { return Sync::template of_thread<Block>(); }
    DEWPOND_HIDDEN static Keys& keys() noexcept { return Sync::template of_process<Keys>(); }
    std::uint32_t take_key() noexcept {
        std::uint64_t taken = keys_.load(std::memory_order_relaxed);
        while (~taken != 0) {
            const auto key = static_cast<std::uint32_t>(std::countr_one(taken));
            if (keys_.compare_exchange_weak(taken, taken | std::uint64_t{1} << key, std::memory_order_relaxed)) return key;
        }
        return most;
    }

    /// The epoch was raised behind the owner's store: whose is the slot? The cell is closed in any case. In the child of a
    /// fork a lease is its holder's still, and nothing is kept.
    DEWPOND_OUTLINE static bool still_mine(Hub& hub, Cell& c, bool leased) noexcept {
        c.state.store(closed, std::memory_order_relaxed);
        if (hub.forked.load(std::memory_order_relaxed) != 0) return leased;
        Lock lock{hub.mutex};  // whoever recalls has it until he knows what he took
        // Recalled for want of it: it would be again. By the keeper, who only looks: a sign of calm.
        c.next_rest = hub.gently ? (std::max)(c.next_rest / 2, least_rest) : (std::min)(c.next_rest * 2, most_rest);
        c.rest = c.next_rest;
        return c.stolen.exchange(0, std::memory_order_relaxed) == 0;
    }
    static bool open_later(Hub& hub, Cell& c) noexcept {
        if (c.state.load(std::memory_order_relaxed) == closed && --c.rest == 0) open(hub, c);
        return false;
    }
    DEWPOND_OUTLINE static void open(Hub& hub, Cell& c) noexcept {
        c.rest = least_rest;  // at the next try, if this one is in vain
        if (hub.forked.load(std::memory_order_relaxed) != 0) return;
        Lock lock{hub.mutex};
        if (hub.shut) return;
        c.opened_in.store(hub.epoch.load(std::memory_order_relaxed), std::memory_order_relaxed);
        c.state.store(empty, std::memory_order_relaxed);
        ++hub.open;
    }

    /// Under the hub's mutex.
    template <class F>
    bool recall_all(F publish, bool gently) noexcept {
        if (hub_->open == 0) return false;
        hub_->open = 0;
        hub_->gently = gently;
        const std::uint64_t epoch = hub_->epoch.load(std::memory_order_relaxed);
        hub_->epoch.store(epoch + 1, std::memory_order_relaxed);
        Sync::heavy();  // pairs with every light()
        bool any = false;
        for (Cell* c = hub_->cells.load(std::memory_order_relaxed); c != nullptr; c = c->next) {
            if (c->opened_in.load(std::memory_order_relaxed) != epoch) continue;
            if (c->state.load(std::memory_order_acquire) != full) continue;  // acquire: pairs with the release in keep()
            any = true;
            c->stolen.store(1, std::memory_order_relaxed);
            publish(c->slot.load(std::memory_order_relaxed));
        }
        hub_->looked.store(epoch + 1, std::memory_order_release);  // pairs with the acquire in each()
        return any;
    }

    /// The first time that this thread comes: it gets a cell, closed. Hidden, as the thread's block is: each shared object has
    /// one of its own, and keys. Where a pool that lives has the place, of another one's keys, this one shares.
    DEWPOND_OUTLINE DEWPOND_HIDDEN void join() noexcept {
        Block& mine = block();
        if (key_ == most || mine.left || hub_->forked.load(std::memory_order_relaxed) != 0) return;
        if (const int here = Sync::process(); mine.process != here) {
            for (Mine& m : mine.of) m = {};
            mine.process = here;
            Sync::template at_thread_end<&Cells::leave>();
        }
        Mine& m = mine.of[key_];
        if (m.hub != nullptr && m.hub->gone.load(std::memory_order_relaxed) == 0) return;
        give_up(m);
        Cell* made = new (std::nothrow) Cell;  // one too many, if another thread has left its own
        if (made == nullptr) return;
        {
            Lock lock{hub_->mutex};
            Cell* c = hub_->cells.load(std::memory_order_relaxed);
            while (c != nullptr && c->taken) c = c->next;
            if (c == nullptr) {
                c = std::exchange(made, nullptr);
                c->next = hub_->cells.load(std::memory_order_relaxed);
                hub_->cells.store(c, std::memory_order_release);  // release: pairs with the acquire in each()
            }
            c->taken = true;
            c->rest = c->next_rest = least_rest;
            ++hub_->refs;
            m = {hub_, c};
        }
        delete made;
    }
    /// This thread's cell of some pool, which may be gone, is nobody's any more.
    DEWPOND_COLD static void give_up(Mine& m) noexcept {
        if (m.hub == nullptr) return;
        Hub& hub = *m.hub;
        Cell& c = *m.cell;
        m = {};
        if (hub.forked.load(std::memory_order_relaxed) != 0) return;
        bool kept = false, last = false;
        std::uint32_t slot = nil;
        {
            Lock lock{hub.mutex};
            slot = c.slot.load(std::memory_order_relaxed);  // another thread may have the cell once this is unlocked
            const bool open = c.opened_in.load(std::memory_order_relaxed) == hub.epoch.load(std::memory_order_relaxed);
            kept = open && c.state.load(std::memory_order_relaxed) == full;
            if (open && c.state.load(std::memory_order_relaxed) != closed) --hub.open;
            c.state.store(closed, std::memory_order_relaxed);
            c.stolen.store(0, std::memory_order_relaxed);
            c.taken = false;
            last = --hub.refs == 0;
        }
        if (kept) hub.offer(hub.pool, slot);  // a slot that counts keeps its pool, and so the hub
        else if (last) delete &hub;
    }

    Hub* const hub_;
    Keys& keys_;  ///< of the object that the pool was made in; it may end in another
    const std::uint32_t key_;
    bool shut_ = false;  ///< under the mutex of the exchange: what the hub was told last
};

}  // namespace dewpond::inline v0::detail
