// SPDX-License-Identifier: BSL-1.0
// A preflight beside real servers of several settings: what it says, and that it leaves nothing behind.
#include <string>
#include <vector>

#include "pq_driver_support.hpp"
#include <dewpond/pool.hpp>
#include <dewpond/preflight.hpp>

using namespace pq_test;
using dewpond::preflight;
using dewpond::PreflightLine;
using dewpond::PreflightReport;
using dewpond::PreflightVerdict;
namespace ut = boost::unit_test;

namespace {

constexpr auto ok = PreflightVerdict::ok, warn = PreflightVerdict::warn, fail = PreflightVerdict::fail;

void says(const PreflightReport& r, const char* topic, PreflightVerdict verdict, const std::string& part) {
    BOOST_TEST_CONTEXT(topic << "\n" << r.text()) {
        const PreflightLine* l = r.find(topic);
        BOOST_TEST_REQUIRE(l != nullptr);
        BOOST_TEST((l->verdict == verdict));
        BOOST_TEST(l->fact.find(part) != std::string::npos);
    }
}

/// A role as it should be; `settings` are its own, as those of `alter role ... set` are.
void make_role(Admin& admin, const std::string& settings = {}) {
    admin.ask("drop role if exists pilot");
    admin.ask("create role pilot login");
    admin.ask("alter role pilot set idle_in_transaction_session_timeout = '1min'");
    admin.ask("alter role pilot set statement_timeout = '5s'");
    if (!settings.empty()) admin.ask(settings);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pq_preflight, *ut::timeout(120))

BOOST_AUTO_TEST_CASE(a_good_setup_is_all_ok_on_either_way) {
    Admin admin;
    make_role(admin);
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            dewpond::Pool db{PqDriver{way.conninfo + " user=pilot"}, {.name = "pilot", .min_idle = 0}};
            const auto r = preflight(db, {.replicas = 8, .surge = 1, .other = 7});
            BOOST_TEST((r.verdict() == ok), r.text());
            BOOST_TEST(r.lines.size() == 9u);
            says(r, "server", ok, "PostgreSQL " + admin.ask("select current_setting('server_version_num')::int / 10000") + ".");
            says(r, "server", ok, ", primary");
            says(r, "connections", ok, "9 processes x 10 + 7 = 97 of 97");
            says(r, "pooler", ok, "none");
            const std::string how = way.name;
            says(r, "encryption", ok, how == "unix" ? "a Unix socket" : how == "tls" ? "TLS" : "none, over the loopback");
            says(r, "keepalives", ok, std::string{way.name} == "unix" ? "a Unix socket" : "30 s + 3 x 10 s; tcp_user_timeout 30 s");
            // One connection, clean, and no transaction.
            BOOST_TEST(db.stats().opened == 1u);
            BOOST_TEST(db.stats().dirty_returns == 0u);
            BOOST_TEST(db.stats().idle == 1u);
            BOOST_TEST(admin.ask("select count(*) from pg_stat_activity where application_name='pilot' and state<>'idle'") == "0");
        }
    }
}

BOOST_AUTO_TEST_CASE(what_the_server_sets_is_held_against_the_pool) {
    Admin admin;
    make_role(admin, "alter role pilot set idle_session_timeout = '100s'");
    admin.ask("alter role pilot set statement_timeout = '11s'");
    admin.ask("alter role pilot set idle_in_transaction_session_timeout = 0");
    const std::string conninfo = unix_conninfo() + " user=pilot";
    dewpond::Pool db{PqDriver{conninfo}, {.min_idle = 0}};
    auto r = preflight(db);
    says(r, "idle_session_timeout", warn, "100 s: the server ends resting connections before the pool does (max_idle is 300 s)");
    BOOST_TEST(r.find("idle_session_timeout")->remedy == "Lifetime{.max_idle = 80 s} or less");
    says(r, "statement_timeout", warn, "11 s: whoever waits");
    says(r, "idle_in_transaction_session_timeout", warn, "off");
    BOOST_TEST((r.verdict() == warn));

    dewpond::Pool sooner{PqDriver{conninfo}, {.min_idle = 0, .checkout_timeout = 11s}, dewpond::Lifetime{.max_idle = 80s}};
    r = preflight(sooner);
    says(r, "idle_session_timeout", ok, "100 s; the pool retires after 80 s");
    says(r, "statement_timeout", ok, "11 s");

    dewpond::Pool for_ever{PqDriver{conninfo}, {.min_idle = 0}, dewpond::NoExpiry{}};
    says(preflight(for_ever), "idle_session_timeout", warn, "max_idle is never");
}

BOOST_AUTO_TEST_CASE(limits_of_the_role_and_of_the_database_count_when_they_are_smaller) {
    Admin admin;
    make_role(admin, "alter role pilot connection limit 30");
    dewpond::Pool db{PqDriver{unix_conninfo() + " user=pilot"}, {.min_idle = 0}};
    says(preflight(db, {.replicas = 3}), "connections", ok, "3 processes x 10 = 30 of 30 (the role's connection limit)");
    auto r = preflight(db, {.replicas = 4});
    says(r, "connections", fail, "4 processes x 10 = 40 of 30");
    BOOST_TEST(r.find("connections")->remedy.starts_with("max_size = 7; "), r.find("connections")->remedy);
    admin.ask("alter database dewpond connection limit 20");
    r = preflight(db, {.replicas = 3});
    admin.ask("alter database dewpond connection limit -1");
    says(r, "connections", fail, "3 processes x 10 = 30 of 20 (the database's connection limit)");

    dewpond::Pool super{PqDriver{unix_conninfo()}, {.min_idle = 0}};
    r = preflight(super, {.replicas = 10});
    says(r, "user", warn, "a superuser");
    says(r, "connections", ok, "10 processes x 10 = 100 of 100 (max_connections)");
}

BOOST_AUTO_TEST_CASE(a_read_only_primary_and_sockets_without_keepalives_are_seen) {
    Admin admin;
    make_role(admin, "alter role pilot set default_transaction_read_only = on");
    dewpond::Pool db{PqDriver{tcp_conninfo() + " user=pilot", {.keepalives = false, .tcp_user_timeout = dewpond::never}}, {.min_idle = 0}};
    auto r = preflight(db);
    says(r, "server", warn, "read only unless");
    says(r, "keepalives", warn, "off");
    dewpond::Pool slow{PqDriver{tcp_conninfo() + " user=pilot", {.keepalives_idle = 2h}}, {.min_idle = 0}};
    says(preflight(slow), "keepalives", warn, "7200 s");
}

BOOST_AUTO_TEST_CASE(a_session_that_is_not_allowed_to_look_is_told_by_its_sqlstate_and_goes_on) {
    Admin admin;
    make_role(admin);
    admin.ask("revoke select on pg_catalog.pg_settings from public");
    dewpond::Pool db{PqDriver{unix_conninfo() + " user=pilot"}, {.min_idle = 0}};
    const auto r = preflight(db);
    admin.ask("grant select on pg_catalog.pg_settings to public");
    says(r, "server", fail, "does not tell its settings (SQLSTATE 42501)");
    BOOST_TEST(r.find("connections") == nullptr);
    const auto lease = db.checkout(10s);
    BOOST_TEST(value(*lease, "select 1") == "1");
    BOOST_TEST(db.stats().opened == 1u);
    BOOST_TEST(db.stats().dirty_returns == 0u);
}

BOOST_AUTO_TEST_CASE(a_mute_server_costs_the_limit_and_one_line) {
    Admin admin;
    make_role(admin);
    dewpond::Pool db{PqDriver{unix_conninfo() + " user=pilot"}, {.max_size = 1, .min_idle = 0}};
    { const auto warm = db.checkout(10s); }
    control("pause");
    const Stopwatch watch;
    const auto r = preflight(db, {.limit = 300ms});
    const long took = watch.ms();
    control("resume");
    says(r, "server", fail, "no answer in time");
    BOOST_TEST(took >= 295);
    BOOST_TEST(took < 300 + at_once_ms);
    BOOST_TEST(db.try_checkout(10s).has_value());
}

BOOST_AUTO_TEST_CASE(without_a_connection_there_is_one_line_and_no_secret) {
    dewpond::Pool refused{PqDriver{tcp_conninfo() + " user=dewpond_scram password=Canary-S3cret"}, {.name = "wrong", .min_idle = 0}};
    const auto r = preflight(refused, {.limit = 5s});
    BOOST_TEST_REQUIRE(r.lines.size() == 1u);
    says(r, "connection", fail, "the password was refused");
    BOOST_TEST(r.text().find("Canary") == std::string::npos);

    dewpond::Pool full{PqDriver{unix_conninfo()}, {.name = "full", .max_size = 1, .min_idle = 0}};
    const auto held = full.checkout(10s);
    says(preflight(full, {.limit = 50ms}), "connection", fail, "no slot came free before the deadline");
}

BOOST_AUTO_TEST_SUITE_END()
