// SPDX-License-Identifier: BSL-1.0
// L2, the data: the caller-owned node of a waiter and the queue of them. Everything here is touched under the mutex of
// the exchange, but for a node's `word`.
#pragma once

#include <cstdint>
#include <limits>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/error.hpp>
#include <dewpond/detail/idle_set.hpp>

namespace dewpond::inline v0::detail {

/// Where a waiter stands. `waiting` and `notified` while queued; the others are final and set after unlinking.
enum class Standing : std::uint32_t {
    waiting,   ///< parked, or about to
    notified,  ///< woken to come and look, still queued
    slot,      ///< granted the resource in `slot`
    vacancy,   ///< granted the right to open in `slot`
    failed,    ///< refused with `failure`
};

constexpr std::int64_t no_time = (std::numeric_limits<std::int64_t>::max)();
constexpr std::int64_t ticks(TimePoint t) noexcept { return static_cast<std::int64_t>(t.time_since_epoch().count()); }

/// A call to be made outside every lock, on the thread that caused it, after the outermost pool call's own work.
struct Deferred {
    Deferred* next_deferred = nullptr;
    void (*run)(Deferred&) noexcept = nullptr;

    /// The calls that a thread has still to make.
    struct Pending {
        Deferred* head = nullptr;
        Deferred** end = &head;
        bool running = false;
    };
    DEWPOND_HIDDEN static Pending& pending() noexcept {
        static thread_local Pending of_this_thread;
        return of_this_thread;
    }

    /// Runs a list of calls, whose last points nowhere; a call made while another runs on this thread is put behind it instead of nested in it.
    DEWPOND_HIDDEN static void run_all(Deferred* list) noexcept {
        Pending& mine = pending();
        for (Deferred* d = list; d != nullptr;) {
            Deferred* next = d->next_deferred;
            *mine.end = d;
            mine.end = &d->next_deferred;
            d = next;
        }
        if (mine.running) return;
        mine.running = true;
        while (Deferred* d = mine.head) {
            mine.head = d->next_deferred;
            if (mine.head == nullptr) mine.end = &mine.head;
            d->run(*d);  // the node belongs to its callee now
        }
        mine.running = false;
    }
};

/// One waiter. A thread's lives on its stack; a callback's or coroutine's belongs to the caller until it was served.
/// After a final standing is stored in `word` of a thread's node nobody reads that node: its stack may be gone.
template <class Sync>
struct Node : Deferred {
    Node* prev = nullptr;
    Node* next = nullptr;
    /// Written under the mutex only; read without it only to park and to see a final standing.
    typename Sync::template atomic<std::uint32_t> word{static_cast<std::uint32_t>(Standing::waiting)};
    typename Sync::template var<std::uint32_t> slot{nil};
    typename Sync::template var<Code> failure{Code::timed_out};
    TimePoint since{};
    Deadline deadline{};
    /// The head's back-off duty: look again then. Written under the mutex, read by the waiter about to park.
    typename Sync::template atomic<std::int64_t> wake_at{no_time};
    bool linked = false;
    bool cancelled = false;

    [[nodiscard]] bool async() const noexcept { return run != nullptr; }
    [[nodiscard]] Standing standing() const noexcept {
        return static_cast<Standing>(word.load(std::memory_order_relaxed));
    }
    void set(Standing s) noexcept {
        // release: pairs with the waiter's acquire load after parking, which then reads slot and failure
        word.store(static_cast<std::uint32_t>(s), std::memory_order_release);
    }
};

/// The queue, in order of `since`.
template <class Sync>
class Fifo {
public:
    using Node = detail::Node<Sync>;

    [[nodiscard]] Node* head() const noexcept { return head_; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    [[nodiscard]] std::uint32_t async_count() const noexcept { return async_; }

    /// Appends; one that lost a resource it was granted keeps its place before the first that began to wait later.
    void push(Node& n) noexcept {
        Node* before = nullptr;
        for (Node* at = tail_; at != nullptr && at->since > n.since; at = at->prev) before = at;
        n.next = before;
        n.prev = before != nullptr ? before->prev : tail_;
        (n.prev != nullptr ? n.prev->next : head_) = &n;
        (before != nullptr ? before->prev : tail_) = &n;
        n.linked = true;
        ++size_;
        async_ += n.async() ? 1 : 0;
    }
    void remove(Node& n) noexcept {
        (n.prev != nullptr ? n.prev->next : head_) = n.next;
        (n.next != nullptr ? n.next->prev : tail_) = n.prev;
        n.linked = false;
        --size_;
        async_ -= n.async() ? 1 : 0;
    }

private:
    Node* head_ = nullptr;
    Node* tail_ = nullptr;
    std::uint32_t size_ = 0;
    std::uint32_t async_ = 0;
};

/// Who has to be woken or called once the mutex is released. Addresses only: a granted thread's node may be gone.
template <class Sync>
struct Wakes {
    static constexpr unsigned most = 8;
    const void* words[most] = {};
    unsigned count = 0;
    Deferred* calls = nullptr;
    Deferred** calls_end = &calls;
    const void* bell = nullptr;       ///< of the crew, if there is work for it
    const void* everybody = nullptr;  ///< a word on which all are to be woken

    Wakes() noexcept = default;
    Wakes(const Wakes&) = delete;

    [[nodiscard]] bool full() const noexcept { return count == most; }
    void thread(const void* word) noexcept { words[count++] = word; }
    void call(Deferred& d) noexcept {
        d.next_deferred = nullptr;
        *calls_end = &d;
        calls_end = &d.next_deferred;
    }
    /// Call after unlock.
    void send(Sync& sync) noexcept {
        for (unsigned i = 0; i < count; ++i) sync.unpark(words[i]);
        if (bell != nullptr) sync.unpark(bell);
        if (everybody != nullptr) sync.unpark_all(everybody);
        if (calls != nullptr) Deferred::run_all(calls);
    }
};

}  // namespace dewpond::inline v0::detail
