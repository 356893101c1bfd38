// SPDX-License-Identifier: BSL-1.0
// Who is served first. Nothing here depends on how fast anybody is: orders are exact where the pool promises them, and
// the rest is bounded by counts, not by time.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <stress/mix.hpp>
#include <stress/support.hpp>

using namespace std::chrono_literals;
using stress::Clock;
using stress::far_off;
using stress::PlainDriver;
using stress::relaxed;
using stress::World;

namespace {

using Adaptive = dewpond::Pool<PlainDriver>;
using Strict = dewpond::Pool<PlainDriver, dewpond::StrictFifo>;

/// A callback that writes down when it was served; the slot itself guards the list.
template <class P>
class Ticket : public P::Waiter {
public:
    Ticket(std::vector<std::uint32_t>& order, std::uint32_t number) : P::Waiter{&Ticket::served}, order_{&order}, number_{number} {}
    std::atomic<bool> done{false};

private:
    static void served(typename P::Waiter& w, dewpond::Result<typename P::Lease> r) noexcept {
        auto& self = static_cast<Ticket&>(w);
        if (r) {
            (**r).use(3);
            self.order_->push_back(self.number_);
        }
        r = dewpond::PoolError{dewpond::Code::closed};
        self.done.store(true, std::memory_order_release);
    }
    std::vector<std::uint32_t>* order_;
    std::uint32_t number_;
};

/// Threads and callbacks queue one after the other for a single slot, by a ticket drawn at their enqueueing. `rest`: how long
/// the last of them waits before the slot comes back.
template <class P>
void served_in_the_order_of_arrival(std::uint32_t rounds, bool callbacks, Clock::duration rest) {
    World world{1};
    dewpond::Options options;
    options.max_size = 1;
    P pool{PlainDriver{world}, options};
    stress::Watchdog dog{"served in order", [&] { return stress::to_text(pool.stats()); }};
    for (std::uint32_t round = 0; round < rounds; ++round) {
        std::vector<std::uint32_t> order;  // written by whoever holds the slot
        std::vector<std::uint32_t> expected;
        std::vector<std::unique_ptr<Ticket<P>>> tickets;
        {
            std::vector<std::jthread> threads;
            typename P::Lease lease = pool.checkout(far_off);
            for (std::uint32_t number = 0; number < 6; ++number) {
                if (callbacks && number % 2 == 1) {
                    tickets.push_back(std::make_unique<Ticket<P>>(order, number));
                    pool.enqueue(*tickets.back(), far_off);
                } else {
                    threads.emplace_back([&, number] {
                        const typename P::Lease mine = pool.checkout(far_off);
                        (*mine).use(3);
                        order.push_back(number);
                    });
                }
                while (pool.stats().waiting != number + 1) std::this_thread::yield();
                expected.push_back(number);
            }
            if (rest != 0s) std::this_thread::sleep_for(rest);
        }
        for (const auto& t : tickets) BOOST_TEST_REQUIRE(stress::soon([&] { return t->done.load(std::memory_order_acquire); }));
        {
            const typename P::Lease all_home = pool.checkout(far_off);
            BOOST_TEST_REQUIRE(order == expected, boost::test_tools::per_element());
        }
        dog.beat();
    }
    BOOST_TEST(world.overlaps.load() == 0u);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fairness, *boost::unit_test::timeout(600))

BOOST_AUTO_TEST_CASE(a_strict_queue_serves_in_the_order_of_arrival) {
    served_in_the_order_of_arrival<Strict>(stress::rounds(500), false, 0s);
    served_in_the_order_of_arrival<Strict>(stress::rounds(300), true, 0s);
}

BOOST_AUTO_TEST_CASE(whoever_waited_beyond_its_patience_is_served_in_the_order_of_arrival) {
    served_in_the_order_of_arrival<Adaptive>(stress::rounds(200), false, 2ms);
    served_in_the_order_of_arrival<Adaptive>(stress::rounds(100), true, 2ms);
}

/// One who takes and returns as fast as it can, and one who waits: once the patience is over, at most a sample's worth of
/// returns may pass by, since the return that comes to the mutex hands over by itself.
BOOST_AUTO_TEST_CASE(nobody_is_overtaken_for_long_once_its_patience_is_over) {
    for (const std::uint32_t slots : {1U, 2U}) {
        World world{slots};
        dewpond::Options options;
        options.max_size = slots;
        Adaptive pool{PlainDriver{world}, options};
        stress::Watchdog dog{"overtaken", [&] { return stress::to_text(pool.stats()); }};
        std::uint64_t most = 0;
        for (std::uint32_t round = 0; round < stress::rounds(300); ++round) {
            std::vector<Adaptive::Lease> all;
            for (std::uint32_t i = 0; i < slots; ++i) all.push_back(pool.checkout(far_off));
            std::atomic<bool> served{false};
            std::jthread waiter{[&] {
                const Adaptive::Lease mine = pool.checkout(far_off);
                (*mine).use(3);
                served.store(true, relaxed);
            }};
            while (pool.stats().waiting != 1) std::this_thread::yield();
            const auto patient_until = Clock::now() + 1ms;
            std::uint64_t late = 0;
            while (!served.load(relaxed) && pool.stats().waiting != 0) {
                for (Adaptive::Lease& l : all) {
                    if (l) {
                        late += Clock::now() > patient_until ? 1 : 0;
                        l = {};
                    }
                    if (auto r = pool.try_checkout()) l = std::move(*r);
                }
            }
            most = std::max(most, late);
            waiter.join();
            dog.beat();
        }
        BOOST_TEST_CONTEXT(slots << " slots") {
            BOOST_TEST_MESSAGE("at most " << most << " returns passed by");
            BOOST_TEST(most <= 17 * slots);
        }
        BOOST_TEST(world.overlaps.load() == 0u);
    }
}

/// Eight threads on two slots: nobody starves. A lock without a queue gives some a tenth of the others' share; the bound is
/// far below that, for machines that are busy with something else.
BOOST_AUTO_TEST_CASE(everybody_gets_a_share) {
    const auto shares = []<class P>(std::type_identity<P>) {
        constexpr std::uint32_t players = 8;
        World world{2};
        dewpond::Options options;
        options.max_size = 2;
        P pool{PlainDriver{world}, options};
        stress::Watchdog dog{"shares", [&] { return stress::to_text(pool.stats()); }};
        std::atomic<bool> over{false};
        std::atomic<std::uint32_t> here{0};
        std::vector<std::atomic<std::uint64_t>> count(players);
        {
            std::vector<std::jthread> threads;
            for (std::uint32_t me = 0; me < players; ++me) {
                threads.emplace_back([&, me] {
                    { const typename P::Lease first = pool.checkout(far_off); }
                    here.fetch_add(1, relaxed);
                    while (here.load(relaxed) < players) std::this_thread::yield();
                    while (!over.load(relaxed)) {
                        const typename P::Lease mine = pool.checkout(far_off);
                        (*mine).use(300);
                        count[me].fetch_add(1, relaxed);
                    }
                });
            }
            const auto least = [&] {
                std::uint64_t n = count[0].load(relaxed);
                for (const auto& c : count) n = std::min(n, c.load(relaxed));
                return n;
            };
            while (least() < stress::rounds(5'000)) {
                std::this_thread::sleep_for(1ms);
                dog.beat();
                if (pool.stats().checkouts > std::uint64_t{players} * 100 * stress::rounds(5'000)) break;  // somebody starves
            }
            over.store(true, relaxed);
        }
        std::uint64_t low = count[0].load(), high = low, sum = 0;
        for (const auto& c : count) {
            low = std::min(low, c.load());
            high = std::max(high, c.load());
            sum += c.load();
        }
        BOOST_TEST_MESSAGE("from " << low << " to " << high << " of " << sum);
        BOOST_TEST(low * 40 > high);
        BOOST_TEST(pool.stats().checkouts == sum + players);
        BOOST_TEST(pool.stats().waiting == 0u);
        BOOST_TEST(world.overlaps.load() == 0u);
    };
    shares(std::type_identity<Adaptive>{});
    shares(std::type_identity<Strict>{});
}

BOOST_AUTO_TEST_SUITE_END()
