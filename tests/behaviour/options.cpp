// SPDX-License-Identifier: BSL-1.0
// Options: the defaults, and what is refused before anything is opened or started.
#include <string>

#include "kit/bench.hpp"

using namespace behaviour;
using dewpond::Options;

namespace {

/// The sentence with which the pool is refused, empty if it is not.
std::string refusal(Options o) {
    const Script script;
    Setting s;
    s.options = std::move(o);
    try {
        (void)config("plain").make(script, s);
    } catch (const PoolError& e) {
        BOOST_CHECK(e.code() == Code::bad_option);
        BOOST_TEST(script.count(Hook::open) == 0u);
        return e.what();
    }
    return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(options)

BOOST_AUTO_TEST_CASE(the_defaults_are_those_of_the_table) {
    const Options o;
    BOOST_TEST(o.max_size == 10u);
    BOOST_TEST(!o.min_idle.has_value());
    BOOST_CHECK(o.checkout_timeout == Duration{10s});
    BOOST_TEST(o.max_waiting == 10'000u);
    BOOST_CHECK(o.open_timeout == Duration{5s});
    BOOST_TEST(o.opens_at_once == 2u);
    BOOST_CHECK(o.backoff_min == Duration{100ms});
    BOOST_CHECK(o.backoff_max_waiting == Duration{1s});
    BOOST_CHECK(o.backoff_max == Duration{5s});
    BOOST_CHECK(o.outage_grace == Duration{3s});
    BOOST_CHECK(o.reset_timeout == Duration{1s});
    BOOST_CHECK(o.return_budget == Duration{20ms});
    BOOST_TEST(o.keeper_thread);
    const dewpond::Lifetime life;
    BOOST_CHECK(life.max_idle == Duration{300s});
    BOOST_CHECK(life.max_lifetime == Duration{1800s});
    BOOST_TEST(life.jitter == 10u);
    BOOST_TEST(refusal(o).empty());
}

BOOST_AUTO_TEST_CASE(a_bad_value_is_refused_with_name_value_and_range) {
    struct Row {
        Options options;
        const char* sentence;
    };
    const Row rows[] = {
        {{.max_size = 0}, "max_size is 0: it must be 1 to 65535"},
        {{.max_size = 65'536}, "max_size is 65536"},
        {{.max_size = 3, .min_idle = 4}, "min_idle is 4: it must be 0 to 3"},
        {{.checkout_timeout = 0s}, "checkout_timeout is 0 ns"},
        {{.checkout_timeout = -1s}, "checkout_timeout is -1 s"},
        {{.checkout_timeout = dewpond::never}, "checkout_timeout is never"},
        {{.max_waiting = 65'536}, "max_waiting is 65536: it must be 0 to 65535"},
        {{.open_timeout = 0s}, "open_timeout is 0 ns"},
        {{.opens_at_once = 0}, "opens_at_once is 0: it must be 1 to 16"},
        {{.opens_at_once = 17}, "opens_at_once is 17"},
        {{.backoff_min = 0s}, "backoff_min is 0 ns"},
        {{.backoff_min = 2s}, "backoff_max_waiting is 1 s: it must be at least backoff_min (2 s)"},
        {{.backoff_max_waiting = 6s}, "backoff_max is 5 s: it must be at least backoff_max_waiting (6 s)"},
        {{.outage_grace = -1s}, "outage_grace is -1 s"},
        {{.reset_timeout = 0s}, "reset_timeout is 0 ns"},
        {{.return_budget = -1ms}, "return_budget is -1 ms"},
        {{.return_budget = dewpond::never}, "return_budget is never"},
        {{.name = ""}, "name has 0 characters"},
        {{.name = std::string(65, 'x')}, "name has 65 characters"},
        {{.name = "a b"}, "name 'a b' has a character other than"},
    };
    for (const Row& row : rows) BOOST_TEST(holds(refusal(row.options), row.sentence), row.sentence << ", but: " << refusal(row.options));
}

BOOST_AUTO_TEST_CASE(the_ends_of_the_ranges_are_fine) {
    BOOST_TEST(refusal({.max_size = 1, .min_idle = 1}).empty());
    BOOST_TEST(refusal({.max_waiting = 0}).empty());
    BOOST_TEST(refusal({.opens_at_once = 16}).empty());
    BOOST_TEST(refusal({.outage_grace = 0s}).empty());
    BOOST_TEST(refusal({.outage_grace = dewpond::never}).empty());
    BOOST_TEST(refusal({.return_budget = 0s}).empty());
    BOOST_TEST(refusal({.name = std::string(64, 'x')}).empty());
    BOOST_TEST(refusal({.name = "aZ09_-.:"}).empty());
}

BOOST_AUTO_TEST_CASE(a_policy_refuses_a_value_that_cannot_work) {
    const auto code = [](const char* name, const std::function<void(Setting&)>& set) {
        Setting s;
        set(s);
        return code_of([&] { (void)config(name).make(Script{}, s); });
    };
    BOOST_CHECK(code("keeper", [](Setting& s) { s.rested = 0s; }) == Code::bad_option);
    try {
        Setting s;
        s.rested = dewpond::never;
        (void)config("keeper").make(Script{}, s);
        BOOST_ERROR("it was accepted");
    } catch (const PoolError& e) {
        BOOST_TEST(holds(e.what(), "rested is never"));
    }
}

BOOST_AUTO_TEST_CASE(with_an_outage_grace_of_never_a_pool_is_never_down, *boost::unit_test::timeout(20)) {
    Bench b{"plain", Options{.outage_grace = dewpond::never}};
    Pond& pool = b.start(1);
    b.script.on(Hook::open, {fail()});
    Borrower waiter{pool, Limit{dewpond::never}};
    b.quiesce(1);
    for (int i = 0; i < 100; ++i) {
        b.clock.advance(1h);
        b.quiesce(1);
    }
    BOOST_TEST(!pool.stats().down);
    BOOST_TEST(pool.stats().waiting == 1u);
    pool.close(0ms);
    BOOST_CHECK(waiter.code() == Code::closed);
}

BOOST_AUTO_TEST_SUITE_END()
