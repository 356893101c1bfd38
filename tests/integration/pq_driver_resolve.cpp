// SPDX-License-Identifier: BSL-1.0
// Names: getaddrinfo knows no deadline, yet nobody waits for it longer than he said, and nothing else waits for it at
// all.
#include <array>
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sys/wait.h>

#include "pq_driver_support.hpp"
#include <dewpond/pool.hpp>

using namespace pq_test;
using namespace std::string_literals;
using dewpond::Code;
using Db = dewpond::Pool<PqDriver>;
namespace ut = boost::unit_test;

namespace {

std::string thread_name() {
    char name[16] = "";
    pthread_getname_np(pthread_self(), name, sizeof name);
    return name;
}

/// The name service of this program. Names that end in ".test" are its own: they hang while the gate is shut, and have
/// the addresses that the test gives them. Everything else is answered by the real one.
struct Names {
    std::mutex mutex;
    std::condition_variable changed;
    std::map<std::string, std::vector<std::string>> known;
    std::set<std::string> hanging;
    int inside = 0, most_inside = 0, calls = 0;
    std::vector<std::string> wrong;  ///< what no call should ever have done

    /// For as long as it lives these names hang (30 s at most).
    class Hang {
    public:
        Hang(Names& names, std::set<std::string> which) : names_{names} {
            const std::lock_guard lock{names_.mutex};
            names_.hanging = std::move(which);
            names_.most_inside = names_.calls = 0;
        }
        ~Hang() { open(); }
        /// Lets them all go, and returns when they are through.
        void open() {
            std::unique_lock lock{names_.mutex};
            names_.hanging.clear();
            names_.changed.notify_all();
            names_.changed.wait_for(lock, 10s, [this] { return names_.inside == 0; });
        }

    private:
        Names& names_;
    };

    void set(const std::string& name, std::vector<std::string> addresses) {
        const std::lock_guard lock{mutex};
        known[name] = std::move(addresses);
    }
    int look(int Names::*count) {
        const std::lock_guard lock{mutex};
        return this->*count;
    }
    int now_inside() { return look(&Names::inside); }

    int answer(const std::string& name, std::vector<std::string>& addresses) {
        std::unique_lock lock{mutex};
        ++calls;
        most_inside = std::max(most_inside, ++inside);
        if (thread_name() != "dewpond-resolve") wrong.push_back("called by the thread " + thread_name());
        sigset_t blocked;
        pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        if (sigismember(&blocked, SIGTERM) != 1 || sigismember(&blocked, SIGALRM) != 1)
            wrong.push_back("takes signals");
        changed.notify_all();
        changed.wait_for(lock, 30s, [&] { return hanging.count(name) == 0; });
        --inside;
        changed.notify_all();
        const auto at = known.find(name);
        if (at == known.end()) return EAI_NONAME;
        addresses = at->second;
        return 0;
    }
};
/// Never destroyed: a helper may be inside when the program ends.
Names& names() {
    static auto* all = new Names;
    return *all;
}

}  // namespace

/// In stead of the C library's, for libpq too, as the program's symbols come first.
extern "C" int getaddrinfo(const char* node, const char* service, const addrinfo* hints, addrinfo** found) {
    static const auto real = reinterpret_cast<decltype(&getaddrinfo)>(::dlsym(RTLD_NEXT, "getaddrinfo"));
    if (node == nullptr || !std::string{node}.ends_with(".test")) return real(node, service, hints, found);
    std::vector<std::string> addresses;
    if (const int failure = names().answer(node, addresses); failure != 0) return failure;
    *found = nullptr;
    for (auto a = addresses.rbegin(); a != addresses.rend(); ++a) {
        addrinfo* one = nullptr;
        if (const int failure = real(a->c_str(), service, hints, &one); failure != 0) return failure;
        one->ai_next = *found;
        *found = one;
    }
    return 0;
}

namespace {

/// By how much a call overran what it was given, at best of five; the first that is near enough will do.
template <class Action>
long least_overrun_ms(long given_ms, long near, Action&& act) {
    long best = 1'000'000;
    for (int i = 0; i < 5 && best >= near; ++i) {
        const Stopwatch watch;
        act(std::chrono::milliseconds{given_ms});
        BOOST_TEST(watch.ms() >= given_ms - 1);
        best = (std::min)(best, watch.ms() - given_ms);
    }
    return best;
}

std::string at(const std::string& name, const std::string& more = {}) {
    return "host=" + name + " port=" + env("DEWPOND_PG_PORT") + " user=dewpond dbname=dewpond sslmode=disable " + more;
}

/// Takes connections at the server's port of another address of this host. Says these words to the first, or is mute.
class Neighbour {
public:
    explicit Neighbour(const char* address, std::string words = {}) {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_port = htons(static_cast<std::uint16_t>(std::stoi(env("DEWPOND_PG_PORT"))));
        ::inet_pton(AF_INET, address, &a.sin_addr);
        BOOST_TEST_REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
        BOOST_TEST_REQUIRE(::listen(fd_, 16) == 0);
        if (words.empty()) return;
        speaker_ = std::thread{[this, words = std::move(words)] {
            const int c = ::accept(fd_, nullptr, nullptr);
            char heard[1024];
            (void)!::read(c, heard, sizeof heard);
            (void)!::write(c, words.data(), words.size());
            ::close(c);
        }};
    }
    Neighbour(const Neighbour&) = delete;
    ~Neighbour() {
        if (speaker_.joinable()) speaker_.join();
        ::close(fd_);
    }

private:
    std::thread speaker_;
    int fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

const char* const good = "127.0.0.1";
const char* const mute = "127.0.0.2";
const char* const nobody = "127.0.0.3";

/// After each test: no call went where it must not, nobody is left inside, and the helpers are gone.
struct Tidy {
    ~Tidy() {
        BOOST_TEST(soon([] { return names().now_inside() == 0 && helpers() == 0; }));
        const std::lock_guard lock{names().mutex};
        for (const std::string& what : names().wrong) BOOST_ERROR(what);
        names().wrong.clear();
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pq_resolve, Tidy, *ut::timeout(60))

BOOST_AUTO_TEST_CASE(a_name_opens_and_stays_the_host_of_the_connection) {
    names().set("db.test", {good});
    PqDriver driver{at("db.test")};
    PqConnection c = opened(driver);
    BOOST_TEST(PQhost(c) == "db.test"s);
    BOOST_TEST(PQhostaddr(c) == good);
    BOOST_TEST(value(c, "select 1") == "1");
}

BOOST_AUTO_TEST_CASE(a_password_file_knows_it_by_its_name) {
    names().set("db.test", {good});
    char file[] = "/tmp/dewpond-pgpass-XXXXXX";
    const int fd = ::mkstemp(file);
    const std::string line =
        "db.test:" + env("DEWPOND_PG_PORT") + ":*:dewpond_scram:" + env("DEWPOND_PG_SCRAM_PASSWORD") + "\n";
    BOOST_TEST(::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    ::close(fd);
    PqDriver driver{at("db.test", "user=dewpond_scram passfile="s + file)};
    const auto r = driver.open(in(5s));
    ::unlink(file);
    BOOST_TEST(r.has_value(), (r ? "" : r.error().text()));
}

BOOST_AUTO_TEST_CASE(a_deadline_is_kept_while_a_name_is_resolved) {
    Names::Hang hang{names(), {"stuck.test"}};
    PqDriver driver{at("stuck.test")};
    for (int i = 0; i < 3; ++i) BOOST_TEST(!driver.open(in(1ms)).has_value());
    const long overrun = least_overrun_ms(200, 50, [&](auto limit) {
        const auto r = driver.open(in(limit));
        BOOST_TEST_REQUIRE(!r.has_value());
        BOOST_TEST((r.error().fault() == Fault::timed_out));
        BOOST_TEST(r.error().text() == "the host name is still being resolved at the deadline");
    });
    BOOST_TEST(overrun < 50);
    BOOST_TEST(names().look(&Names::most_inside) == 1);  // one name occupies one helper, however often it is asked for
    BOOST_TEST(names().look(&Names::calls) == 1);
}

BOOST_AUTO_TEST_CASE(a_checkout_keeps_its_limit_whoever_opens) {
    Names::Hang hang{names(), {"stuck.test"}};
    Db background{PqDriver{at("stuck.test")}, {.min_idle = 0}};
    dewpond::Pool in_caller{PqDriver{at("stuck.test")}, {.min_idle = 0}, dewpond::OpenInCaller{}};
    const auto in_time = [](auto& db, bool says_why) {
        const long overrun = least_overrun_ms(200, 50, [&](auto limit) {
            const auto lease = db.try_checkout(limit);
            BOOST_TEST_REQUIRE(!lease.has_value());
            BOOST_TEST((lease.error().code() == Code::timed_out || lease.error().code() == Code::open_failed));
            const std::string what{lease.error().what()};
            BOOST_TEST((!says_why || what.find("still being resolved") != std::string::npos), what);
            BOOST_TEST(what.find("stuck.test") == std::string::npos, what);
        });
        BOOST_TEST(overrun < 50);
    };
    in_time(background, false);  // its own attempt goes on
    in_time(in_caller, true);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_pool_waits_for_no_name) {
    for (const bool closes : {true, false}) {
        Names::Hang hang{names(), {"stuck.test", "other.test"}};
        auto db = std::make_unique<Db>(PqDriver{at("stuck.test")}, dewpond::Options{.min_idle = 1});
        auto other = std::make_unique<Db>(PqDriver{at("other.test")}, dewpond::Options{.min_idle = 1});
        BOOST_TEST(soon([] { return names().now_inside() == 2; }));
        const Stopwatch watch;
        if (closes) BOOST_TEST(db->close(100ms) <= 1U);  // the one that is being opened
        BOOST_TEST(watch.ms() < 100 + 50);
        db.reset();
        other.reset();
        BOOST_TEST(watch.ms() < 100 + 100);
        BOOST_TEST(names().now_inside() == 2);  // still, and freed by their helpers when they come back
    }
}

BOOST_AUTO_TEST_CASE(two_resolve_at_once_and_whoever_waits_for_them_is_told_so) {
    std::set<std::string> many;
    for (int i = 0; i < 10; ++i) many.insert("stuck-" + std::to_string(i) + ".test");
    Names::Hang hang{names(), many};
    std::atomic<int> late{0}, in_line{0};
    std::vector<std::thread> threads;
    const Stopwatch watch;
    for (const std::string& name : many) {
        for (int i = 0; i < 2; ++i) {
            threads.emplace_back([&, conninfo = at(name)] {
                PqDriver driver{conninfo};
                const auto r = driver.open(in(300ms));
                if (!r && r.error().fault() == Fault::timed_out) ++late;
                if (!r && r.error().text().ends_with("it waits for others that hang")) ++in_line;
            });
        }
    }
    // Meanwhile nothing else waits: addresses and sockets never go there.
    for (const std::string& conninfo : {unix_conninfo(), tcp_conninfo(), at(good), at("::1,"s + good)}) {
        PqDriver driver{conninfo};
        const Stopwatch one;
        opened(driver);
        BOOST_TEST(one.ms() < at_once_ms);
    }
    for (auto& t : threads) t.join();
    BOOST_TEST(watch.ms() < 4 * at_once_ms);
    BOOST_TEST(late.load() == 20);
    BOOST_TEST(in_line.load() == 16);  // of ten names two are inside
    BOOST_TEST(names().look(&Names::most_inside) == 2);
    BOOST_TEST(names().look(&Names::calls) == 2);
    BOOST_TEST(helpers() == 2);
    hang.open();
}

BOOST_AUTO_TEST_CASE(who_waits_in_line_is_served_when_the_line_moves) {
    names().set("db.test", {good});
    Names::Hang hang{names(), {"stuck.test", "other.test"}};
    for (const char* name : {"stuck.test", "other.test"}) {
        PqDriver driver{at(name)};
        BOOST_TEST(!driver.open(in(1ms)).has_value());
    }
    BOOST_TEST(soon([] { return names().now_inside() == 2; }));
    bool served = false;
    std::thread waiter{[&] {
        PqDriver driver{at("db.test")};
        served = driver.open(in(20s)).has_value();
    }};
    hang.open();
    waiter.join();
    BOOST_TEST(served);
}

BOOST_AUTO_TEST_CASE(one_name_that_hangs_delays_no_other) {
    names().set("db.test", {good});
    Names::Hang hang{names(), {"stuck.test"}};
    Db stuck{PqDriver{at("stuck.test")}, {.opens_at_once = 8}};
    Db well{PqDriver{at("db.test")}, {.max_size = 8, .opens_at_once = 8}};
    std::vector<Db::Lease> leases;
    BOOST_TEST(!stuck.try_checkout(50ms).has_value());
    for (int i = 0; i < 8; ++i) leases.push_back(well.checkout(10s));
    BOOST_TEST(names().now_inside() == 1);
}

BOOST_AUTO_TEST_CASE(a_name_that_moved_is_followed) {
    names().set("moving.test", {nobody});
    Db db{PqDriver{at("moving.test")}, {.max_size = 2, .min_idle = 0, .backoff_min = 5ms, .backoff_max_waiting = 10ms}};
    const auto refused = db.try_checkout(300ms);
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().fault() == Fault::unreachable), refused.error().what());
    names().set("moving.test", {good});
    const auto lease = db.try_checkout(10s);
    BOOST_TEST_REQUIRE(lease.has_value(), (lease ? "" : lease.error().what()));
    BOOST_TEST(value(**lease, "select 1") == "1");
    // What it has stays; what it opens next goes to the new place.
    const Neighbour neighbour{mute};
    names().set("moving.test", {mute});
    BOOST_TEST(!db.try_checkout(100ms).has_value());
    BOOST_TEST(value(**lease, "select 1") == "1");
}

BOOST_AUTO_TEST_CASE(a_mute_first_address_does_not_hide_a_good_second) {
    const Neighbour neighbour{mute};
    names().set("two.test", {mute, good});
    names().set("three.test", {nobody, mute, nobody, good});
    for (const char* name : {"two.test", "three.test"}) {
        PqDriver driver{at(name)};
        const Stopwatch watch;
        PqConnection c = opened(driver, 700ms);
        BOOST_TEST(watch.ms() < 700);
        BOOST_TEST(PQhostaddr(c) == good);
    }
}

BOOST_AUTO_TEST_CASE(a_name_that_hangs_does_not_hide_a_good_second_host) {
    names().set("db.test", {good});
    Names::Hang hang{names(), {"stuck.test"}};
    PqDriver driver{at("stuck.test,db.test")};
    PqConnection c = opened(driver, 700ms);
    BOOST_TEST(PQhost(c) == "db.test"s);
}

BOOST_AUTO_TEST_CASE(an_address_beside_a_name_needs_no_resolving) {
    Names::Hang hang{names(), {"stuck.test"}};
    PqDriver driver{at("stuck.test", "hostaddr="s + good)};
    PqConnection c = opened(driver);
    BOOST_TEST(PQhost(c) == "stuck.test"s);
    BOOST_TEST(names().look(&Names::calls) == 0);
}

BOOST_AUTO_TEST_CASE(a_name_that_does_not_exist_is_unreachable_and_not_told) {
    PqDriver driver{at("no-such.test")};
    const auto r = driver.open(in(5s));
    BOOST_TEST_REQUIRE(!r.has_value());
    BOOST_TEST((r.error().fault() == Fault::unreachable));
    BOOST_TEST(r.error().text() == "the host name cannot be resolved: "s + gai_strerror(EAI_NONAME));
}

BOOST_AUTO_TEST_CASE(a_refusal_for_good_counts_for_all_addresses_of_a_name) {  // a lock-out counts tries
    const std::string fields = "SFATAL\0VFATAL\0C28P01\0Mc4nary\0\0"s;
    const Neighbour refuses{mute, "E\0\0\0"s + static_cast<char>(fields.size() + 4) + fields};
    names().set("two.test", {mute, good});
    PqDriver driver{at("two.test")};
    const auto r = driver.open(in(5s));
    BOOST_TEST_REQUIRE(!r.has_value());
    BOOST_TEST(r.error().text() == "the password was refused (SQLSTATE 28P01)");
}

BOOST_AUTO_TEST_CASE(the_name_in_the_environment_is_resolved_too) {
    names().set("db.test", {good});
    const std::string before = env("PGHOST");
    ::setenv("PGHOST", "stuck.test,db.test", 1);
    {
        Names::Hang hang{names(), {"stuck.test"}};
        PqDriver driver{"sslmode=disable"};
        PqConnection c = opened(driver, 700ms);
        BOOST_TEST(PQhost(c) == "db.test"s);
        BOOST_TEST(names().look(&Names::calls) == 2);
    }
    ::setenv("PGHOST", before.c_str(), 1);
}

// A child of a fork has none of its parent's helpers, and must not wait for their lock. (ThreadSanitizer knows no
// threads after the fork of a program that has several.)
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define DEWPOND_TEST_NO_FORK
#endif
#elif defined(__SANITIZE_THREAD__)
#define DEWPOND_TEST_NO_FORK
#endif
#if !defined(DEWPOND_TEST_NO_FORK)
BOOST_AUTO_TEST_CASE(a_forked_child_has_helpers_of_its_own) {
    names().set("db.test", {good});
    Names::Hang hang{names(), {"stuck.test", "other.test"}};
    PqDriver stuck{at("stuck.test")}, other{at("other.test")}, well{at("db.test")};
    std::atomic<bool> go_on{false};
    PqDriver asks{[&, conninfo = at("db.test")] {
        while (!go_on.load()) ::poll(nullptr, 0, 1);
        return conninfo;
    }};
    for (PqDriver* driver : {&stuck, &other, &asks}) BOOST_TEST(!driver->open(in(20ms)).has_value());
    BOOST_TEST(!well.open(in(20ms)).has_value());
    const pid_t child = ::fork();
    if (child == 0) {
        std::signal(SIGALRM, SIG_DFL);  // not the test framework's: it would go on with the next test
        ::alarm(10);
        go_on = true;
        const bool opens = well.open(in(5s)).has_value(), calls = asks.open(in(5s)).has_value();
        ::_exit(opens && calls ? 0 : 1);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    BOOST_TEST(status == 0);
    go_on = true;
    hang.open();
    opened(well);
    opened(asks);
}
#endif

BOOST_AUTO_TEST_SUITE_END()
