// The soak's threads, its rounds and its watchdog. The same eight threads play every round: between "go" and "done" nothing
// of the test orders them, so that whatever is ordered is so by the pool.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <stress/support.hpp>

namespace soak {

using stress::Random;
using stress::relaxed;

/// Everything random about a round; made from its seed.
struct Plan {
    enum class End : std::uint8_t {
        rest,      ///< everybody stops; nobody waits, all is idle
        closed,    ///< closed while they work: whoever waits is told
        outlived,  ///< everybody keeps what was idle last, and returns it while the pool is destroyed, or later
    };
    std::uint64_t seed = 0;
    std::uint32_t pool = 0, threads = 2, slots = 1, operations = 4;
    stress::Rates rates{};
    std::uint32_t hasty = 0;     ///< so many of the threads have little time: with one alone no time-out rescues another
    std::uint32_t cancels = 0, discards = 0, async = 0, detaches = 0, trials = 0;  ///< one operation in so many; 0: none
    std::uint32_t longest = 0;   ///< turns a lease is held
    End end = End::rest;

    explicit Plan(std::uint64_t n) : seed{n} {
        Random r{n};
        const auto maybe = [&r](std::uint32_t once_in) { return r.once_in(3) ? 1 + r.below(once_in) : 0; };
        pool = r.below(4);
        slots = 1 + r.below(4);
        threads = 2 + r.below(7);
        operations = 1 + r.below(8);
        hasty = r.once_in(2) ? 0 : r.once_in(2) ? 1 : r.below(threads + 1);
        cancels = maybe(6);
        discards = maybe(4);
        async = maybe(4);
        detaches = maybe(8);
        trials = maybe(6);
        longest = 1 + (r.once_in(8) ? 3'000 : r.below(200));
        if (rates.open_fails = maybe(6); rates.open_fails == 1) rates.open_fails = 2;  // each one failing would never end
        rates.comes_back_dirty = maybe(3);
        rates.reset_breaks = maybe(5);
        rates.reset_unfinished = maybe(5);
        rates.check_fails = r.once_in(4) ? 2 + r.below(8) : 0;
        const std::uint32_t e = r.below(4);
        end = e == 0 ? End::closed : e == 1 ? End::outlived : End::rest;
    }
    [[nodiscard]] std::string text() const {
        static constexpr const char* pools[] = {"adaptive, callers open", "strict, callers open", "adaptive, crew opens", "strict, crew opens"};
        static constexpr const char* ends[] = {"rest", "closed", "outlived"};
        return "seed " + std::to_string(seed) + " (" + pools[pool] + ", " + std::to_string(threads) + " threads, " + std::to_string(slots) + " slots, " +
               std::to_string(hasty) + " hasty, " + ends[static_cast<std::size_t>(end)] + "; again: DEWPOND_SOAK_SEED=" + std::to_string(seed) + ")";
    }
};

/// Ends the program when a round stands still. It counts its own looks, not the time: where the machine is so busy that
/// the watchdog itself is late, everybody else may be late as well.
class Watchdog {
public:
    Watchdog() : thread_{[this](const std::stop_token& stop) { watch(stop); }} {}
    /// A round begins; `state` takes no lock that a hung thread could hold.
    void begin(std::string what, std::function<std::string()> state) {
        const std::lock_guard lock{m_};
        what_ = std::move(what);
        state_ = std::move(state);
        beats_.fetch_add(1, relaxed);
    }
    void end() {
        const std::lock_guard lock{m_};
        state_ = nullptr;
    }
    void beat() { beats_.fetch_add(1, relaxed); }

private:
    static constexpr auto pace = std::chrono::milliseconds{10};
    static constexpr int patience = stress::sanitized ? 500 : 180;

    void watch(const std::stop_token& stop) {
        std::uint64_t seen = 0;
        for (int still = 0; !stop.stop_requested();) {
            const auto before = stress::Clock::now();
            std::this_thread::sleep_for(pace);
            const std::uint64_t now = beats_.load(relaxed);
            const bool on_time = stress::Clock::now() - before < 2 * pace;
            if (now != seen) still = 0;
            else if (on_time) ++still;
            seen = now;
            if (still < patience) continue;
            const std::lock_guard lock{m_};
            if (state_ == nullptr) {
                still = 0;
                continue;
            }
            std::fprintf(stderr, "hung: %s: %s\n", what_.c_str(), state_().c_str());
            std::fflush(nullptr);
            std::_Exit(EXIT_FAILURE);  // the hung threads cannot be joined
        }
    }
    std::mutex m_;
    std::string what_;
    std::function<std::string()> state_;
    std::atomic<std::uint64_t> beats_{0};
    std::jthread thread_;
};

class Team {
public:
    static constexpr std::uint32_t most = 8;
    using Part = std::function<void(std::uint32_t)>;

    Team() {
        for (std::uint32_t me = 0; me < most; ++me) threads_.emplace_back([this, me] { run(me); });
    }
    Team(const Team&) = delete;
    ~Team() {
        part_ = nullptr;
        go();
    }

    Watchdog dog;

    /// The first `threads` of them play `part`, starting together as nearly as they can.
    void begin(std::uint32_t threads, Part part) {
        playing_ = threads;
        part_ = std::move(part);
        arrived_.store(0, relaxed);
        done_.store(0, relaxed);
        go();
    }
    void wait() {
        while (done_.load(std::memory_order_acquire) != most) std::this_thread::yield();
    }

private:
    void go() {
        turn_.fetch_add(1, std::memory_order_release);
        turn_.notify_all();
    }
    void run(std::uint32_t me) {
        for (std::uint32_t turn = 0;;) {
            turn_.wait(turn, std::memory_order_acquire);
            ++turn;
            if (part_ == nullptr) return;
            if (me < playing_) {
                arrived_.fetch_add(1, relaxed);
                for (std::uint32_t n = 0; arrived_.load(relaxed) < playing_; ++n) {
                    if (n > 50) std::this_thread::yield();
                }
                part_(me);
            }
            done_.fetch_add(1, std::memory_order_release);
        }
    }
    std::atomic<std::uint32_t> turn_{0}, arrived_{0}, done_{0};
    std::uint32_t playing_ = 0;
    Part part_ = [](std::uint32_t) {};
    std::vector<std::jthread> threads_;
};

/// What a round did, and what was wrong with it: empty if nothing.
struct Outcome {
    std::uint64_t operations = 0;
    std::string wrong;
};

Outcome play_caller(const Plan&, Team&);      // caller.cpp
Outcome play_background(const Plan&, Team&);  // background.cpp

}  // namespace soak
