// SPDX-License-Identifier: BSL-1.0
// The pool over real connections: what a lease leaves behind, what is never handed out, what is told.
#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "pq_driver_support.hpp"
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

using namespace pq_test;
using dewpond::Code;
using dewpond::Event;
using dewpond::EventKind;
using dewpond::ReturnReport;
using Db = dewpond::Pool<PqDriver>;
namespace ut = boost::unit_test;

namespace {

std::string pid_of(const Db::Lease& lease) { return value(*lease, "select pg_backend_pid()"); }

std::string idle_in_transaction(Admin& admin, const std::string& pool) {
    return admin.ask("select count(*) from pg_stat_activity where application_name='" + pool +
                     "' and state like 'idle in transaction%'");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pool_postgres, *ut::timeout(120))

BOOST_AUTO_TEST_CASE(a_session_is_known_by_the_name_of_its_pool) {
    Db db{PqDriver{unix_conninfo()}, {.name = "orders-db"}};
    const auto lease = db.checkout(10s);
    Admin admin;
    BOOST_TEST(admin.ask("select application_name from pg_stat_activity where pid=" + pid_of(lease)) == "orders-db");
}

BOOST_AUTO_TEST_CASE(no_session_is_idle_in_transaction_after_its_lease) {
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Db db{PqDriver{way.conninfo}, {.name = "no-iit", .max_size = 4}};
            Admin admin;
            for (const char* sql : {"begin", "begin; select 1/0", "begin; create temp table t(x int)", "select 1"}) {
                BOOST_TEST_CONTEXT(sql) {
                    {
                        auto lease = db.checkout(10s);
                        run(*lease, sql);
                    }
                    BOOST_TEST(soon([&] { return db.stats().in_use == 0 && db.stats().retiring == 0; }));
                    BOOST_TEST(idle_in_transaction(admin, "no-iit") == "0");
                    auto next = db.checkout(10s);
                    BOOST_TEST(PQtransactionStatus(*next) == PQTRANS_IDLE);
                    BOOST_TEST(value(*next, "select 1") == "1");
                }
            }
            for (int i = 0; i < 100; ++i) BOOST_TEST_REQUIRE(db.try_checkout(10s).has_value());
            BOOST_TEST(idle_in_transaction(admin, "no-iit") == "0");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_checkout_that_pings_leaves_no_transaction) {
    dewpond::Pool db{PqDriver{unix_conninfo()}, {.name = "ping-iit"}, dewpond::PingAlways{}};
    Admin admin;
    for (int i = 0; i < 50; ++i) {
        auto lease = db.checkout(10s);
        BOOST_TEST(PQtransactionStatus(*lease) == PQTRANS_IDLE);
    }
    BOOST_TEST(idle_in_transaction(admin, "ping-iit") == "0");
}

BOOST_AUTO_TEST_CASE(a_lost_commit_is_told_with_its_place) {
    std::mutex mutex;
    std::vector<unsigned> lines;
    const auto sink = [&](const Event& e) noexcept {
        if (e.kind != EventKind::dirty_return) return;
        const std::lock_guard lock{mutex};
        lines.push_back(e.place.line());
    };
    Db db{PqDriver{unix_conninfo()}, {.on_event = sink}};
    unsigned line = 0;
    auto lease = db.checkout(10s), clean = db.checkout(10s);
    line = __LINE__ - 1;
    run(*lease, "begin");
    BOOST_TEST((lease.give_back() == ReturnReport::reset));
    BOOST_TEST((clean.give_back() == ReturnReport::clean));
    const std::lock_guard lock{mutex};
    BOOST_TEST_REQUIRE(lines.size() == 1u);
    BOOST_TEST(lines.front() == line);
    BOOST_TEST(db.stats().dirty_returns == 1u);
}

BOOST_AUTO_TEST_CASE(what_died_at_rest_is_replaced_before_anybody_asks) {
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Db db{PqDriver{way.conninfo}, {.name = "swept", .max_size = 5, .min_idle = 3}};
            Admin admin;
            const auto backends = [&admin](const char* pids) {
                std::string sql{"select "};
                (sql += pids) += " from pg_stat_activity where application_name='swept'";
                return admin.ask(sql);
            };
            BOOST_TEST_REQUIRE(soon([&] { return db.stats().idle == 3; }));
            const std::string first = backends("min(pid)");
            (void)backends("count(pg_terminate_backend(pid))");
            BOOST_TEST_REQUIRE(soon([&] { return db.stats().closed_because(dewpond::CloseReason::check_failed) == 3; }));
            BOOST_TEST(soon([&] { return db.stats().idle == 3; }));
            BOOST_TEST(soon([&] { return backends("count(*)") == "3"; }));
            BOOST_TEST(backends("min(pid)") != first);
            BOOST_TEST(db.stats().checkouts == 0u);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_backend_killed_while_idle_is_never_handed_out) {
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Db db{PqDriver{way.conninfo}, {.max_size = 3}};
            Admin admin;
            for (int round = 0; round < 30; ++round) {
                std::string pid;
                {
                    const auto lease = db.checkout(10s);
                    pid = pid_of(lease);
                }
                admin.terminate(pid);
                BOOST_TEST_REQUIRE(soon([&] { return admin.gone(pid); }));
                const auto lease = db.checkout(10s);
                BOOST_TEST_REQUIRE(value(*lease, "select 1") == "1");
                BOOST_TEST_REQUIRE(pid_of(lease) != pid);
            }
            // The keeper may have been the one to find the last, and counts it once it is closed.
            BOOST_TEST(soon([&] { return db.stats().closed_because(dewpond::CloseReason::check_failed) >= 30; }));
        }
    }
}

BOOST_AUTO_TEST_CASE(handlers_that_throw_lose_nothing) {
    Db db{PqDriver{unix_conninfo()}, {.name = "throwing", .max_size = 5}};
    std::atomic<int> served{0}, failed{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 40; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 10; ++i) {
                try {
                    auto lease = db.checkout(30s);
                    run(*lease, "begin");
                    if ((t + i) % 3 == 0) throw std::runtime_error("a handler");
                    run(*lease, "commit");
                    ++served;
                } catch (const std::runtime_error&) {
                } catch (const dewpond::PoolError&) {
                    ++failed;
                }
            }
        });
    }
    for (auto& t : threads) t.join();
    BOOST_TEST(failed.load() == 0);
    BOOST_TEST(served.load() > 200);
    BOOST_TEST(soon([&] { return db.stats().in_use == 0 && db.stats().retiring == 0; }));
    std::vector<Db::Lease> all;
    for (int i = 0; i < 5; ++i) all.push_back(db.checkout(10s));
    Admin admin;
    BOOST_TEST(idle_in_transaction(admin, "throwing") == "0");
}

BOOST_AUTO_TEST_CASE(never_more_sessions_than_max_size) {
    Db db{PqDriver{unix_conninfo()}, {.name = "bounded", .max_size = 4, .opens_at_once = 4}};
    Admin admin;
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&] {
            while (!stop.load()) {
                auto lease = db.try_checkout(10s);
                if (lease && run(**lease, "select 1") != PGRES_TUPLES_OK) lease->discard();
                else if (lease) lease->discard();
            }
        });
    }
    int most = 0;
    // A session that was told to end is still listed for a moment, hence four more than exist on our side.
    for (int i = 0; i < 200; ++i)
        most = std::max(
            most, std::stoi(admin.ask(
                      "select count(*) from pg_stat_activity where application_name='bounded' and state <> 'idle'")));
    stop = true;
    for (auto& t : threads) t.join();
    BOOST_TEST(most <= 4);
    BOOST_TEST(db.stats().size <= 4u);
}

BOOST_AUTO_TEST_CASE(a_lease_outlives_its_pool_and_closes_its_session) {
    Admin admin;
    std::string pid;
    {
        Db::Lease lease;
        {
            Db db{PqDriver{unix_conninfo()}, {}};
            lease = db.checkout(10s);
            pid = pid_of(lease);
        }
        BOOST_TEST(value(*lease, "select 1") == "1");
        BOOST_TEST(!admin.gone(pid));
    }
    BOOST_TEST(soon([&] { return admin.gone(pid); }));
}

BOOST_AUTO_TEST_CASE(close_interrupts_what_still_runs) {
    Db db{PqDriver{unix_conninfo()}, {}};
    std::atomic<bool> sleeping{false};
    std::atomic<long> took{-1};
    std::string state;
    std::thread user{[&] {
        auto lease = db.checkout(10s);
        PQsendQuery(*lease, "select pg_sleep(60)");
        PQflush(*lease);
        sleeping = true;
        const Stopwatch watch;
        while (const dewpond::detail::PqResult r{PQgetResult(*lease)}) {
            if (const char* s = PQresultErrorField(r.get(), PG_DIAG_SQLSTATE)) state = s;
        }
        took = watch.ms();
    }};
    Admin admin;
    BOOST_TEST(soon([&] {
        return sleeping.load() && admin.ask("select count(*) from pg_stat_activity where query like '%pg_sleep(60)' "
                                            "and state='active' and pid<>pg_backend_pid()") == "1";
    }));
    BOOST_TEST(db.close(50ms) == 1u);
    user.join();
    BOOST_TEST(state == "57014");
    BOOST_TEST(took.load() < 10'000);
    BOOST_TEST(soon([&] { return db.stats().size == 0; }));
    BOOST_CHECK_EXCEPTION(db.checkout(), dewpond::PoolError,
                          [](const dewpond::PoolError& e) { return e.code() == Code::closed; });
}

BOOST_AUTO_TEST_CASE(a_forked_child_ends_nothing_of_its_parents) {  // brianmario/mysql2#1467
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            auto db = std::make_unique<Db>(PqDriver{way.conninfo}, dewpond::Options{.max_size = 2});
            auto lease = db->checkout(10s);
            run(*lease, "begin");
            const std::string out = pid_of(lease);
            const std::string idle = pid_of(db->checkout(10s));
            const pid_t child = ::fork();
            if (child == 0) {
                ::alarm(10);
                const bool refused = !db->try_checkout(1h);
                lease = {};
                db.reset();
                Db own{PqDriver{way.conninfo}, {.max_size = 1}};
                ::_exit(refused && own.try_checkout(10s).has_value() ? 0 : 1);
            }
            int status = -1;
            ::waitpid(child, &status, 0);
            BOOST_TEST(status == 0);
            BOOST_TEST(pid_of(lease) == out);
            BOOST_TEST(PQtransactionStatus(*lease) == PQTRANS_INTRANS);
            BOOST_TEST(pid_of(db->checkout(10s)) == idle);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_detached_connection_is_the_callers) {
    Db db{PqDriver{unix_conninfo()}, {.max_size = 1}};
    auto lease = db.checkout(10s);
    const std::string pid = pid_of(lease);
    Admin admin;
    {
        const PqConnection mine = lease.detach();
        const auto next = db.checkout(10s);
        BOOST_TEST(pid_of(next) != pid);
        BOOST_TEST(value(mine, "select 1") == "1");
    }
    BOOST_TEST(soon([&] { return admin.gone(pid); }));
}

BOOST_AUTO_TEST_SUITE_END()
