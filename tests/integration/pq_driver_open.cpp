// SPDX-License-Identifier: BSL-1.0
// Opening: within its deadline, or with a reason that helps and gives no secret away.
#include <csignal>
#include <thread>

#include <netinet/tcp.h>

#include "pq_driver_support.hpp"

namespace {

using namespace pq_test;
using namespace std::string_literals;
namespace ut = boost::unit_test;

OpenError refused(const std::string& conninfo, std::chrono::nanoseconds limit = 5s) {
    PqDriver driver{conninfo};
    auto r = driver.open(in(limit));
    BOOST_TEST_REQUIRE(!r.has_value());
    return std::move(r).error();
}

BOOST_AUTO_TEST_SUITE(pq_open)

BOOST_AUTO_TEST_CASE(a_new_connection_is_what_pqconnectdb_would_give, *ut::timeout(30)) {
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            PqDriver driver{way.conninfo};
            PqConnection c = opened(driver);
            BOOST_TEST(PQisnonblocking(c) == 0);
            BOOST_TEST((PQsetErrorVerbosity(c, PQERRORS_DEFAULT) == PQERRORS_DEFAULT));
            BOOST_TEST(driver.status_ok(c));
            BOOST_TEST(!driver.dirty(c));
            BOOST_TEST(driver.probe(c));
            BOOST_TEST(driver.poll_handle(c) == PQsocket(c));
            BOOST_TEST(value(c, "select 1+1") == "2");
            BOOST_TEST(driver.label(c) == value(c, "select pg_backend_pid()"));
            BOOST_TEST((driver.last_fault(c).fault() == Fault::none));
            driver.close(c);
            BOOST_TEST(c.get() == nullptr);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_pool_s_name_is_seen_in_pg_stat_activity_unless_the_caller_names_another, *ut::timeout(30)) {
    const char* asks = "select application_name from pg_stat_activity where pid=pg_backend_pid()";
    const auto name = [&](const std::string& conninfo, const PqOptions& options) {
        PqDriver driver{conninfo, options};
        driver.pool_named("orders");
        PqConnection c = opened(driver);
        return value(c, asks);
    };
    BOOST_TEST(name(unix_conninfo(), {}) == "orders");
    BOOST_TEST(name(unix_conninfo(), {.application_name = "web"}) == "web");
    BOOST_TEST(name(unix_conninfo() + " application_name=mine", {.application_name = "web"}) == "mine");
}

BOOST_AUTO_TEST_CASE(keepalives_and_the_user_timeout_reach_the_socket, *ut::timeout(30)) {
    const auto option = [](PGconn* c, int level, int which) {
        int v = -1;
        socklen_t size = sizeof v;
        ::getsockopt(PQsocket(c), level, which, &v, &size);
        return v;
    };
    PqDriver driver{tcp_conninfo()};
    PqConnection c = opened(driver);
    BOOST_TEST(option(c, SOL_SOCKET, SO_KEEPALIVE) == 1);
    BOOST_TEST(option(c, IPPROTO_TCP, TCP_KEEPIDLE) == 30);
    BOOST_TEST(option(c, IPPROTO_TCP, TCP_KEEPINTVL) == 10);
    BOOST_TEST(option(c, IPPROTO_TCP, TCP_KEEPCNT) == 3);
    BOOST_TEST(option(c, IPPROTO_TCP, TCP_USER_TIMEOUT) == 30'000);
    PqDriver other{tcp_conninfo() + " keepalives_idle=77"};
    PqConnection d = opened(other);
    BOOST_TEST(option(d, IPPROTO_TCP, TCP_KEEPIDLE) == 77);
}

BOOST_AUTO_TEST_CASE(only_the_way_called_tls_is_encrypted, *ut::timeout(30)) {
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            PqDriver driver{way.conninfo};
            PqConnection c = opened(driver);
            const bool tls = std::string{way.name} == "tls";
            BOOST_TEST((PQsslInUse(c) == 1) == tls);
            BOOST_TEST(value(c, "select ssl from pg_stat_ssl where pid = pg_backend_pid()") == (tls ? "t" : "f"));
        }
    }
}

BOOST_AUTO_TEST_CASE(the_deadline_is_kept_against_a_listener_that_never_answers, *ut::timeout(30)) {
    MuteListener mute;
    const std::string conninfo = "hostaddr=127.0.0.1 user=u port=" + mute.port();
    for (const char* more : {" sslmode=disable gssencmode=disable", " sslmode=prefer", " connect_timeout=60"}) {
        BOOST_TEST_CONTEXT(more) {
            const long overrun = overrun_ms(100, [&](auto limit) {
                const OpenError e = refused(conninfo + more, limit);
                BOOST_TEST((e.fault() == Fault::timed_out));
                BOOST_TEST(e.text().starts_with("no answer by the deadline"));
            });
            BOOST_TEST(overrun < few_ms);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_deadline_that_has_passed_connects_to_nobody, *ut::timeout(30)) {
    PqDriver driver{unix_conninfo()};
    auto r = driver.open(Deadline{Clock::now() - 1s});
    BOOST_TEST_REQUIRE(!r.has_value());
    BOOST_TEST((r.error().fault() == Fault::timed_out));
}

BOOST_AUTO_TEST_CASE(connect_timeout_of_the_connection_string_is_kept_too, *ut::timeout(30)) {
    MuteListener mute;
    const Stopwatch watch;
    const OpenError e = refused("hostaddr=127.0.0.1 user=u connect_timeout=2 port=" + mute.port(), 20s);
    BOOST_TEST(watch.ms() < 2000 + at_once_ms);
    BOOST_TEST((e.fault() == Fault::timed_out));
}

BOOST_AUTO_TEST_CASE(a_mute_first_host_does_not_hide_a_good_second, *ut::timeout(30)) {
    MuteListener mute;
    PqDriver driver{"hostaddr=127.0.0.1,127.0.0.1 user=dewpond dbname=dewpond port=" + mute.port() + "," +
                    env("DEWPOND_PG_PORT")};
    const Stopwatch watch;
    PqConnection c = opened(driver, 1s);
    BOOST_TEST(watch.ms() < 1000);
    BOOST_TEST(driver.ping(c, in(5s)));
}

BOOST_AUTO_TEST_CASE(nobody_there_is_unreachable_and_says_how, *ut::timeout(30)) {
    std::string port;
    { port = MuteListener{}.port(); }
    const OpenError tcp = refused("hostaddr=127.0.0.1 user=u port=" + port);
    BOOST_TEST((tcp.fault() == Fault::unreachable));
    BOOST_TEST(tcp.text() == "the server cannot be reached: Connection refused");
    const OpenError local = refused("host=/no/such/folder");
    BOOST_TEST((local.fault() == Fault::unreachable));
    BOOST_TEST(local.text() == "the server cannot be reached: No such file or directory");
}

BOOST_AUTO_TEST_CASE(a_full_server_is_full, *ut::timeout(30)) {
    Admin admin;
    admin.ask("drop role if exists one_only");
    admin.ask("create role one_only login connection limit 1");
    PqDriver driver{unix_conninfo() + " user=one_only"};
    PqConnection first = opened(driver);
    auto second = driver.open(in(5s));
    BOOST_TEST_REQUIRE(!second.has_value());
    BOOST_TEST((second.error().fault() == Fault::full));
    BOOST_TEST(second.error().text() == "too many connections (SQLSTATE 53300)");
    driver.close(first);
    BOOST_TEST(soon([&] { return driver.open(in(5s)).has_value(); }));
}

BOOST_AUTO_TEST_CASE(what_will_not_pass_by_itself_is_configuration, *ut::timeout(30)) {
    const std::string scram = unix_conninfo() + " user=dewpond_scram";
    const struct {
        const char* name;
        std::string conninfo;
        const char* text;
    } table[] = {
        {"wrong password", scram + " password=c4nary", "SQLSTATE 28P01"},
        {"no password", scram, "asks for a password"},
        {"unknown role", unix_conninfo() + " user=nobody_at_all password=c4nary", "SQLSTATE 28000"},
        {"unknown database", unix_conninfo() + " dbname=c4nary", "SQLSTATE 3D000"},
        {"unknown setting", unix_conninfo() + " options='-c c4nary=1'", "SQLSTATE 42704"},
        {"unknown sslmode", unix_conninfo() + " sslmode=c4nary", "libpq refuses"},
        {"bad port", "hostaddr=127.0.0.1 port=c4nary", "libpq refuses"},
        {"lists that do not fit", "host=/a,/b port=1,2,3 password=c4nary", "libpq refuses"},
    };
    for (const auto& row : table) {
        BOOST_TEST_CONTEXT(row.name) {
            const OpenError e = refused(row.conninfo);
            BOOST_TEST_INFO(e.text());
            BOOST_TEST((e.fault() == Fault::configuration));
            BOOST_TEST(e.text().find(row.text) != std::string::npos, e.text());
            BOOST_TEST(e.text().find("c4nary") == std::string::npos);
            BOOST_TEST(std::string{e.what()}.find("c4nary") == std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(the_right_password_opens, *ut::timeout(30)) {
    const std::string password = " user=dewpond_scram password=" + env("DEWPOND_PG_SCRAM_PASSWORD");
    for (const Way& way : ways()) {
        PqDriver driver{way.conninfo + password};
        PqConnection c = opened(driver);
        BOOST_TEST(driver.ping(c, in(5s)));
    }
}

BOOST_AUTO_TEST_CASE(the_wrong_kind_of_server_is_the_wrong_role, *ut::timeout(30)) {
    for (const char* role : {"standby", "read-only"}) {
        BOOST_TEST_CONTEXT(role) {
            const OpenError e = refused(unix_conninfo() + " target_session_attrs=" + role);
            BOOST_TEST((e.fault() == Fault::wrong_role));
        }
    }
    PqDriver primary{unix_conninfo() + " target_session_attrs=primary"};
    opened(primary);
    const std::string twice = env("DEWPOND_PG_SOCKET_DIR") + "," + env("DEWPOND_PG_SOCKET_DIR");
    PqDriver prefers{"user=dewpond dbname=dewpond target_session_attrs=prefer-standby host=" + twice +
                     " port=" + env("DEWPOND_PG_PORT")};
    opened(prefers);
}

BOOST_AUTO_TEST_CASE(encryption_that_does_not_come_about_says_so, *ut::timeout(30)) {
    Admin admin;
    const auto switched = [&](const char* to) {
        admin.ask(std::string{"alter system set ssl = "} + to);
        admin.ask("select pg_reload_conf()");
        PqDriver driver{tls_conninfo()};
        return soon([&] { return driver.open(in(10s)).has_value() == (to == std::string{"on"}); });
    };
    BOOST_TEST_REQUIRE(switched("off"));
    const OpenError e = refused(tls_conninfo());
    BOOST_TEST(switched("on"));
    BOOST_TEST((e.fault() == Fault::other));
    BOOST_TEST(e.text().find("encrypted") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_shutting_down_is_starting, *ut::timeout(60)) {
    // A backend that stands still keeps the server in its shutdown, where it answers newcomers with 57P03.
    Admin admin;
    PqDriver driver{unix_conninfo()};
    PqConnection c = opened(driver);
    const auto backend = static_cast<pid_t>(std::stol(driver.label(c)));
    ::kill(backend, SIGSTOP);
    const auto server = static_cast<pid_t>(std::stol(admin.ask("select pg_read_file('postmaster.pid')")));
    admin.forget();
    ::kill(server, SIGINT);
    OpenError e;
    const bool seen = soon([&] {
        auto r = driver.open(in(5s));
        if (r) return false;
        e = r.error();
        return e.fault() == Fault::starting;
    });
    ::kill(backend, SIGCONT);
    BOOST_TEST(seen);
    BOOST_TEST(e.text().find("57P03") != std::string::npos, e.text());
    driver.close(c);
    BOOST_TEST(soon([&] { return refused(unix_conninfo()).fault() == Fault::unreachable; }, 20s));
    control("start");
}

BOOST_AUTO_TEST_CASE(a_stranger_on_the_port_is_no_server, *ut::timeout(30)) {
    for (const std::string& words : {""s, "HTTP/1.1 400 Bad Request\r\n\r\n"s, "E\0\0\0\4"s}) {
        BOOST_TEST_CONTEXT(words) {
            OneReply stranger{words};
            const OpenError e = refused(stranger.conninfo());
            BOOST_TEST((e.fault() == Fault::other || e.fault() == Fault::unreachable));
            BOOST_TEST(!e.text().empty());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_refusal_of_the_server_is_understood_on_the_wire, *ut::timeout(30)) {
    const std::string fields = "SFATALE\0VFATAL\0C57P03\0Mil c4nary sistema si sta avviando\0\0"s;
    const auto length = static_cast<char>(fields.size() + 4);
    OneReply server{"E\0\0\0"s + length + fields};
    const OpenError e = refused(server.conninfo());
    BOOST_TEST((e.fault() == Fault::starting));
    BOOST_TEST(e.text().find("c4nary") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(notices_are_swallowed_or_go_where_they_were_asked_to, *ut::timeout(30)) {
    const char* speak = "do $$ begin raise notice 'c4nary'; end $$";
    // What is written to stderr meanwhile is caught in a pipe.
    int pipe_ends[2];
    BOOST_TEST_REQUIRE(::pipe(pipe_ends) == 0);
    const int saved = ::dup(2);
    ::dup2(pipe_ends[1], 2);
    {
        PqDriver quiet{unix_conninfo()};
        PqConnection c = opened(quiet);
        run(c, speak);
        (void)quiet.ping(c, in(5s));
        quiet.close(c);
    }
    ::dup2(saved, 2);
    ::close(saved);
    ::close(pipe_ends[1]);
    char printed[256] = "";
    BOOST_TEST(::read(pipe_ends[0], printed, sizeof printed - 1) == 0, printed);
    ::close(pipe_ends[0]);

    std::string heard;
    PqDriver told{unix_conninfo(),
                  {.notice_receiver =
                       [](void* to, const PGresult* r) {
                           *static_cast<std::string*>(to) += PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
                       },
                   .notice_arg = &heard}};
    PqConnection c = opened(told);
    run(c, speak);
    BOOST_TEST(heard == "c4nary");
    BOOST_TEST(!told.dirty(c));
}

BOOST_AUTO_TEST_CASE(failed_and_finished_connections_leave_no_descriptor_and_no_thread, *ut::timeout(60)) {
    MuteListener mute;
    const std::string conninfos[] = {unix_conninfo(), tcp_conninfo(), "host=/no/such/folder",
                                     "hostaddr=127.0.0.1 user=u port=" + mute.port(),
                                     unix_conninfo() + " user=dewpond_scram password=c4nary"};
    const int descriptors = open_descriptors();
    for (const std::string& conninfo : conninfos) {
        PqDriver driver{conninfo};
        for (int i = 0; i < 10; ++i) {
            auto r = driver.open(in(conninfo.find(mute.port()) != std::string::npos ? 5ms : 5s));
            if (r) driver.close(*r);
        }
        BOOST_TEST_CONTEXT(conninfo) { BOOST_TEST(open_descriptors() == descriptors); }
    }
    BOOST_TEST(helpers() == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
