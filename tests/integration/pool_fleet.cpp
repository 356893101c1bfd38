// SPDX-License-Identifier: BSL-1.0
// More pools than the server has connections for: eight processes, each with a pool of 20, and 96 places.
#include <array>
#include <atomic>
#include <cstdint>
#include <new>
#include <thread>
#include <utility>
#include <vector>

#include <csignal>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pq_driver_support.hpp"
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

using namespace pq_test;
using Db = dewpond::Pool<PqDriver, dewpond::Lifetime>;
namespace ut = boost::unit_test;

namespace {

constexpr int processes = 8, late = processes - 1, pool_size = 20;
constexpr int places = 96;  // of 100: three are for superusers only, and the test's own look at the server takes one
constexpr int seconds = 60;

/// What a process tells the test, through memory that both see.
struct Told {
    std::atomic<std::uint64_t> opened, refused, served, failed, wrong;
    std::atomic<std::uint32_t> size, most;
    std::array<std::atomic<std::uint32_t>, seconds> served_in;  ///< each second since the start
};
struct Shared {
    std::atomic<bool> go, late_go, stop;
    Clock::time_point from;
    std::array<Told, processes> told;
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// One process: a pool and as many threads as it has slots, which all want something all the time. Its connections live
/// for 3.6 to 6 s instead of half an hour, so that the test need not take as long.
void work(Shared& all, int me) {
    Told& mine = all.told[static_cast<std::size_t>(me)];
    while (!(me == late ? all.late_go : all.go)) ::poll(nullptr, 0, 1);
    Db db{PqDriver{tcp_conninfo() + " user=fleet"},
          {.name = "fleet-" + std::to_string(me), .max_size = pool_size, .checkout_timeout = 2s},
          dewpond::Lifetime{.max_lifetime = 6s, .jitter = 40}};
    std::vector<std::thread> threads;
    for (int t = 0; t < pool_size; ++t) {
        threads.emplace_back([&] {
            while (!all.stop) {
                auto lease = db.try_checkout();
                if (!lease) lease = db.try_checkout(2s);
                if (!lease) {
                    ++mine.failed;
                    if (lease.error().fault() != Fault::full) ++mine.wrong;
                    ::poll(nullptr, 0, 20);  // a refused client comes back in 20 ms
                    continue;
                }
                if (run(**lease, "select pg_sleep(0.05)") != PGRES_TUPLES_OK) ++mine.wrong;
                ++mine.served;
                const auto second = std::chrono::floor<std::chrono::seconds>(Clock::now() - all.from).count();
                if (second < seconds) ++mine.served_in[static_cast<std::size_t>(second)];
            }
        });
    }
    while (!all.stop) {
        const auto s = db.stats();
        mine.opened = s.opened;
        mine.refused = s.open_failures;
        mine.size = s.size;
        if (s.size > mine.most) mine.most = s.size;
        ::poll(nullptr, 0, 5);
    }
    for (auto& t : threads) t.join();
}

/// The processes, forked before anybody here has a pool or a thread; none outlives the test.
class Processes {
public:
    Processes() {
        void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        BOOST_TEST_REQUIRE(memory != MAP_FAILED);
        all = new (memory) Shared{};
        all->from = Clock::now();
        for (int i = 0; i < processes; ++i) {
            const pid_t child = ::fork();
            BOOST_TEST_REQUIRE(child >= 0);
            if (child == 0) {
                ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                int status = 1;
                try {
                    work(*all, i);
                    status = 0;
                } catch (...) {
                }
                ::_exit(status);
            }
            children_.push_back(child);
        }
    }
    Processes(const Processes&) = delete;
    ~Processes() {
        for (const pid_t child : children_) ::kill(child, SIGKILL);
        for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
        ::munmap(all, sizeof(Shared));
    }
    /// All came to their end by themselves.
    bool end() {
        all->stop = true;
        bool well = true;
        for (const pid_t child : std::exchange(children_, {})) {
            int status = -1;
            well = ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0 && well;
        }
        return well;
    }
    Told& operator[](int i) { return all->told[static_cast<std::size_t>(i)]; }
    template <class Field>
    std::uint64_t sum(Field&& field) {
        std::uint64_t n = 0;
        for (Told& t : all->told) n += field(t);
        return n;
    }

    Shared* all = nullptr;

private:
    std::vector<pid_t> children_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(pool_fleet, *ut::timeout(100))

BOOST_AUTO_TEST_CASE(eight_pools_of_twenty_live_with_what_the_server_gives) {
    {
        Admin first;
        first.ask("drop role if exists fleet");
        first.ask("create role fleet login");
    }
    Processes fleet;  // before anything here has a thread
    Admin admin;
    BOOST_TEST_REQUIRE(admin.ask("show max_connections") == "100");
    BOOST_TEST_REQUIRE(admin.ask("show superuser_reserved_connections") == "3");
    const auto taken = [&] { return std::stoi(admin.ask("select count(*) from pg_stat_activity where usename='fleet'")); };
    const auto refused = [](Told& t) { return t.refused.load(); };
    const auto opened = [](Told& t) { return t.opened.load(); };
    const auto now = [&] { return std::chrono::duration<double>(Clock::now() - fleet.all->from).count(); };

    // Seven of them want 140: they get what is there, and everybody serves.
    fleet.all->go = true;
    BOOST_TEST(soon([&] { return taken() == places; }));
    const double full_at = now();
    for (int i = 0; i < late; ++i) BOOST_TEST(soon([&] { return fleet[i].served > 0; }));

    // The eighth comes when all places are taken, and asks no more often than the others. Nothing retires meanwhile.
    fleet.all->late_go = true;
    BOOST_TEST(soon([&] { return fleet[late].refused >= 3; }));  // the first steps of its back-off are the small ones
    const std::uint64_t opened_before = fleet.sum(opened), before = fleet.sum(refused);
    const Stopwatch window;
    BOOST_TEST(soon([&] { return window.ms() >= 2'000; }));
    const double per_second = static_cast<double>(fleet.sum(refused) - before) * 1'000 / static_cast<double>(window.ms());
    const bool quiet = fleet.sum(opened) == opened_before;
    const double window_to = now();

    // Its share comes as the connections of the others reach their age.
    BOOST_TEST(soon([&] { return fleet[late].served > 0; }, 20s));
    const double served_at = now();
    BOOST_TEST(soon([&] { return fleet[late].most >= 3; }, 20s));
    const double to = now();
    BOOST_TEST(fleet.end());

    std::string shares;
    for (int i = 0; i < processes; ++i) {
        Told& t = fleet[i];
        shares += " " + std::to_string(t.size) + " (most " + std::to_string(t.most) + ", served " + std::to_string(t.served) + ", failed " +
                  std::to_string(t.failed) + ", opened " + std::to_string(t.opened) + ", refused " + std::to_string(t.refused) + ");";
        BOOST_TEST(t.wrong == 0u, "process " << i << ": an error other than a full server");
        // Nobody who was there in time is ever left without: in any two seconds he serves somebody.
        for (int s = static_cast<int>(full_at) + 1; i != late && s + 1 < static_cast<int>(to); ++s) {
            const auto at = static_cast<std::size_t>(s);
            BOOST_TEST(t.served_in[at] + t.served_in[at + 1] > 0u, "process " << i << " served nobody in seconds " << s << " and " << s + 1);
        }
        // Each opening that succeeds begins the back-off anew: 0.1, 0.2, 0.4, 0.8 s at most, then 1 s, half of it in the mean.
        BOOST_TEST(static_cast<double>(t.refused) <= 5.0 * (static_cast<double>(t.opened) + 1) + 3 * to, "process " << i);
    }
    BOOST_TEST_MESSAGE("full at " << full_at << " s; then " << per_second << " refused openings a second until " << window_to
                                  << " s; the late one served at " << served_at << " s; at " << to << " s:" << shares);
    // Each waits 0.1 to 1 s between two attempts, 0.55 in the mean: 1.8 a second. Four leave room for the first steps.
    if (quiet) BOOST_TEST(per_second <= 4.0 * processes);
    BOOST_TEST(per_second > 0.2 * processes);
}

BOOST_AUTO_TEST_SUITE_END()
