// SPDX-License-Identifier: BSL-1.0
// The pool while the server is mute, full, refusing, stopped and back: the right error by the deadline, no slot lost.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "pq_driver_support.hpp"
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

using namespace pq_test;
using dewpond::Code;
using dewpond::Event;
using dewpond::EventKind;
using dewpond::PoolError;
using dewpond::ReturnReport;
using Db = dewpond::Pool<PqDriver>;
namespace ut = boost::unit_test;

namespace {

/// Sanitizers slow everything; the bounds on time leave room for them and for a loaded machine.
constexpr long slack_ms = 400;

/// The server is the tests' common property: whatever happens it goes on.
struct Paused {
    Paused() { control("pause"); }
    ~Paused() { resume(); }
    void resume() {
        if (std::exchange(paused_, false)) control("resume");
    }
    bool paused_ = true;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pool_outage, *ut::timeout(180))

BOOST_AUTO_TEST_CASE(a_deadline_is_kept_although_the_server_is_mute) {
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Db fresh{PqDriver{way.conninfo}, {.name = "fresh", .max_size = 2, .min_idle = 0}};
            dewpond::Pool pinging{PqDriver{way.conninfo}, {.max_size = 2, .min_idle = 0}, dewpond::PingAlways{}};
            dewpond::Pool inline_open{PqDriver{way.conninfo}, {.max_size = 2, .min_idle = 0}, dewpond::OpenInCaller{}};
            { const auto warm = pinging.checkout(10s); }
            Paused server;
            const auto fails_in_time = [](auto& db) {
                const Stopwatch watch;
                const auto lease = db.try_checkout(300ms);
                BOOST_TEST(!lease.has_value());
                BOOST_TEST(watch.ms() >= 295);
                BOOST_TEST(watch.ms() < 300 + slack_ms);
                if (!lease)
                    BOOST_TEST((lease.error().code() == Code::timed_out || lease.error().code() == Code::open_failed),
                               lease.error().what());
            };
            fails_in_time(fresh);
            fails_in_time(pinging);
            fails_in_time(inline_open);
            server.resume();
            BOOST_TEST(fresh.try_checkout(10s).has_value());
            BOOST_TEST(pinging.try_checkout(10s).has_value());
            BOOST_TEST(inline_open.try_checkout(10s).has_value());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_dirty_return_to_a_mute_server_costs_its_budget_and_no_slot) {
    Db db{PqDriver{unix_conninfo()}, {.max_size = 2, .reset_timeout = 30s, .return_budget = 20ms}};
    auto a = db.checkout(10s), b = db.checkout(10s);
    run(*a, "begin");
    run(*b, "begin");
    {
        Paused server;
        for (Db::Lease* lease : {&a, &b}) {
            const Stopwatch watch;
            BOOST_TEST((lease->give_back() == ReturnReport::deferred));
            BOOST_TEST(watch.ms() < 20 + slack_ms);
        }
        BOOST_TEST(db.stats().retiring == 2u);
        BOOST_TEST(db.stats().size == 2u);
        BOOST_TEST(!db.try_checkout(50ms).has_value());
    }
    const auto again = db.checkout(10s), other = db.checkout(10s);
    BOOST_TEST(PQtransactionStatus(*again) == PQTRANS_IDLE);
    BOOST_TEST(PQtransactionStatus(*other) == PQTRANS_IDLE);
    BOOST_TEST(db.stats().opened == 2u);
}

BOOST_AUTO_TEST_CASE(a_server_that_is_full_leaves_a_smaller_pool) {
    Admin admin;
    admin.ask("drop role if exists few");
    admin.ask("create role few login connection limit 3");
    Db db{PqDriver{unix_conninfo() + " user=few"}, {.name = "few", .max_size = 8, .min_idle = 0}};
    std::vector<Db::Lease> got;
    for (int i = 0; i < 3; ++i) got.push_back(db.checkout(10s));
    const auto more = db.try_checkout(300ms);
    BOOST_TEST_REQUIRE(!more.has_value());
    BOOST_TEST((more.error().code() == Code::timed_out), more.error().what());
    BOOST_TEST((more.error().fault() == Fault::full), more.error().what());
    got.pop_back();
    BOOST_TEST(db.try_checkout(1s).has_value());
    BOOST_TEST(!db.stats().down);
    got.clear();
}

BOOST_AUTO_TEST_CASE(a_wrong_password_is_told_at_once_and_never_repeated) {
    const std::string secret = "Canary-S3cret";
    std::mutex mutex;
    std::string told;
    const auto sink = [&](const Event& e) noexcept {
        const std::lock_guard lock{mutex};
        told += e.text;
        told += ' ';
    };
    Db db{PqDriver{tcp_conninfo() + " user=dewpond_scram password=" + secret},
          {.name = "wrong", .min_idle = 0, .on_event = sink}};
    const Stopwatch watch;
    const auto lease = db.try_checkout(10s);
    BOOST_TEST_REQUIRE(!lease.has_value());
    BOOST_TEST(watch.ms() < 5'000);
    BOOST_TEST((lease.error().code() == Code::open_failed), lease.error().what());
    BOOST_TEST((lease.error().fault() == Fault::configuration), lease.error().what());
    const std::lock_guard lock{mutex};
    for (const std::string& text : {std::string{lease.error().what()}, db.describe(), db.inspect(), told}) {
        BOOST_TEST(text.find(secret) == std::string::npos, text);
    }
}

BOOST_AUTO_TEST_CASE(a_server_that_is_down_is_named_by_the_deadline) {
    Db db{PqDriver{"host=127.0.0.1 hostaddr=127.0.0.1 port=1 dbname=nowhere user=nobody"},
          {.min_idle = 0, .outage_grace = 10s}};
    const Stopwatch watch;
    const auto lease = db.try_checkout(400ms);
    BOOST_TEST_REQUIRE(!lease.has_value());
    BOOST_TEST(watch.ms() < 400 + slack_ms);
    BOOST_TEST((lease.error().code() == Code::open_failed), lease.error().what());
    BOOST_TEST((lease.error().fault() == Fault::unreachable), lease.error().what());
    BOOST_TEST(db.stats().size == db.stats().opening);
}

// Forty threads, the server stops under them and comes back. After the grace they are refused at once; the first
// success ends it; nothing is lost.
BOOST_AUTO_TEST_CASE(an_outage_costs_a_request_microseconds_and_ends_by_itself) {
    constexpr auto grace = 500ms;
    std::atomic<int> downs{0}, ups{0};
    const auto sink = [&](const Event& e) noexcept {
        if (e.kind == EventKind::down) ++downs;
        if (e.kind == EventKind::up) ++ups;
    };
    Db db{PqDriver{unix_conninfo()},
          {.name = "outage", .max_size = 10, .checkout_timeout = 5s, .outage_grace = grace, .on_event = sink}};
    std::atomic<bool> stop{false}, down{false};
    std::atomic<long> served_after{0};
    std::atomic<Clock::rep> first_served{0};
    std::atomic<bool> up_again{false};
    std::mutex mutex;
    std::vector<long> refusals_us;
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 40; ++t) {
        threads.emplace_back([&] {
            while (!stop.load()) {
                const bool was_down = down.load();
                const auto from = Clock::now();
                auto lease = db.try_checkout();
                if (!lease) lease = db.try_checkout(5s);
                const auto us = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - from).count();
                if (lease) {
                    if (run(**lease, "select 1") == PGRES_TUPLES_OK && up_again.load()) {
                        ++served_after;
                        Clock::rep none = 0;
                        first_served.compare_exchange_strong(none, Clock::now().time_since_epoch().count());
                    }
                } else if (was_down && lease.error().code() == Code::server_down) {
                    const std::lock_guard lock{mutex};
                    refusals_us.push_back(us);
                    if (lease.error().retry_after() > dewpond::Duration{1s}) ++wrong;
                }
                if (!lease) ::poll(nullptr, 0, 5);  // a refused client comes back in 5 ms
            }
        });
    }
    BOOST_TEST(soon([&] { return db.stats().checkouts > 1'000; }));
    control("stop-fast");
    BOOST_TEST(soon([&] { return db.stats().down; }));
    down = true;
    BOOST_TEST(soon([&] {
        const std::lock_guard lock{mutex};
        return refusals_us.size() > 2'000;
    }));
    up_again = true;
    control("start");
    const auto started = Clock::now();
    BOOST_TEST(soon([&] { return served_after.load() > 1'000; }, 20s));
    stop = true;
    for (auto& t : threads) t.join();
    const auto back_ms = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::duration{first_served.load()} -
                                                                               started.time_since_epoch())
                             .count();
    std::sort(refusals_us.begin(), refusals_us.end());
    const long p99 = refusals_us[refusals_us.size() * 99 / 100];
    BOOST_TEST_MESSAGE("refused in " << refusals_us[refusals_us.size() / 2] << " us (median), " << p99
                                     << " us (p99); back after " << back_ms << " ms");
    BOOST_TEST(p99 < 5'000);
    BOOST_TEST(back_ms < 1'000 + 2 * 100 + slack_ms);  // the cap of the back-off while somebody asks, and two openings
    BOOST_TEST(wrong.load() == 0);
    BOOST_TEST(downs.load() == 1);
    BOOST_TEST(ups.load() == 1);
    BOOST_TEST(soon([&] {
        return db.stats().in_use == 0 && db.stats().waiting == 0 && db.stats().retiring == 0 && db.stats().opening == 0;
    }));
    BOOST_TEST(db.stats().idle == db.stats().size);
}

BOOST_AUTO_TEST_SUITE_END()
