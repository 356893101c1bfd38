// SPDX-License-Identifier: BSL-1.0
// Sessions that are ended from outside while they rest: a death that this host has heard of is never handed out, and a
// notification is no death. Rounds in numbers, on every way to the server; one table at the end.
#include <cstdio>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>

#include "pq_driver_support.hpp"
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

using namespace pq_test;
using Db = dewpond::Pool<PqDriver>;
namespace ut = boost::unit_test;

namespace {

/// Of what is done on each way to the server: about a thousand in all; ten thousand on each way by `tests/run --deep`.
bool deep() { return std::getenv("DEWPOND_DEEP") != nullptr; }

/// The table: filled by the cases in their order, printed when the last of them is through.
std::vector<std::string> table;
void row(const char* format, auto... values) {
    char line[256];
    std::snprintf(line, sizeof line, format, values...);
    table.emplace_back(line);
}

/// One query with a number nobody else asks for.
bool echoes(PGconn* c) {
    static unsigned n = 0;
    const std::string number = std::to_string(++n);
    return value(c, ("select " + number).c_str()) == number;
}

/// Nothing is out, nothing is under way, and as many as may exist can be had at once, each of them alive.
template <class Pool>
bool whole(Pool& db) {
    const bool at_rest = soon([&] {
        const dewpond::Stats s = db.stats();
        return s.in_use == 0 && s.waiting == 0 && s.opening == 0 && s.retiring == 0 && s.idle == s.size;
    });
    std::vector<typename Pool::Lease> all;
    for (std::size_t i = 0; i < db.stats().max_size; ++i) {
        auto lease = db.try_checkout(10s);
        if (!lease || !echoes(**lease)) return false;
        all.push_back(*std::move(lease));
    }
    return at_rest;
}

struct PrintsTable {
    ~PrintsTable() {
        std::string all = "kills: sessions ended by pg_terminate_backend\n";
        for (const std::string& line : table) all += line + '\n';
        show(all);
    }
};
BOOST_TEST_GLOBAL_FIXTURE(PrintsTable);

}  // namespace

BOOST_AUTO_TEST_SUITE(kills, *ut::timeout(5900))

// Three rest, one of them is killed; once its socket has become readable three are borrowed, and none is the dead one.
// Readable is the first instant at which this host can know: the end of the stream comes some ms after the last words.
BOOST_AUTO_TEST_CASE(a_death_that_has_reached_this_host_is_never_handed_out) {
    const int rounds = deep() ? 10'000 : 334;
    std::mt19937 random{1};
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Db db{PqDriver{way.conninfo}, {.name = "kills", .max_size = 3, .min_idle = 0}};
            Admin admin;
            int handed_out_dead = 0, failed = 0;
            const Stopwatch watch;
            for (int round = 0; round < rounds; ++round) {
                std::vector<Db::Lease> leases;
                for (int i = 0; i < 3; ++i) leases.push_back(db.checkout(10s));
                PGconn* const victim = *leases[random() % 3];
                const int dead = PQbackendPID(victim);
                {
                    const Ear ear{victim};
                    leases.clear();
                    admin.terminate(std::to_string(dead));
                    BOOST_TEST_REQUIRE(ear.hears(POLLIN | POLLRDHUP));
                }
                for (int i = 0; i < 3; ++i) {
                    leases.push_back(db.checkout(10s));
                    handed_out_dead += PQbackendPID(*leases.back()) == dead ? 1 : 0;
                    failed += echoes(*leases.back()) ? 0 : 1;
                }
            }
            row("%-4s  heard of   %6d kills: %d handed out dead, %d of %d queries failed (%ld ms)", way.name, rounds,
                handed_out_dead, failed, 3 * rounds, watch.ms());
            BOOST_TEST(handed_out_dead == 0);
            BOOST_TEST(failed == 0);
            BOOST_TEST(db.stats().closed_because(dewpond::CloseReason::check_failed) == static_cast<unsigned>(rounds));
            BOOST_TEST(whole(db));
        }
    }
}

// Killed at any instant of a loop that borrows, asks and returns without a pause. Nobody can know of a death that has
// not arrived: the share that meets one is told, not judged. But it costs one query, not two, and no slot.
BOOST_AUTO_TEST_CASE(a_death_at_a_random_instant_costs_one_query_at_most) {
    const int rounds = deep() ? 10'000 : 60;
    std::mt19937 random{2};
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Db db{PqDriver{way.conninfo}, {.name = "random-kills", .max_size = 1, .min_idle = 0}};
            Admin admin;
            long borrows = 0;
            int met = 0, most = 0;
            for (int round = 0; round < rounds; ++round) {
                auto first = db.checkout(10s);
                const int victim = PQbackendPID(*first);
                first.give_back();
                std::thread killer{[&, pause = std::chrono::microseconds{random() % 500}] {
                    for (const auto until = Clock::now() + pause; Clock::now() < until;) {
                    }
                    admin.ask("select pg_terminate_backend(" + std::to_string(victim) + ")");
                }};
                int failed = 0;
                for (bool seen = false; !seen; ++borrows) {
                    const auto lease = db.checkout(10s);
                    seen = PQbackendPID(*lease) != victim;
                    failed += echoes(*lease) ? 0 : 1;
                }
                killer.join();
                met += failed != 0 ? 1 : 0;
                most = (std::max)(most, failed);
            }
            row("%-4s  at random  %6d kills: %d met a borrower (%.1f %%), at most %d query each; %ld borrows (%.2f %% "
                "met one)",
                way.name, rounds, met, 100.0 * met / rounds, most, borrows, 100.0 * met / static_cast<double>(borrows));
            BOOST_TEST(most <= 1);
            BOOST_TEST(whole(db));
        }
    }
}

// A session that listens rests in the pool while others notify. Every notification reaches its next borrower, none of
// them closes it; one burst in ten ends with a kill, which must be seen behind the notifications that came before.
BOOST_AUTO_TEST_CASE(a_notification_is_no_death_and_hides_none) {
    const int wanted = deep() ? 33'340 : 3'334;
    std::mt19937 random{3};
    for (const Way& way : ways()) {
        BOOST_TEST_CONTEXT(way.name) {
            Db db{PqDriver{way.conninfo}, {.name = "notified", .max_size = 1, .min_idle = 0}};
            Admin admin;
            int sent = 0, got = 0, alive_bursts = 0, swept = 0, false_alarms = 0, kills = 0, missed = 0, failed = 0;
            while (sent < wanted) {
                const bool kill = random() % 10 == 0;
                const int burst = static_cast<int>(random() % 20) + 1;
                auto lease = db.checkout(10s);
                if (run(*lease, "listen news") != PGRES_COMMAND_OK) ++failed;
                const int backend = PQbackendPID(*lease);
                const Ear ear{*lease};
                lease.give_back();
                std::string sql;
                for (int i = 0; i < burst; ++i) sql += "notify news, '" + std::to_string(sent + i) + "';";
                admin.ask(sql);
                // Not heard: the keeper's sweep was there first and has read it. The next borrower gets it all the same.
                if (!ear.hears(POLLIN, 200ms)) ++swept;
                if (kill) {
                    admin.terminate(std::to_string(backend));
                    BOOST_TEST_REQUIRE(ear.hears(POLLRDHUP));
                }
                lease = db.checkout(10s);
                const bool same = PQbackendPID(*lease) == backend;
                if (kill) {
                    ++kills;
                    missed += same ? 1 : 0;
                } else {
                    ++alive_bursts;
                    false_alarms += same ? 0 : 1;
                    int here = 0;
                    soon([&] {
                        PQconsumeInput(*lease);
                        while (PGnotify* n = PQnotifies(*lease)) {
                            here += n->extra == std::to_string(sent + here) ? 1 : 0;
                            PQfreemem(n);
                        }
                        return !same || here >= burst;
                    });
                    got += here;
                }
                if (!kill) sent += burst;
                failed += echoes(*lease) ? 0 : 1;
            }
            row("%-4s  notified   %6d NOTIFYs in %d bursts (the sweep was first at %d), %d read: %d false alarms; "
                "%d kills behind a burst: %d missed",
                way.name, sent, alive_bursts, swept, got, false_alarms, kills, missed);
            BOOST_TEST(false_alarms == 0);
            BOOST_TEST(missed == 0);
            BOOST_TEST(failed == 0);
            BOOST_TEST(got == sent);
            BOOST_TEST(kills > 10);
            BOOST_TEST(db.stats().closed_because(dewpond::CloseReason::check_failed) == static_cast<unsigned>(kills));
            BOOST_TEST(whole(db));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
