// SPDX-License-Identifier: BSL-1.0
// The pool behind the packaged PgBouncer, with default policies: what works in either mode, and what does not.
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "pq_driver_support.hpp"
#include <dewpond/pool.hpp>
#include <dewpond/preflight.hpp>

using namespace pq_test;
using Db = dewpond::Pool<PqDriver>;
using dewpond::CloseReason;
namespace ut = boost::unit_test;

namespace {

const std::vector<std::string> modes{"session", "transaction"};
std::string through(const std::string& mode) {
    return env(mode == "session" ? "DEWPOND_BOUNCER_SESSION" : "DEWPOND_BOUNCER_TRANSACTION");
}
constexpr int server_side = 4;  // connections that PgBouncer makes for each

/// PgBouncer's console.
class Console {
public:
    Console() : conn_{PQconnectdb(env("DEWPOND_BOUNCER_ADMIN").c_str()), &PQfinish} {
        BOOST_TEST_REQUIRE(PQstatus(conn_.get()) == CONNECTION_OK);
    }
    void say(const char* command) { BOOST_TEST_REQUIRE(run(conn_.get(), command) == PGRES_COMMAND_OK, command); }
    /// Without waiting for it.
    void begin(const char* command) { BOOST_TEST_REQUIRE(PQsendQuery(conn_.get(), command) == 1); }
    [[nodiscard]] bool has_server(const std::string& pid) {
        return shows("SHOW SERVERS", "remote_pid", [&](const char* value) { return pid == value; });
    }
    /// A PAUSE that meets PgBouncer at its own login counts as a failed login, and it refuses clients for
    /// server_login_retry (15 s): so not before it is through.
    void settle() {
        BOOST_TEST_REQUIRE(soon([&] { return !shows("SHOW POOLS", "sv_login", [](const char* n) { return *n != '0'; }); }));
    }
    [[nodiscard]] bool answered() {
        PQconsumeInput(conn_.get());
        return PQisBusy(conn_.get()) == 0;
    }

private:
    template <class Is>
    bool shows(const char* command, const char* name, Is&& is) {
        const dewpond::detail::PqResult r{PQexec(conn_.get(), command)};
        const int column = PQfnumber(r.get(), name);
        BOOST_TEST_REQUIRE(column >= 0, command);
        for (int row = 0; row < PQntuples(r.get()); ++row) {
            if (is(PQgetvalue(r.get(), row, column))) return true;
        }
        return false;
    }
    std::unique_ptr<PGconn, decltype(&PQfinish)> conn_;
};

std::string backend(Db& db) {
    const auto lease = db.checkout(10s);
    return value(*lease, "select pg_backend_pid()");
}
std::string sessions(Admin& admin, const std::string& pool, const std::string& and_so = "") {
    return admin.ask("select count(*) from pg_stat_activity where application_name='" + pool + "' " + and_so);
}

/// Threads that ask the server all the time, and count what came of it.
class Load {
public:
    Load(Db& db, int threads) {
        for (int t = 0; t < threads; ++t) {
            threads_.emplace_back([this, &db, t] {
                for (int i = 0; !stop_; ++i) {
                    const auto lease = db.try_checkout(20s);
                    const std::string n = std::to_string(t * 1'000'000 + i);
                    if (lease && value(**lease, ("select " + n).c_str()) == n) ++served;
                    else ++lost;
                }
            });
        }
    }
    Load(const Load&) = delete;
    ~Load() { end(); }
    void end() {
        stop_ = true;
        for (auto& t : threads_) t.join();
        threads_.clear();
    }
    std::atomic<long> served{0}, lost{0};

private:
    std::atomic<bool> stop_{false};
    std::vector<std::thread> threads_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pq_pgbouncer, *ut::timeout(120))

BOOST_AUTO_TEST_CASE(queries_are_answered_and_nothing_is_taken_for_dead) {
    for (const std::string& mode : modes) {
        BOOST_TEST_CONTEXT(mode) {
            // In session mode each of our connections takes one of PgBouncer's.
            const std::size_t size = mode == "session" ? server_side : 12;
            Db db{PqDriver{through(mode)}, {.name = "load-" + mode, .max_size = size}};
            Admin admin;
            Load load{db, 16};
            BOOST_TEST(soon([&] { return load.served > 2'000; }));
            BOOST_TEST(std::stoi(sessions(admin, "load-" + mode)) <= server_side);
            load.end();
            BOOST_TEST(load.lost == 0);
            BOOST_TEST(db.stats().opened <= size);
            BOOST_TEST(db.stats().closed_because(CloseReason::check_failed) == 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_transaction_left_open_is_rolled_back_on_return) {
    for (const std::string& mode : modes) {
        BOOST_TEST_CONTEXT(mode) {
            Db db{PqDriver{through(mode)}, {.name = "left-" + mode, .max_size = 2}};
            Admin admin;
            for (const char* sql : {"begin", "begin; select 1/0"}) {
                auto lease = db.checkout(10s);
                run(*lease, sql);
                BOOST_TEST((lease.give_back() == dewpond::ReturnReport::reset));
                BOOST_TEST(sessions(admin, "left-" + mode, "and state like 'idle in transaction%'") == "0");
            }
            const auto next = db.checkout(10s);
            BOOST_TEST(value(*next, "select 1") == "1");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_statement_that_runs_is_cancelled_through_it_when_the_pool_closes) {
    for (const std::string& mode : modes) {
        BOOST_TEST_CONTEXT(mode) {
            Db db{PqDriver{through(mode)}, {.name = "runs-" + mode, .max_size = 2, .min_idle = 0}};
            Admin admin;
            const auto lease = db.checkout(10s);
            BOOST_TEST_REQUIRE(PQsendQuery(*lease, "select pg_sleep(60)") == 1);
            const std::string running = "and state='active' and query='select pg_sleep(60)'";
            BOOST_TEST_REQUIRE(soon([&] { return sessions(admin, "runs-" + mode, running) == "1"; }));
            BOOST_TEST(db.close(0s) == 1u);
            BOOST_TEST(soon([&] { return sessions(admin, "runs-" + mode, running) == "0"; }));
            const dewpond::detail::PqResult r{PQgetResult(*lease)};
            BOOST_TEST(PQresultErrorField(r.get(), PG_DIAG_SQLSTATE) == std::string{"57014"});
        }
    }
}

BOOST_AUTO_TEST_CASE(a_statement_that_runs_at_the_return_is_cancelled_through_it) {
    for (const std::string& mode : modes) {
        BOOST_TEST_CONTEXT(mode) {
            Db db{PqDriver{through(mode)}, {.name = "left-running-" + mode, .max_size = 1, .min_idle = 0}};
            Admin admin;
            auto lease = db.checkout(10s);
            BOOST_TEST_REQUIRE(PQsendQuery(*lease, "select pg_sleep(60)") == 1);
            const std::string running = "and state='active' and query='select pg_sleep(60)'";
            BOOST_TEST_REQUIRE(soon([&] { return sessions(admin, "left-running-" + mode, running) == "1"; }));
            const Stopwatch watch;
            lease.give_back();
            BOOST_TEST(watch.ms() < at_once_ms);
            lease = db.checkout(10s);
            BOOST_TEST(value(*lease, "select 1") == "1");
            BOOST_TEST(sessions(admin, "left-running-" + mode, running) == "0");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_backend_killed_while_idle_costs_nobody_a_query_once_it_is_known) {
    for (const std::string& mode : modes) {
        BOOST_TEST_CONTEXT(mode) {
            Db db{PqDriver{through(mode)}, {.max_size = 1, .min_idle = 0}};
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
            BOOST_TEST(db.stats().closed_because(CloseReason::check_failed) == (mode == "session" ? 10u : 0u));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_pause_under_load_loses_nothing_in_transaction_mode) {
    Db db{PqDriver{through("transaction")}, {.name = "paused", .max_size = 8}};
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
    dewpond::Pool db{PqDriver{through("transaction")}, {.max_size = 1, .min_idle = 0}, dewpond::PingAlways{}};
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
    Db db{PqDriver{through("session")}, {.name = "paused-session", .max_size = 2}};
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

// What a session remembers belongs, in transaction mode, to whoever comes next.
BOOST_AUTO_TEST_CASE(a_setting_of_one_borrower_reaches_another_in_transaction_mode_only) {
    for (const std::string& mode : modes) {
        BOOST_TEST_CONTEXT(mode) {
            Db db{PqDriver{through(mode)}, {.max_size = 2, .min_idle = 0}};
            const auto one = db.checkout(10s), other = db.checkout(10s);
            BOOST_TEST(value(*other, "select 1") == "1", PQerrorMessage(*other));
            BOOST_TEST(run(*one, "set work_mem = '123kB'") == PGRES_COMMAND_OK);
            BOOST_TEST(value(*other, "show work_mem") == (mode == "session" ? "4MB" : "123kB"));
            run(*one, "reset work_mem");
            // A prepared statement is there for whoever meets the session that has it.
            BOOST_TEST(run(*one, "prepare mine as select 1") == PGRES_COMMAND_OK);
            BOOST_TEST(run(*other, "prepare mine as select 1") == (mode == "session" ? PGRES_COMMAND_OK : PGRES_FATAL_ERROR));
            run(*one, "deallocate all");
        }
    }
}

BOOST_AUTO_TEST_CASE(options_in_the_connection_string_are_refused_and_the_error_says_by_whom) {
    Db db{PqDriver{through("session") + " options='-c work_mem=1MB'"}, {.min_idle = 0}};
    const auto lease = db.try_checkout(300ms);
    BOOST_TEST_REQUIRE(!lease.has_value());
    BOOST_TEST(std::string{lease.error().what()}.find("SQLSTATE 08P01") != std::string::npos, lease.error().what());
}

BOOST_AUTO_TEST_CASE(a_preflight_recognises_it_and_its_mode) {
    for (const std::string& mode : modes) {
        BOOST_TEST_CONTEXT(mode) {
            Db db{PqDriver{through(mode)}, {.name = "preflight-" + mode, .max_size = 2, .min_idle = 0}};
            Admin admin;
            const auto r = dewpond::preflight(db, {.replicas = 50});
            BOOST_TEST_REQUIRE(r.find("pooler") != nullptr, r.text());
            BOOST_TEST(r.find("pooler")->fact.find(mode + " mode") != std::string::npos, r.text());
            BOOST_TEST((r.find("connections")->verdict == dewpond::PreflightVerdict::ok), r.text());
            BOOST_TEST(r.find("connections")->fact.starts_with("50 processes x 2 = 100 clients of a pooler"), r.text());
            BOOST_TEST(sessions(admin, "preflight-" + mode, "and state<>'idle'") == "0");
            BOOST_TEST(db.stats().dirty_returns == 0u);

            Db one{PqDriver{through(mode)}, {.max_size = 1, .min_idle = 0}};
            { const auto warm = one.checkout(10s); }
            const auto narrow = dewpond::preflight(one, {.limit = 300ms});
            BOOST_TEST_REQUIRE(narrow.find("pooler") != nullptr, narrow.text());
            BOOST_TEST(narrow.find("pooler")->fact.find("could not be seen") != std::string::npos, narrow.text());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_preflight_of_its_console_is_one_failure_and_no_guess) {
    Db db{PqDriver{env("DEWPOND_BOUNCER_ADMIN")}, {.min_idle = 0}};
    const auto r = dewpond::preflight(db, {.limit = 5s});
    BOOST_TEST_REQUIRE(!r.lines.empty());
    BOOST_TEST((r.lines.front().verdict == dewpond::PreflightVerdict::fail), r.text());
    BOOST_TEST(r.lines.front().fact.find("does not tell its settings") != std::string::npos, r.text());
}

BOOST_AUTO_TEST_SUITE_END()
