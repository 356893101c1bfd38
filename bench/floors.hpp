// SPDX-License-Identifier: BSL-1.0
// What the machine allows, as Google Benchmark bodies.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>

#include <benchmark/benchmark.h>

namespace bench {

/// The floor: what any pool pays that hands out by one CAS and takes back by another, on a line nobody else wants.
inline void cas_pair(benchmark::State& state) {
    alignas(64) std::atomic<std::uint64_t> word{1};
    for (auto _ : state) {
        std::uint64_t one = 1, none = 0;
        benchmark::DoNotOptimize(
            word.compare_exchange_strong(one, 0, std::memory_order_acquire, std::memory_order_relaxed));
        benchmark::DoNotOptimize(
            word.compare_exchange_strong(none, 1, std::memory_order_release, std::memory_order_relaxed));
    }
}

/// The floor of what needs no locked instruction: twice an acquire load and a release store.
inline void load_store_pair(benchmark::State& state) {
    alignas(64) std::atomic<std::uint64_t> word{1};
    for (auto _ : state) {
        std::uint64_t seen = word.load(std::memory_order_acquire);
        benchmark::DoNotOptimize(seen);
        word.store(0, std::memory_order_release);
        seen = word.load(std::memory_order_acquire);
        benchmark::DoNotOptimize(seen);
        word.store(1, std::memory_order_release);
    }
}

/// Two times lock and unlock: the floor of what locks to take and locks to give back.
inline void mutex_pairs(benchmark::State& state) {
    std::mutex mutex;
    for (auto _ : state) {
        mutex.lock();
        benchmark::ClobberMemory();
        mutex.unlock();
        mutex.lock();
        benchmark::ClobberMemory();
        mutex.unlock();
    }
}

}  // namespace bench
