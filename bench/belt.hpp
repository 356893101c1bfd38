// SPDX-License-Identifier: BSL-1.0
// One thread only checks out, another only returns: the worst case of every pool that keeps things near a thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "machine.hpp"
#include "team.hpp"

namespace bench {

/// Looks again at once for a while, then lets others run.
template <class Done>
void await(Done done) {
    for (unsigned tries = 0; !done(); ++tries) {
        if (tries >= 1000) std::this_thread::yield();
    }
}

/// From the taker to the returner, in order: as many places as the pool has resources, so that it never fills.
template <class Lease>
class Belt {
public:
    explicit Belt(std::size_t size) : places_(size) {}
    void put(Lease&& lease) {
        Place& p = places_[in_];
        in_ = (in_ + 1) % places_.size();
        await([&p] { return !p.full.load(std::memory_order_acquire); });
        p.lease.emplace(std::move(lease));
        p.full.store(true, std::memory_order_release);
    }
    void end() { over_.store(true, std::memory_order_release); }
    /// False: the belt has ended and nothing is on it.
    bool drop() {
        Place& p = places_[out_];
        bool ended = false;
        await([&] {
            ended = over_.load(std::memory_order_acquire);
            return p.full.load(std::memory_order_acquire) || ended;
        });
        if (!p.full.load(std::memory_order_acquire)) return false;
        out_ = (out_ + 1) % places_.size();
        // The place is free before the resource is: who gets the resource finds one.
        std::optional<Lease> lease{std::move(p.lease)};
        p.lease.reset();
        p.full.store(false, std::memory_order_release);
        return true;
    }

private:
    struct alignas(128) Place {
        std::atomic<bool> full{false};
        std::optional<Lease> lease{};
    };
    std::vector<Place> places_;
    alignas(128) std::size_t in_ = 0;
    alignas(128) std::size_t out_ = 0;
    alignas(128) std::atomic<bool> over_{false};
};

/// One wait of eight is timed.
template <class Pool>
Outcome transfer(Pool& pool, std::size_t size, double seconds) {
    Belt<decltype(pool.checkout())> belt{size};
    Histogram waits;
    std::uint64_t moved = 0;
    double took = 0;
    {
        const std::jthread returner{[&belt] {
            pin_to(1);
            while (belt.drop()) {
            }
        }};
        const std::jthread taker{[&] {
            pin_to(0);
            const auto began = std::chrono::steady_clock::now();
            const auto end = began + std::chrono::duration<double>{seconds};
            auto now = began;
            for (; now < end; now = std::chrono::steady_clock::now()) {
                for (int i = 0; i < 64; ++i, ++moved) {
                    const std::uint64_t asked = i % 8 == 0 ? ticks() : 0;
                    auto lease = pool.checkout();
                    if (asked != 0) waits.add(ticks() - asked);
                    benchmark::DoNotOptimize(*lease);
                    belt.put(std::move(lease));
                }
            }
            took = std::chrono::duration<double>{now - began}.count();
            belt.end();
        }};
    }
    const double us = 1 / ticks_per_us();
    return {.per_second = static_cast<double>(moved) / took,
            .p50 = waits.quantile(0.5) * us,
            .p99 = waits.quantile(0.99) * us,
            .p999 = waits.quantile(0.999) * us,
            .longest = waits.most() * us};
}

}  // namespace bench
