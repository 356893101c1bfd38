// SPDX-License-Identifier: BSL-1.0
// What the stress tests share: seeds, time, a watchdog, and a driver whose resources notice two users at once.
//
// Whatever counts here is relaxed: bookkeeping that orders the threads would hide the very races that are looked for.
// The canaries in a resource are plain words, so that ThreadSanitizer sees every overlap and every missing edge.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <dewpond/detail/sync.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/error.hpp>
#include <dewpond/stats.hpp>

namespace stress {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr auto relaxed = std::memory_order_relaxed;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif
inline bool deep() { return std::getenv("DEWPOND_DEEP") != nullptr; }

/// So many rounds; a fifth of them under a sanitizer, ten times as many on the long road.
inline std::uint32_t rounds(std::uint32_t n) { return (sanitized ? n / 5 : n) * (deep() ? 10 : 1); }
/// So long; the same in every build, ten times as long on the long road.
inline Clock::duration span(std::chrono::milliseconds d) { return d * (deep() ? 10 : 1); }

/// A limit that no healthy wait reaches: a round that hangs meets the watchdog first.
constexpr auto far_off = 30min;

/// A small generator; each thread has its own, from a fixed seed.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_{seed * 0x9E3779B97F4A7C15U + 1} {}
    std::uint32_t operator()() {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return static_cast<std::uint32_t>(state_ >> 32);
    }
    std::uint32_t below(std::uint32_t n) { return (*this)() % n; }
    /// True once in n; never for 0.
    bool once_in(std::uint32_t n) { return n != 0 && below(n) == 0; }

private:
    std::uint64_t state_;
};
/// For code that is called on threads of the pool's own.
inline Random& my_random() {
    static std::atomic<std::uint64_t> next{1'000};
    thread_local Random mine{next.fetch_add(1, relaxed)};
    return mine;
}

inline void pause(std::uint32_t turns) {
    for (std::uint32_t i = 0; i < turns; ++i) asm volatile("" ::: "memory");
}

/// Ends the program with a last word when nothing moves any more.
class Watchdog {
public:
    /// `state` says where everything stands; it must take no lock that a hung thread could hold.
    explicit Watchdog(std::string what, std::function<std::string()> state)
        : what_{std::move(what)}, state_{std::move(state)}, thread_{[this](const std::stop_token& stop) { watch(stop); }} {}
    void beat() { beats_.fetch_add(1, relaxed); }

private:
    void watch(const std::stop_token& stop) {
        constexpr auto patience = sanitized ? 60s : 20s;
        std::uint64_t seen = 0;
        auto since = Clock::now();
        while (!stop.stop_requested()) {
            std::this_thread::sleep_for(20ms);
            if (const std::uint64_t now = beats_.load(relaxed); now != seen) {
                seen = now;
                since = Clock::now();
            } else if (Clock::now() - since > patience) {
                std::fprintf(stderr, "hung: %s, after %llu rounds: %s\n", what_.c_str(), static_cast<unsigned long long>(seen), state_().c_str());
                std::fflush(nullptr);
                std::_Exit(EXIT_FAILURE);  // the hung threads cannot be joined
            }
        }
    }
    std::string what_;
    std::function<std::string()> state_;
    std::atomic<std::uint64_t> beats_{0};
    std::jthread thread_;
};

inline std::string to_text(const dewpond::Stats& s) {
    const auto n = [](std::uint64_t v) { return std::to_string(v); };
    return "size " + n(s.size) + " of " + n(s.max_size) + ", idle " + n(s.idle) + ", in use " + n(s.in_use) + ", opening " + n(s.opening) +
           ", retiring " + n(s.retiring) + ", waiting " + n(s.waiting) + ", checkouts " + n(s.checkouts) + ", opened " + n(s.opened) +
           ", open failures " + n(s.open_failures) + (s.down ? ", down" : "") + (s.closed ? ", closed" : "");
}

/// Lets threads go at the same moment without ordering what they did before: a relaxed count of arrivals.
class StartingLine {
public:
    explicit StartingLine(std::uint32_t threads) : threads_{threads} {}
    /// Waits for the others at the start of the n-th round, 1 being the first.
    void wait(std::uint32_t round) {
        arrived_.fetch_add(1, relaxed);
        for (std::uint32_t turn = 0; arrived_.load(relaxed) < std::uint64_t{threads_} * round; ++turn) {
            if (turn > 50) std::this_thread::yield();
        }
    }

private:
    std::uint32_t threads_;
    std::atomic<std::uint64_t> arrived_{0};
};

/// What a pool with cells runs on here: they open after a few returns of a thread, as rounds are short.
struct EagerSync : dewpond::detail::RealSync {
    static constexpr std::uint32_t rests = 2;
    static void heavy() noexcept {
        recalls.fetch_add(1, relaxed);
        RealSync::heavy();
    }
    static inline std::atomic<std::uint64_t> recalls{0};  ///< how often what threads kept was called back
};

/// How often things go wrong: once in so many, 0: never.
struct Rates {
    std::uint32_t open_fails = 0, open_throws = 0, misconfigured = 0;
    std::uint32_t check_fails = 0;
    std::uint32_t comes_back_dirty = 0, reset_breaks = 0, reset_unfinished = 0;
};

/// What the drivers of one pool share with the test.
struct World {
    Rates rates;
    std::int64_t max_live = 0;
    std::atomic<std::int64_t> live{0}, opened{0}, failed{0}, closed{0}, detached{0};
    std::atomic<std::uint32_t> too_many{0}, overlaps{0};

    explicit World(std::int64_t most, Rates r = {}) : rates{r}, max_live{most} {}
    void born() {
        opened.fetch_add(1, relaxed);
        if (live.fetch_add(1, relaxed) >= max_live) too_many.fetch_add(1, relaxed);
    }
};

/// The pooled thing: plain words that only its holder touches.
struct Thing {
    World* world = nullptr;
    std::uint64_t begun = 0, ended = 0;  ///< uses; equal while nobody is inside
    bool dirty = false;

    /// One use by whoever holds it: anybody else inside is seen.
    void use(std::uint32_t turns) {
        enter();
        pause(turns);
        leave();
    }
    void enter() {
        if (begun++ != ended) world->overlaps.fetch_add(1, relaxed);
        asm volatile("" ::: "memory");
    }
    void leave() {
        asm volatile("" ::: "memory");
        if (++ended != begun) world->overlaps.fetch_add(1, relaxed);
    }
};

/// Opens and closes, nothing else.
class PlainDriver {
public:
    using resource = Thing;
    explicit PlainDriver(World& world) : world_{&world} {}
    dewpond::Result<Thing, dewpond::OpenError> open(dewpond::Deadline) {
        Random& random = my_random();
        const Rates& r = world_->rates;
        if (random.once_in(r.open_fails)) return failed(dewpond::Fault::unreachable);
        if (random.once_in(r.misconfigured)) return failed(dewpond::Fault::configuration);
        if (random.once_in(r.open_throws)) throw failed(dewpond::Fault::full);
        world_->born();
        return Thing{world_};
    }
    void close(Thing& t) noexcept {
        t.use(0);
        world_->closed.fetch_add(1, relaxed);
        world_->live.fetch_sub(1, relaxed);
    }

protected:
    [[nodiscard]] const Rates& rates() const { return world_->rates; }

private:
    dewpond::OpenError failed(dewpond::Fault f) {
        world_->failed.fetch_add(1, relaxed);
        return dewpond::OpenError{f, "as often as not"};
    }
    World* world_;
};

/// The same with checks and resets that fail now and then.
class MoodyDriver : public PlainDriver {
public:
    using PlainDriver::PlainDriver;
    bool probe(Thing& t) noexcept {
        t.use(0);
        return !my_random().once_in(rates().check_fails);
    }
    bool dirty(Thing& t) noexcept { return t.dirty; }
    dewpond::ResetResult reset(Thing& t, dewpond::Deadline) noexcept {
        t.use(10);
        Random& random = my_random();
        if (random.once_in(rates().reset_unfinished)) return dewpond::ResetResult::unfinished;
        if (random.once_in(rates().reset_breaks)) return dewpond::ResetResult::broken;
        t.dirty = false;
        return dewpond::ResetResult::clean;
    }
};

/// Sentences from any thread about what must not be; the first few are kept.
class Complaints {
public:
    void add(std::string sentence) {
        const std::lock_guard lock{m_};
        if (all_.size() < 5) all_.push_back(std::move(sentence));
    }
    [[nodiscard]] std::string text() {
        const std::lock_guard lock{m_};
        std::string out;
        for (const std::string& s : all_) out += s + "; ";
        return out;
    }

private:
    std::mutex m_;
    std::vector<std::string> all_;
};

/// Looks until it holds, for at most ten seconds (a crew may still be at work).
template <class F>
bool soon(F&& holds) {
    const auto end = Clock::now() + (sanitized ? 60s : 20s);
    for (std::uint32_t turn = 0; !holds(); ++turn) {
        if (Clock::now() > end) return false;
        if (turn < 100) std::this_thread::yield();
        else std::this_thread::sleep_for(100us);
    }
    return true;
}

}  // namespace stress
