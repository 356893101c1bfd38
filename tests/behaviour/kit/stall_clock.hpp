// SPDX-License-Identifier: BSL-1.0
// StallClock: a manual clock that can also hold back whoever was woken, so that "woken, not yet running" is a state a
// test can look at. EagerClock: the same for pools with cells.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include <dewpond/deadline.hpp>
#include <dewpond/testing/gate.hpp>
#include <dewpond/testing/manual_clock.hpp>

namespace behaviour {

class StallClock : public dewpond::testing::ManualClock {
public:
    StallClock() : state_{std::make_shared<State>()} {}
    StallClock(const StallClock&) noexcept = default;
    StallClock& operator=(const StallClock&) noexcept = default;

    // --- what the pool calls ---

    [[nodiscard]] dewpond::TimePoint now() const noexcept {
        state_->reads.fetch_add(1, std::memory_order_relaxed);
        return ManualClock::now();
    }
    void park(std::atomic<std::uint32_t>& word, std::uint32_t expected, dewpond::Deadline until) const noexcept {
        ManualClock::park(word, expected, until);
        std::optional<dewpond::testing::Gate> gate;
        {
            const std::lock_guard lock{state_->m};
            gate = state_->gate;
        }
        if (gate) gate->pass();
    }

    // --- what the test calls ---

    /// From now on whoever wakes up is held at this gate before it runs on.
    [[nodiscard]] dewpond::testing::Gate stall() const {
        dewpond::testing::Gate gate;
        const std::lock_guard lock{state_->m};
        state_->gate = gate;
        return gate;
    }
    /// Nobody is held any longer.
    void unstall() const {
        const std::lock_guard lock{state_->m};
        if (state_->gate) state_->gate->open();
        state_->gate.reset();
    }
    /// How often the pool asked for the time.
    [[nodiscard]] std::uint64_t reads() const noexcept { return state_->reads.load(std::memory_order_relaxed); }

private:
    struct State {
        std::mutex m;
        std::optional<dewpond::testing::Gate> gate;
        std::atomic<std::uint64_t> reads{0};
    };
    std::shared_ptr<State> state_;
};

/// For pools with cells: a cell opens at the first return of its thread, so that whatever that returns next is kept. Tells how
/// often what threads keep was called back, and can be a kernel that knows no way to do that.
class EagerClock : public StallClock {
public:
    static constexpr std::uint32_t rests = 1;

    EagerClock() = default;
    explicit EagerClock(const StallClock& clock) noexcept : StallClock{clock} {}

    static void heavy() noexcept {
        recalls_.fetch_add(1, std::memory_order_relaxed);
        StallClock::heavy();
    }
    [[nodiscard]] static bool has_heavy() noexcept { return !refuses_.load(std::memory_order_relaxed) && StallClock::has_heavy(); }

    // --- what the test calls ---

    /// By all pools of the program, so far.
    [[nodiscard]] static std::uint64_t recalls() noexcept { return recalls_.load(std::memory_order_relaxed); }
    /// Pools that are made from now on meet such a kernel.
    static void refuse(bool on) noexcept { refuses_.store(on, std::memory_order_relaxed); }

private:
    static inline std::atomic<std::uint64_t> recalls_{0};
    static inline std::atomic<bool> refuses_{false};
};

}  // namespace behaviour
