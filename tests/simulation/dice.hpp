// SPDX-License-Identifier: BSL-1.0
// Dice: everything that happens by chance in a simulation, from one seed.
#pragma once

#include <cmath>
#include <cstdint>

#include <dewpond/deadline.hpp>

namespace simulation {

class Dice {
public:
    explicit Dice(std::uint64_t seed) noexcept : state_{seed} {}

    std::uint64_t roll() noexcept {  // splitmix64
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
    /// In [0, 1).
    double share() noexcept { return static_cast<double>(roll() >> 11) * 0x1p-53; }
    bool chance(double p) noexcept { return p > 0 && share() < p; }
    std::uint64_t below(std::uint64_t n) noexcept { return roll() % n; }
    std::chrono::nanoseconds between(dewpond::Duration low, dewpond::Duration high) noexcept {
        return low.ns() + std::chrono::nanoseconds{static_cast<std::int64_t>(share() * static_cast<double>((high.ns() - low.ns()).count()))};
    }
    /// The time to the next of events that come `per_second`, independent of each other.
    std::chrono::nanoseconds gap(double per_second) noexcept {
        return std::chrono::nanoseconds{static_cast<std::int64_t>(-std::log(1.0 - share()) / per_second * 1e9)};
    }

private:
    std::uint64_t state_;
};

}  // namespace simulation
