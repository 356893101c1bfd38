// SPDX-License-Identifier: BSL-1.0
// What the machine gives: a clock that costs little, a place to run, a moment to rest.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <sched.h>
#include <sys/types.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace bench {

/// A count that grows evenly: the CPU's own where there is one, since reading it costs a third of a clock.
inline std::uint64_t ticks() {
#if defined(__x86_64__)
    return __rdtsc();
#else
    return static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
#endif
}

/// How many ticks a microsecond has; measured once.
inline double ticks_per_us() {
    static const double rate = [] {
        using Time = std::chrono::steady_clock;
        const auto began = Time::now();
        const std::uint64_t first = ticks();
        while (Time::now() - began < std::chrono::milliseconds{20}) {
        }
        const std::uint64_t last = ticks();
        return static_cast<double>(last - first) /
               std::chrono::duration<double, std::micro>{Time::now() - began}.count();
    }();
    return rate;
}

/// Keeps a thread (0: the calling one) on the n-th of the CPUs that this process may use. False: not allowed.
inline bool pin_to(unsigned n, pid_t thread = 0) {
    static const cpu_set_t allowed = [] {
        cpu_set_t set;
        CPU_ZERO(&set);
        sched_getaffinity(0, sizeof set, &set);
        return set;
    }();
    const auto count = static_cast<unsigned>(CPU_COUNT(&allowed));
    if (count == 0) return false;
    n %= count;
    for (std::size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
        if (!CPU_ISSET(cpu, &allowed) || n-- != 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(thread, sizeof one, &one) == 0;
    }
    return false;
}

}  // namespace bench
