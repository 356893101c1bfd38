// SPDX-License-Identifier: BSL-1.0
// The connection string before anything is connected: what is refused, what is added, what is tried in which order.
#include <map>
#include <string>

#include <boost/test/unit_test.hpp>

#include <dewpond/libpq.hpp>

namespace {

using namespace std::chrono_literals;
using dewpond::Code;
using dewpond::PoolError;
using dewpond::PqDriver;
using dewpond::PqOptions;
using dewpond::detail::PqTarget;

/// What libpq makes of try `n`; a socket in a folder that is not there keeps it from connecting anywhere.
std::map<std::string, std::string> given(const std::string& conninfo, const PqOptions& options = {},
                                         std::size_t n = 0, const std::string& address = {}) {
    const PqTarget target{conninfo, options};
    PGconn* c = target.start(n, "orders", address);
    std::map<std::string, std::string> out;
    PQconninfoOption* all = PQconninfo(c);
    for (const PQconninfoOption* o = all; o->keyword != nullptr; ++o) {
        if (o->val != nullptr) out[o->keyword] = o->val;
    }
    PQconninfoFree(all);
    PQfinish(c);
    return out;
}

std::string refusal(const std::string& conninfo, PqOptions options = {}) {
    try {
        PqDriver driver{conninfo, std::move(options)};
    } catch (const PoolError& e) {
        BOOST_TEST((e.code() == Code::bad_option));
        return e.what();
    }
    return {};
}

/// Of the environment, for a while.
struct Variable {
    const char* name;
    Variable(const char* n, const char* value) : name{n} { ::setenv(n, value, 1); }
    ~Variable() { ::unsetenv(name); }
};

BOOST_AUTO_TEST_SUITE(pq_options)

BOOST_AUTO_TEST_CASE(a_malformed_connection_string_is_refused_and_never_quoted) {
    for (const std::string conninfo :
         {"s3cretpart", "password=top s3cretpart", "s3cret=1", "password='s3cret", "host=/x password=a\\",
          "postgresql://u:s3c%zzret@h/d", "postgresql://u:s3cret@h/d?s3cretkey=1", "postgresql://[s3cret/d",
          "connect_timeout=s3cret"}) {
        BOOST_TEST_CONTEXT(conninfo) {
            const std::string text = refusal(conninfo);
            const bool refused = !text.empty();
            BOOST_TEST(refused == (conninfo != "host=/x password=a\\"));
            BOOST_TEST(text.find("s3c") == std::string::npos);
            BOOST_TEST(text.find("zzret") == std::string::npos);
        }
    }
    const std::string with_zero = refusal(std::string{"host=/x\0password=s3cret", 23});
    BOOST_TEST(with_zero.find("zero byte") != std::string::npos);
    BOOST_TEST(with_zero.find("s3c") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(both_forms_and_the_empty_string_are_taken) {
    for (const char* conninfo : {"", "host=/x dbname=app", "postgresql:///app?host=/x", "postgres://u@h:1,h2:2/app"}) {
        BOOST_TEST_CONTEXT(conninfo) { BOOST_TEST(refusal(conninfo) == ""); }
    }
}

BOOST_AUTO_TEST_CASE(what_the_connection_string_leaves_open_is_filled_in) {
    auto got = given("host=/nowhere/at/all");
    BOOST_TEST(got["keepalives"] == "1");
    BOOST_TEST(got["keepalives_idle"] == "30");
    BOOST_TEST(got["keepalives_interval"] == "10");
    BOOST_TEST(got["keepalives_count"] == "3");
    BOOST_TEST(got["tcp_user_timeout"] == "30000");
    BOOST_TEST(got["fallback_application_name"] == "orders");
}

BOOST_AUTO_TEST_CASE(what_it_says_stays) {
    auto got = given("host=/nowhere/at/all keepalives_idle=7 tcp_user_timeout=9 application_name=mine");
    BOOST_TEST(got["keepalives_idle"] == "7");
    BOOST_TEST(got["keepalives_interval"] == "10");
    BOOST_TEST(got["tcp_user_timeout"] == "9");
    BOOST_TEST(got["application_name"] == "mine");
    got = given("host=/nowhere/at/all keepalives=0");
    BOOST_TEST(got["keepalives"] == "0");
    BOOST_TEST(got.count("keepalives_idle") == 0U);
}

BOOST_AUTO_TEST_CASE(options_say_it_where_the_connection_string_does_not) {
    auto got = given("host=/nowhere/at/all", {.application_name = "web",
                                              .keepalives_idle = 1500ms,
                                              .keepalives_count = 9,
                                              .tcp_user_timeout = dewpond::never});
    BOOST_TEST(got["application_name"] == "web");
    BOOST_TEST(got["keepalives_idle"] == "2");  // whole seconds, rounded up
    BOOST_TEST(got["keepalives_count"] == "9");
    BOOST_TEST(got.count("tcp_user_timeout") == 0U);
    got = given("host=/nowhere/at/all", {.keepalives = false});
    BOOST_TEST(got["keepalives"] == "0");
}

BOOST_AUTO_TEST_CASE(an_option_that_cannot_work_is_refused_by_name) {
    BOOST_TEST(refusal("", {.keepalives_idle = 0s}) == "PqOptions::keepalives_idle is 0 ns: it must be above 0");
    BOOST_TEST(refusal("", {.keepalives_interval = -1s}) ==
               "PqOptions::keepalives_interval is -1 s: it must be above 0");
    BOOST_TEST(refusal("", {.keepalives_count = 0}) == "PqOptions::keepalives_count is 0: it must be at least 1");
    BOOST_TEST(refusal("", {.tcp_user_timeout = 0s}) == "PqOptions::tcp_user_timeout is 0 ns: it must be above 0");
    BOOST_TEST(refusal("", {.application_name = std::string{"a\0b", 3}}) ==
               "PqOptions::application_name contains a zero byte");
    BOOST_TEST(refusal("", {.reset_sql = std::string{"a\0s3cret", 8}}) == "PqOptions::reset_sql contains a zero byte");
}

BOOST_AUTO_TEST_CASE(each_host_is_a_try_of_its_own) {
    const char* list = "host=/no/a,/no/b port=1,2 dbname=app";
    BOOST_TEST(PqTarget(list, {}).tries() == 2U);
    auto first = given(list, {}, 0), second = given(list, {}, 1);
    BOOST_TEST(first["host"] == "/no/a");
    BOOST_TEST(first["port"] == "1");
    BOOST_TEST(second["host"] == "/no/b");
    BOOST_TEST(second["port"] == "2");
    BOOST_TEST(second["dbname"] == "app");
    BOOST_TEST(given("host=/no/a,/no/b port=7", {}, 1)["port"] == "7");
    BOOST_TEST(PqTarget("postgresql://h1:1,h2:2,h3:3/app", {}).tries() == 3U);
    BOOST_TEST(PqTarget("hostaddr=127.0.0.1,127.0.0.2", {}).tries() == 2U);
    BOOST_TEST(PqTarget("", {}).tries() == 1U);
}

BOOST_AUTO_TEST_CASE(only_names_are_resolved) {
    for (const char* host : {"", "/run/postgresql", "@abstract", "127.0.0.1", "::1", "fe80::1%eth0", "2001:db8::7"}) {
        BOOST_TEST_CONTEXT(host) { BOOST_TEST(!dewpond::detail::pq_is_name(host)); }
    }
    for (const char* host : {"localhost", "db", "db.example.org.", "127.0.0.1.example.org", "1.2.3.256", "a:b",
                             "2001:db8::7::1", "a-name-that-is-much-longer-than-any-address-in-numbers:ever:was%eth0"}) {
        BOOST_TEST_CONTEXT(host) { BOOST_TEST(dewpond::detail::pq_is_name(host)); }
    }
    const auto to_resolve = [](const char* conninfo, std::size_t n = 0) {
        const PqTarget target{conninfo, {}};
        const std::string* name = target.name(n);
        return name == nullptr ? std::string{} : *name;
    };
    BOOST_TEST(to_resolve("host=db") == "db");
    BOOST_TEST(to_resolve("postgresql://u:p@db:1/app") == "db");
    BOOST_TEST(to_resolve("host=db hostaddr=127.0.0.1") == "");
    BOOST_TEST(to_resolve("host=a,b hostaddr=127.0.0.1,", 0) == "");
    BOOST_TEST(to_resolve("host=a,b hostaddr=127.0.0.1,", 1) == "b");
    BOOST_TEST(to_resolve("host=a,b port=1,2,3") == "");  // libpq refuses it before it resolves anything
    BOOST_TEST(to_resolve("host=db service=x") == "");    // the service may say hostaddr
    BOOST_TEST(to_resolve("") == "");
    auto got = given("host=db port=x", {}, 0, "127.0.0.9");  // the name stays, for the certificate and the password file
    BOOST_TEST(got["host"] == "db");
    BOOST_TEST(got["hostaddr"] == "127.0.0.9");
}

BOOST_AUTO_TEST_CASE(where_the_connection_string_is_silent_the_environment_says_where_to) {
    const Variable host{"PGHOST", "/no/a,db"}, port{"PGPORT", "1,2"};
    const PqTarget silent{"dbname=app", {}};
    BOOST_TEST(silent.tries() == 2U);
    BOOST_TEST(silent.name(0) == nullptr);
    BOOST_TEST_REQUIRE(silent.name(1) != nullptr);
    BOOST_TEST(*silent.name(1) == "db");
    BOOST_TEST(given("dbname=app", {}, 0)["port"] == "1");
    BOOST_TEST(given("host='' dbname=app", {}, 0)["host"] == "/no/a");
    BOOST_TEST(PqTarget("host=/no/c", {}).tries() == 1U);
    BOOST_TEST(PqTarget("hostaddr=127.0.0.1,127.0.0.2", {}).tries() == 2U);
    BOOST_TEST(given("hostaddr=127.0.0.1,127.0.0.2 port=x", {}, 1)["hostaddr"] == "127.0.0.2");
    BOOST_TEST(given("host=/no/c port=7")["port"] == "7");
    {
        const Variable address{"PGHOSTADDR", "127.0.0.1,127.0.0.2"};
        const PqTarget target{"host=a,b", {}};
        BOOST_TEST(target.tries() == 2U);
        BOOST_TEST(target.name(1) == nullptr);
    }
    const Variable service{"PGSERVICE", "x"};
    BOOST_TEST(PqTarget("", {}).tries() == 1U);
    BOOST_TEST(PqTarget("", {}).name(0) == nullptr);
}

BOOST_AUTO_TEST_CASE(lists_that_do_not_fit_are_libpq_s_to_refuse) {
    BOOST_TEST(PqTarget("host=/a,/b port=1,2,3", {}).tries() == 1U);
    BOOST_TEST(PqTarget("host=/a,/b hostaddr=127.0.0.1", {}).tries() == 1U);
    auto got = given("host=/a,/b port=1,2,3");
    BOOST_TEST(got["host"] == "/a,/b");
    BOOST_TEST(got["port"] == "1,2,3");
}

BOOST_AUTO_TEST_CASE(a_preferred_standby_is_looked_for_everywhere_before_anything_is_taken) {
    const char* list = "host=/no/a,/no/b target_session_attrs=prefer-standby";
    BOOST_TEST(PqTarget(list, {}).tries() == 4U);
    for (const std::size_t n : {0U, 1U, 2U, 3U}) {
        auto got = given(list, {}, n);
        BOOST_TEST(got["host"] == (n % 2 == 0 ? "/no/a" : "/no/b"));
        BOOST_TEST(got["target_session_attrs"] == (n < 2 ? "standby" : "any"));
    }
    BOOST_TEST(given("host=/no/a target_session_attrs=prefer-standby")["target_session_attrs"] == "prefer-standby");
}

BOOST_AUTO_TEST_CASE(a_role_that_is_required_is_asked_of_libpq) {
    using dewpond::PqRole;
    BOOST_TEST(given("host=/no/a").count("target_session_attrs") == 1U);
    BOOST_TEST(given("host=/no/a")["target_session_attrs"] == "any");  // libpq's default
    BOOST_TEST(given("host=/no/a", {.require = PqRole::primary})["target_session_attrs"] == "read-write");
    BOOST_TEST(given("host=/no/a", {.require = PqRole::standby})["target_session_attrs"] == "standby");
    BOOST_TEST(PqTarget("", {.require = PqRole::standby}).role_asked());
    BOOST_TEST(given("host=/no/a,/no/b", {.require = PqRole::standby}, 1)["target_session_attrs"] == "standby");
    BOOST_TEST(refusal("target_session_attrs=any", {.require = PqRole::primary}) ==
               "PqOptions::require and target_session_attrs: keep one of the two");
    BOOST_TEST(refusal("target_session_attrs=any") == "");
}

BOOST_AUTO_TEST_CASE(a_role_is_judged_by_what_the_server_reports) {
    using dewpond::PqRole;
    const struct {
        const char *in_hot_standby, *read_only;
        bool primary, standby;
    } table[] = {{"off", "off", true, false},     {"on", "off", false, true},     {"off", "on", false, false},
                 {"on", "on", false, true},       {nullptr, nullptr, true, true}, {nullptr, "on", false, true},
                 {"off", nullptr, true, false}};
    for (const auto& row : table) {
        using dewpond::detail::pq_role_fits;
        BOOST_TEST(pq_role_fits(PqRole::any, row.in_hot_standby, row.read_only));
        BOOST_TEST(pq_role_fits(PqRole::primary, row.in_hot_standby, row.read_only) == row.primary);
        BOOST_TEST(pq_role_fits(PqRole::standby, row.in_hot_standby, row.read_only) == row.standby);
    }
}

BOOST_AUTO_TEST_CASE(what_a_pooler_cannot_serve_is_refused_by_name) {
    using dewpond::PqPooler, dewpond::PqReset, dewpond::PqRole;
    constexpr auto none = PqPooler::none, session = PqPooler::session, transaction = PqPooler::transaction;
    const std::string role = "PqOptions::pooler: no role (PqOptions::require, target_session_attrs) can be asked for behind a pooler, "
                             "which may tell an old one: let the pooler have the right server";
    const std::string options = "PqOptions::pooler: a pooler refuses or drops what the connection string (or PGOPTIONS) says in options: "
                                "set it on the role (alter role ... set)";
    for (const PqPooler pooler : {none, session, transaction}) {
        BOOST_TEST_CONTEXT(static_cast<int>(pooler)) {
            const auto either = [&](const std::string& sentence) { return pooler == none ? std::string{} : sentence; };
            BOOST_TEST(refusal("", {.pooler = pooler}) == "");
            BOOST_TEST(refusal("", {.require = PqRole::primary, .pooler = pooler}) == either(role));
            BOOST_TEST(refusal("", {.require = PqRole::standby, .pooler = pooler}) == either(role));
            BOOST_TEST(refusal("target_session_attrs=read-write", {.pooler = pooler}) == either(role));
            BOOST_TEST(refusal("target_session_attrs=any", {.pooler = pooler}) == "");
            BOOST_TEST(refusal("options='-c s3cret=1'", {.pooler = pooler}) == either(options));
            BOOST_TEST(refusal("options=''", {.pooler = pooler}) == "");
            {
                const Variable by_environment{"PGOPTIONS", "-c s3cret=1"};
                BOOST_TEST(refusal("", {.pooler = pooler}) == either(options));
                BOOST_TEST(refusal("options=''", {.pooler = pooler}) == either(options));  // as libpq has it
            }
            {
                const Variable by_environment{"PGTARGETSESSIONATTRS", "primary"};
                BOOST_TEST(refusal("", {.pooler = pooler}) == either(role));
                BOOST_TEST(refusal("target_session_attrs=any", {.pooler = pooler}) == "");
            }
            // As without one in session mode; in transaction mode whose session would it be?
            const auto shared = [&](const std::string& sentence) { return pooler == transaction ? sentence : std::string{}; };
            BOOST_TEST(refusal("", {.reset = PqReset::session, .pooler = pooler}) ==
                       shared("PqOptions::reset is session: behind a pooler in transaction mode DISCARD ALL would meet a session of others"));
            BOOST_TEST(refusal("", {.reset_sql = "reset s3cret", .pooler = pooler}) ==
                       shared("PqOptions::reset_sql: behind a pooler in transaction mode it would meet a session of others; leave it empty"));
        }
    }
    // With a function the options are judged at once, and what it returns at the opening.
    const auto give = [] { return std::string{"host=/no/a options='-c s3cret=1'"}; };
    BOOST_CHECK_THROW((PqDriver{give, {.require = PqRole::primary, .pooler = session}}), PoolError);
    PqDriver driver{give, {.pooler = session}};
    const auto r = driver.open(dewpond::Deadline::after(std::chrono::steady_clock::now(), 10s));
    BOOST_TEST_REQUIRE(!r.has_value());
    BOOST_TEST((r.error().fault() == dewpond::Fault::configuration));
    BOOST_TEST(r.error().text() == options);
}

BOOST_AUTO_TEST_CASE(connect_timeout_limits_each_try) {
    BOOST_TEST(PqTarget("", {}).limit().is_never());
    BOOST_TEST(PqTarget("connect_timeout=0", {}).limit().is_never());
    BOOST_TEST((PqTarget("connect_timeout=1", {}).limit() == dewpond::Duration{2s}));
    BOOST_TEST((PqTarget("connect_timeout=7", {}).limit() == dewpond::Duration{7s}));
}

BOOST_AUTO_TEST_CASE(the_connection_is_moved_and_never_copied) {
    static_assert(!std::is_copy_constructible_v<dewpond::PqConnection>);
    static_assert(std::is_nothrow_move_constructible_v<dewpond::PqConnection>);
    static_assert(std::is_convertible_v<dewpond::PqConnection&, PGconn*>);
    static_assert(std::is_nothrow_move_constructible_v<PqDriver>);
    dewpond::PqConnection none;
    PqDriver driver{""};
    BOOST_TEST(!driver.status_ok(none));
    BOOST_TEST(!driver.probe(none));
    BOOST_TEST(!driver.ping(none, dewpond::Deadline{}));
    BOOST_TEST(driver.dirty(none));
    BOOST_TEST((driver.reset(none, dewpond::Deadline{}) == dewpond::ResetResult::broken));
    BOOST_TEST(driver.poll_handle(none) == -1);
    BOOST_TEST((driver.last_fault(none).fault() == dewpond::Fault::broken));
    driver.interrupt(none);
    driver.abandon(none);
    driver.close(none);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
