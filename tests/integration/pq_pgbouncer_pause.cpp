// SPDX-License-Identifier: BSL-1.0
// PAUSE and RESUME of the packaged PgBouncer under a pool: it is silent, deadlines hold, nothing is lost.
#include <optional>
#include <string>
#include <thread>

#include "pgbouncer_support.hpp"

using namespace pq_test;
using dewpond::CloseReason;
using dewpond::Code;
namespace ut = boost::unit_test;

namespace {

/// PgBouncer has been logged in to the server, and nobody holds a session: a PAUSE is complete at once then.
void pause(Console& console, const Mode& mode) {
    {
        Db warm{mode.driver(), {.max_size = 1, .min_idle = 0}};
        BOOST_TEST_REQUIRE(backend(warm)[0] != '(');
    }
    console.settle();
    console.say("PAUSE", mode);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pq_pgbouncer_pause, *ut::timeout(120))

BOOST_AUTO_TEST_CASE(a_pause_under_load_loses_nothing_in_transaction_mode) {
    Db db{transaction_mode.driver(), {.name = "paused", .max_size = 8}};
    Console console;
    Load load{db, 8};
    Admin admin;
    BOOST_TEST(soon([&] { return load.served > 200 && sessions(admin, "paused") == std::to_string(server_side); }));
    console.settle();
    console.say("PAUSE transaction");  // answers when the last transaction has ended
    const long at_pause = load.served;
    const Stopwatch watch;
    BOOST_TEST(soon([&] { return watch.ms() > 500; }));
    BOOST_TEST(load.served <= at_pause + 8);  // answers that were on their way
    console.say("RESUME transaction");
    BOOST_TEST(soon([&] { return load.served > at_pause + 200; }));
    load.end();
    BOOST_TEST(load.lost == 0);
    BOOST_TEST(db.stats().opened <= 8u);
    BOOST_TEST(db.stats().closed_because(CloseReason::check_failed) == 0u);
}

BOOST_AUTO_TEST_CASE(a_checkout_that_pings_during_a_pause_meets_its_deadline_and_goes_on_after_it) {
    dewpond::Pool db{transaction_mode.driver(), {.max_size = 1, .min_idle = 0}, dewpond::PingAlways{}};
    BOOST_TEST_REQUIRE(db.try_checkout(10s).has_value());
    Console console;
    console.settle();
    console.say("PAUSE transaction");
    const Stopwatch watch;
    const bool served = db.try_checkout(300ms).has_value();
    BOOST_TEST(!served);
    BOOST_TEST(watch.ms() < 300 + at_once_ms);
    console.say("RESUME transaction");
    BOOST_TEST(db.try_checkout(10s).has_value());
    BOOST_TEST(db.stats().closed_because(CloseReason::check_failed) >= 1u);  // what the ping had waited for
}

BOOST_AUTO_TEST_CASE(in_session_mode_a_pause_waits_for_the_pool_and_the_pool_goes_on) {
    Db db{session_mode.driver(), {.name = "paused-session", .max_size = 2}};
    Console console, second;
    Admin admin;
    Load load{db, 2};
    BOOST_TEST(soon([&] { return load.served > 200 && sessions(admin, "paused-session") == "2"; }));
    console.settle();
    console.begin("PAUSE session");
    const long before = load.served;
    BOOST_TEST(soon([&] { return load.served > before + 500; }));
    BOOST_TEST(!console.answered());
    second.say("RESUME session");
    load.end();
    BOOST_TEST(load.lost == 0);
}

BOOST_AUTO_TEST_CASE(in_session_mode_a_renewal_lets_the_pause_begin_and_nothing_is_lost) {
    Db db{session_mode.driver(), {.name = "renewed-session", .max_size = 2}};
    Console console, second;
    Admin admin;
    Load load{db, 2};
    BOOST_TEST(soon([&] { return load.served > 200 && sessions(admin, "renewed-session") == "2"; }));
    console.settle();
    console.begin("PAUSE session");
    db.renew();
    BOOST_TEST(soon([&] { return console.answered(); }));
    const long at_pause = load.served;
    const Stopwatch watch;
    BOOST_TEST(soon([&] { return watch.ms() > 300; }));
    BOOST_TEST(load.served <= at_pause + 2);  // answers that were on their way
    second.say("RESUME session");
    BOOST_TEST(soon([&] { return load.served > at_pause + 200; }));
    load.end();
    BOOST_TEST(load.lost == 0);
    BOOST_TEST(db.stats().closed_because(CloseReason::check_failed) == 0u);
}

BOOST_AUTO_TEST_CASE(while_it_is_paused_those_who_wait_end_by_their_deadline_and_what_was_asked_is_answered_after_it) {
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Console console;
            pause(console, mode);
            Db db{mode.driver(), {.max_size = 2, .min_idle = 0}};
            std::string answers[2];
            std::thread askers[2];
            std::atomic<int> out{0};
            for (int i = 0; i < 2; ++i) {
                askers[i] = std::thread{[&, i] {
                    const auto lease = db.try_checkout(10s);
                    ++out;
                    if (lease) answers[i] = value(**lease, ("select " + std::to_string(i)).c_str());
                }};
            }
            const bool both_out = soon([&] { return out == 2; });
            std::optional<Code> why;
            const long late = overrun_ms(50, [&](auto limit) {
                if (const auto third = db.try_checkout(limit); !third) why = third.error().code();
            });
            console.say("RESUME", mode);
            for (std::thread& t : askers) t.join();
            BOOST_TEST(both_out);
            BOOST_TEST((why == Code::timed_out));
            BOOST_TEST(late < few_ms);
            for (int i = 0; i < 2; ++i) BOOST_TEST(answers[i] == std::to_string(i));
            BOOST_TEST(db.stats().opened == 2u);
            BOOST_TEST(db.stats().closed_because(CloseReason::check_failed) == 0u);
        }
    }
}

// What nobody has logged in to yet cannot be told from a server that hangs.
BOOST_AUTO_TEST_CASE(a_pool_that_begins_during_a_pause_meets_its_deadlines_and_begins_after_it) {
    Admin admin;
    admin.ask("create role pilot login");
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Console console;
            console.settle();
            console.say("PAUSE", mode);
            Db db{PqDriver{mode.conninfo() + " user=pilot", {.pooler = mode.pooler}}, {.max_size = 2, .min_idle = 0}};
            int served = 0;
            const long late = overrun_ms(50, [&](auto limit) { served += db.try_checkout(limit).has_value() ? 1 : 0; });
            console.say("RESUME", mode);
            BOOST_TEST(served == 0);
            BOOST_TEST(late < few_ms);
            const auto lease = db.try_checkout(10s);
            BOOST_TEST_REQUIRE(lease.has_value(), (lease ? "" : lease.error().what()));
            BOOST_TEST(value(**lease, "select 1") == "1");
        }
    }
}

// It cannot be cancelled: PgBouncer takes the request for one that meets an idle client.
BOOST_AUTO_TEST_CASE(a_lease_returned_while_its_statement_waits_costs_nobody_more_than_his_limits) {
    Admin admin;
    admin.ask("create table waited (mode text)");
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Console console;
            pause(console, mode);
            Db db{mode.driver(), {.max_size = 1, .min_idle = 0, .reset_timeout = 300ms}};
            auto lease = db.checkout(10s);
            BOOST_TEST_REQUIRE(PQsendQuery(*lease, ("insert into waited values ('" + mode.name + "')").c_str()) == 1);
            const Stopwatch watch;
            lease.give_back();
            BOOST_TEST(watch.ms() < at_once_ms);
            BOOST_TEST(soon([&] { return db.stats().closed_because(CloseReason::reset_failed) == 1u; }));
            console.say("RESUME", mode);
            lease = db.checkout(10s);
            BOOST_TEST(value(*lease, "select 1") == "1");
            BOOST_TEST(admin.ask("select count(*) from waited") == "0");  // it waited behind nobody, and we had hung up
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
