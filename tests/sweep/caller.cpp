// SPDX-License-Identifier: BSL-1.0
// The sweep over a pool whose callers open for themselves, with all three hooks and no thread of its own.
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/pool.hpp>
#include <sweep/bench.hpp>

using namespace std::chrono_literals;
using sweep::Hook;
using sweep::sweep_one;

namespace {

using Driver = sweep::FragileDriver<false>;
using Pool = dewpond::Pool<Driver, dewpond::OnOpen<Hook>, dewpond::OnCheckout<Hook>, dewpond::OnReturn<Hook>>;
using Bench = sweep::Bench<Pool>;

dewpond::Options options(std::uint32_t slots) {
    dewpond::Options o;
    o.name = "a-name-that-is-too-long-for-any-small-string";
    o.max_size = slots;
    o.keeper_thread = false;
    o.backoff_min = 500us;
    o.backoff_max_waiting = 1ms;
    o.backoff_max = 1ms;
    o.outage_grace = 1h;
    o.on_event = [](const dewpond::Event&) noexcept {};
    return o;
}
std::unique_ptr<Bench> bench(std::uint32_t slots) {
    return std::make_unique<Bench>(slots, [](sweep::World& w, std::uint32_t n) {
        return std::make_unique<Pool>(Driver{w}, options(n), dewpond::OnOpen{Hook{}}, dewpond::OnCheckout{Hook{}}, dewpond::OnReturn{Hook{}});
    });
}
const auto of_one = [] { return bench(1); };
const auto of_two = [] { return bench(2); };
const auto of_many = [] { return bench(70); };

}  // namespace

BOOST_AUTO_TEST_SUITE(caller, *boost::unit_test::timeout(300))

BOOST_AUTO_TEST_CASE(construction) {
    for (const auto& make : {+of_one, +of_many}) {
        sweep_one("construction", make, [](Bench& b) { b.fragile([&] { b.build(); }); });
    }
}

BOOST_AUTO_TEST_CASE(construction_refused) {
    sweep_one("construction refused", of_one, [](Bench& b) {
        dewpond::Options o = options(1);
        o.opens_at_once = 99;
        const bool built = b.fragile([&] { const Pool pool{Driver{b.world()}, o, dewpond::OnOpen{Hook{}}, dewpond::OnCheckout{Hook{}}, dewpond::OnReturn{Hook{}}}; });
        BOOST_TEST(!built);
    });
}

BOOST_AUTO_TEST_CASE(a_first_checkout_opens) {
    sweep_one("a first checkout opens", of_two, [](Bench& b) {
        b.build();
        b.fragile([&] {
            const auto l = b.pool().checkout(sweep::a_while);
            if (!l->open) b.world().wrong.fetch_add(1);
        });
    });
}

BOOST_AUTO_TEST_CASE(an_error_that_finds_no_memory_still_names_the_fault) {
    dewpond::Options o = options(1);
    o.backoff_min = o.backoff_max_waiting = o.backoff_max = 1h;
    sweep::World world;
    world.most.store(1);
    Pool pool{Driver{world}, o, dewpond::OnOpen{Hook{}}, dewpond::OnCheckout{Hook{}}, dewpond::OnReturn{Hook{}}};
    const auto outcome_under = [&](const sweep::Plan& plan) {
        sweep::faults().plan(plan);
        sweep::faults().arm();
        auto result = pool.try_checkout(1ms);
        sweep::faults().disarm();
        BOOST_TEST_REQUIRE(!result.has_value());
        return result;
    };
    BOOST_CHECK(outcome_under({sweep::Plan::call, 1}).error().fault() == dewpond::Fault::unreachable);
    // The last allocation of all is of something that the error can do without.
    auto last = dewpond::Fault::none;
    for (std::int64_t k = 1;; ++k) {
        const auto result = outcome_under({sweep::Plan::every_allocation_from, k});
        if (!sweep::faults().hit()) break;
        last = result.error().fault();
    }
    BOOST_CHECK(last == dewpond::Fault::unreachable);
}

BOOST_AUTO_TEST_CASE(a_checkout_hits) {
    sweep_one("a checkout hits", of_two, [](Bench& b) {
        b.build();
        static_cast<void>(b.lease());
        b.fragile([&] { b.pool().checkout(sweep::a_while).give_back(); });
        b.fragile([&] { static_cast<void>(b.pool().try_checkout()); });
        b.fragile([&] { static_cast<void>(b.pool().try_checkout(sweep::a_while)); });
    });
}

BOOST_AUTO_TEST_CASE(nothing_idle_and_nothing_in_time) {
    sweep_one("nothing idle and nothing in time", of_one, [](Bench& b) {
        b.build();
        const auto all = b.lease();
        b.fragile([&] { BOOST_TEST(!b.pool().try_checkout()); });
        b.fragile([&] {
            const auto r = b.pool().try_checkout(50us);
            const auto copy = r.error();
            const std::string said = copy.what();  // there is a sentence, however short
            if (said.empty() || (copy.code() != dewpond::Code::timed_out && copy.code() != dewpond::Code::open_failed)) b.world().wrong.fetch_add(1);
        });
        b.fragile([&] { static_cast<void>(b.pool().checkout(0ms)); });
        BOOST_TEST(b.pool().stats().waiting == 0u);
    });
}

BOOST_AUTO_TEST_CASE(every_kind_of_return) {
    sweep_one("every kind of return", of_one, [](Bench& b) {
        b.build();
        for (const int kind : {0, 1, 2, 3, 4}) {
            auto l = b.lease();
            if (!l) return;
            l->dirty = kind < 2;
            b.fragile([&] {
                switch (kind) {
                    case 0: static_cast<void>(l.give_back()); break;
                    case 1: l = {}; break;
                    case 2: l.discard(); break;
                    case 3:
                        l.report(dewpond::Fault::broken);
                        l = {};
                        break;
                    default:
                        static_cast<void>(l.detach());
                        b.world().live.fetch_sub(1);
                        break;
                }
                b.pool().maintain();  // a reset that was put off
            });
            if (kind == 4) b.detached();
            BOOST_TEST(!l);
        }
    });
}

BOOST_AUTO_TEST_CASE(waiters_without_a_thread) {
    sweep_one("waiters without a thread", of_one, [](Bench& b) {
        b.build();
        sweep::Call<Pool> first, second, third, late;
        b.fragile([&] { b.pool().enqueue(first, 1h); });
        b.fragile([&] { b.pool().maintain(); });  // opens for it
        b.fragile([&] {
            b.pool().enqueue(second, 1h);
            b.pool().enqueue(third, 1h);
            b.pool().enqueue(late, 1ns);
        });
        b.fragile([&] { first.lease = {}; });
        b.fragile([&] { b.pool().maintain(); });
        b.fragile([&] { b.pool().withdraw(third); });
        b.fragile([&] { second.lease.discard(); });
        for (sweep::Call<Pool>* c : {&first, &second, &third, &late}) {
            BOOST_TEST(b.soon([&] {
                for (sweep::Call<Pool>* other : {&first, &second, &third, &late}) {
                    if (other->times() != 0) other->lease = {};
                }
                return c->times() != 0;
            }));
            BOOST_TEST(c->times() == 1u);
        }
    });
}

BOOST_AUTO_TEST_CASE(closing_with_leases_and_waiters) {
    sweep_one("closing with leases and waiters", of_two, [](Bench& b) {
        b.build();
        auto out = b.lease(), dirty = b.lease();
        if (!out || !dirty) return;
        dirty->dirty = true;
        sweep::Call<Pool> waiting;
        b.pool().enqueue(waiting, 1h);
        b.fragile([&] { b.pool().close(0ms); });
        BOOST_TEST(waiting.times() == 1u);
        b.fragile([&] { dirty = {}; });
        b.fragile([&] { BOOST_TEST(!b.pool().try_checkout(sweep::a_while)); });
        b.fragile([&] { b.destroy(); });
        b.fragile([&] { out = {}; });
    });
}

BOOST_AUTO_TEST_CASE(destroyed_with_something_idle) {
    sweep_one("destroyed with something idle", of_two, [](Bench& b) {
        b.build();
        { const auto one = b.lease(), two = b.lease(); }
        b.fragile([&] { b.destroy(); });
    });
}

BOOST_AUTO_TEST_CASE(looking_in) {
    sweep_one("looking in", of_two, [](Bench& b) {
        b.build();
        const auto out = b.lease();
        static_cast<void>(b.lease());
        b.fragile([&] { static_cast<void>(b.pool().stats()); });
        b.fragile([&] { static_cast<void>(b.pool().inspect()); });
        b.fragile([&] { static_cast<void>(b.pool().describe()); });
    });
}

BOOST_AUTO_TEST_CASE(ready_or_why_not) {
    sweep_one("ready or why not", of_one, [](Bench& b) {
        b.build();
        b.fragile([&] {
            const auto r = b.pool().wait_ready(sweep::a_while);
            if (!r && std::string{r.error().what()}.empty()) b.world().wrong.fetch_add(1);
        });
    });
}

BOOST_AUTO_TEST_SUITE_END()
