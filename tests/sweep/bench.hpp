// SPDX-License-Identifier: BSL-1.0
// What a scenario works on: a pool whose driver and hooks can fail at every call, and the proof afterwards that nothing
// was lost: every slot accounted for and usable, no resource, driver or block of memory left behind.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <sweep/faults.hpp>

namespace sweep {

using namespace std::chrono_literals;

/// A limit within which everything succeeds that can; what keeps failing is not waited for longer.
constexpr auto a_while = 20ms;

/// What drivers and hooks share with the bench.
struct World {
    std::atomic<std::int64_t> live{0}, most{0}, drivers{0};
    std::atomic<std::uint32_t> wrong{0};  ///< calls on what is not open
};
struct Thing {
    World* world = nullptr;
    bool open = false, dirty = false, blanks = false;
};

/// Every ability; `Returns`: it answers with a Result instead of throwing.
template <bool Returns>
class FragileDriver {
public:
    using resource = Thing;
    explicit FragileDriver(World& world) : world_{&world} { world.drivers.fetch_add(1); }
    FragileDriver(FragileDriver&& other) noexcept : world_{other.world_} { world_->drivers.fetch_add(1); }
    ~FragileDriver() { world_->drivers.fetch_sub(1); }

    Thing open(dewpond::Deadline)
        requires(!Returns)
    {
        switch (faults().call_fails()) {
            case 1: throw dewpond::OpenError{dewpond::Fault::unreachable, "nobody listens"};
            case 2: throw Boom{};
            case 3: throw std::bad_alloc{};
            default: return opened();
        }
    }
    dewpond::Result<Thing, dewpond::OpenError> open(dewpond::Deadline)
        requires Returns
    {
        switch (faults().call_fails()) {
            case 1: return dewpond::OpenError{dewpond::Fault::unreachable, "nobody listens"};
            case 2: return dewpond::OpenError{dewpond::Fault::configuration};
            case 3: return dewpond::OpenError{dewpond::Fault::timed_out};
            default: return opened();
        }
    }
    void close(Thing& t) noexcept {
        look(t);
        t.open = false;
        world_->live.fetch_sub(1);
    }
    bool probe(Thing& t) noexcept { return look(t) == 0; }
    bool ping(Thing& t, dewpond::Deadline) noexcept {
        const int how = look(t);
        if (how == 2) t.dirty = true;
        return how == 0 || how == 2;
    }
    bool dirty(Thing& t) noexcept {
        if (look(t) != 0) t.dirty = true;
        return t.dirty;
    }
    dewpond::ResetResult reset(Thing& t, dewpond::Deadline) noexcept {
        switch (look(t)) {
            case 1: return dewpond::ResetResult::broken;
            case 2: return dewpond::ResetResult::unfinished;
            case 3: return dewpond::ResetResult::clean;  // which is not true
            default: break;
        }
        t.dirty = false;
        t.blanks = !t.blanks;  // each second one wipes what OnOpen did
        return t.blanks ? dewpond::ResetResult::blank : dewpond::ResetResult::clean;
    }
    void interrupt(Thing& t) noexcept { look(t); }
    std::string label(Thing& t) {
        if (look(t) != 0) throw Boom{};
        return "a label that is too long for the small string of anybody";
    }

private:
    Thing opened() {
        const std::int64_t n = world_->live.fetch_add(1) + 1;
        if (n > world_->most.load()) world_->wrong.fetch_add(1);
        return Thing{world_, true};
    }
    int look(const Thing& t) noexcept {
        if (!t.open) world_->wrong.fetch_add(1);
        return faults().call_fails();
    }
    World* world_;
};

/// A hook that throws, refuses, or leaves the resource dirty.
struct Hook {
    bool operator()(Thing& t) const {
        if (!t.open) t.world->wrong.fetch_add(1);
        switch (faults().call_fails()) {
            case 1: throw Boom{};
            case 2: return false;
            case 3: t.dirty = true; return true;
            default: return true;
        }
    }
};

/// A callback for `enqueue`.
template <class P>
class Call : public P::Waiter {
public:
    Call() : P::Waiter{&Call::served} {}
    [[nodiscard]] std::uint32_t times() const { return times_.load(std::memory_order_acquire); }
    typename P::Lease lease{};
    std::optional<dewpond::Code> code;

private:
    static void served(typename P::Waiter& w, dewpond::Result<typename P::Lease> r) noexcept {
        auto& self = static_cast<Call&>(w);
        if (r) self.lease = std::move(*r);
        else self.code = r.error().code();
        self.times_.fetch_add(1, std::memory_order_release);
    }
    std::atomic<std::uint32_t> times_{0};
};

/// One run of one scenario. What it does inside `fragile` is where the fault strikes.
template <class P>
class Bench {
public:
    using Lease = typename P::Lease;
    /// `make` builds the pool; `pass` lets time go by where it stands still.
    Bench(std::uint32_t slots, std::function<std::unique_ptr<P>(World&, std::uint32_t)> make, std::function<void()> pass = [] {})
        : make_{std::move(make)}, pass_{std::move(pass)}, slots_{slots} {
        world_.most.store(slots);
    }
    Bench(const Bench&) = delete;

    [[nodiscard]] P& pool() { return *pool_; }
    [[nodiscard]] World& world() { return world_; }
    [[nodiscard]] std::uint32_t slots() const { return slots_; }
    void pass() { pass_(); }
    void build() { pool_ = make_(world_, slots_); }
    void destroy() { pool_.reset(); }

    /// Runs something with faults armed; what may come out of a pool is caught here. True: nothing was thrown.
    template <class F>
    bool fragile(F&& f) {
        faults().arm();
        bool well = false;
        try {
            f();
            well = true;
        } catch (const std::bad_alloc&) {
        } catch (const dewpond::PoolError& e) {
            static_cast<void>(e.what());
        } catch (const Boom&) {
            faults().disarm();
            BOOST_ERROR("the driver's own exception came out of the pool");
        }
        faults().disarm();
        return well;
    }
    /// A lease of one resource, without faults.
    Lease lease() {
        for (int attempt = 0; attempt < 1'000; ++attempt) {
            Call<P> c;
            ask(c);
            if (c.lease) return std::move(c.lease);
            pool_->maintain();  // it may have to recover first
            pass_();
            std::this_thread::sleep_for(100us);
        }
        BOOST_FAIL("a healthy pool hands nothing out");
        return {};
    }

    /// The pool works as if nothing had happened: all its slots can be leased at once, and come to rest.
    void check_usable() {
        if (!pool_) return;
        {
            std::vector<Lease> all;
            for (std::uint32_t i = 0; i < slots_; ++i) {
                all.push_back(lease());
                if (!all.back()) return;
            }
            const dewpond::Stats s = pool_->stats();
            BOOST_TEST(s.in_use == slots_);
            BOOST_TEST(s.size == slots_);
            BOOST_TEST(s.waiting == 0u);
            BOOST_TEST(!pool_->try_checkout());
        }
        dewpond::Stats s;
        const bool at_rest = soon([&] {
            s = pool_->stats();
            return s.idle == s.size && s.in_use == 0 && s.opening == 0 && s.retiring == 0 && s.waiting == 0 && world_.live.load() == s.size;
        });
        BOOST_TEST_CONTEXT("idle " << s.idle << ", in use " << s.in_use << ", opening " << s.opening << ", retiring " << s.retiring << ", waiting " << s.waiting << ", size " << s.size
                                   << ", live " << world_.live.load()) {
            BOOST_TEST(at_rest);
        }
        BOOST_TEST(s.opened - sum(s.closed_by) - detached_ == s.size);
    }
    void detached() { ++detached_; }
    /// Nothing is left of it.
    void check_gone() {
        pool_.reset();
        BOOST_TEST(soon([&] { return world_.drivers.load() == 0; }));
        BOOST_TEST(world_.live.load() == 0);
        BOOST_TEST(world_.wrong.load() == 0u);
    }
    template <class F>
    bool soon(F&& holds) {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!holds()) {
            if (std::chrono::steady_clock::now() > end) return false;
            if (pool_) pool_->maintain();
            pass_();
            std::this_thread::yield();
        }
        return true;
    }

private:
    static std::uint64_t sum(const std::uint64_t (&counts)[static_cast<std::size_t>(dewpond::CloseReason::count_)]) {
        std::uint64_t n = 0;
        for (const std::uint64_t c : counts) n += c;
        return n;
    }
    void ask(Call<P>& c) {
        pool_->enqueue(c, 1h);
        if (!soon([&] { return c.times() != 0; })) {
            BOOST_ERROR("nobody serves a callback any more");
            pool_->withdraw(c);
        }
    }

    std::function<std::unique_ptr<P>(World&, std::uint32_t)> make_;
    std::function<void()> pass_;
    World world_;
    std::uint32_t slots_;
    std::uint64_t detached_ = 0;
    std::unique_ptr<P> pool_;
};

/// Runs a scenario once without faults and once for every point at which something can fail. `scenario(bench)` gets a
/// bench without a pool.
template <class MakeBench, class Scenario>
Swept over_all_points(const char* name, MakeBench&& make_bench, Scenario&& scenario) {
    Swept swept;
    const auto once = [&](const Plan& plan) {
        BOOST_TEST_CONTEXT(name << ", " << to_text(plan)) {
            const Running running{name, plan};
            const std::int64_t before = blocks();
            {
                auto bench = make_bench();
                faults().plan(plan);
                scenario(*bench);
                faults().disarm();
                bench->check_usable();
                bench->check_gone();
            }
            // Threads that were let go may still be freeing what is theirs.
            const auto end = std::chrono::steady_clock::now() + 10s;
            while (blocks() != before && std::chrono::steady_clock::now() < end) std::this_thread::sleep_for(1ms);
            const std::int64_t after = blocks();
            BOOST_TEST(after == before);
        }
        return faults().hit();
    };
    once({});
    swept.allocations = faults().allocations();
    swept.calls = faults().calls();
    for (const Plan::Kind kind : {Plan::allocation, Plan::every_allocation_from, Plan::call, Plan::every_call_from, Plan::call_without_memory}) {
        for (int how = 1; how <= (kind >= Plan::call ? 3 : 1); ++how) {
            for (std::int64_t k = 1; once({kind, k, how}) && k < 5'000; ++k) ++swept.points;
        }
    }
    BOOST_TEST_MESSAGE(name << ": " << swept.allocations << " allocations, " << swept.calls << " calls, " << swept.points << " throw points swept");
    return swept;
}

/// Adds up what the scenarios of one program swept.
inline Swept& total() {
    static Swept all;
    return all;
}
template <class MakeBench, class Scenario>
void sweep_one(const char* name, MakeBench&& make_bench, Scenario&& scenario) {
    const Swept s = over_all_points(name, make_bench, scenario);
    total().points += s.points;
    BOOST_TEST(s.points > 0);
    BOOST_TEST_MESSAGE("so far " << total().points << " throw points");
    if (const char* file = std::getenv("DEWPOND_PROOF_FILE")) std::ofstream{file} << "throw_points " << total().points << '\n';
}

}  // namespace sweep
