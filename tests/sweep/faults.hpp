// SPDX-License-Identifier: BSL-1.0
// Faults on purpose: the k-th allocation fails, or the k-th call of a driver or hook throws or says no. A scenario is run
// over and over, once for every k, until no k is left.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace sweep {

/// What is to go wrong in one run of a scenario.
struct Plan {
    enum Kind : std::uint8_t {
        nothing,
        allocation,
        every_allocation_from,
        call,
        every_call_from,
        call_without_memory,  ///< the call fails, and from then on no memory is left to say so
    } kind = nothing;
    std::int64_t at = 0;  ///< the first is 1
    int how = 1;          ///< for a call: which of the ways to fail, 1 to 3
};
std::string to_text(const Plan& plan);

/// Counts allocations and calls while it is armed, and makes the planned one fail.
class Faults {
public:
    void plan(const Plan& p) {
        plan_ = p;
        allocations_ = calls_ = 0;
        hit_ = false;
    }
    void arm() { armed_.store(true, std::memory_order_relaxed); }
    void disarm() { armed_.store(false, std::memory_order_relaxed); }
    /// Was there a k-th at all?
    [[nodiscard]] bool hit() const { return hit_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::int64_t allocations() const { return allocations_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::int64_t calls() const { return calls_.load(std::memory_order_relaxed); }

    /// One allocation: does it fail?
    bool allocation_fails() noexcept {
        if (!armed_.load(std::memory_order_relaxed)) return false;
        const std::int64_t n = allocations_.fetch_add(1, std::memory_order_relaxed) + 1;
        const bool fails = (plan_.kind == Plan::allocation && n == plan_.at) || (plan_.kind == Plan::every_allocation_from && n >= plan_.at) ||
                           (plan_.kind == Plan::call_without_memory && hit());
        if (fails) hit_.store(true, std::memory_order_relaxed);
        return fails;
    }
    /// One call of a driver or hook: 0 for all is well, else the way in which it fails.
    int call_fails() noexcept {
        if (!armed_.load(std::memory_order_relaxed)) return 0;
        const std::int64_t n = calls_.fetch_add(1, std::memory_order_relaxed) + 1;
        const bool fails = (n == plan_.at && (plan_.kind == Plan::call || plan_.kind == Plan::call_without_memory)) || (n >= plan_.at && plan_.kind == Plan::every_call_from);
        if (fails) hit_.store(true, std::memory_order_relaxed);
        return fails ? plan_.how : 0;
    }

private:
    Plan plan_;
    std::atomic<bool> armed_{false}, hit_{false};
    std::atomic<std::int64_t> allocations_{0}, calls_{0};
};
Faults& faults();

/// Blocks that were allocated and not yet freed, by the whole program.
std::int64_t blocks();

/// Thrown by what is told to throw something that nobody knows.
struct Boom {};

/// How much was swept: printed at the end of each sweep.
struct Swept {
    std::int64_t points = 0, allocations = 0, calls = 0;
};

/// Names a scenario while it runs, for whoever finds the program terminated.
class Running {
public:
    Running(const char* scenario, const Plan& plan);
    ~Running();
};

}  // namespace sweep
