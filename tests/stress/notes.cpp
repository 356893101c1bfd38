// SPDX-License-Identifier: BSL-1.0
// What the keeper has noted of each slot, under everybody's hands: borrowers that open or fail to, close, take out and report, a
// keeper that samples, marks, retires, sweeps and is stopped for a while, threads that ask and renew, callbacks that start
// the keeper. ThreadSanitizer looks for what is done without its lock; without it the sums must be right.
#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include <sys/eventfd.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <dewpond/testing/manual_clock.hpp>
#include <stress/support.hpp>

using namespace std::chrono_literals;
using dewpond::Limit;
using stress::relaxed;

namespace {

/// A handle that has always something to say.
struct Chatter {
    Chatter() { BOOST_TEST_REQUIRE(fd != -1); }
    Chatter(const Chatter&) = delete;
    ~Chatter() { ::close(fd); }
    const int fd = ::eventfd(1, EFD_CLOEXEC);
    bool rough = false;  ///< opening fails now and then
    std::atomic<std::int64_t> live{0};
};

struct Driver {
    using resource = std::unique_ptr<int>;
    Chatter* world;
    resource open() {
        if (world->rough && stress::my_random().once_in(10)) throw dewpond::OpenError{dewpond::Fault::unreachable, "refused"};
        world->live.fetch_add(1, relaxed);
        return std::make_unique<int>(0);
    }
    void close(resource&) noexcept { world->live.fetch_sub(1, relaxed); }
    bool probe(resource&) noexcept { return true; }
    int poll_handle(resource&) noexcept { return world->fd; }
};
using Pool = dewpond::Pool<Driver, dewpond::Lifetime, dewpond::WarnAfter, dewpond::testing::ManualClock>;
using Plain = dewpond::Pool<Driver>;

/// Retires everything; whoever is to look meanwhile does so while the keeper decides.
struct Meanwhile {
    using answers = dewpond::question::lifetime;
    static constexpr const char* name = "Meanwhile";
    std::atomic<int>* turn;
    struct per_slot {};
    void opened(per_slot&, std::uint32_t) const noexcept {}
    dewpond::CloseReason expired(const per_slot&, dewpond::Ages) const noexcept {
        int first = 0;
        if (turn->compare_exchange_strong(first, 1, relaxed)) {
            while (turn->load(relaxed) == 1) {
            }
        }
        return dewpond::CloseReason::max_lifetime;
    }
};

constexpr std::uint32_t slots = 24;

void borrow(Pool& pool, Driver driver, std::uint64_t seed, const std::atomic<bool>& stop, stress::Watchdog& watchdog) {
    stress::Random random{seed};
    while (!stop.load(relaxed)) {
        watchdog.beat();
        auto answer = pool.try_checkout(1ms);
        if (!answer) continue;
        auto& lease = *answer;
        ++**lease;
        switch (random.below(8)) {
            case 0: lease.discard(); break;
            case 1: lease.report(dewpond::Fault::wrong_role); break;
            case 2: {
                auto mine = lease.detach();
                driver.close(mine);
                break;
            }
            default: break;
        }
    }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(notes, *boost::unit_test::timeout(300))

BOOST_AUTO_TEST_CASE(a_keeper_among_borrowers) {
    Chatter world;
    world.rough = true;
    std::atomic<std::uint64_t> told{0};
    {
        const dewpond::testing::ManualClock clock;
        dewpond::Options o;
        o.max_size = slots;
        o.min_idle = slots / 2;
        o.backoff_min = 1us;
        o.backoff_max_waiting = o.backoff_max = 1ms;
        o.outage_grace = dewpond::never;
        o.on_event = [&told](const dewpond::Event& e) noexcept { told.fetch_add(1 + e.suppressed, relaxed); };
        Pool pool{Driver{&world}, o, dewpond::Lifetime{.max_idle = 3s, .max_lifetime = 9s}, dewpond::WarnAfter{2s}, clock};
        stress::Watchdog watchdog{"notes", [&] { return stress::to_text(pool.stats()); }};
        std::atomic<bool> stop{false};
        std::vector<std::thread> crowd;
        for (std::uint64_t t = 1; t <= 3; ++t) crowd.emplace_back([&, t] { borrow(pool, Driver{&world}, t, stop, watchdog); });
        crowd.emplace_back([&] {
            while (!stop.load(relaxed)) {
                static_cast<void>(pool.inspect());
                static_cast<void>(pool.stats());
                pool.maintain();
            }
        });
        crowd.emplace_back([&] {
            while (!stop.load(relaxed)) static_cast<void>(pool.stats());
        });
        stress::Random random{7};
        for (std::uint32_t k = stress::rounds(5'000); k != 0; --k) {
            clock.advance(random.once_in(8) ? dewpond::Duration{10s} : dewpond::Duration{100ms});
            if (random.once_in(20)) pool.renew();
            std::this_thread::yield();
        }
        stop.store(true, relaxed);
        {
            // Who waits still, waits by this clock.
            const std::jthread time{[&](const std::stop_token& over) {
                while (!over.stop_requested()) {
                    clock.advance(1ms);
                    std::this_thread::yield();
                }
            }};
            for (auto& t : crowd) t.join();
        }
        const bool rests = stress::soon([&] {
            const dewpond::Stats s = pool.stats();
            return s.in_use == 0 && s.opening == 0 && s.retiring == 0 && s.idle == s.size && world.live.load(relaxed) == static_cast<std::int64_t>(s.size);
        });
        BOOST_TEST(rests, stress::to_text(pool.stats()) << ", live " << world.live.load(relaxed));
    }
    BOOST_TEST(stress::soon([&] { return world.live.load(relaxed) == 0; }));
    BOOST_TEST(told.load(relaxed) != 0u);
}

BOOST_AUTO_TEST_CASE(somebody_looks_between_the_keepers_verdict_and_its_second_look) {
    Chatter world;
    std::atomic<int> turn{0};
    const dewpond::testing::ManualClock clock;
    dewpond::Options o;
    o.max_size = 1;
    o.keeper_thread = false;
    dewpond::Pool<Driver, Meanwhile, dewpond::testing::ManualClock> pool{Driver{&world}, o, Meanwhile{&turn}, clock};
    pool.checkout().give_back();
    std::thread beside{[&] {
        while (turn.load(relaxed) == 0) {
        }
        clock.advance(1s);  // samples are taken now and then only
        static_cast<void>(pool.stats());
        turn.store(2, relaxed);
    }};
    clock.advance(10s);
    pool.maintain();
    beside.join();
    BOOST_TEST(world.live.load(relaxed) == 0);
}

BOOST_AUTO_TEST_CASE(what_goes_wrong_while_the_pool_goes_is_told_before_or_not_at_all) {
    Chatter world;
    for (std::uint32_t round = stress::rounds(500); round != 0; --round) {
        std::atomic<std::uint32_t> ready{0};
        dewpond::Options o;
        o.max_size = 1;
        o.on_event = [](const dewpond::Event&) noexcept {};
        auto pool = std::make_unique<Plain>(Driver{&world}, o);
        auto lease = pool->checkout();
        const auto meet = [&] {
            ready.fetch_add(1, relaxed);
            while (ready.load(relaxed) != 2) {
            }
        };
        std::thread beside{[&] {
            meet();
            lease.discard();
        }};
        meet();
        pool.reset();
        beside.join();
    }
    BOOST_TEST(world.live.load(relaxed) == 0);
}

BOOST_AUTO_TEST_CASE(the_first_callbacks_start_the_keeper_once) {
    Chatter world;
    for (std::uint32_t round = stress::rounds(100); round != 0; --round) {
        dewpond::Options o;
        o.max_size = 2;
        Plain pool{Driver{&world}, o};
        std::atomic<std::uint32_t> told{0}, ready{0};
        struct Caller : Plain::Waiter {
            explicit Caller(std::atomic<std::uint32_t>& n)
                : Plain::Waiter{[](Plain::Waiter& w, dewpond::Result<Plain::Lease>) noexcept { static_cast<Caller&>(w).told->fetch_add(1, relaxed); }}, told{&n} {}
            std::atomic<std::uint32_t>* told;
        };
        Caller one{told}, other{told};
        const auto ask = [&](Caller& c) {
            ready.fetch_add(1, relaxed);
            while (ready.load(relaxed) != 2) {
            }
            pool.enqueue(c, Limit{1h});
        };
        std::thread beside{[&] { ask(other); }};
        ask(one);
        beside.join();
        BOOST_TEST(stress::soon([&] { return told.load(relaxed) == 2; }));
    }
    BOOST_TEST(world.live.load(relaxed) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
