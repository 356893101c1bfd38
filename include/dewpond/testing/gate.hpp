// SPDX-License-Identifier: BSL-1.0
// Gate: a latch that a test holds shut while something blocks on it, and opens when it has looked.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include <dewpond/testing/manual_clock.hpp>

namespace dewpond::inline v0::testing {

/// A copyable handle to one shared gate, shut at first. A scripted hook that blocks on it is what a foreign call that
/// hangs looks like to the pool: it heeds no deadline.
class Gate {
public:
    Gate() : state_{std::make_shared<State>()} {}
    // Copies only, so that no handle is ever without a gate.
    Gate(const Gate&) noexcept = default;
    Gate& operator=(const Gate&) noexcept = default;

    /// Blocks until the gate lets the caller through.
    void pass() const {
        std::unique_lock lock{state_->m};
        ++state_->entered;
        ++state_->waiting;
        state_->changed.notify_all();
        while (state_->permits == 0) state_->changed.wait(lock);
        if (state_->permits != unlimited) --state_->permits;
        --state_->waiting;
        state_->changed.notify_all();
    }
    /// Lets everybody through, now and later.
    void open() const { allow(unlimited); }
    /// Lets `n` more through.
    void let(std::size_t n) const { allow(n); }
    /// Shuts it again for whoever comes next.
    void shut() const {
        const std::lock_guard lock{state_->m};
        state_->permits = 0;
    }

    /// How many are blocked on it now.
    [[nodiscard]] std::size_t waiting() const {
        const std::lock_guard lock{state_->m};
        return state_->waiting;
    }
    /// How many ever came to it.
    [[nodiscard]] std::size_t entered() const {
        const std::lock_guard lock{state_->m};
        return state_->entered;
    }
    /// Blocks until `n` have come to it in all. Throws after ten real seconds.
    void wait_entered(std::size_t n) const {
        std::unique_lock lock{state_->m};
        detail::wait_or_throw(state_->changed, lock, [&] { return state_->entered >= n; }, "enough came to the gate");
    }

private:
    static constexpr std::size_t unlimited = SIZE_MAX;

    struct State {
        std::mutex m;
        std::condition_variable changed;
        std::size_t permits = 0, waiting = 0, entered = 0;
    };

    void allow(std::size_t n) const {
        const std::lock_guard lock{state_->m};
        state_->permits = n > unlimited - state_->permits ? unlimited : state_->permits + n;
        state_->changed.notify_all();
    }

    std::shared_ptr<State> state_;
};

}  // namespace dewpond::inline v0::testing
