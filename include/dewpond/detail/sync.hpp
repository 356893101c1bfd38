// SPDX-License-Identifier: BSL-1.0
// The seam to the machine: atomics, mutex, clock, parking. The concurrent core names none of these but through it,
// so that tests drive the real code with a manual clock or a schedule explorer.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <mutex>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <dewpond/deadline.hpp>
#include <dewpond/policy.hpp>

#if !defined(__linux__)
#error "dewpond parks its waiters on Linux futexes: other systems are not supported yet."
#endif

namespace dewpond::inline v0::detail {

/// What a pool runs on. A type that answers `question::sync` in its stead offers the same members; copies of one
/// such object share their time.
struct RealSync {
    using answers = question::sync;

    template <class T>
    using atomic = std::atomic<T>;
    using mutex = std::mutex;

    [[nodiscard]] static TimePoint now() noexcept { return std::chrono::steady_clock::now(); }

    /// Sleeps while `word` equals `expected`, at most until `until`. May return early: every caller looks again.
    static void park(std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline until) noexcept {
        timespec ts{};
        timespec* at = nullptr;
        if (!until.is_never()) {
            // FUTEX_WAIT_BITSET takes an absolute CLOCK_MONOTONIC time, which is steady_clock's epoch on Linux.
            const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(until.at().time_since_epoch()).count();
            if (ns <= 0) return;
            ts.tv_sec = static_cast<decltype(ts.tv_sec)>(ns / 1'000'000'000);
            ts.tv_nsec = static_cast<decltype(ts.tv_nsec)>(ns % 1'000'000'000);
            at = &ts;
        }
        const int saved = errno;
        ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, at, nullptr, FUTEX_BITSET_MATCH_ANY);
        errno = saved;
    }
    /// Wakes whoever is parked on the word that was at this address. The word may be gone: nothing is read from it,
    /// and a stranger parked at the same address merely looks again.
    static void unpark(const void* address) noexcept { wake(address, 1); }
    static void unpark_all(const void* address) noexcept { wake(address, 0x7fffffff); }

    /// One turn of a short spin.
    static void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield" ::: "memory");
#endif
    }

private:
    static void wake(const void* address, int n) noexcept {
        const int saved = errno;
        ::syscall(SYS_futex, address, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, n, nullptr, nullptr, 0);
        errno = saved;
    }
};

/// A mutex held for a scope that may end early, so that wake-ups go out after it.
template <class Mutex>
class Locked {
public:
    explicit Locked(Mutex& m) noexcept : m_{&m} { m.lock(); }
    Locked(const Locked&) = delete;
    ~Locked() { unlock(); }
    void unlock() noexcept {
        if (m_ != nullptr) m_->unlock();
        m_ = nullptr;
    }

private:
    Mutex* m_;
};

}  // namespace dewpond::inline v0::detail
