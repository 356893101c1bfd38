// SPDX-License-Identifier: BSL-1.0
// A primary and a standby of it: who is let in, who is turned out, and a failover that nobody restarts for.
#include <mutex>
#include <string>
#include <vector>

#include "pq_driver_support.hpp"
#include <dewpond/pool.hpp>

namespace {

using namespace pq_test;
using dewpond::CloseReason;
using dewpond::Code;
using dewpond::Event;
using dewpond::EventKind;
using dewpond::PqRole;
using dewpond::ReturnReport;
using Db = dewpond::Pool<PqDriver>;
namespace ut = boost::unit_test;

std::string standby_conninfo() { return env("DEWPOND_PG_STANDBY_CONNINFO"); }
/// The standby, then the primary, as it was at the beginning.
std::string both_conninfo() {
    const std::string folder = env("DEWPOND_PG_SOCKET_DIR");
    return "host=" + folder + "," + folder + " port=" + env("DEWPOND_PG_STANDBY_PORT") + "," + env("DEWPOND_PG_PORT") +
           " user=dewpond dbname=dewpond";
}
std::string port_of(PGconn* c) { return PQport(c); }
OpenError refused(PqDriver& driver) {
    auto r = driver.open(in(10s));
    return r ? OpenError{} : std::move(r).error();
}

BOOST_AUTO_TEST_SUITE(pq_role)

BOOST_AUTO_TEST_CASE(the_wrong_role_is_refused_at_the_opening, *ut::timeout(30)) {
    const struct {
        std::string conninfo;
        PqRole wrong, right;
    } cases[] = {{unix_conninfo(), PqRole::standby, PqRole::primary},
                 {tcp_conninfo(), PqRole::standby, PqRole::primary},
                 {standby_conninfo(), PqRole::primary, PqRole::standby}};
    for (const auto& [conninfo, wrong, right] : cases) {
        PqDriver no{conninfo, {.require = wrong}}, yes{conninfo, {.require = right}}, any{conninfo};
        const OpenError e = refused(no);
        BOOST_TEST((e.fault() == Fault::wrong_role));
        BOOST_TEST(e.text() == "the server has not the role that is asked for");
        opened(yes);
        opened(any);
    }
    Db db{PqDriver{unix_conninfo(), {.require = PqRole::standby}}, {.outage_grace = 0s}};
    const auto lease = db.try_checkout(5s);
    BOOST_TEST_REQUIRE(!lease.has_value());
    BOOST_TEST((lease.error().fault() == Fault::wrong_role));
}

BOOST_AUTO_TEST_CASE(of_several_hosts_the_one_with_the_role_is_found, *ut::timeout(30)) {
    PqDriver primary{both_conninfo(), {.require = PqRole::primary}},
        standby{both_conninfo(), {.require = PqRole::standby}};
    BOOST_TEST(port_of(opened(primary)) == env("DEWPOND_PG_PORT"));
    BOOST_TEST(port_of(opened(standby)) == env("DEWPOND_PG_STANDBY_PORT"));
}

BOOST_AUTO_TEST_CASE(a_role_that_changed_is_seen_by_every_look_at_the_connection, *ut::timeout(30)) {
    // A session that turns itself read only reports it as a server does that was demoted.
    for (const PqRole require : {PqRole::primary, PqRole::any}) {
        const bool fits = require == PqRole::any;
        PqDriver driver{unix_conninfo(), {.require = require}};
        PqConnection c = opened(driver);
        BOOST_TEST((driver.status_ok(c) && !driver.dirty(c) && driver.ping(c, in(5s))));
        BOOST_TEST((driver.last_fault(c).fault() == Fault::none));
        run(c, "set default_transaction_read_only = on");
        BOOST_TEST(driver.status_ok(c) == fits);
        BOOST_TEST(driver.dirty(c) == !fits);
        BOOST_TEST((driver.last_fault(c).fault() == (fits ? Fault::none : Fault::wrong_role)));
        BOOST_TEST(driver.ping(c, in(5s)) == fits);
        BOOST_TEST((driver.reset(c, in(5s)) == (fits ? ResetResult::clean : ResetResult::broken)));
        BOOST_TEST((driver.last_fault(c).fault() == (fits ? Fault::none : Fault::wrong_role)));
    }
    PqDriver thorough{unix_conninfo(), {.reset = PqReset::session, .require = PqRole::primary}};
    PqConnection c = opened(thorough);
    run(c, "set default_transaction_read_only = on");
    BOOST_TEST((thorough.reset(c, in(5s)) == ResetResult::blank));  // it was the session's own, and is undone
    BOOST_TEST(!thorough.dirty(c));
}

BOOST_AUTO_TEST_CASE(a_connection_of_the_wrong_role_is_closed_at_its_return_and_is_no_lost_commit, *ut::timeout(30)) {
    std::mutex mutex;
    std::vector<std::pair<EventKind, Fault>> told;
    const auto sink = [&](const Event& e) noexcept {
        if (e.kind != EventKind::closed && e.kind != EventKind::dirty_return) return;
        const std::lock_guard lock{mutex};
        told.emplace_back(e.kind, e.fault);
    };
    {
        Db db{PqDriver{unix_conninfo(), {.require = PqRole::primary}}, {.max_size = 1, .on_event = sink}};
        auto lease = db.checkout(10s);
        run(*lease, "set default_transaction_read_only = on");
        BOOST_TEST((lease.give_back() == ReturnReport::closed));
        BOOST_TEST(db.stats().dirty_returns == 0u);
        auto next = db.checkout(10s);
        run(*next, "begin");
        BOOST_TEST((next.give_back() == ReturnReport::reset));
        BOOST_TEST(db.stats().dirty_returns == 1u);
    }
    const std::lock_guard lock{mutex};
    BOOST_TEST_REQUIRE(told.size() == 2u);
    BOOST_TEST((told[0] == std::pair{EventKind::closed, Fault::wrong_role}));
    BOOST_TEST((told[1].first == EventKind::dirty_return));
}

BOOST_AUTO_TEST_CASE(a_write_to_a_standby_renews_the_pool, *ut::timeout(60)) {
    Db db{PqDriver{standby_conninfo()}, {.max_size = 3}};
    std::vector<Db::Lease> leases;
    for (int i = 0; i < 3; ++i) leases.push_back(db.checkout(10s));
    const dewpond::PqResult r = exec(leases[0], "create table nowhere(x int)");
    BOOST_TEST((report(leases[0], r.get()) == Fault::wrong_role));
    leases.clear();
    BOOST_TEST(soon([&] { return db.stats().closed_because(CloseReason::renewed) == 2u; }, 30s));
    BOOST_TEST(db.stats().closed_because(CloseReason::discarded) == 1u);
}

BOOST_AUTO_TEST_CASE(in_the_end_a_failover_needs_no_restart, *ut::timeout(100)) {
    Db writes{PqDriver{both_conninfo(), {.require = PqRole::primary}}, {.name = "writes", .max_size = 3}};
    Db reads{PqDriver{both_conninfo(), {.require = PqRole::standby}},
             {.name = "reads", .max_size = 3, .outage_grace = 200ms}};
    std::vector<Db::Lease> readers;
    for (int i = 0; i < 3; ++i) readers.push_back(reads.checkout(10s));
    auto writer = writes.checkout(10s);
    BOOST_TEST(port_of(*writer) == env("DEWPOND_PG_PORT"));
    auto resting = std::move(readers.back());
    readers.pop_back();
    (void)resting.give_back();

    control("stop-immediate");
    exec(writer, "select 1");
    BOOST_TEST((writer.give_back() == ReturnReport::closed));
    const std::string promote = env("DEWPOND_PG_STANDBY_CTL") + " promote";
    BOOST_TEST_REQUIRE(std::system(promote.c_str()) == 0);

    // Who writes is served by the new primary.
    const Stopwatch watch;
    auto again = writes.checkout(30s);
    BOOST_TEST_MESSAGE("writes again after " << watch.ms() << " ms");
    BOOST_TEST(port_of(*again) == env("DEWPOND_PG_STANDBY_PORT"));
    BOOST_TEST((PQresultStatus(exec(again, "create table somewhere(x int)").get()) == PGRES_COMMAND_OK));
    BOOST_TEST((again.give_back() == ReturnReport::clean));

    // What was opened to the standby is a primary now. Its next answer says so, and its return closes it.
    for (auto& lease : readers) {
        BOOST_TEST(value(*lease, "select 1") == "1");
        BOOST_TEST((lease.give_back() == ReturnReport::closed));
    }
    {  // Nothing arrives while it rests: this one is handed out once more, and not twice.
        auto late = reads.try_checkout(5s);
        BOOST_TEST_REQUIRE(late.has_value());
        BOOST_TEST(value(**late, "select 1") == "1");
        BOOST_TEST((late->give_back() == ReturnReport::closed));
    }
    const auto none = reads.try_checkout(5s);
    BOOST_TEST_REQUIRE(!none.has_value());
    BOOST_TEST((none.error().code() == Code::server_down || none.error().code() == Code::open_failed));
    BOOST_TEST(reads.stats().dirty_returns == 0u);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
