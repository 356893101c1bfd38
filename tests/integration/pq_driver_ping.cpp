// SPDX-License-Identifier: BSL-1.0
// Asking the server: within a deadline, and without leaving anything behind.
#include <csignal>
#include <ctime>
#include <vector>

#include "pq_driver_support.hpp"

namespace {

using namespace pq_test;
namespace ut = boost::unit_test;

/// The backend of a connection stands still for a while: the peer that is there and says nothing.
class StandStill {
public:
    explicit StandStill(const std::string& backend) : pid_{static_cast<pid_t>(std::stol(backend))} {
        ::kill(pid_, SIGSTOP);
    }
    StandStill(const StandStill&) = delete;
    ~StandStill() { ::kill(pid_, SIGCONT); }

private:
    pid_t pid_;
};

BOOST_AUTO_TEST_SUITE(pq_ping)

BOOST_AUTO_TEST_CASE(a_ping_leaves_no_trace, *ut::timeout(60)) {
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Admin admin;
            PqDriver driver{way.conninfo};
            PqConnection c = opened(driver);
            for (int i = 0; i < 200; ++i) BOOST_TEST_REQUIRE(driver.ping(c, in(5s)));
            BOOST_TEST(PQisnonblocking(c) == 0);
            BOOST_TEST(!driver.dirty(c));
            BOOST_TEST(admin.state_of(driver.label(c)) == "idle");
            BOOST_TEST(driver.ping(c, Deadline{}));  // never: no clock, no limit
        }
    }
}

BOOST_AUTO_TEST_CASE(no_check_leaves_a_session_idle_in_transaction, *ut::timeout(60)) {
    Admin admin;
    PqDriver driver{unix_conninfo() + " application_name=sweep"};
    std::vector<PqConnection> all;
    for (int i = 0; i < 8; ++i) all.push_back(opened(driver));
    const auto in_transaction = [&] {
        return admin.ask("select count(*) from pg_stat_activity where application_name='sweep'"
                         " and (state like 'idle in%' or xact_start is not null)");
    };
    for (PqConnection& c : all) {
        BOOST_TEST(driver.status_ok(c));
        BOOST_TEST(driver.probe(c));
        BOOST_TEST(driver.ping(c, in(5s)));
        BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::clean));
    }
    BOOST_TEST(in_transaction() == "0");
    for (PqConnection& c : all) run(c, "begin");
    BOOST_TEST(in_transaction() == "8");
    for (PqConnection& c : all) BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::clean));
    BOOST_TEST(in_transaction() == "0");
}

BOOST_AUTO_TEST_CASE(a_silent_server_costs_the_deadline_and_no_more, *ut::timeout(60)) {
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            PqDriver driver{way.conninfo};
            std::vector<PqConnection> open;
            for (int i = 0; i < 5; ++i) open.push_back(opened(driver));
            const long overrun = overrun_ms(100, [&](auto limit) {
                PqConnection c = std::move(open.back());
                open.pop_back();
                StandStill backend{driver.label(c)};
                BOOST_TEST(driver.status_ok(c));
                BOOST_TEST(driver.probe(c));  // blind to silence: that is what a ping is for
                BOOST_TEST(!driver.ping(c, in(limit)));
                BOOST_TEST((driver.last_fault(c).fault() == Fault::timed_out));
                BOOST_TEST(!driver.status_ok(c));
                BOOST_TEST(!driver.ping(c, in(5s)));  // not asked twice
                driver.close(c);                      // does not wait either
            });
            BOOST_TEST(overrun < few_ms);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_server_paused_as_a_whole_is_silent_too, *ut::timeout(60)) {
    PqDriver driver{tcp_conninfo()};
    PqConnection c = opened(driver);
    control("pause");
    const Stopwatch watch;
    BOOST_TEST(!driver.ping(c, in(100ms)));
    auto r = driver.open(in(100ms));
    BOOST_TEST(!r.has_value());
    BOOST_TEST((r.error().fault() == Fault::timed_out));
    BOOST_TEST(watch.ms() < 200 + at_once_ms);
    driver.close(c);
    control("resume");
    PqConnection again = opened(driver);
    BOOST_TEST(driver.ping(again, in(5s)));
}

BOOST_AUTO_TEST_CASE(without_time_nothing_is_sent, *ut::timeout(60)) {
    PqDriver driver{unix_conninfo()};
    PqConnection c = opened(driver);
    BOOST_TEST(!driver.ping(c, Deadline{Clock::now() - 1s}));
    BOOST_TEST((driver.last_fault(c).fault() == Fault::timed_out));
    BOOST_TEST(driver.status_ok(c));
    BOOST_TEST(driver.ping(c, in(5s)));
}

BOOST_AUTO_TEST_CASE(a_connection_in_use_is_not_asked, *ut::timeout(60)) {
    PqDriver driver{unix_conninfo()};
    PqConnection c = opened(driver);
    run(c, "begin");
    BOOST_TEST(!driver.ping(c, in(5s)));
    BOOST_TEST((PQtransactionStatus(c) == PQTRANS_INTRANS));
    run(c, "rollback");
    PQenterPipelineMode(c);
    BOOST_TEST(!driver.ping(c, in(5s)));
    PQexitPipelineMode(c);
    BOOST_TEST(driver.ping(c, in(5s)));
}

BOOST_AUTO_TEST_CASE(the_borrower_s_non_blocking_mode_is_left_as_it_was, *ut::timeout(60)) {
    PqDriver driver{unix_conninfo()};
    PqConnection c = opened(driver);
    PQsetnonblocking(c, 1);
    BOOST_TEST(driver.ping(c, in(5s)));
    BOOST_TEST(PQisnonblocking(c) == 1);
}

BOOST_AUTO_TEST_CASE(a_signal_neither_ends_nor_prolongs_the_wait, *ut::timeout(60)) {
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, &before);
    PqDriver driver{unix_conninfo()};
    PqConnection c = opened(driver);
    {
        StandStill backend{driver.label(c)};
        timer_t timer{};
        sigevent event{};
        event.sigev_notify = SIGEV_SIGNAL;
        event.sigev_signo = SIGUSR1;
        BOOST_TEST_REQUIRE(timer_create(CLOCK_MONOTONIC, &event, &timer) == 0);
        const itimerspec every{{0, 5'000'000}, {0, 5'000'000}};
        timer_settime(timer, 0, &every, nullptr);
        const Stopwatch watch;
        BOOST_TEST(!driver.ping(c, in(150ms)));
        BOOST_TEST(watch.ms() >= 149);
        BOOST_TEST(watch.ms() < 150 + at_once_ms);
        PqConnection other = opened(driver);  // connects, with signals falling in between
        BOOST_TEST(driver.ping(other, in(5s)));
        timer_delete(timer);
    }
    ::sigaction(SIGUSR1, &before, nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
