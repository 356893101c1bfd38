// SPDX-License-Identifier: BSL-1.0
// The sweep over a pool that opens in the background, refills, and retires by age: its crew's work is done by maintain(),
// its time stands still until it is moved.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <dewpond/testing/manual_clock.hpp>
#include <sweep/bench.hpp>

using namespace std::chrono_literals;
using dewpond::testing::ManualClock;
using sweep::sweep_one;

namespace {

using Driver = sweep::FragileDriver<true>;
using Pool = dewpond::Pool<Driver, dewpond::OpenInBackground, dewpond::Lifetime, dewpond::PingAfterIdle, dewpond::StrictFifo, ManualClock>;

/// A bench with a clock in its hand.
class Bench : public sweep::Bench<Pool> {
public:
    explicit Bench(std::uint32_t slots, ManualClock clock = {})
        : sweep::Bench<Pool>{slots,
                             [clock](sweep::World& w, std::uint32_t n) {
                                 dewpond::Options o;
                                 o.max_size = n;
                                 o.min_idle = 1;
                                 o.keeper_thread = false;
                                 o.return_budget = 0ms;
                                 o.outage_grace = 3s;
                                 o.on_event = [](const dewpond::Event& e) noexcept { static_cast<void>(e.text.size()); };
                                 return std::make_unique<Pool>(Driver{w}, o, dewpond::OpenInBackground{}, dewpond::Lifetime{.max_idle = 10s, .max_lifetime = 60s},
                                                               dewpond::PingAfterIdle{1s}, dewpond::StrictFifo{}, clock);
                             },
                             [clock] { clock.advance(20ms); }},
          clock_{std::move(clock)} {}
    void advance(dewpond::Duration d) { clock_.advance(d); }
    /// The keeper's turn, so many times.
    void ticks(int n, dewpond::Duration each) {
        for (int i = 0; i < n; ++i) {
            clock_.advance(each);
            pool().maintain();
        }
    }

private:
    ManualClock clock_;
};
const auto of_two = [] { return std::make_unique<Bench>(2); };
const auto of_three = [] { return std::make_unique<Bench>(3); };

}  // namespace

BOOST_AUTO_TEST_SUITE(background, *boost::unit_test::timeout(300))

BOOST_AUTO_TEST_CASE(construction) {
    sweep_one("construction", of_two, [](Bench& b) { b.fragile([&] { b.build(); }); });
}

BOOST_AUTO_TEST_CASE(the_crew_opens_and_refills) {
    sweep_one("the crew opens and refills", of_three, [](Bench& b) {
        b.build();
        sweep::Call<Pool> first, second;
        b.fragile([&] {
            b.pool().enqueue(first, 1h);
            b.pool().enqueue(second, 1h);
        });
        b.fragile([&] { b.ticks(4, 500ms); });
        for (sweep::Call<Pool>* c : {&first, &second}) {
            BOOST_TEST(b.soon([&] { return c->times() == 1; }));
            b.fragile([&] { c->lease = {}; });
        }
    });
}

BOOST_AUTO_TEST_CASE(resets_that_were_put_off) {
    sweep_one("resets that were put off", of_two, [](Bench& b) {
        b.build();
        auto one = b.lease(), two = b.lease();
        if (!one || !two) return;
        one->dirty = two->dirty = true;
        b.fragile([&] {
            one = {};
            static_cast<void>(two.give_back());
        });
        b.fragile([&] { b.pool().maintain(); });
    });
}

BOOST_AUTO_TEST_CASE(the_keeper_retires_and_asks) {
    sweep_one("the keeper retires and asks", of_three, [](Bench& b) {
        b.build();
        {
            const auto one = b.lease(), two = b.lease(), three = b.lease();
        }
        b.fragile([&] { b.ticks(4, 600ms); });  // aged
        b.fragile([&] { static_cast<void>(b.pool().try_checkout(0s)); });  // asked
        b.fragile([&] { b.ticks(8, 2s); });  // rested too long, but for the canary
        b.fragile([&] { b.ticks(30, 2s); });  // lived too long
    });
}

BOOST_AUTO_TEST_CASE(another_size) {
    sweep_one("another size", of_three, [](Bench& b) {
        b.build();
        auto one = b.lease(), two = b.lease();
        b.fragile([&] { b.pool().resize(1); });
        b.fragile([&] { one = {}; });
        b.fragile([&] { static_cast<void>(b.pool().try_checkout(0s)); });
        b.fragile([&] { b.pool().resize(3); });
        b.fragile([&] { two = {}; });
        b.fragile([&] { b.ticks(3, 1s); });
    });
}

BOOST_AUTO_TEST_CASE(renewed) {
    sweep_one("renewed", of_three, [](Bench& b) {
        b.build();
        {
            const auto one = b.lease(), two = b.lease();
        }
        auto out = b.lease();
        b.fragile([&] {
            b.pool().renew();
            b.ticks(4, 1s);
        });
        b.fragile([&] { out = {}; });
        b.fragile([&] { b.ticks(4, 1s); });
    });
}

BOOST_AUTO_TEST_CASE(an_outage_and_its_end) {
    sweep_one("an outage and its end", of_two, [](Bench& b) {
        b.build();
        sweep::Call<Pool> waiting;
        b.fragile([&] {
            b.pool().enqueue(waiting, 1h);
            b.ticks(10, 1s);
        });
        BOOST_TEST(b.soon([&] { return waiting.times() == 1; }));
        b.fragile([&] { static_cast<void>(b.pool().try_checkout()); });
    });
}

BOOST_AUTO_TEST_CASE(closing_while_resets_are_due) {
    sweep_one("closing while resets are due", of_two, [](Bench& b) {
        b.build();
        auto one = b.lease(), two = b.lease();
        if (!one || !two) return;
        one->dirty = two->dirty = true;
        sweep::Call<Pool> waiting;
        b.pool().enqueue(waiting, 1h);
        one = {};
        b.fragile([&] { b.pool().close(0ms); });
        BOOST_TEST(waiting.times() == 1u);
        b.fragile([&] { b.destroy(); });
        b.fragile([&] { two = {}; });
    });
}

BOOST_AUTO_TEST_SUITE_END()
