// SPDX-License-Identifier: BSL-1.0
// The seam to the machine: atomics, mutex, threads, clock, parking. The concurrent core names none of these but through
// it, so that tests drive the real code with a manual clock or a schedule explorer.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <mutex>
#include <thread>
#include <utility>

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/fork_watch.hpp>
#include <dewpond/policy.hpp>

#if !defined(__linux__)
#error "dewpond parks its waiters on Linux futexes: other systems are not supported yet."
#endif

namespace dewpond::inline v0::detail {

/// As long as the system takes it, the final zero included.
using ThreadName = std::array<char, 16>;

/// What is shared between threads, and the threads themselves, as the standard library has them.
struct StdThreads {
    template <class T>
    using atomic = std::atomic<T>;
    /// A plain value that one thread writes and another reads, ordered by something else: an explorer checks that it is.
    template <class T>
    using var = T;
    using mutex = std::mutex;
    using thread = std::thread;

    /// How often a waiter that was woken in vain looks again before it parks.
    static constexpr int spins = 100;
    /// How many returns of a thread go by before it keeps one for itself.
    static constexpr std::uint32_t rests = 64;

    /// What the calling thread has of its own, and what all share: zero to begin with, and there as long as the thread (or
    /// the shared object) is. `T` has neither constructor nor destructor.
    template <class T>
    [[nodiscard]] DEWPOND_HIDDEN static T& of_thread() noexcept {
        static thread_local T mine;
        return mine;
    }
    template <class T>
    [[nodiscard]] DEWPOND_HIDDEN static T& of_process() noexcept {
        static T all;
        return all;
    }
    /// `Leave` is called when the calling thread ends, once.
    template <void (*Leave)() noexcept>
    DEWPOND_HIDDEN static void at_thread_end() noexcept {
        struct Leaver {
            Leaver() noexcept {}
            ~Leaver() { Leave(); }
        };
        static thread_local const Leaver leaver;
        static_cast<void>(leaver);
    }
    [[nodiscard]] static int process() noexcept { return ForkWatch::generation(); }
    /// Two barriers that are one only together: after heavy() the calling thread sees every store that any thread of the
    /// process made before a light() of its own, and every thread sees after its next light() what was stored before.
    static void light() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }
    static void heavy() noexcept {
        // Nothing else would do: without it one resource might have two holders.
        const int saved = errno;
        while (::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0) {
            if (errno != ENOMEM) std::abort();
        }
        errno = saved;
    }
    [[nodiscard]] static bool has_heavy() noexcept { return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0; }

    /// Starts a thread of the pool's own: named, and without signals, which are the program's affair. Throws what
    /// std::thread throws.
    template <class F>
    [[nodiscard]] static std::thread start(const ThreadName& name, F f) {
        struct NoSignals {
            NoSignals() noexcept {
                sigset_t all;
                sigfillset(&all);
                pthread_sigmask(SIG_SETMASK, &all, &before);
            }
            ~NoSignals() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
            sigset_t before;
        } const quiet;
        return std::thread{[name, f = std::move(f)]() mutable {
            pthread_setname_np(pthread_self(), name.data());
            f();
        }};
    }
};

/// What a pool runs on. A type that answers `question::sync` in its stead offers the same members; copies of one
/// such object share their time.
struct RealSync : StdThreads {
    using answers = question::sync;

    [[nodiscard]] static TimePoint now() noexcept { return std::chrono::steady_clock::now(); }
    /// The same time as it was at the kernel's last tick: a fifth of the cost. Optional in an answer of one's own.
    [[nodiscard]] static TimePoint coarse_now() noexcept {
        timespec ts{};
        ::clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
        return TimePoint{span_of(ts)};
    }
    /// How far apart those ticks are.
    [[nodiscard]] static Duration coarse_tick() noexcept {
        timespec ts{};
        ::clock_getres(CLOCK_MONOTONIC_COARSE, &ts);
        return span_of(ts);
    }

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
    static std::chrono::nanoseconds span_of(const timespec& ts) noexcept { return std::chrono::seconds{ts.tv_sec} + std::chrono::nanoseconds{ts.tv_nsec}; }
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
