// SPDX-License-Identifier: BSL-1.0
// Threads that want the same pool: how much work gets done, who gets it, how long each waits.
#pragma once

#include <algorithm>
#include <atomic>
#include <barrier>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#include "figures.hpp"
#include "machine.hpp"

namespace bench {

/// Waits in ticks, kept to one part in 32.
class Histogram {
public:
    void add(std::uint64_t ticks) {
        ++cells_[cell(ticks)];
        ++count_;
        most_ = std::max(most_, ticks);
    }
    void add(const Histogram& other) {
        for (std::size_t i = 0; i < cells; ++i) cells_[i] += other.cells_[i];
        count_ += other.count_;
        most_ = std::max(most_, other.most_);
    }
    /// The least value that at least this share of the values does not exceed.
    [[nodiscard]] double quantile(double share) const {
        const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < cells; ++i) {
            seen += cells_[i];
            if (seen > wanted) return std::min(upper(i), static_cast<double>(most_));
        }
        return static_cast<double>(most_);
    }
    [[nodiscard]] double most() const { return static_cast<double>(most_); }

private:
    static constexpr std::size_t cells = 64 * 32;
    static std::size_t cell(std::uint64_t x) {
        if (x < 32) return static_cast<std::size_t>(x);
        const auto shift = static_cast<unsigned>(std::bit_width(x)) - 6;
        return static_cast<std::size_t>(shift) * 32 + static_cast<std::size_t>(x >> shift);
    }
    static double upper(std::size_t i) {
        if (i < 64) return static_cast<double>(i);
        const std::size_t shift = i / 32 - 1;
        return static_cast<double>(((i % 32 + 33) << shift) - 1);
    }
    std::vector<std::uint64_t> cells_ = std::vector<std::uint64_t>(cells);
    std::uint64_t count_ = 0, most_ = 0;
};

struct Team {
    unsigned threads = 8;
    double seconds = 0.3;
    /// One wait of so many is timed, a power of two. 1 where a hold is longer than two readings of the clock.
    std::uint64_t timed_of = 1;
    bool pinned = false;  ///< each thread on a CPU of its own
};

struct Outcome {
    double per_second = 0;
    double fairness = 0;  ///< of the thread served least to the thread served most
    double jain = 0;      ///< (sum x)^2 / (n sum x^2) over the threads: 1 is even, 1/n is all for one
    double p50 = 0, p99 = 0, p999 = 0, longest = 0;  ///< waits, us
    double hold = 0;                                 ///< mean, us; of the holds that were timed
};

/// `hold(lease, since)`: what a thread does with a resource; `since` is when it got it, in ticks; 0: nobody looked.
template <class Pool, class Hold>
Outcome saturate(Pool& pool, const Team& team, Hold hold) {
    struct alignas(128) Share {
        std::uint64_t served = 0, held = 0, timed = 0;
        Histogram waits{};
    };
    std::vector<Share> shares(team.threads);
    std::atomic<bool> over{false};
    std::barrier start{static_cast<std::ptrdiff_t>(team.threads) + 1};
    const auto work = [&](Share& mine, unsigned me) {
        if (team.pinned) pin_to(me);
        std::uint64_t served = 0;
        start.arrive_and_wait();
        for (; !over.load(std::memory_order_relaxed); ++served) {
            if ((served & (team.timed_of - 1)) != 0) {
                auto lease = pool.checkout();
                hold(lease, 0);
                continue;
            }
            const std::uint64_t asked = ticks();
            auto lease = pool.checkout();
            const std::uint64_t got = ticks();
            hold(lease, got);
            mine.waits.add(got - asked);
            mine.held += ticks() - got;
            ++mine.timed;
        }
        mine.served = served;
    };
    double took = 0;
    {
        std::vector<std::jthread> all;
        for (unsigned i = 0; i < team.threads; ++i) all.emplace_back(work, std::ref(shares[i]), i);
        start.arrive_and_wait();
        const auto began = std::chrono::steady_clock::now();
        std::this_thread::sleep_for(std::chrono::duration<double>{team.seconds});
        over = true;
        took = std::chrono::duration<double>{std::chrono::steady_clock::now() - began}.count();
    }
    Histogram waits;
    std::uint64_t sum = 0, held = 0, timed = 0, least = shares[0].served, most = 0;
    double squares = 0;
    for (const Share& s : shares) {
        waits.add(s.waits);
        sum += s.served;
        held += s.held;
        timed += s.timed;
        least = std::min(least, s.served);
        most = std::max(most, s.served);
        squares += static_cast<double>(s.served) * static_cast<double>(s.served);
    }
    const double us = 1 / ticks_per_us(), all = static_cast<double>(sum);
    return {.per_second = all / took,
            .fairness = static_cast<double>(least) / static_cast<double>(std::max<std::uint64_t>(most, 1)),
            .jain = squares > 0 ? all * all / (squares * team.threads) : 0,
            .p50 = waits.quantile(0.5) * us,
            .p99 = waits.quantile(0.99) * us,
            .p999 = waits.quantile(0.999) * us,
            .longest = waits.most() * us,
            .hold = static_cast<double>(held) / static_cast<double>(std::max<std::uint64_t>(timed, 1)) * us};
}

/// What came out, round by round.
struct Record {
    Series per_second{}, fairness{}, jain{}, p50{}, p99{}, p999{}, longest{}, hold{};
    void add(const Outcome& o) {
        per_second.push_back(o.per_second);
        fairness.push_back(o.fairness);
        jain.push_back(o.jain);
        p50.push_back(o.p50);
        p99.push_back(o.p99);
        p999.push_back(o.p999);
        longest.push_back(o.longest);
        hold.push_back(o.hold);
    }
};

}  // namespace bench
