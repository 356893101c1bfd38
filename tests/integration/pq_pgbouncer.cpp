// SPDX-License-Identifier: BSL-1.0
// The pool behind the packaged PgBouncer, with default policies: what works in either mode, and what does not.
#include <string>
#include <vector>

#include "pgbouncer_support.hpp"
#include <dewpond/preflight.hpp>

using namespace pq_test;
using dewpond::CloseReason;
using dewpond::PoolError;
namespace ut = boost::unit_test;

namespace {

/// The answer of a prepared statement, or its SQLSTATE.
std::string executed(PGconn* c, const std::string& name) {
    const dewpond::PqResult a{PQexecPrepared(c, name.c_str(), 0, nullptr, nullptr, nullptr, 0)};
    return PQresultStatus(a.get()) == PGRES_TUPLES_OK ? PQgetvalue(a.get(), 0, 0) : PQresultErrorField(a.get(), PG_DIAG_SQLSTATE);
}
std::string told(PGconn* c, const char* parameter) {
    const char* is = PQparameterStatus(c, parameter);
    return is != nullptr ? is : "";
}
int notified(PGconn* c) {
    PQconsumeInput(c);
    int n = 0;
    for (; PGnotify* one = PQnotifies(c); ++n) PQfreemem(one);
    return n;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pq_pgbouncer, *ut::timeout(120))

BOOST_AUTO_TEST_CASE(queries_are_answered_and_nothing_is_taken_for_dead) {
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            // In session mode each of our connections takes one of PgBouncer's.
            const std::size_t size = mode.session() ? server_side : 12;
            Db db{mode.driver(), {.name = "load-" + mode.name, .max_size = size}};
            Admin admin;
            Load load{db, 16};
            BOOST_TEST(soon([&] { return load.served > 2'000; }));
            BOOST_TEST(std::stoi(sessions(admin, "load-" + mode.name)) <= server_side);
            load.end();
            BOOST_TEST(load.lost == 0);
            BOOST_TEST(db.stats().opened <= size);
            BOOST_TEST(db.stats().closed_because(CloseReason::check_failed) == 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_transaction_left_open_is_rolled_back_on_return) {
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Db db{mode.driver(), {.name = "left-" + mode.name, .max_size = 2}};
            Admin admin;
            for (const char* sql : {"begin", "begin; select 1/0"}) {
                auto lease = db.checkout(10s);
                run(*lease, sql);
                BOOST_TEST((lease.give_back() == dewpond::ReturnReport::reset));
                BOOST_TEST(sessions(admin, "left-" + mode.name, "and state like 'idle in transaction%'") == "0");
            }
            const auto next = db.checkout(10s);
            BOOST_TEST(value(*next, "select 1") == "1");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_statement_that_runs_is_cancelled_through_it_when_the_pool_closes) {
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Db db{mode.driver(), {.name = "runs-" + mode.name, .max_size = 2, .min_idle = 0}};
            Admin admin;
            const auto lease = db.checkout(10s);
            BOOST_TEST_REQUIRE(PQsendQuery(*lease, "select pg_sleep(60)") == 1);
            const std::string running = "and state='active' and query='select pg_sleep(60)'";
            BOOST_TEST_REQUIRE(soon([&] { return sessions(admin, "runs-" + mode.name, running) == "1"; }));
            BOOST_TEST(db.close(0s) == 1u);
            BOOST_TEST(soon([&] { return sessions(admin, "runs-" + mode.name, running) == "0"; }));
            const dewpond::detail::PqResult r{PQgetResult(*lease)};
            BOOST_TEST(PQresultErrorField(r.get(), PG_DIAG_SQLSTATE) == std::string{"57014"});
        }
    }
}

BOOST_AUTO_TEST_CASE(a_statement_that_runs_at_the_return_is_cancelled_through_it) {
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Db db{mode.driver(), {.name = "left-running-" + mode.name, .max_size = 1, .min_idle = 0}};
            Admin admin;
            auto lease = db.checkout(10s);
            BOOST_TEST_REQUIRE(PQsendQuery(*lease, "select pg_sleep(60)") == 1);
            const std::string running = "and state='active' and query='select pg_sleep(60)'";
            BOOST_TEST_REQUIRE(soon([&] { return sessions(admin, "left-running-" + mode.name, running) == "1"; }));
            const Stopwatch watch;
            lease.give_back();
            BOOST_TEST(watch.ms() < at_once_ms);
            lease = db.checkout(10s);
            BOOST_TEST(value(*lease, "select 1") == "1");
            BOOST_TEST(sessions(admin, "left-running-" + mode.name, running) == "0");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_backend_killed_while_idle_costs_nobody_a_query_once_it_is_known) {
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Db db{mode.driver(), {.max_size = 1, .min_idle = 0}};
            Admin admin;
            Console console;
            for (int round = 0; round < 10; ++round) {
                const std::string pid = backend(db);
                admin.terminate(pid);
                BOOST_TEST_REQUIRE(soon([&] { return !console.has_server(pid); }));  // and so it has told us
                const std::string now = backend(db);
                BOOST_TEST_REQUIRE(now[0] != '(', now);
                BOOST_TEST_REQUIRE(now != pid);
            }
            // A session is ours; in transaction mode nobody of us was linked to what died.
            BOOST_TEST(db.stats().closed_because(CloseReason::check_failed) == (mode.session() ? 10u : 0u));
        }
    }
}

// What a session remembers belongs, in transaction mode, to whoever comes next.
BOOST_AUTO_TEST_CASE(a_setting_of_one_borrower_reaches_another_in_transaction_mode_only) {
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Db db{mode.driver(), {.max_size = 2, .min_idle = 0}};
            const auto one = db.checkout(10s), other = db.checkout(10s);
            BOOST_TEST(value(*other, "select 1") == "1", PQerrorMessage(*other));
            BOOST_TEST(run(*one, "set work_mem = '123kB'") == PGRES_COMMAND_OK);
            BOOST_TEST(value(*other, "show work_mem") == (mode.session() ? "4MB" : "123kB"));
            run(*one, "reset work_mem");
            // A prepared statement is there for whoever meets the session that has it.
            BOOST_TEST(run(*one, "prepare mine as select 1") == PGRES_COMMAND_OK);
            BOOST_TEST(run(*other, "prepare mine as select 1") == (mode.session() ? PGRES_COMMAND_OK : PGRES_FATAL_ERROR));
            run(*one, "deallocate all");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_notification_goes_to_whoever_is_there_in_transaction_mode) {
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Db db{mode.driver(), {.max_size = 2, .min_idle = 0}};
            Admin admin;
            const auto one = db.checkout(10s), other = db.checkout(10s);
            BOOST_TEST(value(*other, "select 1") == "1");
            BOOST_TEST(run(*one, "listen news") == PGRES_COMMAND_OK);
            int here = 0, there = 0;
            BOOST_TEST(soon([&] {
                admin.ask("notify news");
                run(*other, "select pg_sleep(0.001)");
                here += notified(*one), there += notified(*other);
                return here + there > 0;
            }));
            BOOST_TEST((here > 0) == mode.session());
            BOOST_TEST((there > 0) == !mode.session());
            run(*one, "unlisten *");
        }
    }
}

// What PqPooler::transaction keeps from happening: a borrower gets the rows of another's statement.
BOOST_AUTO_TEST_CASE(without_the_option_a_prepared_statement_is_another_s_in_transaction_mode) {
    using dewpond::PqStatements;
    const bool kept = Console{}.keeps_statements();
    for (const PqStatements how : {PqStatements::cache, PqStatements::unnamed}) {
        Db db{PqDriver{transaction_mode.conninfo(), {.statements = how}}, {.max_size = 2, .min_idle = 0}};
        const auto one = db.checkout(10s), other = db.checkout(10s);
        const auto both = [&](const char* sql) {
            for (const auto* lease : {&one, &other}) BOOST_TEST_REQUIRE(run(**lease, sql) == PGRES_COMMAND_OK);
        };
        const auto prepared = [](const auto& lease, const char* sql) {
            const char* const name = lease->prepared(sql);
            BOOST_TEST_REQUIRE(name != nullptr);
            return std::string{name};
        };
        // Transactions at the same time are in two sessions: there each has a first statement of the same name. The
        // session that came back last is given out first.
        const bool named = how == PqStatements::cache;
        if (named) both("begin");
        const std::string mine = prepared(one, "select 'mine'"), another = prepared(other, "select 'another'");
        if (named) both("commit");
        BOOST_TEST(executed(*one, mine) == (named && kept ? "mine" : "another"));
        if (!named) continue;
        both("begin");
        both("deallocate all");
        both("commit");
    }
}

BOOST_AUTO_TEST_CASE(with_it_a_statement_is_prepared_within_a_transaction_and_refused_outside) {
    Db db{transaction_mode.driver(), {.max_size = 2, .min_idle = 0}};
    {
        auto one = db.checkout(10s), other = db.checkout(10s);
        const auto refused = [](const PoolError& e) {
            return e.code() == dewpond::Code::bad_option && std::string{e.what()}.starts_with("prepared() outside a transaction: ");
        };
        BOOST_CHECK_EXCEPTION((void)one->prepared("select 'mine'"), PoolError, refused);
        for (int round = 0; round < 20; ++round) {
            for (const auto* lease : {&one, &other}) run(**lease, "begin");
            const char* const mine = one->prepared("select 'mine'");
            const char* const another = other->prepared("select 'another'");
            BOOST_TEST_REQUIRE((mine != nullptr && another != nullptr));
            BOOST_TEST(executed(*one, mine) == "mine");
            BOOST_TEST(executed(*other, another) == "another");
            run(*one, "commit"), run(*other, "commit");
            BOOST_CHECK_EXCEPTION((void)one->prepared("select 'mine'"), PoolError, refused);
            // Parameters need no name.
            BOOST_TEST(value(*other, "select 1") == "1");
            const dewpond::PqResult r = exec(one, "select $1::int + 1", round);
            BOOST_TEST_REQUIRE(PQntuples(r.get()) == 1);
            BOOST_TEST(PQgetvalue(r.get(), 0, 0) == std::to_string(round + 1));
        }
        // For the next statement: a PQexec ends the unnamed one.
        run(*one, "begin");
        const std::string dropped = one->prepared("select 'mine'");
        BOOST_TEST(value(*one, "select 1") == "1");
        BOOST_TEST(executed(*one, dropped) == "26000");
        run(*one, "rollback");
        run(*one, "begin; select 1/0");
        BOOST_TEST(one->prepared("select 'mine'") == nullptr);
        BOOST_TEST(std::string{PQerrorMessage(*one)}.find("aborted") != std::string::npos);
        run(*one, "rollback");
        // A query under way proves no transaction, and is not disturbed.
        BOOST_TEST_REQUIRE(PQsendQuery(*one, "select 7") == 1);
        BOOST_CHECK_EXCEPTION((void)one->prepared("select 'mine'"), PoolError, refused);
        const dewpond::PqResult seven{PQgetResult(*one)};
        BOOST_TEST(PQgetvalue(seven.get(), 0, 0) == std::string{"7"});
        while (dewpond::PqResult{PQgetResult(*one)}) {
        }
    }
    BOOST_TEST(db.stats().opened == 2u);
    BOOST_TEST(db.stats().dirty_returns == 0u);
}

BOOST_AUTO_TEST_CASE(in_session_mode_statements_and_resets_are_as_without_it) {
    dewpond::Pool db{PqDriver{session_mode.conninfo(), {.reset_sql = "select 1", .pooler = PqPooler::session}}, {.max_size = 1, .min_idle = 0}};
    std::string first;
    for (int round = 0; round < 3; ++round) {
        const auto lease = db.checkout(10s);
        const char* const name = lease->prepared("select 41 + 1");
        BOOST_TEST_REQUIRE(name != nullptr);
        if (round == 0) first = name;
        BOOST_TEST(name == first);
        BOOST_TEST(executed(*lease, name) == "42");
        BOOST_TEST(value(*lease, "select count(*) from pg_prepared_statements") == "1");
        run(*lease, "begin");
    }
    BOOST_TEST(db.stats().dirty_returns == 3u);
    dewpond::Pool thorough{PqDriver{session_mode.conninfo(), {.reset = PqReset::session, .pooler = PqPooler::session}},
                           {.max_size = 1, .min_idle = 0}, dewpond::ResetAlways{}};
    {
        const auto setter = thorough.checkout(10s);
        run(*setter, "set work_mem = '123kB'");
    }
    const auto lease = thorough.checkout(10s);
    BOOST_TEST(value(*lease, "show work_mem") == "4MB");
    BOOST_TEST(thorough.stats().opened == 1u);
}

// pgbouncer/pgbouncer#859. A promotion was seen to do the same: a pool that requires a primary would stay down.
BOOST_AUTO_TEST_CASE(a_newcomer_is_told_the_old_role_so_none_can_be_required) {
    constexpr const char *parameter = "default_transaction_read_only", *show = "show default_transaction_read_only";
    Admin admin;
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            const auto becomes = [&](PGconn* c, const char* how, const std::string& is) {
                admin.ask(std::string{"alter system "} + how);
                admin.ask("select pg_reload_conf()");
                BOOST_TEST_REQUIRE(soon([&] { return value(c, show) == is; }));
            };
            {
                Db old{mode.driver(), {.max_size = 1, .min_idle = 0}};
                const auto lease = old.checkout(10s);
                BOOST_TEST(value(*lease, show) == "off");
                becomes(*lease, "set default_transaction_read_only = on", "on");
                BOOST_TEST(told(*lease, parameter) == "on");  // whoever meets it hears of it
            }
            {
                PqDriver insists{mode.conninfo(), {.require = dewpond::PqRole::primary}};
                const PqConnection c = opened(insists);
                BOOST_TEST(told(c, parameter) == "off");  // and so it was let in
                BOOST_TEST(value(c, show) == "on");
            }
            Db later{mode.driver(), {.max_size = 1, .min_idle = 0}};
            const auto lease = later.checkout(10s);
            becomes(*lease, "reset default_transaction_read_only", "off");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_connection_is_told_by_the_pooler_s_number) {
    for (const Mode& mode : modes) {
        PqDriver driver = mode.driver();
        PqConnection c = opened(driver);
        BOOST_TEST(driver.label(c) == std::to_string(PQbackendPID(c)) + " (the pooler's number)");
        BOOST_TEST(value(c, "select pg_backend_pid()") != std::to_string(PQbackendPID(c)));
    }
}

BOOST_AUTO_TEST_CASE(options_in_the_connection_string_are_refused_and_the_error_says_by_whom) {
    Db db{PqDriver{session_mode.conninfo() + " options='-c work_mem=1MB'"}, {.min_idle = 0}};
    const auto lease = db.try_checkout(300ms);
    BOOST_TEST_REQUIRE(!lease.has_value());
    BOOST_TEST(std::string{lease.error().what()}.find("SQLSTATE 08P01") != std::string::npos, lease.error().what());
}

BOOST_AUTO_TEST_CASE(a_preflight_recognises_it_and_its_mode) {
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Db db{mode.driver(), {.name = "preflight-" + mode.name, .max_size = 2, .min_idle = 0}};
            Admin admin;
            const auto r = dewpond::preflight(db, {.replicas = 50});
            BOOST_TEST_REQUIRE(r.find("pooler") != nullptr, r.text());
            BOOST_TEST(r.find("pooler")->fact.find(mode.name + " mode") != std::string::npos, r.text());
            BOOST_TEST((r.find("connections")->verdict == dewpond::PreflightVerdict::ok), r.text());
            BOOST_TEST(r.find("connections")->fact.starts_with("50 processes x 2 = 100 clients of a pooler"), r.text());
            BOOST_TEST((r.find("pooler")->verdict == dewpond::PreflightVerdict::ok), r.text());
            BOOST_TEST(sessions(admin, "preflight-" + mode.name, "and state<>'idle'") == "0");
            BOOST_TEST(db.stats().dirty_returns == 0u);

            Db one{mode.driver(), {.max_size = 1, .min_idle = 0}};
            { const auto warm = one.checkout(10s); }
            const auto narrow = dewpond::preflight(one, {.limit = 300ms});
            BOOST_TEST_REQUIRE(narrow.find("pooler") != nullptr, narrow.text());
            BOOST_TEST(narrow.find("pooler")->fact.find("could not be seen") != std::string::npos, narrow.text());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_preflight_tells_a_wrong_option_also_under_load) {
    using dewpond::PreflightVerdict;
    for (const Mode& mode : modes) {
        BOOST_TEST_CONTEXT(mode.name) {
            Db busy{mode.driver(), {.max_size = 2}};
            Load load{busy, mode.session() ? 2 : 6};
            BOOST_TEST(soon([&] { return load.served > 100; }));
            for (const PqPooler said : {PqPooler::none, PqPooler::session, PqPooler::transaction}) {
                Db db{PqDriver{mode.conninfo(), {.pooler = said}}, {.max_size = 2, .min_idle = 0}};
                const auto r = dewpond::preflight(db);
                BOOST_TEST_REQUIRE(r.find("pooler") != nullptr, r.text());
                const auto verdict = said == mode.pooler ? PreflightVerdict::ok : mode.session() ? PreflightVerdict::warn : PreflightVerdict::fail;
                BOOST_TEST((r.find("pooler")->verdict == verdict), r.text());
                BOOST_TEST(r.find("pooler")->remedy.starts_with("PqOptions::pooler = PqPooler::" + mode.name) == (said != mode.pooler), r.text());
            }
            load.end();
            BOOST_TEST(load.lost == 0);
        }
    }
}

// The one that has waited longest comes first: no two statements in a row are in one session.
BOOST_AUTO_TEST_CASE(a_preflight_sees_the_mode_when_sessions_take_turns) {
    Console console;
    console.say("SET server_round_robin = 1");
    Db db{transaction_mode.driver(), {.max_size = 3, .min_idle = 0}};
    {
        const auto one = db.checkout(10s), two = db.checkout(10s), three = db.checkout(10s);
        for (const auto* lease : {&one, &two, &three}) BOOST_TEST(run(**lease, "begin") == PGRES_COMMAND_OK);
        for (const auto* lease : {&one, &two, &three}) BOOST_TEST(run(**lease, "commit") == PGRES_COMMAND_OK);
    }
    const auto r = dewpond::preflight(db);
    console.say("SET server_round_robin = 0");
    BOOST_TEST_REQUIRE(r.find("pooler") != nullptr, r.text());
    BOOST_TEST(r.find("pooler")->fact.find("transaction mode") != std::string::npos, r.text());
}

BOOST_AUTO_TEST_CASE(a_preflight_of_its_console_is_one_failure_and_no_guess) {
    Db db{PqDriver{env("DEWPOND_BOUNCER_ADMIN")}, {.min_idle = 0}};
    const auto r = dewpond::preflight(db, {.limit = 5s});
    BOOST_TEST_REQUIRE(!r.lines.empty());
    BOOST_TEST((r.lines.front().verdict == dewpond::PreflightVerdict::fail), r.text());
    BOOST_TEST(r.lines.front().fact.find("does not tell its settings") != std::string::npos, r.text());
}

BOOST_AUTO_TEST_SUITE_END()
