// SPDX-License-Identifier: BSL-1.0
// The pool learns from what the user saw: report(lease, result), and exec(lease, ...) which reports by itself.
#include <mutex>
#include <string>
#include <vector>

#include "pq_driver_support.hpp"
#include <dewpond/pool.hpp>

namespace {

using namespace pq_test;
using dewpond::CloseReason;
using dewpond::Event;
using dewpond::EventKind;
using dewpond::PqResult;
using dewpond::ReturnReport;
using Db = dewpond::Pool<PqDriver>;
namespace ut = boost::unit_test;

std::string state_of(const PqResult& r) {
    const char* s = PQresultErrorField(r.get(), PG_DIAG_SQLSTATE);
    return s != nullptr ? s : "";
}
std::string pid_of(const Db::Lease& lease) { return std::to_string(PQbackendPID(*lease)); }

/// What was told of closed connections.
struct Ear {
    std::mutex mutex;
    std::vector<std::pair<Fault, std::string>> closed;
    dewpond::EventSink sink() {
        return [this](const Event& e) noexcept {
            if (e.kind != EventKind::closed) return;
            const std::lock_guard lock{mutex};
            closed.emplace_back(e.fault, std::string{e.text});
        };
    }
};

/// `n` connections of a pool, at rest.
std::vector<std::string> rested(Db& db, std::size_t n) {
    std::vector<Db::Lease> leases;
    std::vector<std::string> pids;
    for (std::size_t i = 0; i < n; ++i) leases.push_back(db.checkout(10s));
    for (const auto& lease : leases) pids.push_back(pid_of(lease));
    return pids;
}

BOOST_AUTO_TEST_SUITE(pq_report)

BOOST_AUTO_TEST_CASE(exec_runs_a_statement_with_and_without_parameters, *ut::timeout(30)) {
    Db db{PqDriver{unix_conninfo()}, {.max_size = 1}};
    auto lease = db.checkout(10s);
    const PqResult plain = exec(lease, "select 1; select 'two'");  // found by its argument, like report
    BOOST_TEST(PQgetvalue(plain.get(), 0, 0) == "two");
    const PqResult r = exec(lease, "select $1 || $2, $3::int + 1, $4::bool, $5::text is null, $6::bigint", "it's",
                            std::string{" sent apart"}, 41, true, nullptr, -9'000'000'000LL);
    BOOST_TEST_REQUIRE((PQresultStatus(r.get()) == PGRES_TUPLES_OK));
    const char* want[] = {"it's sent apart", "42", "t", "t", "-9000000000"};
    for (int i = 0; i < 5; ++i) BOOST_TEST(PQgetvalue(r.get(), 0, i) == want[i]);
    BOOST_TEST((lease.give_back() == ReturnReport::clean));
}

BOOST_AUTO_TEST_CASE(a_statement_that_fails_costs_nothing, *ut::timeout(30)) {
    Db db{PqDriver{unix_conninfo()}, {.max_size = 1}};
    auto lease = db.checkout(10s);
    const std::string pid = pid_of(lease);
    for (const char* sql : {"select 1/0", "selec", "drop database nosuch", "set role nosuch",
                            "do $$ begin raise exception using errcode = '53300'; end $$",
                            "do $$ begin raise exception using errcode = '08006'; end $$"}) {
        BOOST_TEST_CONTEXT(sql) {
            const PqResult r = exec(lease, sql);
            BOOST_TEST((PQresultStatus(r.get()) == PGRES_FATAL_ERROR));
        }
    }
    BOOST_TEST((report(lease, exec(lease, "drop database nosuch").get()) == Fault::configuration));
    BOOST_TEST((report(lease, exec(lease, "select 1").get()) == Fault::none));
    BOOST_TEST((lease.give_back() == ReturnReport::clean));
    BOOST_TEST(pid_of(db.checkout(10s)) == pid);
}

BOOST_AUTO_TEST_CASE(a_session_that_ended_is_closed_and_its_sqlstate_is_told, *ut::timeout(30)) {
    for (const Way& way : ways()) {
        for (const bool in_parts : {false, true}) {  // PQexec loses the SQLSTATE, PQgetResult has it
            BOOST_TEST_CONTEXT(way.name << ", in parts " << in_parts) {
                Ear ear;
                Admin admin;
                {
                    Db db{PqDriver{way.conninfo}, {.max_size = 1, .on_event = ear.sink()}};
                    auto lease = db.checkout(10s);
                    const std::string pid = pid_of(lease);
                    admin.terminate(pid);
                    BOOST_TEST_REQUIRE(soon([&] { return admin.gone(pid); }));
                    if (in_parts) {
                        (void)PQsendQuery(*lease, "select 's3cret'");
                        const PqResult r{PQgetResult(*lease)};
                        BOOST_TEST(state_of(r) == "57P01");
                        BOOST_TEST((report(lease, r.get()) == Fault::broken));
                    } else {
                        const PqResult r = exec(lease, "select 's3cret'");
                        BOOST_TEST((report(lease, r.get()) == Fault::broken));
                        BOOST_TEST((report(lease, nullptr) == Fault::broken));
                    }
                    BOOST_TEST((lease.give_back() == ReturnReport::closed));
                    BOOST_TEST(db.stats().dirty_returns == 0u);
                }
                BOOST_TEST_REQUIRE(ear.closed.size() == 1u);
                BOOST_TEST((ear.closed[0].first == Fault::broken));
                BOOST_TEST(ear.closed[0].second ==
                           std::string{"the session ended under a statement"} + (in_parts ? " (SQLSTATE 57P01)" : ""));
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_connection_that_says_it_is_well_after_the_server_was_stopped_is_not_believed, *ut::timeout(60)) {
    // On a Unix socket, after an immediate stop, one statement fails and the status is OK and IDLE again (measured).
    Db db{PqDriver{unix_conninfo()}, {.max_size = 2}};
    auto told = db.checkout(10s), untold = db.checkout(10s);
    control("stop-immediate");
    exec(told, "select 1");
    run(*untold, "select 1");
    const bool zombie = PQtransactionStatus(*untold) == PQTRANS_IDLE;
    BOOST_TEST_MESSAGE("says IDLE: " << zombie);
    BOOST_TEST((told.give_back() == ReturnReport::closed));
    if (zombie) BOOST_TEST((untold.give_back() == ReturnReport::clean));  // the probe of the next checkout finds it
    control("start");
    const auto next = db.checkout(30s);
    BOOST_TEST(value(*next, "select 1") == "1");
}

BOOST_AUTO_TEST_CASE(a_write_in_a_read_only_transaction_costs_that_connection_only, *ut::timeout(30)) {
    Ear ear;
    {
        Db db{PqDriver{unix_conninfo()}, {.max_size = 3, .on_event = ear.sink()}};
        auto pids = rested(db, 3);
        auto lease = db.checkout(10s);
        const std::string mine = pid_of(lease);
        exec(lease, "begin read only");
        BOOST_TEST(state_of(exec(lease, "create table s3cret(x int)")) == "25006");
        BOOST_TEST((lease.give_back() == ReturnReport::closed));
        for (int i = 0; i < 3; ++i) db.maintain();
        BOOST_TEST(db.stats().closed_because(CloseReason::renewed) == 0u);
        Admin admin;
        for (const auto& pid : pids)
            BOOST_TEST((pid == mine) == soon([&] { return admin.gone(pid); }, pid == mine ? 10s : 0s));
    }
    BOOST_TEST_REQUIRE(ear.closed.size() == 1u);
    BOOST_TEST((ear.closed[0].first == Fault::wrong_role));
    BOOST_TEST(ear.closed[0].second == "a write was refused: read only (SQLSTATE 25006)");
}

BOOST_AUTO_TEST_CASE(a_server_that_takes_no_writes_any_more_costs_all_that_was_opened_before, *ut::timeout(60)) {
    Admin admin;
    const auto reads_only = [&admin](const char* yes) {
        admin.ask(std::string{"alter system set default_transaction_read_only = "} + yes);
        admin.ask("select pg_reload_conf()");
        BOOST_TEST_REQUIRE(soon([&] { return admin.ask("show default_transaction_read_only") == yes; }));
    };
    Db db{PqDriver{unix_conninfo()}, {.max_size = 5}};
    const auto pids = rested(db, 5);
    reads_only("on");
    {
        auto first = db.checkout(10s), second = db.checkout(10s);
        BOOST_TEST(soon([&] { return state_of(exec(first, "create table nowhere(x int)")) == "25006"; }));
        BOOST_TEST(soon([&] { return state_of(exec(second, "create table nowhere(x int)")) == "25006"; }));
    }
    // A few at each tick of the keeper.
    BOOST_TEST(soon([&] { return db.stats().closed_because(CloseReason::renewed) == 3u; }, 30s));
    BOOST_TEST(db.stats().closed_because(CloseReason::discarded) == 2u);
    for (const auto& pid : pids) BOOST_TEST(soon([&] { return admin.gone(pid); }));
    admin.ask("set default_transaction_read_only = off");
    admin.ask("alter system reset default_transaction_read_only");
    admin.ask("select pg_reload_conf()");
    BOOST_TEST(soon([&] {
        auto lease = db.checkout(10s);
        return state_of(exec(lease, "create table if not exists somewhere(x int)")).empty();
    }));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
