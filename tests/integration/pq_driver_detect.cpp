// SPDX-License-Identifier: BSL-1.0
// How an idle connection dies, and which of the free checks sees it; and what must be no false alarm.
#include <csignal>
#include <functional>
#include <future>

#include "pq_driver_support.hpp"
#include "proxy.hpp"

namespace {

using namespace pq_test;
namespace ut = boost::unit_test;

/// A way to die: what is done, whether it happens to the whole server, and what the server says first.
struct Death {
    const char* name;
    std::function<void(PqDriver&, PqConnection&, Admin&)> cause;
    const char* last_words;  ///< the SQLSTATE that `last_fault` names, "" if none can be known
    enum { alone, server_recovers, server_stops } takes = alone;
};

void kill_backend(PqDriver& driver, PqConnection& c) {
    ::kill(static_cast<pid_t>(std::stol(driver.label(c))), SIGKILL);
}

const Death deaths[] = {
    {"terminated", [](PqDriver& d, PqConnection& c, Admin& a) { a.terminate(d.label(c)); }, "57P01"},
    {"another backend killed",
     [](PqDriver&, PqConnection&, Admin& a) {
         PqDriver other{unix_conninfo()};
         PqConnection victim = opened(other);
         kill_backend(other, victim);
         a.forget();
     },
     "57P02", Death::server_recovers},
    {"own backend killed", [](PqDriver& d, PqConnection& c, Admin&) { kill_backend(d, c); }, "",
     Death::server_recovers},
    // Long enough for a loaded machine to read the answer before the end comes: libpq tells what comes with it to nobody.
    {"idle_session_timeout", [](PqDriver&, PqConnection& c, Admin&) { run(c, "set idle_session_timeout = 200"); },
     "57P05"},
    {"stop fast",
     [](PqDriver&, PqConnection&, Admin& a) {
         a.forget();
         control("stop-fast");
     },
     "57P01", Death::server_stops},
    {"stop immediate",
     [](PqDriver&, PqConnection&, Admin& a) {
         a.forget();
         control("stop-immediate");
     },
     "57P01", Death::server_stops},
    {"restart",
     [](PqDriver&, PqConnection&, Admin& a) {
         a.forget();
         control("restart");
     },
     "57P01"},
    {"client shutdown()", [](PqDriver&, PqConnection& c, Admin&) { ::shutdown(PQsocket(c), SHUT_RDWR); }, ""},
};

/// Somebody else's connection to the same server. A crash reaches it when the server has begun to recover; before that
/// it would still take newcomers and throw them out a moment later.
class Bystander {
public:
    /// The server is back, or was never away.
    void recover(const Death& death) {
        if (death.takes == Death::server_recovers) BOOST_TEST_REQUIRE(readable(PQsocket(conn_)));
        if (death.takes == Death::server_stops) control("start");
        BOOST_TEST_REQUIRE(soon([&] { return driver_.open(in(1s)).has_value(); }, 30s));
    }

private:
    PqDriver driver_{unix_conninfo()};
    PqConnection conn_ = opened(driver_);
};

BOOST_AUTO_TEST_SUITE(pq_detect)

BOOST_AUTO_TEST_CASE(a_resting_connection_passes_every_check_and_stays_as_it_is, *ut::timeout(60)) {
    for (const Way& way : ways()) {
        PqDriver driver{way.conninfo};
        PqConnection c = opened(driver);
        bool good = true;
        for (int i = 0; i < 1000; ++i) good = good && driver.status_ok(c) && driver.probe(c) && !driver.dirty(c);
        BOOST_TEST(good);
        BOOST_TEST(value(c, "select 1") == "1");
    }
}

BOOST_AUTO_TEST_CASE(every_death_is_seen_by_the_probe_and_by_no_look_at_local_memory, *ut::timeout(300)) {
    for (const Death& death : deaths) {
        for (const Way& way : ways()) {
            BOOST_TEST_CONTEXT(death.name << ", " << way.name) {
                Bystander bystander;
                Admin admin;
                PqDriver driver{way.conninfo};
                PqConnection c = opened(driver);
                death.cause(driver, c, admin);
                BOOST_TEST_REQUIRE(readable(PQsocket(c)));
                BOOST_TEST(driver.status_ok(c));  // stale: this is why a pool that trusts it hands out dead connections
                BOOST_TEST(!driver.probe(c));
                BOOST_TEST(!driver.probe(c));  // it stays dead
                const OpenError why = driver.last_fault(c);
                BOOST_TEST((why.fault() == Fault::broken));
                BOOST_TEST_INFO(why.text());
                BOOST_TEST(why.text().find(death.last_words) != std::string::npos, why.text());
                BOOST_TEST(!driver.ping(c, in(5s)));
                BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::broken));
                const Stopwatch watch;
                driver.close(c);
                BOOST_TEST(watch.ms() < at_once_ms);
                bystander.recover(death);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(every_death_is_seen_by_a_ping, *ut::timeout(300)) {
    for (const Death& death : deaths) {
        for (const Way& way : ways()) {
            BOOST_TEST_CONTEXT(death.name << ", " << way.name) {
                Bystander bystander;
                Admin admin;
                PqDriver driver{way.conninfo};
                PqConnection c = opened(driver);
                death.cause(driver, c, admin);
                BOOST_TEST_REQUIRE(readable(PQsocket(c)));
                const Stopwatch watch;
                BOOST_TEST(!driver.ping(c, in(5s)));
                BOOST_TEST(watch.ms() < at_once_ms);
                BOOST_TEST((driver.last_fault(c).fault() == Fault::broken));
                driver.close(c);
                bystander.recover(death);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_transaction_that_the_server_timed_out_is_dead, *ut::timeout(60)) {
    for (const Way& way : ways()) {
        PqDriver driver{way.conninfo};
        PqConnection c = opened(driver);
        run(c, "set idle_in_transaction_session_timeout = 20");
        run(c, "begin");
        BOOST_TEST_REQUIRE(readable(PQsocket(c)));
        BOOST_TEST((PQtransactionStatus(c) == PQTRANS_INTRANS));
        BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::broken));
        BOOST_TEST(driver.last_fault(c).text().find("25P03") != std::string::npos, driver.last_fault(c).text());
    }
}

BOOST_AUTO_TEST_CASE(a_descriptor_closed_under_it_is_seen, *ut::timeout(60)) {
    for (const Way& way : ways()) {
        PqDriver driver{way.conninfo};
        PqConnection c = opened(driver);
        // A copy stays open, so that no other descriptor gets the number before PQfinish closes it.
        const int fd = PQsocket(c), copy = ::dup(fd);
        ::close(fd);
        BOOST_TEST(driver.status_ok(c));
        BOOST_TEST(!driver.probe(c));
        BOOST_TEST(!driver.ping(c, in(1s)));
        const Stopwatch watch;
        driver.close(c);
        BOOST_TEST(watch.ms() < at_once_ms);
        ::close(copy);
    }
}

BOOST_AUTO_TEST_CASE(a_terminated_session_is_never_called_alive_once_it_is_readable, *ut::timeout(120)) {
    // The error arrives before the end of the stream: readable alone must be read and understood.
    for (const Way& way : ways()) {
        Admin admin;
        PqDriver driver{way.conninfo};
        int called_alive = 0, error_alone = 0;
        for (int i = 0; i < 100; ++i) {
            PqConnection c = opened(driver);
            admin.terminate(driver.label(c));
            BOOST_TEST_REQUIRE(readable(PQsocket(c)));
            error_alone += dewpond::detail::pq_look(PQsocket(c), POLLIN | POLLRDHUP) == POLLIN ? 1 : 0;
            called_alive += driver.probe(c) ? 1 : 0;
        }
        BOOST_TEST_CONTEXT(way.name) { BOOST_TEST(called_alive == 0); }
        BOOST_TEST_MESSAGE(way.name << ": the error came without the end in " << error_alone << " of 100");
    }
}

// The read that takes an answer takes the server's last words in as well, and the end of the stream is not there yet (10 ms
// in the median): the socket is quiet, and libpq has told them as a notice.
BOOST_AUTO_TEST_CASE(last_words_that_come_together_with_an_answer_are_heard, *ut::timeout(60)) {
    Admin admin;
    for (const char* who : {"ping", "reset"}) {
        BOOST_TEST_CONTEXT(who) {
            ChaosProxy proxy{std::stoi(env("DEWPOND_PG_PORT"))};
            PqDriver driver{"hostaddr=127.0.0.1 user=dewpond dbname=dewpond sslmode=disable gssencmode=disable port=" +
                            std::to_string(proxy.port())};
            PqConnection c = opened(driver);
            run(c, "begin");
            if (who != std::string{"reset"}) run(c, "commit");
            proxy.set(ChaosProxy::Mode::hold);
            auto asked = std::async(std::launch::async, [&] {
                return who == std::string{"ping"} ? driver.ping(c, in(5s)) : driver.reset(c, in(5s)) == ResetResult::clean;
            });
            BOOST_TEST(soon([&] { return proxy.held() > 0; }));
            const std::size_t answer = proxy.held();
            admin.terminate(driver.label(c));
            BOOST_TEST(soon([&] { return proxy.held() > answer + 50; }));
            proxy.set(ChaosProxy::Mode::no_end);
            BOOST_TEST(!asked.get());
            BOOST_TEST(!driver.probe(c));
            BOOST_TEST(driver.last_fault(c).text().find("57P01") != std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_notification_is_no_alarm_and_stays_for_the_next_borrower, *ut::timeout(120)) {
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Admin admin;
            PqDriver driver{way.conninfo};
            PqConnection c = opened(driver);
            run(c, "listen chat");
            int alarms = 0;
            for (int i = 0; i < 300; ++i) {
                admin.ask("notify chat, '" + std::to_string(i) + "'");
                BOOST_TEST_REQUIRE(readable(PQsocket(c)));
                alarms += driver.status_ok(c) && driver.probe(c) && !driver.dirty(c) ? 0 : 1;
                if (i % 10 == 0) alarms += driver.ping(c, in(5s)) ? 0 : 1;
            }
            BOOST_TEST(alarms == 0);
            int kept = 0;
            while (PGnotify* n = PQnotifies(c)) {
                BOOST_TEST(n->extra == std::to_string(kept));
                ++kept;
                PQfreemem(n);
            }
            BOOST_TEST(kept == 300);
            admin.ask("notify chat");
            BOOST_TEST_REQUIRE(readable(PQsocket(c)));
            run(c, "begin");
            BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::clean));  // with notifications around
            admin.terminate(driver.label(c));
            BOOST_TEST_REQUIRE(readable(PQsocket(c)));
            BOOST_TEST(!driver.probe(c));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_reload_is_no_alarm, *ut::timeout(60)) {
    Admin admin;
    PqDriver driver{unix_conninfo()};
    PqConnection c = opened(driver);
    admin.ask("alter system set timezone = 'Asia/Tokyo'");
    admin.ask("select pg_reload_conf()");
    BOOST_TEST(driver.ping(c, in(5s)));
    BOOST_TEST(soon([&] {
        return driver.probe(c) && driver.ping(c, in(5s)) &&
               std::string{PQparameterStatus(c, "TimeZone")} == "Asia/Tokyo";
    }));
    admin.ask("alter system reset timezone");
    admin.ask("select pg_reload_conf()");
    BOOST_TEST(!driver.dirty(c));
}

BOOST_AUTO_TEST_CASE(the_connection_that_fails_and_says_ok_again_is_not_taken_back, *ut::timeout(60)) {
    // After an immediate stop, on a Unix socket: the query fails, and local memory says connected and idle.
    Admin admin;
    PqDriver driver{unix_conninfo()};
    PqConnection c = opened(driver);
    run(c, "begin");
    control("stop-immediate");
    BOOST_TEST_REQUIRE(readable(PQsocket(c)));
    BOOST_TEST((run(c, "select 1") == PGRES_FATAL_ERROR));
    BOOST_TEST_MESSAGE("zombie seen: status " << PQstatus(c) << ", transaction " << PQtransactionStatus(c));
    BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::broken));
    driver.close(c);
    control("start");

    c = opened(driver);
    control("stop-immediate");
    BOOST_TEST_REQUIRE(readable(PQsocket(c)));
    BOOST_TEST((run(c, "select 1") == PGRES_FATAL_ERROR));
    BOOST_TEST_MESSAGE("zombie seen: status_ok " << driver.status_ok(c) << ", dirty " << driver.dirty(c));
    BOOST_TEST(!driver.probe(c));
    BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::broken));
    driver.close(c);
    control("start");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
