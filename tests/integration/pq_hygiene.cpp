// SPDX-License-Identifier: BSL-1.0
// What of a borrower's session the next one finds, at each level of reset: the table of docs/libpq.md, row by row.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "pq_driver_support.hpp"
#include <dewpond/pool.hpp>

namespace {

using namespace pq_test;
using dewpond::PqReset;
namespace ut = boost::unit_test;

const auto deaf = [](void*, const PGresult*) {};

/// Something that a borrower leaves, and how the next one would find it.
struct Leftover {
    const char* name;
    std::function<void(PGconn*)> leave;
    std::function<bool(PGconn*)> found;
};

auto runs(const char* sql) {
    return [sql](PGconn* c) { run(c, sql); };
}
auto says_t(const char* sql) {
    return [sql](PGconn* c) { return value(c, sql) == "t"; };
}
auto transaction_is(PGTransactionStatusType t) {
    return [t](PGconn* c) { return PQtransactionStatus(c) == t; };
}

std::vector<Leftover> leftovers(std::FILE* trace) {
    const auto more_memory = says_t("select current_setting('work_mem') = '77MB'");
    return {
        {"an open transaction", runs("begin"), transaction_is(PQTRANS_INTRANS)},
        {"a failed transaction", runs("begin; select 1/0"), transaction_is(PQTRANS_INERROR)},
        {"SET LOCAL in an open transaction", runs("begin; set local work_mem = '77MB'"), more_memory},
        {"SET in an open transaction", runs("begin; set work_mem = '77MB'"), more_memory},
        {"SET", runs("set work_mem = '77MB'"), more_memory},
        {"client_encoding", runs("set client_encoding = 'LATIN1'"),
         [](PGconn* c) { return std::string{pg_encoding_to_char(PQclientEncoding(c))} == "LATIN1"; }},
        {"application_name", runs("set application_name = 'left'"),
         [](PGconn* c) { return std::string{PQparameterStatus(c, "application_name")} == "left"; }},
        {"SET ROLE", runs("set role dewpond_scram"), says_t("select current_user = 'dewpond_scram'")},
        {"SET SESSION AUTHORIZATION", runs("set session authorization dewpond_scram"),
         says_t("select session_user = 'dewpond_scram'")},
        {"LISTEN", runs("listen leftover"), says_t("select count(*) > 0 from pg_listening_channels()")},
        {"a notification that has arrived",
         [](PGconn* c) {
             run(c, "listen leftover");
             run(c, "notify leftover");
         },
         [](PGconn* c) {
             PGnotify* n = PQnotifies(c);
             PQfreemem(n);
             return n != nullptr;
         }},
        {"a temporary table", runs("create temp table leftover(x int)"),
         says_t("select to_regclass('pg_temp.leftover') is not null")},
        {"an advisory lock of the session", runs("select pg_advisory_lock(7)"),
         says_t("select count(*) > 0 from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()")},
        {"a prepared statement", [](PGconn* c) { PQclear(PQprepare(c, "leftover", "select 1", 0, nullptr)); },
         says_t("select count(*) > 0 from pg_prepared_statements")},
        {"a cursor WITH HOLD", runs("begin; declare leftover cursor with hold for select 1; commit"),
         says_t("select count(*) > 0 from pg_cursors where name = 'leftover'")},
        {"lastval() of a sequence", runs("select nextval('hygiene')"), says_t("select lastval() > 0")},
        {"pipeline mode", [](PGconn* c) { PQenterPipelineMode(c); },
         [](PGconn* c) { return PQpipelineStatus(c) != PQ_PIPELINE_OFF; }},
        {"non-blocking mode", [](PGconn* c) { PQsetnonblocking(c, 1); },
         [](PGconn* c) { return PQisnonblocking(c) == 1; }},
        {"a notice receiver", [](PGconn* c) { PQsetNoticeReceiver(c, deaf, nullptr); },
         [](PGconn* c) { return PQsetNoticeReceiver(c, nullptr, nullptr) == deaf; }},
        {"an error verbosity", [](PGconn* c) { PQsetErrorVerbosity(c, PQERRORS_VERBOSE); },
         [](PGconn* c) { return PQsetErrorVerbosity(c, PQERRORS_DEFAULT) == PQERRORS_VERBOSE; }},
        {"a context visibility", [](PGconn* c) { PQsetErrorContextVisibility(c, PQSHOW_CONTEXT_ALWAYS); },
         [](PGconn* c) { return PQsetErrorContextVisibility(c, PQSHOW_CONTEXT_ERRORS) == PQSHOW_CONTEXT_ALWAYS; }},
        {"PQtrace", [trace](PGconn* c) { PQtrace(c, trace); },
         [trace](PGconn* c) {
             std::fflush(trace);
             const long before = std::ftell(trace);
             run(c, "select 1");
             std::fflush(trace);
             return std::ftell(trace) > before;
         }},
    };
}

/// The documented table: what is left behind -> the words of its three columns.
std::map<std::string, std::vector<std::string>> documented() {
    const auto file = std::filesystem::path{__FILE__}.parent_path() / "../../docs/libpq.md";
    std::ifstream in{file};
    BOOST_TEST_REQUIRE(in.good(), "cannot read " << file);
    std::map<std::string, std::vector<std::string>> rows;
    bool inside = false;
    for (std::string line; std::getline(in, line);) {
        if (line == "| what a borrower left behind | default | transaction | session |") {
            inside = true;
            std::getline(in, line);  // the rule under the heads
            continue;
        }
        if (!inside) continue;
        if (!line.starts_with("| ")) break;
        std::vector<std::string> cells;
        std::istringstream text{line.substr(2)};
        for (std::string cell; std::getline(text, cell, '|');) {
            if (const auto end = cell.find_last_not_of(' '); end != std::string::npos) {
                const auto begin = cell.find_first_not_of(' ');
                cells.push_back(cell.substr(begin, end - begin + 1));
            }
        }
        BOOST_TEST_REQUIRE(cells.size() == 4U, line);
        const std::string name = cells.front();
        cells.erase(cells.begin());
        BOOST_TEST(rows.emplace(name, cells).second, "twice: " << name);
    }
    return rows;
}

struct Level {
    const char* name;
    PqReset reset;
    bool always;
};
const Level levels[] = {{"default", PqReset::transaction, false},
                        {"transaction", PqReset::transaction, true},
                        {"session", PqReset::session, true}};

BOOST_AUTO_TEST_SUITE(pq_hygiene)

BOOST_AUTO_TEST_CASE(each_level_lets_through_what_the_document_says, *ut::timeout(120)) {
    Admin admin;
    admin.ask("create sequence if not exists hygiene");
    std::FILE* const trace = std::tmpfile();
    BOOST_TEST_REQUIRE(trace != nullptr);
    auto rows = documented();
    for (const Leftover& left : leftovers(trace)) {
        BOOST_TEST_CONTEXT(left.name) {
            const auto row = rows.find(left.name);
            BOOST_TEST_REQUIRE((row != rows.end()), "docs/libpq.md has no such row");
            for (std::size_t i = 0; i < std::size(levels); ++i) {
                for (const bool in_transaction : {false, true}) {
                    const Level& level = levels[i];
                    if (in_transaction && !level.always) continue;  // then a default reset would be none of its own
                    BOOST_TEST_CONTEXT(level.name << ", in a transaction " << in_transaction) {
                        PqDriver driver{unix_conninfo(), {.reset = level.reset}};
                        PqConnection c = opened(driver);
                        BOOST_TEST(!left.found(c));
                        left.leave(c);
                        if (in_transaction) run(c, "begin");
                        if (level.always || driver.dirty(c)) {
                            const auto want = level.reset == PqReset::session ? ResetResult::blank : ResetResult::clean;
                            BOOST_TEST((driver.reset(c, in(5s)) == want));
                        }
                        BOOST_TEST(driver.status_ok(c));
                        BOOST_TEST((left.found(c) ? "stays" : "gone") == row->second.at(i));
                    }
                }
            }
            rows.erase(row);
        }
    }
    for (const auto& [name, cells] : rows) BOOST_ERROR("nobody tries the row: " + name);
    std::fclose(trace);
}

BOOST_AUTO_TEST_CASE(what_the_connection_string_sets_outlives_a_full_reset, *ut::timeout(60)) {
    PqDriver driver{unix_conninfo() + " options='-c work_mem=77MB' application_name=mine", {.reset = PqReset::session}};
    PqConnection c = opened(driver);
    run(c, "set work_mem = '3MB'");
    run(c, "set application_name = 'other'");
    BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::blank));
    BOOST_TEST(value(c, "show work_mem") == "77MB");
    BOOST_TEST(value(c, "show application_name") == "mine");
}

BOOST_AUTO_TEST_CASE(on_open_runs_again_after_a_full_reset, *ut::timeout(60)) {
    const struct {
        PqOptions options;
        int times;
    } cases[] = {
        {{.reset = PqReset::transaction}, 1}, {{.reset = PqReset::session}, 3}, {{.reset_sql = "reset all"}, 3}};
    for (const auto& [options, times] : cases) {
        int opened = 0;
        dewpond::Pool db{PqDriver{unix_conninfo(), options},
                         {.max_size = 1},
                         dewpond::ResetAlways{},
                         dewpond::OnOpen{[&](PqConnection& c) {
                             ++opened;
                             return run(c, "set search_path = mine") == PGRES_COMMAND_OK;
                         }}};
        std::string backend;
        for (int i = 0; i < 2; ++i) {
            auto lease = db.checkout(10s);
            const std::string pid = value(*lease, "select pg_backend_pid()");
            if (i == 0) backend = pid;
            BOOST_TEST(pid == backend);
            BOOST_TEST(value(*lease, "show search_path") == "mine");
            BOOST_TEST((value(*lease, "show work_mem") == "77MB") == (i == 1 && times == 1));
            run(*lease, "set work_mem = '77MB'");
            if (times != 1) run(*lease, "set search_path = other");
            BOOST_TEST((lease.give_back() == dewpond::ReturnReport::clean));
        }
        BOOST_TEST(opened == times);
    }
}

BOOST_AUTO_TEST_CASE(statements_of_the_user_s_own_follow_the_rollback, *ut::timeout(60)) {
    for (const bool in_transaction : {false, true}) {
        PqDriver driver{unix_conninfo(), {.reset_sql = "select 'x'; reset all; select generate_series(1, 1000)"}};
        PqConnection c = opened(driver);
        run(c, "set role dewpond_scram");
        run(c, "set work_mem = '77MB'");
        if (in_transaction) run(c, "begin");
        BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::blank));
        BOOST_TEST(!driver.dirty(c));
        BOOST_TEST(value(c, "show work_mem") != "77MB");
        BOOST_TEST(value(c, "select current_user") == "dewpond_scram");  // RESET ALL is not DISCARD ALL
    }
    PqDriver nothing{unix_conninfo(), {.reset_sql = "-- only words"}};
    PqConnection c = opened(nothing);
    BOOST_TEST((nothing.reset(c, in(5s)) == ResetResult::blank));
    PqDriver both{unix_conninfo(), {.reset = PqReset::session, .reset_sql = "set work_mem = '99MB'"}};
    PqConnection d = opened(both);
    run(d, "set role dewpond_scram");
    BOOST_TEST((both.reset(d, in(5s)) == ResetResult::blank));
    BOOST_TEST(value(d, "select current_user || current_setting('work_mem')") ==
               "dewpond99MB");  // the last word is theirs
}

BOOST_AUTO_TEST_CASE(statements_of_the_user_s_own_that_fail_cost_the_connection_and_are_not_quoted, *ut::timeout(60)) {
    const struct {
        const char *sql, *says;
    } cases[] = {{"select * from s3cret_table", "a statement of PqOptions::reset_sql failed (SQLSTATE 42P01)"},
                 {"begin -- s3cret", "PqOptions::reset_sql left it in a transaction"},
                 {"copy (select 's3cret') to stdout", "the connection broke, or answered out of turn"},
                 {"select 's3cret'; copy pg_class from stdin", "the connection broke, or answered out of turn"}};
    for (const auto& [sql, says] : cases) {
        BOOST_TEST_CONTEXT(sql) {
            PqDriver driver{unix_conninfo(), {.reset_sql = sql}};
            PqConnection c = opened(driver);
            const Stopwatch watch;
            BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::broken));
            BOOST_TEST(watch.ms() < at_once_ms);
            BOOST_TEST(driver.last_fault(c).text() == says);
            driver.close(c);
            BOOST_TEST(watch.ms() < at_once_ms);
        }
    }
}

BOOST_AUTO_TEST_CASE(statements_of_the_user_s_own_that_take_long_are_waited_for_in_parts, *ut::timeout(60)) {
    Admin admin;
    admin.ask("create sequence if not exists patience");
    const std::string before = admin.ask("select nextval('patience')");
    PqDriver driver{unix_conninfo(),
                    {.reset = PqReset::session, .reset_sql = "select nextval('patience'), pg_sleep(0.2)"}};
    PqConnection c = opened(driver);
    run(c, "begin");
    int unfinished = 0;
    ResetResult result;
    while ((result = driver.reset(c, in(20ms))) == ResetResult::unfinished) BOOST_TEST_REQUIRE(++unfinished < 1000);
    BOOST_TEST(unfinished > 0);
    BOOST_TEST((result == ResetResult::blank));
    BOOST_TEST(std::stol(admin.ask("select nextval('patience')")) == std::stol(before) + 2);  // once
}

BOOST_AUTO_TEST_CASE(a_reset_s_notices_never_reach_the_last_borrower, *ut::timeout(60)) {
    static int last_borrower = 0;
    int ours = 0;
    PqDriver driver{unix_conninfo(),
                    {.reset_sql = "do $$ begin raise notice 'for nobody'; end $$",
                     .notice_receiver = [](void* n, const PGresult*) { ++*static_cast<int*>(n); },
                     .notice_arg = &ours}};
    PqConnection c = opened(driver);
    PQsetNoticeReceiver(
        c, [](void*, const PGresult*) { ++last_borrower; }, nullptr);
    BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::blank));
    BOOST_TEST(last_borrower == 0);
    BOOST_TEST(ours == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
