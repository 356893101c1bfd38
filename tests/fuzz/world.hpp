// What the fuzzed pool runs on: a time that moves when the one thread parks, a mutex that notices user code under it, and
// a driver whose resources behave as they were told to. Everything that happens is logged, in order.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <dewpond/detail/sync.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/error.hpp>
#include <dewpond/policy.hpp>

namespace fuzz {

[[noreturn]] inline void fail(const std::string& sentence) {
    std::fprintf(stderr, "fuzz: %s\n", sentence.c_str());
    std::fflush(nullptr);
    std::abort();
}
inline void require(bool ok, const char* sentence) {
    if (!ok) fail(sentence);
}

/// One thing that happened, with two numbers that say to whom.
struct Entry {
    enum Kind : std::uint8_t { opened, not_opened, closed, served, refused } kind;
    std::int64_t who = 0, what = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
};
inline std::string to_text(const std::vector<Entry>& log) {
    static constexpr const char* names[] = {"opened", "not opened", "closed", "served", "refused"};
    std::string out;
    for (const Entry& e : log) out += std::string{names[e.kind]} + " " + std::to_string(e.who) + "/" + std::to_string(e.what) + ", ";
    return out;
}

/// How an opening ends.
enum class Opening : std::uint8_t { ok, unreachable, configuration, throws_error, throws_int, ok_but_refused, ok_but_hook_throws, ok_but_hook_dirties, count_ };
inline dewpond::Fault fault_of(Opening o) {
    switch (o) {
        case Opening::unreachable: return dewpond::Fault::unreachable;
        case Opening::configuration: return dewpond::Fault::configuration;
        case Opening::throws_error: return dewpond::Fault::full;
        case Opening::throws_int: return dewpond::Fault::other;
        default: return dewpond::Fault::none;
    }
}

/// What a reset does: makes clean, fails, asks for more time always, or once.
enum class Reset : std::uint8_t { clean, broken, unfinished, unfinished_once, count_ };

/// How a resource behaves, told by the input.
struct Traits {
    Opening as = Opening::ok;  ///< what OnCheckout does with it
    Reset reset = Reset::clean;
    bool dead = false, dirty = false, no_return = false;
};
/// One step of a reset: true, clean; the traits change with it. Used by both sides, since it is the driver's affair.
inline dewpond::ResetResult play_reset(Traits& t) {
    switch (t.reset) {
        case Reset::unfinished: return dewpond::ResetResult::unfinished;
        case Reset::unfinished_once: t.reset = Reset::clean; return dewpond::ResetResult::unfinished;
        case Reset::broken: return dewpond::ResetResult::broken;
        default: t.dirty = false; return dewpond::ResetResult::clean;
    }
}

/// Shared by the harness, the driver and the clock; outlives every pool.
struct World {
    std::int64_t now = 1'000'000'000;
    int locks = 0;    ///< mutexes of the pool that are held
    int drivers = 0;  ///< cores that are still there
    std::int64_t ids = 0;
    std::deque<Opening> script;  ///< of the next openings; then they work
    std::map<std::int64_t, Traits> live;
    std::vector<Entry> log;

    /// The first thing in all code of the user.
    void outside_locks() const { require(locks == 0, "user code is called under a lock of the pool"); }
};

/// One world at a time: a mutex has no constructor's argument to find it by.
inline World* world = nullptr;

/// Answers `question::sync` for a program of one thread: nobody else can wake who parks, so the time moves to the deadline.
struct OnlyThread : dewpond::detail::StdThreads {
    using answers = dewpond::question::sync;
    static constexpr const char* name = "OnlyThread";
    static constexpr int spins = 0;

    struct mutex {
        bool held = false;
        void lock() {
            require(!held, "a mutex is locked twice: the pool would wait for itself");
            held = true;
            ++world->locks;
        }
        void unlock() {
            require(held, "a mutex is unlocked that is not locked");
            held = false;
            --world->locks;
        }
    };

    [[nodiscard]] static dewpond::TimePoint now() noexcept { return dewpond::TimePoint{std::chrono::nanoseconds{world->now}}; }
    static void park(std::atomic<std::uint32_t>& word, std::uint32_t expected, dewpond::Deadline until) noexcept {
        require(world->locks == 0, "parked under a lock");
        if (word.load(std::memory_order_relaxed) != expected) return;
        require(!until.is_never(), "parked for ever");
        const std::int64_t at = until.at().time_since_epoch().count();
        if (at > world->now) world->now = at;
    }
    static void unpark(const void*) noexcept {}
    static void unpark_all(const void*) noexcept {}
    static void relax() noexcept {}
};

/// The pooled thing. On the heap, so that the address sanitizer sees a use after the close.
struct Thing {
    std::unique_ptr<std::int64_t> id;
};

/// Opens, closes; the number of drivers alive is the number of cores that were not freed.
class BareDriver {
public:
    using resource = Thing;
    explicit BareDriver(World& w) : world_{&w} { ++w.drivers; }
    BareDriver(BareDriver&& other) noexcept : world_{other.world_} { ++world_->drivers; }
    ~BareDriver() { --world_->drivers; }

    dewpond::Result<Thing, dewpond::OpenError> open(dewpond::Deadline by) {
        world_->outside_locks();
        require(!by.passed(OnlyThread::now()), "asked to open by a moment that has passed");
        Opening how = Opening::ok;
        if (!world_->script.empty()) {
            how = world_->script.front();
            world_->script.pop_front();
        }
        if (const dewpond::Fault f = fault_of(how); f != dewpond::Fault::none) {
            world_->log.push_back({Entry::not_opened, static_cast<std::int64_t>(f), 0});
            if (how == Opening::throws_error) throw dewpond::OpenError{f, "thrown"};
            if (how == Opening::throws_int) throw 42;
            return dewpond::OpenError{f, "returned"};
        }
        const std::int64_t id = ++world_->ids;
        world_->live[id].as = how;
        world_->log.push_back({Entry::opened, id, 0});
        return Thing{std::make_unique<std::int64_t>(id)};
    }
    void close(Thing& t) noexcept {
        world_->outside_locks();
        require(world_->live.erase(*t.id) == 1, "closed what is not open");
        world_->log.push_back({Entry::closed, *t.id, 0});
        t.id.reset();
    }

protected:
    Traits& of(Thing& t) const {
        world_->outside_locks();
        const auto at = world_->live.find(*t.id);
        require(at != world_->live.end(), "asked about what is closed");
        return at->second;
    }

private:
    World* world_;
};

class FullDriver : public BareDriver {
public:
    using BareDriver::BareDriver;
    bool probe(Thing& t) noexcept { return !of(t).dead; }
    bool dirty(Thing& t) noexcept { return of(t).dirty; }
    dewpond::ResetResult reset(Thing& t, dewpond::Deadline) noexcept { return play_reset(of(t)); }
};

}  // namespace fuzz
