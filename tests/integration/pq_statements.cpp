// SPDX-License-Identifier: BSL-1.0
// Prepared statements of a connection: once each, the oldest makes room, and none is used that is not there any more.
#include <string>

#include "pq_driver_support.hpp"
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

using namespace pq_test;
using dewpond::PqOptions;
using dewpond::PqReset;
using dewpond::PqStatements;
using Db = dewpond::Pool<PqDriver>;
namespace ut = boost::unit_test;

namespace {

constexpr Oid int4 = 23, text = 25;

struct Statements {
    explicit Statements(PqOptions options = {}) : db{PqDriver{unix_conninfo(), std::move(options)}, {.max_size = 1, .on_event = {}}} {}
    Db db;
    Db::Lease lease = db.checkout(10s);

    std::string known() { return value(*lease, "select count(*) from pg_prepared_statements"); }
    std::string prepared(const char* sql) {
        const char* const name = lease->prepared(sql);
        return name != nullptr ? name : "null";
    }
    /// Executes it, and reports the answer; its value or its SQLSTATE.
    std::string executed(const char* name) {
        const dewpond::PqResult a{PQexecPrepared(*lease, name, 0, nullptr, nullptr, nullptr, 0)};
        report(lease, a.get());
        if (PQresultStatus(a.get()) == PGRES_TUPLES_OK) return PQgetvalue(a.get(), 0, 0);
        return PQresultErrorField(a.get(), PG_DIAG_SQLSTATE);
    }
    void shown(const char* sql) {
        BOOST_TEST(PQresultStatus(exec(lease, sql).get()) == PGRES_COMMAND_OK);
    }
    /// Gives the connection back and takes it again.
    void again() {
        lease = {};
        lease = db.checkout(10s);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pq_statements, *ut::timeout(60))

BOOST_AUTO_TEST_CASE(a_statement_is_prepared_once_and_known_to_the_next_borrower) {
    Statements s;
    const std::string name = s.prepared("select 41 + 1");
    BOOST_TEST(s.executed(name.c_str()) == "42");
    for (int i = 0; i < 3; ++i) {
        s.again();
        BOOST_TEST(s.prepared("select 41 + 1") == name);
    }
    BOOST_TEST(s.known() == "1");
    BOOST_TEST(s.prepared("select 41 + 2") != name);
    BOOST_TEST(s.known() == "2");
}

BOOST_AUTO_TEST_CASE(the_types_are_part_of_it) {
    Statements s;
    const std::string any = s.prepared("select $1"), number = s.lease->prepared("select $1", int4), words = s.lease->prepared("select $1", text);
    BOOST_TEST((any != "null" && any != number && number != words && any != words));
    const char* const one[] = {"1"};
    const dewpond::PqResult a{PQexecPrepared(*s.lease, number.c_str(), 1, one, nullptr, nullptr, 0)};
    BOOST_TEST(PQftype(a.get(), 0) == int4);
    BOOST_TEST(std::string{s.lease->prepared("select $1", int4)} == number);
    BOOST_TEST(s.known() == "3");
}

BOOST_AUTO_TEST_CASE(the_one_that_rested_longest_makes_room) {
    Statements s{{.max_statements = 2}};
    const std::string one = s.prepared("select 1"), two = s.prepared("select 2");
    BOOST_TEST(s.prepared("select 1") == one);
    const std::string three = s.prepared("select 3");
    BOOST_TEST(s.known() == "2");
    BOOST_TEST(s.executed(one.c_str()) == "1");
    BOOST_TEST(s.executed(three.c_str()) == "3");
    BOOST_TEST(s.executed(two.c_str()) == "26000");
}

BOOST_AUTO_TEST_CASE(inside_a_transaction_nothing_is_dropped) {
    Statements s{{.max_statements = 1}};
    const std::string one = s.prepared("select 1");
    run(*s.lease, "begin");
    run(*s.lease, ("deallocate " + one).c_str());  // behind our back: another one would end the transaction
    const std::string two = s.prepared("select 2");
    BOOST_TEST(s.executed(two.c_str()) == "2");
    run(*s.lease, "commit");
    BOOST_TEST(s.executed(s.prepared("select 3").c_str()) == "3");
    BOOST_TEST(s.known() == "1");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_prepared_says_why_and_is_not_kept) {
    Statements s;
    BOOST_TEST(s.lease->prepared("select nonsense") == nullptr);
    BOOST_TEST(std::string{PQerrorMessage(*s.lease)}.find("nonsense") != std::string::npos);
    run(*s.lease, "begin");
    BOOST_TEST(s.lease->prepared("select 1/") == nullptr);
    BOOST_TEST(s.lease->prepared("select 1") == nullptr);  // the transaction has failed
    s.again();
    BOOST_TEST(s.executed(s.prepared("select 1").c_str()) == "1");
    BOOST_TEST(s.known() == "1");
    BOOST_TEST(PqConnection{}.prepared("select 1") == nullptr);
}

BOOST_AUTO_TEST_CASE(what_was_dropped_is_prepared_anew) {
    for (const char* sql : {"discard all", "deallocate all"}) {
        BOOST_TEST_CONTEXT(sql) {
            Statements s;
            const std::string name = s.prepared("select 1");
            s.shown(sql);
            BOOST_TEST(s.known() == "0");
            BOOST_TEST(s.executed(s.prepared("select 1").c_str()) == "1");
        }
    }
    Statements s;  // dropped without a word: the first to use it sees it, nobody after
    const std::string name = s.prepared("select 1");
    run(*s.lease, "deallocate all");
    BOOST_TEST(s.executed(s.prepared("select 1").c_str()) == "26000");
    BOOST_TEST(s.executed(s.prepared("select 1").c_str()) == "1");
}

BOOST_AUTO_TEST_CASE(a_plan_that_does_not_fit_any_more_is_made_anew) {
    Statements s;
    run(*s.lease, "create temp table shape(a int); insert into shape values (7)");
    BOOST_TEST(s.executed(s.prepared("select * from shape").c_str()) == "7");
    run(*s.lease, "alter table shape alter a type text");
    BOOST_TEST(s.executed(s.prepared("select * from shape").c_str()) == "0A000");
    BOOST_TEST(s.executed(s.prepared("select * from shape").c_str()) == "7");
}

BOOST_AUTO_TEST_CASE(a_full_reset_forgets_them_and_a_small_one_does_not) {
    Statements whole{{.reset = PqReset::session}};
    const std::string name = whole.prepared("select 1");
    run(*whole.lease, "begin");
    whole.again();
    BOOST_TEST(whole.known() == "0");
    BOOST_TEST(whole.executed(whole.prepared("select 1").c_str()) == "1");

    Statements own{{.reset_sql = "reset all"}};
    const std::string kept = own.prepared("select 1");
    run(*own.lease, "begin");
    own.again();
    BOOST_TEST(own.prepared("select 1") == kept);
    BOOST_TEST(own.known() == "1");

    Statements drops{{.reset_sql = "select 1; deallocate all"}};
    (void)drops.prepared("select 1");
    run(*drops.lease, "begin");
    drops.again();
    BOOST_TEST(drops.known() == "0");
    BOOST_TEST(drops.executed(drops.prepared("select 1").c_str()) == "1");
}

BOOST_AUTO_TEST_CASE(another_session_has_none) {
    Statements s;
    (void)s.prepared("select 1");
    PQreset(*s.lease);
    BOOST_TEST(s.executed(s.prepared("select 1").c_str()) == "1");
    s.again();
    s.lease = {};
    s.db.renew();
    BOOST_TEST(soon([&] { return s.db.stats().closed_because(dewpond::CloseReason::renewed) == 1; }));
    s.lease = s.db.checkout(10s);
    BOOST_TEST(s.known() == "0");
    BOOST_TEST(s.executed(s.prepared("select 1").c_str()) == "1");
}

BOOST_AUTO_TEST_CASE(unnamed_leaves_nothing_behind) {
    Statements s{{.statements = PqStatements::unnamed}};
    for (const char* sql : {"select 1", "select 2", "select 1"}) {
        BOOST_TEST(s.prepared(sql) == "");
        BOOST_TEST(s.executed("") == std::string{sql}.substr(7));
    }
    BOOST_TEST(s.lease->prepared("select nonsense") == nullptr);
    BOOST_TEST(s.known() == "0");
}

BOOST_AUTO_TEST_SUITE_END()
