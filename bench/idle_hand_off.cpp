// SPDX-License-Identifier: BSL-1.0
// How long from a return until the waiter that is parked for it runs, beside a bare futex?
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "idle.hpp"
#include "machine.hpp"
#include "pools.hpp"

namespace bench {
namespace {

using Time = std::chrono::steady_clock;

/// What the kernel allows: one word, one wake-up.
class RawFutex {
public:
    void wait() {
        while (word_.load(std::memory_order_acquire) == 0) call(FUTEX_WAIT_PRIVATE, 0);
        word_.store(0, std::memory_order_relaxed);
    }
    void wake() {
        word_.store(1, std::memory_order_release);
        call(FUTEX_WAKE_PRIVATE, 1);
    }
    void own() {}
    void disown() {}

private:
    void call(int operation, std::uint32_t value) {
        syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word_), operation, value, nullptr, nullptr, 0);
    }
    std::atomic<std::uint32_t> word_{0};
};

/// The same through a pool of one: to wake is to give back, to wait is to check out.
template <class Pool>
class Through {
public:
    explicit Through(Pool& pool) : pool_{&pool} {}
    void own() { held_.emplace(pool_->checkout()); }
    void wake() { held_.reset(); }
    void wait() { got_.emplace(pool_->checkout()); }
    void disown() { got_.reset(); }

private:
    Pool* pool_;
    std::optional<decltype(std::declval<Pool&>().checkout())> held_, got_;
};

/// The median of `count` hand-offs in us. The waker stays awake until the waiter has been parked for `rest`.
template <class Channel>
double latency(Channel& channel, int count, std::chrono::microseconds rest) {
    std::atomic<int> ready{0};
    std::binary_semaphore next{0};
    Time::time_point woken{};
    std::jthread waiter{[&] {
        pin_to(1);
        for (int i = 0; i < count; ++i) {
            next.acquire();
            ready.store(i + 1, std::memory_order_release);
            channel.wait();
            woken = Time::now();
            channel.disown();
            ready.store(-(i + 1), std::memory_order_release);
        }
    }};
    Series us;
    for (int i = 0; i < count; ++i) {
        channel.own();
        next.release();
        while (ready.load(std::memory_order_acquire) != i + 1) {
        }
        const auto parked = Time::now() + rest;
        while (Time::now() < parked) {
        }
        const auto began = Time::now();
        channel.wake();
        while (ready.load(std::memory_order_acquire) != -(i + 1)) {
        }
        us.push_back(std::chrono::duration<double, std::micro>{woken - began}.count());
    }
    return median(us);
}

}  // namespace

void hand_off(const CommandLine& line, Report& report) {
    const std::string title = "hand-off to a parked waiter on another CPU";
    if (!line.wants(title)) return;
    DefaultPool ours{NullDriver{}, options_for(1)};
    Textbook theirs{1};
    RawFutex raw;
    Through<DefaultPool> through_ours{ours};
    Through<Textbook> through_theirs{theirs};

    struct Case {
        std::chrono::microseconds rest;
        int count;
        Series raw{}, ours{}, theirs{};
    };
    // After 1 ms in the queue a waiter is given the slot itself; before, it is told to come and look.
    std::vector<Case> cases{{std::chrono::microseconds{200}, line.quick ? 20 : 60},
                            {std::chrono::microseconds{2000}, line.quick ? 6 : 20}};
    std::jthread waker{[&] {
        pin_to(0);
        for (int round = 0; round < line.rounds(21, 9); ++round) {
            for (Case& c : cases) {
                c.raw.push_back(latency(raw, c.count, c.rest));
                c.ours.push_back(latency(through_ours, c.count, c.rest));
                c.theirs.push_back(latency(through_theirs, c.count, c.rest));
            }
        }
    }};
    waker.join();

    std::vector<Row> rows;
    for (const Case& c : cases) {
        const std::string after = c.rest < std::chrono::milliseconds{1} ? ", parked for 0.2 ms" : ", parked for 2 ms";
        rows.push_back({.what = "raw futex" + after, .unit = "us", .value = summarise(c.raw)});
        rows.push_back({.what = "dewpond, default policies" + after,
                        .unit = "us",
                        .value = summarise(c.ours),
                        .compared = summarise(ratio(c.ours, c.raw)),
                        .with = "raw futex",
                        .must = at_most(1.25),
                        .goal = at_most(1.1)});
        rows.push_back({.what = "textbook mutex pool" + after,
                        .unit = "us",
                        .value = summarise(c.theirs),
                        .compared = summarise(ratio(c.theirs, c.raw)),
                        .with = "raw futex"});
    }
    report.table(title, rows);
}

}  // namespace bench
