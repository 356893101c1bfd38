// SPDX-License-Identifier: BSL-1.0
// What a borrower may leave behind, and what becomes of the connection: each within a limit of time.
#include <csignal>
#include <fstream>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>

#include "pq_driver_support.hpp"

namespace {

using namespace pq_test;
namespace ut = boost::unit_test;

const char* const many_rows = "select g, repeat('x', 100) from generate_series(1, 3000000) g";

/// Left behind by a borrower: how, whether local memory sees it, and what a reset makes of it.
struct Left {
    const char* name;
    std::function<void(PGconn*)> behind;
    bool dirty;
    ResetResult expected;
    bool cancelled = false;  ///< still under way when it comes back
};

void send(PGconn* c, const char* sql) { BOOST_TEST_REQUIRE(PQsendQuery(c, sql) == 1); }
void send_params(PGconn* c, const char* sql) {
    BOOST_TEST_REQUIRE(PQsendQueryParams(c, sql, 0, nullptr, nullptr, nullptr, nullptr, 0) == 1);
}
void arrived(PGconn* c) { BOOST_TEST_REQUIRE(readable(PQsocket(c))); }

const Left table[] = {
    {"nothing", [](PGconn*) {}, false, ResetResult::clean},
    {"a transaction",
     [](PGconn* c) {
         run(c, "begin");
         run(c, "select 1");
     },
     true, ResetResult::clean},
    {"a failed transaction",
     [](PGconn* c) {
         run(c, "begin");
         run(c, "select 1/0");
     },
     true, ResetResult::clean},
    {"a failed statement", [](PGconn* c) { run(c, "select 1/0"); }, false, ResetResult::clean},
    {"a running statement", [](PGconn* c) { send(c, "select pg_sleep(600)"); }, true, ResetResult::clean, true},
    {"a running statement in a transaction",
     [](PGconn* c) {
         run(c, "begin");
         send(c, "select pg_sleep(600)");
     },
     true, ResetResult::clean, true},
    {"an unread answer",
     [](PGconn* c) {
         send(c, "select 1");
         arrived(c);
     },
     true, ResetResult::clean},
    {"two unread answers in a transaction",
     [](PGconn* c) {
         run(c, "begin");
         send(c, "select 1; select 2");
         arrived(c);
     },
     true, ResetResult::clean},
    {"an unread error in a transaction",
     [](PGconn* c) {
         run(c, "begin");
         send(c, "select 1/0");
         arrived(c);
     },
     true, ResetResult::clean},
    {"a half-read answer, row by row",
     [](PGconn* c) {
         send(c, many_rows);
         PQsetSingleRowMode(c);
         for (int i = 0; i < 3; ++i) PQclear(PQgetResult(c));
     },
     true, ResetResult::clean, true},
    {"COPY in",
     [](PGconn* c) {
         run(c, "create temp table t(x text)");
         run(c, "copy t from stdin");
     },
     true, ResetResult::clean, true},
    {"COPY in with data on the way",
     [](PGconn* c) {
         run(c, "create temp table t(x text)");
         run(c, "copy t from stdin");
         for (int i = 0; i < 1000; ++i) PQputCopyData(c, "0123456789\n", 11);
     },
     true, ResetResult::clean, true},
    {"COPY out", [](PGconn* c) { run(c, "copy (select generate_series(1, 3000000)) to stdout"); }, true,
     ResetResult::clean, true},
    {"COPY out, unread",
     [](PGconn* c) {
         send(c, "copy (select 1) to stdout");
         arrived(c);
     },
     true, ResetResult::clean},
    {"an empty pipeline", [](PGconn* c) { PQenterPipelineMode(c); }, true, ResetResult::clean},
    {"a pipeline with its answers unread",
     [](PGconn* c) {
         PQenterPipelineMode(c);
         send_params(c, "select 1");
         send_params(c, "select 2");
         PQpipelineSync(c);
         arrived(c);
     },
     true, ResetResult::clean},
    {"a pipeline that failed, unread",
     [](PGconn* c) {
         PQenterPipelineMode(c);
         send_params(c, "select 1/0");
         send_params(c, "select 2");
         PQpipelineSync(c);
         arrived(c);
     },
     true, ResetResult::clean},
    {"a pipeline in a transaction",
     [](PGconn* c) {
         PQenterPipelineMode(c);
         send_params(c, "begin");
         PQpipelineSync(c);
         arrived(c);
     },
     true, ResetResult::clean},
    {"a pipeline without its Sync",
     [](PGconn* c) {
         PQenterPipelineMode(c);
         send_params(c, "select 1");
     },
     true, ResetResult::broken},
    {"a pipeline with a running statement",
     [](PGconn* c) {
         PQenterPipelineMode(c);
         send_params(c, "select pg_sleep(600)");
         PQpipelineSync(c);
     },
     true, ResetResult::broken},
    {"non-blocking mode", [](PGconn* c) { PQsetnonblocking(c, 1); }, true, ResetResult::clean},
    {"non-blocking mode and a transaction",
     [](PGconn* c) {
         run(c, "begin");
         PQsetnonblocking(c, 1);
     },
     true, ResetResult::clean},
    {"a notice receiver",
     [](PGconn* c) {
         PQsetNoticeReceiver(
             c, [](void*, const PGresult*) {}, nullptr);
     },
     true, ResetResult::clean},
    {"a verbosity", [](PGconn* c) { PQsetErrorVerbosity(c, PQERRORS_VERBOSE); }, true, ResetResult::clean},
    {"a context visibility", [](PGconn* c) { PQsetErrorContextVisibility(c, PQSHOW_CONTEXT_NEVER); }, true,
     ResetResult::clean},
    {"a reconnected session", [](PGconn* c) { PQreset(c); }, false, ResetResult::clean},
};

/// What the server has to say is wholly on this host: it waits for the client again.
void let_it_arrive(Admin& admin, const std::string& backend) {
    const std::string waits =
        "select count(*) from pg_stat_activity where wait_event = 'ClientRead' and pid = " + backend;
    BOOST_TEST(soon([&] { return admin.ask(waits) == "1"; }));
}

BOOST_AUTO_TEST_SUITE(pq_return)

BOOST_AUTO_TEST_CASE(whatever_was_left_is_made_plain_or_closed_at_once, *ut::timeout(300)) {
    for (const Left& left : table) {
        for (const Way& way : ways()) {
            BOOST_TEST_CONTEXT(left.name << ", " << way.name) {
                Admin admin;
                PqDriver driver{way.conninfo};
                PqConnection c = opened(driver);
                left.behind(c);
                const std::string backend = std::to_string(PQbackendPID(c));
                BOOST_TEST(driver.dirty(c) == left.dirty);
                BOOST_TEST(driver.dirty(c) == left.dirty);  // looking changes nothing
                if (left.expected == ResetResult::clean && !left.cancelled) let_it_arrive(admin, backend);
                Stopwatch watch;
                const ResetResult result = driver.reset(c, in(5s));
                BOOST_TEST(watch.ms() < at_once_ms);
                BOOST_TEST((result == left.expected));
                if (result == ResetResult::clean) {
                    BOOST_TEST(!driver.dirty(c));
                    BOOST_TEST(driver.status_ok(c));
                    BOOST_TEST(driver.probe(c));
                    BOOST_TEST((PQsetErrorVerbosity(c, PQERRORS_DEFAULT) == PQERRORS_DEFAULT));
                    BOOST_TEST(PQisnonblocking(c) == 0);
                    BOOST_TEST(value(c, "select 'as new'") == "as new");
                    BOOST_TEST(admin.state_of(backend) == "idle");
                } else {
                    BOOST_TEST((driver.last_fault(c).fault() == Fault::broken));
                    BOOST_TEST(!driver.last_fault(c).text().empty());
                }
                watch = {};
                driver.close(c);
                BOOST_TEST(watch.ms() < at_once_ms);
                BOOST_TEST(soon([&] { return admin.gone(backend); }));  // also what ran on it
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_running_statement_does_not_outlive_its_connection, *ut::timeout(60)) {
    // Without the cancel the server would go on with it for ten minutes.
    const struct {
        bool with_reset, reconnected;
    } cases[] = {{true, false}, {false, false}, {false, true}};
    for (const auto [with_reset, reconnected] : cases) {
        Admin admin;
        PqDriver driver{unix_conninfo()};
        PqConnection c = opened(driver);
        if (reconnected) PQreset(c);  // another backend, another key
        const std::string backend = std::to_string(PQbackendPID(c));
        send(c, "select pg_sleep(600)");
        BOOST_TEST(soon([&] { return admin.state_of(backend) == "active"; }));
        if (with_reset) BOOST_TEST((driver.reset(c, in(0s)) == ResetResult::unfinished));
        driver.close(c);
        BOOST_TEST(soon([&] { return admin.gone(backend); }, 5s));
    }
}

BOOST_AUTO_TEST_CASE(what_is_cancelled_late_hits_nobody_else, *ut::timeout(60)) {
    // Statements that end at about the moment at which they are cancelled.
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            PqDriver driver{way.conninfo};
            PqConnection c = opened(driver);
            const std::string backend = driver.label(c);
            for (int round = 0; round < 100; ++round) {
                const std::string sleep = "select pg_sleep(" + std::to_string(0.0001 * (round % 40)) + ")";
                send(c, sleep.c_str());
                BOOST_TEST_REQUIRE((driver.reset(c, in(5s)) == ResetResult::clean));
                BOOST_TEST_REQUIRE(value(c, "select pg_sleep(0.002) is null or true") == "t");
            }
            BOOST_TEST(value(c, "select pg_backend_pid()") == backend);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_cancel_that_meets_its_deadline_goes_on_later, *ut::timeout(60)) {
    Admin admin;
    PqDriver driver{unix_conninfo()};
    PqConnection c = opened(driver);
    const std::string backend = driver.label(c);
    run(c, "begin");
    send(c, "select pg_sleep(600)");
    BOOST_TEST(soon([&] { return admin.state_of(backend) == "active"; }));
    ::kill(static_cast<pid_t>(std::stol(backend)), SIGSTOP);
    BOOST_TEST((driver.reset(c, in(20ms)) == ResetResult::unfinished));
    BOOST_TEST((driver.last_fault(c).fault() == Fault::timed_out));
    BOOST_TEST((driver.reset(c, in(20ms)) == ResetResult::unfinished));
    ::kill(static_cast<pid_t>(std::stol(backend)), SIGCONT);
    BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::clean));
    BOOST_TEST(value(c, "select pg_backend_pid()") == backend);
}

BOOST_AUTO_TEST_CASE(the_last_words_of_a_session_are_no_answer_to_throw_away, *ut::timeout(60)) {
    Admin admin;
    PqDriver driver{unix_conninfo()};
    for (int round = 0; round < 20; ++round) {
        PqConnection c = opened(driver);
        const std::string backend = driver.label(c);
        send(c, "select pg_sleep(600)");
        BOOST_TEST(soon([&] { return admin.state_of(backend) == "active"; }));
        admin.terminate(backend);
        if (round % 2 == 0) arrived(c);
        BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::broken));
        driver.close(c);
    }
}

BOOST_AUTO_TEST_CASE(a_statement_that_the_server_had_not_begun_does_not_run_on, *ut::timeout(60)) {
    // A backend that still rests ignores a cancel, then reads the statement and runs it: one request is not enough.
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Admin admin;
            PqDriver driver{way.conninfo};
            PqConnection c = opened(driver);
            const std::string backend = driver.label(c);
            BOOST_TEST(soon([] { return helpers() == 0; }));
            ::kill(static_cast<pid_t>(std::stol(backend)), SIGSTOP);
            send(c, "select pg_sleep(600)");
            driver.close(c);
            // Until the first request has reached it: its signal waits for the backend to go on.
            const auto signalled = [&] {
                std::ifstream status{"/proc/" + backend + "/status"};
                for (std::string line; std::getline(status, line);) {
                    if (line.starts_with("ShdPnd:")) return (std::stoull(line.substr(7), nullptr, 16) & 2U) != 0;
                }
                return false;
            };
            BOOST_TEST(soon(signalled));
            ::kill(static_cast<pid_t>(std::stol(backend)), SIGCONT);
            BOOST_TEST(soon([&] { return admin.gone(backend); }, 5s));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_reset_that_meets_its_deadline_goes_on_later_with_the_same_rollback, *ut::timeout(60)) {
    for (const bool discard : {false, true}) {
        for (const Way& way : ways()) {
            BOOST_TEST_CONTEXT(way.name << ", discard " << discard) {
                // A second ROLLBACK would draw the warning that there is no transaction in progress.
                int warnings = 0;
                PqDriver driver{way.conninfo,
                                {.reset = discard ? PqReset::session : PqReset::transaction,
                                 .notice_receiver = [](void* n, const PGresult*) { ++*static_cast<int*>(n); },
                                 .notice_arg = &warnings}};
                PqConnection c = opened(driver);
                const auto backend = static_cast<pid_t>(std::stol(driver.label(c)));
                run(c, "begin");
                ::kill(backend, SIGSTOP);
                for (int i = 0; i < 3; ++i) {
                    const Stopwatch watch;
                    BOOST_TEST((driver.reset(c, in(20ms)) == ResetResult::unfinished));
                    BOOST_TEST(watch.ms() < 20 + at_once_ms);
                    BOOST_TEST(driver.dirty(c));
                    BOOST_TEST(!driver.status_ok(c));
                }
                BOOST_TEST((driver.reset(c, Deadline{Clock::now() - 1s}) == ResetResult::unfinished));
                BOOST_TEST((driver.last_fault(c).fault() == Fault::timed_out));
                ::kill(backend, SIGCONT);
                BOOST_TEST((driver.reset(c, in(5s)) == (discard ? ResetResult::blank : ResetResult::clean)));
                BOOST_TEST(!driver.dirty(c));
                BOOST_TEST((driver.last_fault(c).fault() == Fault::none));
                BOOST_TEST(warnings == 0);
                BOOST_TEST(value(c, "select 1") == "1");
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(closing_never_waits_for_a_silent_server, *ut::timeout(120)) {
    const std::string megabyte(1 << 20, 'x');
    const Left states[] = {
        {"idle", [](PGconn*) {}, false, {}},
        {"in a transaction", [](PGconn* c) { run(c, "begin"); }, true, {}},
        {"running", [](PGconn* c) { send(c, "select 1"); }, true, {}},
        {"non-blocking with megabytes unsent",
         [&](PGconn* c) {
             PQsetnonblocking(c, 1);
             PQsendQuery(c, ("select '" + std::string(16 << 20, 'x') + "'").c_str());
         },
         true,
         {}},
        {"a pipeline with unsent statements",
         [&](PGconn* c) {
             PQenterPipelineMode(c);
             PQsetnonblocking(c, 1);
             for (int i = 0; i < 8; ++i) send_params(c, ("select '" + megabyte + "'").c_str());
         },
         true,
         {}},
    };
    for (const Left& state : states) {
        for (const Way& way : ways()) {
            BOOST_TEST_CONTEXT(state.name << ", " << way.name) {
                PqDriver driver{way.conninfo};
                PqConnection c = opened(driver);
                const auto backend = static_cast<pid_t>(std::stol(driver.label(c)));
                if (std::string_view{state.name} == "in a transaction") state.behind(c);
                ::kill(backend, SIGSTOP);
                if (std::string_view{state.name} != "in a transaction") state.behind(c);
                const Stopwatch watch;
                driver.close(c);
                BOOST_TEST(watch.ms() < at_once_ms);
                ::kill(backend, SIGCONT);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_full_socket_delays_no_close, *ut::timeout(60)) {
    // In blocking mode PQputCopyData keeps up to 8 kB unsent: PQfinish alone, or PQsetnonblocking, would flush them,
    // and PQfinish of a connection at rest would wait to send its farewell.
    for (const bool copying : {true, false}) {
        for (const Way& way : ways()) {
            BOOST_TEST_CONTEXT(way.name << ", copying " << copying) {
                PqDriver driver{way.conninfo};
                PqConnection c = opened(driver);
                if (copying) {
                    run(c, "create temp table t(x text)");
                    run(c, "copy t from stdin");
                }
                const auto backend = static_cast<pid_t>(std::stol(driver.label(c)));
                ::kill(backend, SIGSTOP);
                // Fills the socket behind libpq's back, then queues a little within libpq.
                const std::string fill(1 << 20, 'x');
                std::size_t chunk = fill.size();
                while (chunk > 0) {
                    if (::send(PQsocket(c), fill.data(), chunk, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) chunk /= 2;
                }
                if (copying) BOOST_TEST(PQputCopyData(c, "0123456789\n", 11) == 1);
                Stopwatch watch;
                BOOST_TEST((driver.reset(c, in(100ms)) == (copying ? ResetResult::broken : ResetResult::clean)));
                driver.close(c);
                BOOST_TEST(watch.ms() < at_once_ms);
                ::kill(backend, SIGCONT);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(an_interrupt_from_another_thread_ends_a_statement, *ut::timeout(60)) {
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Admin admin;
            PqDriver driver{way.conninfo};
            PqConnection c = opened(driver);
            const std::string backend = driver.label(c);
            std::string state;
            std::thread borrower{[&] {
                const dewpond::detail::PqResult r{PQexec(c, "select pg_sleep(600)")};
                const char* s = PQresultErrorField(r.get(), PG_DIAG_SQLSTATE);
                state = s != nullptr ? s : "";
            }};
            const bool active = soon([&] { return admin.state_of(backend) == "active"; });
            const Stopwatch watch;
            driver.interrupt(c);
            const long asked = watch.ms();
            borrower.join();
            BOOST_TEST(active);
            BOOST_TEST(asked < at_once_ms);
            BOOST_TEST(watch.ms() < 5000);
            BOOST_TEST(state == "57014");
            BOOST_TEST((run(c, "select pg_sleep(0.5)") == PGRES_TUPLES_OK));  // asked once: the next one is left alone
            BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::clean));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_mute_server_holds_two_helpers_and_nobody_else, *ut::timeout(120)) {
    Admin admin;
    PqDriver driver{unix_conninfo() + " application_name=crowd"};
    std::vector<PqConnection> crowd;
    for (int i = 0; i < 10; ++i) {
        crowd.push_back(opened(driver));
        send(crowd.back(), "select pg_sleep(600)");
    }
    const auto running = [&] {
        return admin.ask("select count(*) from pg_stat_activity where application_name='crowd' and state='active'");
    };
    BOOST_TEST(soon([&] { return running() == "10"; }));
    BOOST_TEST(soon([] { return helpers() == 0; }));  // those of earlier tests are over
    const int descriptors = open_descriptors();
    control("pause");
    const Stopwatch watch;
    for (PqConnection& c : crowd) driver.close(c);
    BOOST_TEST(watch.ms() < at_once_ms);
    BOOST_TEST(soon([] { return helpers() == 2; }));
    control("resume");
    BOOST_TEST(soon([&] { return running() == "0"; }));  // those that had to queue as well
    BOOST_TEST(soon([] { return helpers() == 0; }));
    BOOST_TEST(open_descriptors() == descriptors - 10);
}

BOOST_AUTO_TEST_CASE(nothing_that_a_forked_child_does_reaches_the_parent_s_session, *ut::timeout(60)) {
    const struct {
        const char* name;
        int (*act)(PqDriver&, PqConnection&);
        bool in_transaction = true;
    } acts[] = {
        {"abandon",
         [](PqDriver& d, PqConnection& c) {
             d.abandon(c);
             return c.get() == nullptr ? 0 : 1;
         }},
        {"close",
         [](PqDriver& d, PqConnection& c) {
             d.close(c);
             return 0;
         }},
        {"reset", [](PqDriver& d, PqConnection& c) { return d.reset(c, in(1s)) == ResetResult::broken ? 0 : 1; }},
        {"ping", [](PqDriver& d, PqConnection& c) { return d.ping(c, in(1s)) ? 1 : 0; }, false},
        {"interrupt",
         [](PqDriver& d, PqConnection& c) {
             d.interrupt(c);
             return 0;
         }},
        {"open its own",
         [](PqDriver& d, PqConnection& c) {
             d.abandon(c);
             auto r = d.open(in(5s));
             return r && d.ping(*r, in(5s)) ? 0 : 1;
         }},
    };
    for (const auto& act : acts) {
        for (const Way& way : ways()) {
            BOOST_TEST_CONTEXT(act.name << ", " << way.name) {
                PqDriver driver{way.conninfo};
                PqConnection c = opened(driver);
                if (act.in_transaction) run(c, "begin");
                run(c, "create temp table mine(x int)");
                const pid_t child = ::fork();
                if (child == 0) _exit(act.act(driver, c));
                int status = -1;
                BOOST_TEST_REQUIRE(::waitpid(child, &status, 0) == child);
                BOOST_TEST(status == 0);
                BOOST_TEST((PQtransactionStatus(c) == (act.in_transaction ? PQTRANS_INTRANS : PQTRANS_IDLE)));
                BOOST_TEST(value(c, "select count(*) from mine") == "0");
                run(c, "commit");
                BOOST_TEST(driver.probe(c));
                BOOST_TEST(driver.ping(c, in(5s)));
            }
        }
    }
}

#if !defined(__SANITIZE_THREAD__)  // it ends a child that was forked beside threads and starts one of its own
BOOST_AUTO_TEST_CASE(a_forked_child_has_helpers_of_its_own, *ut::timeout(60)) {
    PqDriver driver{unix_conninfo() + " application_name=kin"};
    PqConnection a = opened(driver), b = opened(driver);
    send(a, "select pg_sleep(600)");
    send(b, "select pg_sleep(600)");
    BOOST_TEST(soon([] { return helpers() == 0; }));
    control("pause");
    driver.close(a);
    driver.close(b);
    BOOST_TEST(soon([] { return helpers() == 2; }));  // both stuck: at the fork all there may be
    int resumed[2];
    BOOST_TEST_REQUIRE(::pipe(resumed) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
        char go = 0;
        (void)!::read(resumed[0], &go, 1);
        auto mine = driver.open(in(10s));
        if (!mine || PQsendQuery(*mine, "select pg_sleep(600)") != 1) _exit(1);
        driver.close(*mine);
        // Not before it worked: a program that ends does not wait for its helpers.
        auto look = PqDriver{unix_conninfo()}.open(in(10s));
        const char* left = "select count(*) from pg_stat_activity where application_name='kin'";
        _exit(look && soon([&] { return value(*look, left) == "0"; }) ? 0 : 2);
    }
    control("resume");
    (void)!::write(resumed[1], "", 1);
    int status = -1;
    BOOST_TEST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
    ::close(resumed[0]);
    ::close(resumed[1]);
}
#endif

BOOST_AUTO_TEST_CASE(a_result_may_outlive_its_connection, *ut::timeout(60)) {
    // Libpq copies the notice receiver and its argument into every result, and calls it for a row that is not there.
    PqDriver driver{unix_conninfo()};
    PqConnection c = opened(driver);
    const dewpond::detail::PqResult r{PQexec(c, "select 1")};
    BOOST_TEST(driver.probe(c));
    driver.close(c);
    BOOST_TEST(PQgetvalue(r.get(), 99, 0) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_connection_taken_out_of_the_pool_closes_itself, *ut::timeout(60)) {
    Admin admin;
    PqDriver driver{unix_conninfo()};
    std::string backend;
    {
        PqConnection c = opened(driver);
        backend = driver.label(c);
        PqConnection moved = std::move(c);
        BOOST_TEST(c.get() == nullptr);  // NOLINT(bugprone-use-after-move): empty, as documented
        BOOST_TEST(driver.ping(moved, in(5s)));
        PqConnection assigned = opened(driver);
        assigned = std::move(moved);
        BOOST_TEST(driver.label(assigned) == backend);
    }
    BOOST_TEST(soon([&] { return admin.gone(backend); }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
