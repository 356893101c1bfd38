// SPDX-License-Identifier: BSL-1.0
// The end of a pool in the middle of everything: closed once a round with waiters queued and leases out, destroyed while
// leases live on in other threads. Afterwards nothing is left: every resource closed, every driver gone, everybody told.
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <stress/mix.hpp>
#include <stress/support.hpp>

using namespace std::chrono_literals;
using stress::far_off;
using stress::Random;
using stress::relaxed;
using stress::StartingLine;
using stress::Watchdog;

namespace {

/// Counts the cores that are still there: each owns a driver, and the last thing it does is to end it. That is why this
/// count, alone of all, orders: once it is 0, what the core used may go.
template <class Base>
class Tracked : public Base {
public:
    Tracked(stress::World& world, std::atomic<int>& alive) : Base{world}, alive_{&alive} { alive.fetch_add(1, relaxed); }
    Tracked(Tracked&& other) noexcept : Base{std::move(other)}, alive_{other.alive_} { alive_->fetch_add(1, relaxed); }
    ~Tracked() { alive_->fetch_sub(1, std::memory_order_release); }

private:
    std::atomic<int>* alive_;
};

using Plain = dewpond::Pool<Tracked<stress::PlainDriver>>;
using Strict = dewpond::Pool<Tracked<stress::PlainDriver>, dewpond::StrictFifo>;
using Keeping = dewpond::Pool<Tracked<stress::PlainDriver>, dewpond::ThreadCells, stress::EagerSync>;
using Busy = dewpond::Pool<Tracked<stress::MoodyDriver>, dewpond::OpenInBackground, dewpond::Lifetime>;
using Resetting = dewpond::Pool<Tracked<stress::MoodyDriver>>;

/// A pool that ends, and what must be left of it: nothing.
template <class P>
struct Fixture {
    stress::World world;
    std::atomic<int> drivers{0};
    std::unique_ptr<P> pool;
    stress::Complaints complaints;

    explicit Fixture(std::uint32_t slots, stress::Rates rates = {}, bool keeper = true) : world{slots, rates} {
        dewpond::Options o;
        o.max_size = slots;
        o.keeper_thread = keeper;
        o.backoff_min = 1us;
        o.backoff_max_waiting = 20us;
        o.backoff_max = 50us;
        if constexpr (std::is_same_v<P, Busy>) {
            o.min_idle = 1;
            pool = std::make_unique<P>(typename P::driver_type{world, drivers}, o, dewpond::OpenInBackground{}, dewpond::Lifetime{.max_idle = 15ms, .max_lifetime = 20ms});
        } else {
            pool = std::make_unique<P>(typename P::driver_type{world, drivers}, o);
        }
    }
    void check_gone() {
        BOOST_TEST(stress::soon([&] { return drivers.load(std::memory_order_acquire) == 0; }));
        BOOST_TEST(world.live.load() == 0);
        BOOST_TEST(world.opened.load() == world.closed.load());
        BOOST_TEST(world.overlaps.load() == 0u);
        BOOST_TEST(world.too_many.load() == 0u);
        BOOST_TEST(complaints.text() == "");
    }
};

void or_closed(stress::Complaints& complaints, const dewpond::PoolError& e) {
    if (e.code() != dewpond::Code::closed) complaints.add(e.what());
}

/// So many are queued when close() is called, once and by nobody else: each of them is told.
template <class P>
void close_wakes_everybody(std::uint32_t waiters, std::uint32_t rounds) {
    std::atomic<std::uint32_t> round_now{0};
    Watchdog dog{"close wakes everybody", [&] { return "round " + std::to_string(round_now.load()); }};
    for (std::uint32_t round = 0; round < rounds; ++round) {
        round_now.store(round, relaxed);
        Fixture<P> f{2};
        P& pool = *f.pool;
        std::vector<typename P::Lease> leases;
        leases.push_back(f.pool->checkout(far_off));
        leases.push_back(f.pool->checkout(far_off));
        std::vector<std::unique_ptr<stress::Call<P>>> calls;
        {
            std::vector<std::jthread> threads;
            for (std::uint32_t n = 0; n < waiters; ++n) {
                if (n % 3 == 2) {
                    calls.push_back(std::make_unique<stress::Call<P>>(false));
                    pool.enqueue(*calls.back(), far_off);
                } else {
                    threads.emplace_back([&] {
                        if (auto r = pool.try_checkout(far_off)) f.complaints.add("a closed pool handed one out");
                        else or_closed(f.complaints, r.error());
                    });
                }
            }
            while (pool.stats().waiting != waiters) std::this_thread::yield();
            if (round % 3 == 0) {
                BOOST_TEST(f.pool->close(0ms) == 2u);
                BOOST_TEST(f.pool->stats().waiting == 0u);
            } else {
                f.pool.reset();  // ~Pool is close(0), and needs nobody's help
            }
        }
        for (const auto& c : calls) {
            BOOST_TEST_REQUIRE(stress::soon([&] { return c->times() == 1; }));
            BOOST_TEST((c->code == dewpond::Code::closed));
        }
        f.pool.reset();
        leases.clear();
        f.check_gone();
        dog.beat();
    }
}

/// Everybody works until told that the pool is closed; some keep a lease, which they return while the pool is destroyed.
template <class P>
void closed_in_full_swing(std::uint32_t threads, std::uint32_t slots, std::uint32_t rounds, stress::Rates rates, bool keeper) {
    std::atomic<std::uint32_t> round_now{0};
    Watchdog dog{"closed in full swing", [&] { return "round " + std::to_string(round_now.load()); }};
    Random random{threads * 100 + slots};
    std::uint64_t outlived = 0;
    for (std::uint32_t round = 0; round < rounds; ++round) {
        round_now.store(round, relaxed);
        Fixture<P> f{slots, rates, keeper};
        P& pool = *f.pool;
        StartingLine start{threads + 1};
        std::barrier<> out_of_the_pool{static_cast<std::ptrdiff_t>(threads) + 1};  // nobody may call a pool that is being destroyed
        std::atomic<std::uint32_t> kept{0};
        const auto player = [&](std::uint32_t me) {
            Random mine{round * 10 + me};
            std::vector<typename P::Lease> keep;
            std::unique_ptr<stress::Call<P>> call;
            start.wait(1);
            for (bool open = true; open;) {
                if (keep.size() < 1 && mine.once_in(4)) {  // at most one each, and not all at once: the others have to go on
                    if (kept.fetch_add(1, relaxed) + 1 < slots) {
                        if (auto r = pool.try_checkout(far_off)) keep.push_back(std::move(*r));
                        else or_closed(f.complaints, r.error()), open = false;
                    }
                } else if (mine.once_in(6) && call == nullptr) {
                    call = std::make_unique<stress::Call<P>>(false);
                    pool.enqueue(*call, far_off);
                } else if (auto r = pool.try_checkout(far_off)) {
                    (**r).use(mine.below(30));
                    if (mine.once_in(rates.comes_back_dirty)) (**r).dirty = true;
                    if (mine.once_in(5)) r->discard();
                } else {
                    or_closed(f.complaints, r.error());
                    open = false;
                }
                if (call != nullptr && call->times() == 1) call = nullptr;
            }
            if (call != nullptr && !stress::soon([&] { return call->times() == 1; })) {
                f.complaints.add("a callback was not told");
                static_cast<void>(call.release());
            }
            if (mine.once_in(2)) keep.clear();
            for (auto& l : keep) l->use(10);
            out_of_the_pool.arrive_and_wait();
            stress::pause(mine.below(4'000));
            keep.clear();  // while the pool is being destroyed, or after
        };
        {
            std::vector<std::jthread> all;
            for (std::uint32_t me = 0; me < threads; ++me) all.emplace_back(player, me);
            start.wait(1);
            stress::pause(random.below(20'000));
            if (random.once_in(3)) std::this_thread::sleep_for(std::chrono::microseconds{random.below(2'000)});
            const std::uint32_t left = pool.close(random.once_in(2) ? 0us : std::chrono::microseconds{random.below(1'000)});
            if (left > slots) f.complaints.add("more left than there are slots");
            if (random.once_in(3)) static_cast<void>(pool.close(0ms));
            out_of_the_pool.arrive_and_wait();
            stress::pause(random.below(4'000));
            outlived += pool.stats().in_use;
            f.pool.reset();
        }
        f.check_gone();
        dog.beat();
    }
    BOOST_TEST_MESSAGE(threads << " threads, " << slots << " slots: " << outlived << " leases outlived their pool's close");
}

/// A driver whose resources can be interrupted from another thread: a cell of its own shows a call after the close.
class InterruptedDriver {
public:
    struct Cell {
        std::atomic<std::uint32_t> interrupts{0};
    };
    using resource = std::unique_ptr<Cell>;
    InterruptedDriver(std::atomic<std::int64_t>& live, std::atomic<std::uint64_t>& interrupts) : live_{&live}, interrupts_{&interrupts} {}
    resource open() {
        live_->fetch_add(1, relaxed);
        return std::make_unique<Cell>();
    }
    void close(resource& r) noexcept {
        r.reset();
        live_->fetch_sub(1, relaxed);
    }
    void interrupt(resource& r) noexcept {
        r->interrupts.fetch_add(1, relaxed);
        stress::pause(200);
        r->interrupts.fetch_add(1, relaxed);
        interrupts_->fetch_add(1, relaxed);
    }

private:
    std::atomic<std::int64_t>* live_;
    std::atomic<std::uint64_t>* interrupts_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(the_end_of_a_pool, *boost::unit_test::timeout(600))

BOOST_AUTO_TEST_CASE(everybody_who_waits_is_told) {
    for (const std::uint32_t waiters : {1U, 2U, 3U, 9U}) {
        BOOST_TEST_CONTEXT(waiters << " waiters") {
            close_wakes_everybody<Plain>(waiters, stress::rounds(150));
            close_wakes_everybody<Strict>(waiters, stress::rounds(100));
            close_wakes_everybody<Keeping>(waiters, stress::rounds(100));
        }
    }
}

BOOST_AUTO_TEST_CASE(in_full_swing) {
    for (const auto& [threads, slots] : {std::pair{1U, 2U}, {2U, 1U}, {3U, 2U}, {4U, 3U}, {3U, 63U}}) {
        BOOST_TEST_CONTEXT(threads << " threads, " << slots << " slots") {
            closed_in_full_swing<Plain>(threads, slots, stress::rounds(250), {.open_fails = 6}, true);
            closed_in_full_swing<Keeping>(threads, slots, stress::rounds(250), {.open_fails = 20}, true);
            closed_in_full_swing<Resetting>(threads, slots, stress::rounds(150), {.comes_back_dirty = 2, .reset_breaks = 9}, true);
            // A reset that is put off for the next maintain() while the pool is being closed.
            closed_in_full_swing<Resetting>(threads, slots, stress::rounds(200), {.comes_back_dirty = 2, .reset_unfinished = 2}, false);
            closed_in_full_swing<Busy>(threads, slots, stress::rounds(200), {.open_fails = 6, .check_fails = 20, .comes_back_dirty = 2, .reset_unfinished = 3}, true);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_is_out_is_interrupted_and_never_after_its_close) {
    std::atomic<std::int64_t> live{0};
    std::atomic<std::uint64_t> interrupts{0};
    Watchdog dog{"interrupted", [&] { return std::to_string(live.load()) + " live"; }};
    Random random{9};
    for (std::uint32_t round = 0; round < stress::rounds(2'000); ++round) {
        using P = dewpond::Pool<InterruptedDriver>;
        dewpond::Options o;
        o.max_size = 3;
        auto pool = std::make_unique<P>(InterruptedDriver{live, interrupts}, o);
        StartingLine line{3};
        const auto holder = [&](P::Lease lease, std::uint32_t me) {
            Random mine{round * 2 + me};
            line.wait(1);
            stress::pause(mine.below(3'000));
            if (mine.once_in(3)) lease.discard();
            else if (mine.once_in(3)) lease.detach().reset(), live.fetch_sub(1, relaxed);
            else lease = {};
        };
        {
            const std::jthread one{holder, pool->checkout(), 0U}, two{holder, pool->checkout(), 1U};
            line.wait(1);
            stress::pause(random.below(1'000));
            pool->close(0ms);
            pool.reset();
        }
        BOOST_TEST_REQUIRE(live.load() == 0);
        dog.beat();
    }
    BOOST_TEST(interrupts.load() > 0u);
}

BOOST_AUTO_TEST_SUITE_END()
