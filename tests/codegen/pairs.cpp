// SPDX-License-Identifier: BSL-1.0
// pairs <what> <n>: n times a checkout and its return, of one kind, in one function. For count.sh, which counts what
// is executed.
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string_view>
#include <type_traits>

#include "numbers.hpp"

namespace {

#define OUT_OF_LINE __attribute__((noinline))

/// More slots than one word holds, for the driver that is named so.
template <class Driver, class...>
constexpr std::uint32_t size_of = std::is_same_v<Driver, Tagged<200>> ? 200 : 10;

template <class... DriverAndPolicies>
auto& pool_of() {
    static Pool<DriverAndPolicies...> pool{{}, {.max_size = size_of<DriverAndPolicies...>}};
    return pool;
}
template <class... DriverAndPolicies>
OUT_OF_LINE void pair(void* pool) {
    auto lease = static_cast<Pool<DriverAndPolicies...>*>(pool)->checkout();
}
template <class... DriverAndPolicies>
OUT_OF_LINE void pair_by_try(void* pool) {
    auto lease = static_cast<Pool<DriverAndPolicies...>*>(pool)->try_checkout(std::chrono::milliseconds{200});
}

template <class... DriverAndPolicies>
OUT_OF_LINE void pair_with_limit(void* pool) {
    auto lease = static_cast<Pool<DriverAndPolicies...>*>(pool)->checkout(std::chrono::milliseconds{200});
}

/// What is left of each measurement when the pool's part is taken away.
OUT_OF_LINE void nothing(void* pool) { asm volatile("" : : "r"(pool) : "memory"); }

/// The floor: a bit of a word is taken and given back by one CAS each.
std::atomic<std::uint64_t> idle{0x3ff};
OUT_OF_LINE void by_hand(void*) {
    std::uint64_t b = idle.load(std::memory_order_relaxed);
    while (!idle.compare_exchange_weak(b, b & (b - 1), std::memory_order_acquire, std::memory_order_relaxed)) {
    }
    const std::uint64_t bit = b & -b;
    b = idle.load(std::memory_order_relaxed);
    while (!idle.compare_exchange_weak(b, b | bit, std::memory_order_release, std::memory_order_relaxed)) {
    }
}

/// A thread that has a cell, and two leases: the one that comes back second finds it full, and goes where all share.
template <class... DriverAndPolicies>
OUT_OF_LINE void shares(void* pool) {
    auto& p = *static_cast<Pool<DriverAndPolicies...>*>(pool);
    auto one = p.checkout();
    auto two = p.checkout();
}

// What must be found out: a third locked instruction in either shape, a reading of the clock, a call, a lock.
std::atomic<std::uint64_t> counter{0};
OUT_OF_LINE void counts_in_common(void* pool) {
    counter.fetch_add(1, std::memory_order_relaxed);
    pair<Numbers, NoMetrics, NoHolders>(pool);
}
OUT_OF_LINE void reads_the_clock(void* pool) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch().count();
    asm volatile("" : : "r"(now));
    pair<Numbers, NoMetrics, NoHolders>(pool);
}
OUT_OF_LINE void exchanges(void* pool) {
    const auto before = counter.exchange(1, std::memory_order_relaxed);
    asm volatile("" : : "r"(before));  // an exchange that nobody looks at may become a store
    pair<Numbers, NoMetrics, NoHolders>(pool);
}
OUT_OF_LINE void looks_outside(void* pool) {
    char* (*volatile look)(const char*) = std::getenv;
    look("DEWPOND");
    pair<Numbers, NoMetrics, NoHolders>(pool);
}
std::mutex mutex;
OUT_OF_LINE void locks(void* pool) {
    const std::lock_guard lock{mutex};
    pair<Numbers, NoMetrics, NoHolders>(pool);
}

struct Kind {
    std::string_view name;
    void (*run)(void*);
    void* (*pool)();
};
template <class... DriverAndPolicies>
constexpr Kind kind(std::string_view name, void (*run)(void*) = pair<DriverAndPolicies...>) {
    return {name, run, [] { return static_cast<void*>(&pool_of<DriverAndPolicies...>()); }};
}
const Kind kinds[] = {
    kind<Numbers, NoMetrics, NoHolders>("nothing", nothing),
    kind<Numbers, NoMetrics, NoHolders>("by_hand", by_hand),
    kind<Numbers, NoMetrics, NoHolders>("bare"),
    kind<Numbers>("default"),
    kind<Numbers>("default_try", pair_by_try<Numbers>),
    kind<Numbers, Lifetime>("default_ageing"),
    kind<Clean>("default_status_and_dirty"),
    kind<Numbers>("default_limit", pair_with_limit<Numbers>),
    kind<Numbers, NoHolders>("counted"),
    kind<Numbers, NoMetrics>("watched"),
    kind<Numbers, StrictFifo>("strict"),
    kind<Numbers, OpenInBackground>("background"),
    kind<Able>("probe"),
    kind<Numbers, OnCheckout<Touch>, OnReturn<Touch>>("hooks"),
    kind<Able, PingAfterIdle>("ping_after_idle"),
    kind<Able, PingAfterIdle, Lifetime, StrictFifo, OpenInBackground, OnCheckout<Touch>, OnReturn<Touch>>("everything"),
    kind<Tagged<200>>("many_words"),
    kind<Numbers, NoMetrics, NoHolders, ThreadCells>("bare_cells"),
    kind<Numbers, ThreadCells>("default_cells"),
    kind<Clean, ThreadCells>("default_cells_status_and_dirty"),
    kind<Numbers, Lifetime, ThreadCells>("default_cells_ageing"),
    kind<Tagged<1>, NoMetrics, NoHolders, ThreadCells>("shares", shares<Tagged<1>, NoMetrics, NoHolders, ThreadCells>),
    kind<Numbers, NoMetrics, NoHolders>("counts_in_common", counts_in_common),
    kind<Numbers, NoMetrics, NoHolders>("exchanges", exchanges),
    kind<Numbers, NoMetrics, NoHolders>("reads_the_clock", reads_the_clock),
    kind<Numbers, NoMetrics, NoHolders>("looks_outside", looks_outside),
    kind<Numbers, NoMetrics, NoHolders>("locks", locks),
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    for (const Kind& k : kinds) {
        if (k.name != argv[1]) continue;
        void* pool = k.pool();
        k.run(pool);  // opens
        for (long n = std::atol(argv[2]); n > 0; --n) k.run(pool);
        return 0;
    }
    std::printf("what is '%s'?\n", argv[1]);
    return 2;
}
