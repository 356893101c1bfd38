// SPDX-License-Identifier: BSL-1.0
// The judgement of a preflight: for each topic, what is said of which facts.
#include <chrono>
#include <cstdint>
#include <string>

#include <boost/test/unit_test.hpp>

#include <dewpond/preflight.hpp>

using namespace std::chrono_literals;
using dewpond::PqPooler;
using dewpond::PreflightLine;
using dewpond::PreflightPlan;
using dewpond::PreflightReport;
using dewpond::PreflightVerdict;
using dewpond::detail::PqFacts;
using dewpond::detail::PqJudge;
using dewpond::detail::PqPath;
using dewpond::detail::PqPoolFacts;

namespace {

/// A server that is as it should be, over a network.
PqFacts good() {
    PqFacts f;
    f.version = 150'020;
    f.tls = true;
    f.keepalives = true;
    f.idle_s = 30, f.interval_s = 10, f.count = 3, f.user_timeout_ms = 30'000;
    f.answered = true;
    f.max_connections = 100, f.superuser_reserved = 3;
    f.role_limit = -1, f.database_limit = -1;
    f.idle_session_ms = 0, f.idle_in_transaction_ms = 60'000, f.statement_ms = 5'000;
    f.backend = 42;
    return f;
}
const PqPoolFacts pool{.max_size = 10, .checkout_timeout = 10s, .max_idle = 300s};

PqPoolFacts behind(PqPooler said) {
    PqPoolFacts p = pool;
    p.pooler = said;
    return p;
}

PreflightReport judged(const PqFacts& f, const PreflightPlan& plan = {}, const PqPoolFacts& p = pool) {
    return {PqJudge{f, p, plan}.lines()};
}

constexpr auto ok = PreflightVerdict::ok, warn = PreflightVerdict::warn, fail = PreflightVerdict::fail;

/// One topic says so, with a remedy exactly if all is not well, and nothing else does.
void says(const PreflightReport& r, const char* topic, PreflightVerdict verdict, const std::string& fact, const std::string& remedy = {}) {
    BOOST_TEST_CONTEXT(topic << "\n" << r.text()) {
        const PreflightLine* l = r.find(topic);
        BOOST_TEST_REQUIRE(l != nullptr);
        BOOST_TEST((l->verdict == verdict));
        BOOST_TEST(l->fact == fact);
        BOOST_TEST(l->remedy.find(remedy) != std::string::npos);
        BOOST_TEST(l->remedy.empty() == (verdict == ok));
        BOOST_TEST((r.verdict() == verdict));
    }
}

template <class Change>
PreflightReport with(Change&& change, const PreflightPlan& plan = {}, const PqPoolFacts& p = pool) {
    PqFacts f = good();
    change(f);
    return judged(f, plan, p);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pq_preflight)

BOOST_AUTO_TEST_CASE(a_good_server_is_nine_lines_without_a_remedy) {
    const PreflightReport r = judged(good());
    BOOST_TEST(r.text() ==
               "ok    server: PostgreSQL 15.20, primary\n"
               "ok    user: an ordinary role\n"
               "ok    connections: 1 process x 10 = 10 of 97 (max_connections less what is reserved)\n"
               "ok    idle_session_timeout: off\n"
               "ok    idle_in_transaction_session_timeout: 60 s\n"
               "ok    statement_timeout: 5 s\n"
               "ok    pooler: none\n"
               "ok    encryption: TLS\n"
               "ok    keepalives: 30 s + 3 x 10 s; tcp_user_timeout 30 s\n");
    BOOST_TEST((r.verdict() == ok));
}

BOOST_AUTO_TEST_CASE(a_report_without_lines_is_no_good_one) {
    BOOST_TEST((PreflightReport{}.verdict() == fail));
    BOOST_TEST((PreflightReport{}.find("server") == nullptr));
}

BOOST_AUTO_TEST_CASE(the_role_of_the_server) {
    says(with([](PqFacts& f) { f.standby = true; }), "server", warn, "PostgreSQL 15.20, standby: whatever writes fails (25006)",
         "target_session_attrs=primary");
    says(with([](PqFacts& f) { f.standby = f.standby_wanted = true; }), "server", ok, "PostgreSQL 15.20, standby");
    const auto pooled = with([](PqFacts& f) { f.standby = true, f.pooler = PqPooler::session; }, {}, behind(PqPooler::session));
    says(pooled, "server", warn, "PostgreSQL 15.20, standby: whatever writes fails (25006)", "let the pooler have the primary");
    BOOST_TEST(pooled.text().find("target_session_attrs") == std::string::npos);  // refused behind a pooler
    says(with([](PqFacts& f) { f.read_only = true; }), "server", warn,
         "PostgreSQL 15.20, primary, but its sessions are read only unless they say otherwise", "default_transaction_read_only");
    says(with([](PqFacts& f) { f.version = 130'014; }), "server", warn,
         "PostgreSQL 13.14, primary: it does not report when its role changes", "14 or later");
    const auto mute = with([](PqFacts& f) { f.answered = false; });
    says(mute, "server", fail, "PostgreSQL 15.20, which does not tell its settings (no answer in time)");
    BOOST_TEST(mute.find("connections") == nullptr);
    BOOST_TEST(mute.find("encryption") != nullptr);
    says(with([](PqFacts& f) { f.answered = false, f.refused = true, f.version = 11'800; }), "server", fail,
         "PostgreSQL 1.18, which does not tell its settings (it refuses)");
    says(with([](PqFacts& f) { f.answered = false, f.refused = true, f.state.set("42501"); }), "server", fail,
         "PostgreSQL 15.20, which does not tell its settings (SQLSTATE 42501)");
    says(with([](PqFacts& f) { f.superuser = true; }), "user", warn,
         "a superuser: the pool takes the connections that are kept for whoever must look at a full server", "without superuser");
}

BOOST_AUTO_TEST_CASE(the_connections_of_all_processes) {
    const auto same = [](PqFacts&) {};
    says(with(same, {.replicas = 8, .surge = 1, .other = 7}), "connections", ok,
         "9 processes x 10 + 7 = 97 of 97 (max_connections less what is reserved)");
    says(with(same, {.replicas = 8, .surge = 1, .other = 8}), "connections", fail,
         "9 processes x 10 + 8 = 98 of 97 (max_connections less what is reserved)",
         "max_size = 9; 89 connections for 9 processes (1 of them during a roll-out): 9 each");
    says(with(same, {.replicas = 98}), "connections", fail, "98 processes x 10 = 980 of 97 (max_connections less what is reserved)",
         "not even one each. Put PgBouncer in front");
    says(with([](PqFacts& f) { f.reserved = 5; }, {.replicas = 10}), "connections", fail,
         "10 processes x 10 = 100 of 92 (max_connections less what is reserved)", "max_size = 9; ");
    says(with([](PqFacts& f) { f.role_limit = 50; }, {.replicas = 6}), "connections", fail, "6 processes x 10 = 60 of 50 (the role's connection limit)",
         "max_size = 8; 50 connections for 6 processes");
    says(with([](PqFacts& f) { f.role_limit = 50, f.database_limit = 40; }, {.replicas = 4}), "connections", ok,
         "4 processes x 10 = 40 of 40 (the database's connection limit)");
    says(with([](PqFacts& f) { f.role_limit = 99; }, {.replicas = 9}), "connections", ok,
         "9 processes x 10 = 90 of 97 (max_connections less what is reserved)");
    says(with([](PqFacts& f) { f.role_limit = 0; }), "connections", fail, "1 process x 10 = 10 of 0 (the role's connection limit)", "not even one each");
    const auto super = with([](PqFacts& f) { f.superuser = true, f.role_limit = 1; }, {.replicas = 10});
    BOOST_TEST(super.find("connections")->fact == "10 processes x 10 = 100 of 100 (max_connections)");
    BOOST_TEST((super.find("connections")->verdict == ok));
    const auto pooled = with([](PqFacts& f) { f.pooler = PqPooler::session; }, {.replicas = 98}, behind(PqPooler::session));
    says(pooled, "connections", ok,
         "98 processes x 10 = 980 clients of a pooler: its max_client_conn and default_pool_size count, and that one must stay below the server's 97");
    BOOST_TEST((with(same, {.replicas = 0xffff'ffff, .surge = 0xffff'ffff, .other = 0xffff'ffff}).verdict() == fail));
}

BOOST_AUTO_TEST_CASE(the_times_of_the_server_and_of_the_pool) {
    const auto idle = [](std::int64_t ms) { return [ms](PqFacts& f) { f.idle_session_ms = ms; }; };
    says(with(idle(600'000)), "idle_session_timeout", ok, "600 s; the pool retires after 300 s");
    says(with(idle(333'334)), "idle_session_timeout", ok, "333.3 s; the pool retires after 300 s");
    says(with(idle(333'000)), "idle_session_timeout", warn,
         "333 s: the server ends resting connections before the pool does (max_idle is 300 s)", "Lifetime{.max_idle = 266.4 s} or less");
    says(with(idle(60'000), {}, {.max_size = 1, .checkout_timeout = 10s}), "idle_session_timeout", warn,
         "60 s: the server ends resting connections before the pool does (max_idle is never)", "Lifetime{.max_idle = 48 s} or less");
    says(with([](PqFacts& f) { f.idle_session_ms.reset(); }), "idle_session_timeout", ok, "off");
    says(with([](PqFacts& f) { f.idle_in_transaction_ms = 0; }), "idle_in_transaction_session_timeout", warn,
         "off: a lease that is kept inside a transaction keeps its locks for ever", "alter role");
    says(with([](PqFacts& f) { f.statement_ms = 0; }), "statement_timeout", warn, "off: a statement keeps its connection as long as it likes",
         "to less than 10 s");
    says(with([](PqFacts& f) { f.statement_ms = 10'000; }), "statement_timeout", ok, "10 s");
    says(with([](PqFacts& f) { f.statement_ms = 10'001; }), "statement_timeout", warn,
         "10 s: whoever waits for the connection gives up sooner (checkout_timeout is 10 s)", "to less than 10 s");
}

BOOST_AUTO_TEST_CASE(the_way_to_the_server) {
    const auto local = [](PqFacts& f) { f.path = PqPath::local, f.tls = f.keepalives = false; };
    says(with(local), "encryption", ok, "none needed: a Unix socket");
    says(with(local), "keepalives", ok, "none needed: a Unix socket");
    says(with([](PqFacts& f) { f.path = PqPath::loopback, f.tls = false; }), "encryption", ok, "none, over the loopback");
    says(with([](PqFacts& f) { f.tls = false; }), "encryption", warn, "none: passwords aside, everything can be read on the way", "verify-full");
    says(with([](PqFacts& f) { f.keepalives = false; }), "keepalives", warn,
         "off: a network that drops connections without a word is not noticed", "PqOptions");
    says(with([](PqFacts& f) { f.idle_s = 7'200; }), "keepalives", warn, "7200 s + 3 x 10 s: networks forget idle connections after 240 s", "PqOptions");
    says(with([](PqFacts& f) { f.interval_s = 75, f.count = 9; }), "keepalives", warn,
         "30 s + 9 x 75 s: networks forget idle connections after 240 s", "PqOptions");
    says(with([](PqFacts& f) { f.user_timeout_ms = 0; }), "keepalives", warn,
         "30 s + 3 x 10 s, but no tcp_user_timeout: while data is unacknowledged they do not run", "PqOptions");
}

BOOST_AUTO_TEST_CASE(a_pooler_in_between_is_held_against_the_option) {
    const std::string between = "one in between (PgBouncer or alike)";
    const std::string session = between + ", session mode as far as can be seen";
    const std::string transaction = between + ", transaction mode: what outlives a transaction is lost or another's";
    const std::string option = "PqOptions::pooler = PqPooler::";
    constexpr auto n = PqPooler::none, s = PqPooler::session, t = PqPooler::transaction;
    const struct {
        PqPooler seen, said;
        PreflightVerdict verdict;
        std::string fact, remedy;
    } table[] = {{n, n, ok, "none", ""},
                 {n, s, warn, "none, and not " + option + "session", option + "none"},
                 {n, t, warn, "none, and not " + option + "transaction", option + "none"},
                 {s, n, warn, session + ", and not " + option + "none", option + "session"},
                 {s, s, ok, session, ""},
                 {s, t, warn, session + ", and not " + option + "transaction", option + "session"},
                 {t, n, fail, transaction + ", and not " + option + "none", option + "transaction; no SET, LISTEN"},
                 {t, s, fail, transaction + ", and not " + option + "session", option + "transaction; no SET, LISTEN"},
                 {t, t, ok, transaction, ""}};
    for (const auto& row : table) {
        says(with([&](PqFacts& f) { f.pooler = row.seen; }, {}, behind(row.said)), "pooler", row.verdict, row.fact, row.remedy);
    }
    for (const PqPooler said : {n, s, t}) {
        says(with([](PqFacts& f) { f.pooler.reset(); }, {}, behind(said)), "pooler", warn, between + "; its mode could not be seen", "two connections");
    }
}

BOOST_AUTO_TEST_SUITE_END()
