// SPDX-License-Identifier: BSL-1.0
// ManualClock: time that moves only when a test moves it. Answers `question::sync`, so it drives the real pool.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/sync.hpp>
#include <dewpond/policy.hpp>

namespace dewpond::inline v0::testing {

namespace detail {

/// Waits on a test's condition for at most ten real seconds, so that a test that went wrong fails instead of hanging.
/// The wall clock serves here on purpose: a wait on the steady clock is one that ThreadSanitizer of GCC 12 cannot see.
template <class Done>
void wait_or_throw(std::condition_variable& cv, std::unique_lock<std::mutex>& lock, Done done, const char* what) {
    const auto end = std::chrono::system_clock::now() + std::chrono::seconds{10};
    if (cv.wait_until(lock, end, done)) return;
    DEWPOND_THROW(std::runtime_error{std::string{"after 10 s still not: "} + what});
}

}  // namespace detail

/// A copyable handle to one shared time, which starts at an arbitrary moment and stands still. A pool that is given a
/// copy waits on it:
///
///     ManualClock clock;
///     Pool pool{driver, options, clock};
///     // ... a thread calls pool.checkout(200ms) ...
///     clock.wait_until_parked(1);
///     clock.advance(200ms);
///
/// Parking is as strict as a futex: the word is compared once, on entry; from then on only an unpark of its address or
/// the deadline ends it. A pool that forgets a wake-up hangs, and the test sees it.
class ManualClock : public dewpond::detail::StdThreads {
public:
    using answers = question::sync;
    static constexpr const char* name = "ManualClock";

    ManualClock() : state_{std::make_shared<State>()} {}
    // Copies only: a handle that was moved from would have no time to tell.
    ManualClock(const ManualClock&) noexcept = default;
    ManualClock& operator=(const ManualClock&) noexcept = default;

    // --- what the pool calls ---

    /// The time now. Relaxed: reading the time orders nothing, or it would hide races.
    [[nodiscard]] TimePoint now() const noexcept {
        return TimePoint{TimePoint::duration{state_->now.load(std::memory_order_relaxed)}};
    }

    /// Sleeps while `word` equals `expected`, at most until `until`. May return early, as a futex may.
    void park(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline until) const noexcept {
        const std::shared_ptr<State> state = state_;  // outlives whoever owned this handle
        std::unique_lock lock{state->m};
        // No wake-up is lost: the word is looked at under the mutex that every unpark takes after changing it.
        if (word.load(std::memory_order_relaxed) != expected || until.passed(now())) return;
        Sleeper me{&word, until};
        state->push(me);
        state->arrived.notify_all();
        while (!me.awake) state->woken.wait(lock);
    }
    /// Wakes one thread parked at this address, the longest first. The address is compared, never looked into.
    void unpark(const void* address) const noexcept { wake(address, 1); }
    void unpark_all(const void* address) const noexcept { wake(address, SIZE_MAX); }

    /// One turn of a spin: nothing to wait for here.
    static void relax() noexcept {}

    // --- what the test calls ---

    /// Moves the time on and wakes whose deadline has come; from then on they no longer count as parked.
    void advance(Duration by) const {
        const std::lock_guard lock{state_->m};
        state_->move_to(dewpond::detail::add(now(), by.ns()));
    }
    /// Moves the time on to `at`. The time never goes back: an earlier moment changes nothing.
    void set(TimePoint at) const {
        const std::lock_guard lock{state_->m};
        if (at > now()) state_->move_to(at);
    }
    /// Moves the time on to the earliest deadline anybody is parked with; false where nobody has one.
    bool advance_to_next() const {
        const std::lock_guard lock{state_->m};
        const Deadline next = state_->next();
        if (next.is_never()) return false;
        if (!next.passed(now())) state_->move_to(next.at());
        return true;
    }
    /// The earliest deadline anybody is parked with, `never` for none.
    [[nodiscard]] Deadline next_deadline() const {
        const std::lock_guard lock{state_->m};
        return state_->next();
    }
    /// How far the time was moved since the clock was made.
    [[nodiscard]] Duration elapsed() const noexcept { return now() - dawn; }

    /// How many threads are parked: neither woken nor due.
    [[nodiscard]] std::size_t parked() const {
        const std::lock_guard lock{state_->m};
        return state_->parked;
    }
    /// Blocks until at least `n` threads are parked, so that no test needs a sleep. Throws after ten real seconds.
    void wait_until_parked(std::size_t n) const {
        std::unique_lock lock{state_->m};
        detail::wait_or_throw(state_->arrived, lock, [&] { return state_->parked >= n; }, "enough threads parked");
    }

private:
    static constexpr TimePoint dawn{std::chrono::seconds{1'000'000}};

    struct Sleeper {
        const void* address;
        Deadline until;
        Sleeper* next = nullptr;
        bool awake = false;
    };

    // Everything but `now` is guarded by `m`; `now` is written under it and read anywhere. Sleepers are on the stacks
    // of those who sleep: parking allocates nothing.
    struct State {
        std::mutex m;
        std::condition_variable woken, arrived;
        std::atomic<TimePoint::rep> now{dawn.time_since_epoch().count()};
        Sleeper* first = nullptr;
        std::size_t parked = 0;

        void push(Sleeper& s) noexcept {
            Sleeper** at = &first;
            while (*at != nullptr) at = &(*at)->next;
            *at = &s;
            ++parked;
        }
        template <class Which>
        void release(Which which) noexcept {
            for (Sleeper** at = &first; *at != nullptr;) {
                Sleeper& s = **at;
                if (!which(s)) {
                    at = &s.next;
                    continue;
                }
                *at = s.next;
                s.awake = true;
                --parked;
            }
            woken.notify_all();
        }
        void move_to(TimePoint at) noexcept {
            now.store(at.time_since_epoch().count(), std::memory_order_relaxed);
            release([at](const Sleeper& s) { return s.until.passed(at); });
        }
        [[nodiscard]] Deadline next() const noexcept {
            Deadline least;
            for (const Sleeper* s = first; s != nullptr; s = s->next) least = earlier(least, s->until);
            return least;
        }
    };

    void wake(const void* address, std::size_t most) const noexcept {
        const std::shared_ptr<State> state = state_;
        const std::lock_guard lock{state->m};
        state->release([&](const Sleeper& s) { return s.address == address && most != 0 && most-- != 0; });
    }

    std::shared_ptr<State> state_;
};

}  // namespace dewpond::inline v0::testing
