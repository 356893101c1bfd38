// SPDX-License-Identifier: BSL-1.0
// World: a real pool on a clock that only the world moves, its users, and its server, all on one thread. Users wait by
// callback, so nothing ever blocks. While an opening takes its time the world goes on inside it: that is how several
// openings are under way at once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <dewpond/pool.hpp>

#include "simulation/server.hpp"

namespace simulation {

using dewpond::CloseReason;
using dewpond::Code;
using dewpond::Stats;
using Pool = dewpond::Pool<Driver, dewpond::Lifetime, dewpond::PingAfterIdle, ManualClock>;

struct Plan {
    std::uint64_t seed = 1;
    dewpond::Options options{};
    dewpond::Lifetime lifetime{};
    Duration pinged_after = 30s;
    Duration turn = 50ms;  ///< how often somebody calls maintain() while anybody waits
    Duration rest = 1s;    ///< ... and otherwise
};

/// What users do.
struct Traffic {
    double most_per_second = 0;
    std::function<double(TimePoint)> share = [](TimePoint) { return 1.0; };  ///< of `most_per_second`, by the time of day
    Duration hold_from = 1ms, hold_to = 50ms;
    Duration limit = 10s;
    // shares of the leases
    double held_long = 0;  ///< up to an hour
    double left_dirty = 0, found_broken = 0, discarded = 0, reported = 0, detached = 0;
    // shares of the requests
    double tried_only = 0, opened_in_caller = 0, withdrawn = 0;
};

class World {
public:
    explicit World(Plan plan);
    World(const World&) = delete;
    ~World();

    ManualClock clock;
    Server server;
    Dice dice;
    Traffic traffic;
    /// After every step, with the pool at rest or with openings under way.
    std::function<void(const Stats&)> look = [](const Stats&) {};
    /// After every request was answered: when it was asked, and `none` for a lease.
    std::function<void(TimePoint asked, std::optional<Code> refusal)> answered = [](TimePoint, std::optional<Code>) {};

    [[nodiscard]] Pool& pool() { return *pool_; }
    /// Lets the world go on.
    void run(Duration span) { run_until(clock.now() + span.ns()); }
    void run_until(TimePoint end);
    /// The clock jumps, and nobody does anything meanwhile.
    void jump(Duration span) { clock.advance(span); }
    /// One user asks now.
    void ask();
    /// Everybody who holds something returns it now.
    void return_all();
    /// One look of the keeper, now.
    void maintain();
    /// Closes the pool and holds the books of pool, users and server against each other; `leases_last`: the pool goes
    /// before the leases do.
    void finish(bool leases_last = false);

    [[nodiscard]] std::size_t held() const { return held_.size(); }
    [[nodiscard]] Stats stats() const { return pool_->stats(); }
    [[nodiscard]] TimePoint now() const { return clock.now(); }
    /// Notes that something is wrong, with seed and time; the test fails at its end.
    void wrong(const std::string& what);
    void expect(bool good, const char* what) {
        if (!good) wrong(what);
    }
    /// A number that two runs agree on if they did the same.
    [[nodiscard]] std::uint64_t fingerprint() const { return fingerprint_; }

private:
    struct Request : Pool::Waiter {
        Request(World& w) : Waiter{&Request::served}, world{&w} {}
        static void served(Waiter& me, dewpond::Result<Pool::Lease> r) noexcept;
        World* world;
        TimePoint asked{};
        std::uint32_t answers = 0;
        bool waiting = false;
    };
    struct Held {
        TimePoint until;
        std::uint64_t order;
        Pool::Lease lease;
        bool operator<(const Held& o) const { return until != o.until ? until > o.until : order > o.order; }  // a heap: the first to end
    };

    void step(TimePoint end);
    void take(Pool::Lease lease);
    void give(Held held);
    void give_next();
    void end(Held& held);
    void told(TimePoint asked, std::optional<Code> refusal);
    void check();
    Request& a_request();

    std::uint64_t seed_;
    Duration turn_, rest_;
    TimePoint start_, next_ask_, next_turn_;
    bool asking_ = false;
    std::uint32_t depth_ = 0;
    std::unique_ptr<Pool> pool_;
    std::vector<Held> held_;
    std::vector<std::unique_ptr<Request>> requests_;
    std::vector<Request*> free_;
    std::uint32_t waiting_ = 0, calling_ = 0;
    std::uint64_t asked_ = 0, served_ = 0, late_ = 0, refused_ = 0, withdrawn_ = 0, tried_in_vain_ = 0, detached_ = 0, order_ = 0;
    std::uint64_t fingerprint_ = 0, wrongs_ = 0;
    Stats before_{};
};

/// What all worlds of this program did, for the report.
struct Figures {
    double virtual_hours = 0;
    std::uint64_t opens = 0, closes = 0, faults = 0, requests = 0;
};
Figures& figures();

/// Whatever is allocated during its life lies at the same addresses in every run with the same seed, as the pool draws
/// its random numbers from its own address.
class SameAddresses {
public:
    explicit SameAddresses(std::uint64_t seed);
    SameAddresses(const SameAddresses&) = delete;
    ~SameAddresses();
};

/// How often anything was allocated so far.
[[nodiscard]] std::uint64_t allocations();

}  // namespace simulation
