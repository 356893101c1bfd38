// SPDX-License-Identifier: BSL-1.0
// Connection strings from a function: asked before each opening, bounded by the deadline whatever it does, and
// forgotten.
#include <atomic>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <vector>

#include <malloc.h>
#include <pthread.h>

#include "pq_driver_support.hpp"
#include <dewpond/pool.hpp>

using namespace pq_test;
using dewpond::Code;
using Db = dewpond::Pool<PqDriver>;
namespace ut = boost::unit_test;

namespace {

/// What no block of memory may hold when C++ gives it back; empty while nobody looks.
std::atomic<const char*> forbidden{nullptr};
std::atomic<int> given_back_with_it{0};

void give_back(void* p) noexcept {
    if (const char* what = forbidden.load(); what != nullptr && p != nullptr) {
        if (std::string_view{static_cast<const char*>(p), ::malloc_usable_size(p)}.find(what) !=
            std::string_view::npos) {
            ++given_back_with_it;
        }
    }
    std::free(p);
}
/// Zeroed: libpq frees copies that it does not overwrite, and what lies in a block that nobody wrote to is no find.
void* take(std::size_t n) {
    if (void* p = std::calloc(n == 0 ? 1 : n, 1)) return p;
    throw std::bad_alloc{};
}

}  // namespace

void* operator new(std::size_t n) { return take(n); }
void* operator new[](std::size_t n) { return take(n); }
void* operator new(std::size_t n, const std::nothrow_t&) noexcept { return std::calloc(n == 0 ? 1 : n, 1); }
void* operator new[](std::size_t n, const std::nothrow_t&) noexcept { return std::calloc(n == 0 ? 1 : n, 1); }
void operator delete(void* p) noexcept { give_back(p); }
void operator delete[](void* p) noexcept { give_back(p); }
void operator delete(void* p, std::size_t) noexcept { give_back(p); }
void operator delete[](void* p, std::size_t) noexcept { give_back(p); }

namespace {

/// Where a function of the user's blocks until the test lets it go (30 s at most).
class Latch {
public:
    void pass() {
        std::unique_lock lock{mutex_};
        ++inside_;
        changed_.wait_for(lock, 30s, [this] { return open_; });
        --inside_;
    }
    void open() {
        const std::lock_guard lock{mutex_};
        open_ = true;
        changed_.notify_all();
    }
    int inside() {
        const std::lock_guard lock{mutex_};
        return inside_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool open_ = false;
    int inside_ = 0;
};

std::string scram(const std::string& password) { return tcp_conninfo() + " user=dewpond_scram password=" + password; }
std::string right() { return scram(env("DEWPOND_PG_SCRAM_PASSWORD")); }

struct Tidy {
    ~Tidy() {
        BOOST_TEST(soon([] { return helpers() == 0; }));
    }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pq_source, Tidy, *ut::timeout(60))

BOOST_AUTO_TEST_CASE(it_is_asked_before_each_opening_on_a_thread_of_its_own) {
    std::atomic<int> calls{0};
    std::atomic<bool> on_helper{true}, takes_signals{false};
    PqDriver driver{[&, base = unix_conninfo()] {
        char name[16] = "";
        pthread_getname_np(pthread_self(), name, sizeof name);
        if (std::string_view{name} != "dewpond-ask") on_helper = false;
        sigset_t blocked;
        pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
        if (sigismember(&blocked, SIGTERM) != 1) takes_signals = true;
        return base + " application_name=rotation-" + std::to_string(++calls);
    }};
    BOOST_TEST(calls.load() == 0);  // not by the constructor
    for (const char* wanted : {"rotation-1", "rotation-2", "rotation-3"}) {
        PqConnection c = opened(driver);
        BOOST_TEST(value(c, "show application_name") == wanted);
    }
    BOOST_TEST(calls.load() == 3);
    BOOST_TEST(on_helper.load());
    BOOST_TEST(!takes_signals.load());
}

BOOST_AUTO_TEST_CASE(options_and_the_pool_s_name_hold_for_it_as_for_a_string) {
    Db db{PqDriver{[base = unix_conninfo()] { return base; }, {.keepalives_idle = 41s}}, {.name = "asking"}};
    const auto lease = db.checkout(10s);
    BOOST_TEST(value(*lease, "show application_name") == "asking");
}

BOOST_AUTO_TEST_CASE(functions_that_only_move_and_functions_that_take_refresh_will_do) {
    PqDriver moves{[only = std::make_unique<std::string>(unix_conninfo())] { return *only; }};
    opened(moves);
    std::function<std::string(bool)> erased = [](bool refresh) { return refresh ? std::string{} : unix_conninfo(); };
    PqDriver takes{erased};
    opened(takes);
    BOOST_CHECK_EXCEPTION((PqDriver{std::function<std::string()>{}}), dewpond::PoolError,
                          [](const dewpond::PoolError& e) {
                              return e.code() == Code::bad_option &&
                                     std::string_view{e.what()}.find("function is empty") != std::string_view::npos;
                          });
    BOOST_CHECK_EXCEPTION((PqDriver{erased, {.keepalives_idle = 0s}}), dewpond::PoolError,
                          [](const dewpond::PoolError& e) { return e.code() == Code::bad_option; });
}

BOOST_AUTO_TEST_CASE(refused_it_is_asked_once_more_at_once) {
    std::vector<bool> calls;
    PqDriver driver{[&, good = right(), bad = scram("old")](bool refresh) {
        calls.push_back(refresh);
        return refresh ? good : bad;
    }};
    PqConnection c = opened(driver);
    BOOST_TEST(value(c, "select current_user") == "dewpond_scram");
    BOOST_TEST((calls == std::vector{false, true}));
}

BOOST_AUTO_TEST_CASE(refused_twice_it_is_reported_and_asked_again_at_the_next_opening) {
    int calls = 0;
    PqDriver driver{[&, good = right()] { return ++calls <= 2 ? scram("c4nary" + std::to_string(calls)) : good; }};
    const auto r = driver.open(in(10s));
    BOOST_TEST_REQUIRE(!r.has_value());
    BOOST_TEST(calls == 2);
    BOOST_TEST((r.error().fault() == Fault::configuration));
    BOOST_TEST(r.error().text() == "the password was refused (SQLSTATE 28P01)");
    opened(driver);
    BOOST_TEST(calls == 3);
}

BOOST_AUTO_TEST_CASE(no_password_where_one_is_asked_for_is_a_refusal_too) {
    int calls = 0;
    PqDriver driver{
        [&, good = right(), none = tcp_conninfo() + " user=dewpond_scram"] { return ++calls == 1 ? none : good; }};
    opened(driver);
    BOOST_TEST(calls == 2);
}

BOOST_AUTO_TEST_CASE(the_same_answer_is_not_tried_twice) {  // a lock-out counts tries
    std::atomic<int> calls{0}, attempts{0};
    MuteListener door;
    std::thread porter{[&] {
        const std::string fields{"SFATAL\0VFATAL\0C28P01\0Mno\0", 26};
        const std::string words = std::string{"E\0\0\0", 4} + static_cast<char>(fields.size() + 4) + fields;
        for (;;) {
            const int c = ::accept(door.fd(), nullptr, nullptr);
            char heard[1024];
            const auto n = ::read(c, heard, sizeof heard);
            if (n >= 4 && std::string_view{heard, 4} == "stop") {
                ::close(c);
                return;
            }
            ++attempts;
            (void)!::write(c, words.data(), words.size());
            ::close(c);
        }
    }};
    const std::string conninfo =
        "hostaddr=127.0.0.1 sslmode=disable gssencmode=disable user=u password=p port=" + door.port();
    PqDriver driver{[&] {
        ++calls;
        return conninfo;
    }};
    const auto r = driver.open(in(10s));
    BOOST_TEST((!r.has_value() && r.error().fault() == Fault::configuration));
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(static_cast<std::uint16_t>(std::stoi(door.port())));
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int stop = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BOOST_TEST(::connect(stop, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    BOOST_TEST(::write(stop, "stop", 4) == 4);
    porter.join();
    ::close(stop);
    BOOST_TEST(calls.load() == 2);
    BOOST_TEST(attempts.load() == 1);
}

BOOST_AUTO_TEST_CASE(what_it_throws_is_withheld_and_the_pool_goes_on) {
    std::atomic<int> calls{0};
    Db db{PqDriver{[&, base = unix_conninfo()] {
              if (++calls < 3) throw std::runtime_error("c4nary");
              return base;
          }},
          {.min_idle = 0, .backoff_min = 5ms, .backoff_max_waiting = 10ms}};
    const auto lease = db.try_checkout(10s);
    BOOST_TEST(lease.has_value());
    BOOST_TEST(calls.load() == 3);

    PqDriver throws{[]() -> std::string { throw 42; }};
    const auto r = throws.open(in(5s));
    BOOST_TEST_REQUIRE(!r.has_value());
    BOOST_TEST((r.error().fault() == Fault::other));
    BOOST_TEST(r.error().text() == "the connection string's function threw (its text is withheld)");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_one_clear_fault) {
    for (const char* conninfo :
         {"password=top c4nary", "c4nary=1", "postgresql://u:c4n%zzary@h/d", "connect_timeout=c4nary"}) {
        BOOST_TEST_CONTEXT(conninfo) {
            PqDriver driver{[conninfo] { return std::string{conninfo}; }};
            const auto r = driver.open(in(5s));
            BOOST_TEST_REQUIRE(!r.has_value());
            BOOST_TEST((r.error().fault() == Fault::configuration));
            BOOST_TEST(r.error().text().starts_with("PqDriver: "));
            BOOST_TEST(r.error().text().find("c4n") == std::string::npos);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_deadline_is_kept_while_it_blocks) {
    const auto latch = std::make_shared<Latch>();
    PqDriver driver{[latch, base = unix_conninfo()] {
        latch->pass();
        return base;
    }};
    const auto fails = [&](const char* text) {
        const Stopwatch watch;
        const auto r = driver.open(in(200ms));
        BOOST_TEST(watch.ms() >= 199);
        BOOST_TEST(watch.ms() < 200 + at_once_ms);
        BOOST_TEST_REQUIRE(!r.has_value());
        BOOST_TEST((r.error().fault() == Fault::timed_out));
        BOOST_TEST(r.error().text() == text);
    };
    fails("the connection string's function has not returned by the deadline");
    fails("the connection string's function is still busy with an earlier call at the deadline");
    // Other pools have threads of their own.
    PqDriver other{[base = unix_conninfo()] { return base; }};
    opened(other);
    BOOST_TEST(latch->inside() == 1);
    BOOST_TEST(helpers() <= 2);  // the other's may be on its way out
    latch->open();
    opened(driver);
}

BOOST_AUTO_TEST_CASE(the_end_of_a_pool_waits_for_no_function_and_the_last_one_out_frees_it) {
    const auto latch = std::make_shared<Latch>();
    auto owned = std::make_shared<int>(1);
    const std::weak_ptr<int> still_there = owned;
    auto db = std::make_unique<Db>(PqDriver{[latch, owned = std::move(owned), base = unix_conninfo()] {
                                       latch->pass();
                                       return base;
                                   }},
                                   dewpond::Options{.min_idle = 1, .open_timeout = 300ms});
    BOOST_TEST(soon([&] { return latch->inside() == 1; }));
    const Stopwatch watch;
    BOOST_TEST(db->close(100ms) <= 1U);
    BOOST_TEST(watch.ms() < 100 + at_once_ms);
    db.reset();
    BOOST_TEST(watch.ms() < 100 + at_once_ms);
    BOOST_TEST(!still_there.expired());
    latch->open();
    BOOST_TEST(soon([&] { return still_there.expired(); }));
}

BOOST_AUTO_TEST_CASE(a_rotation_is_survived_and_a_refusal_does_not_stick) {
    Admin admin;
    std::mutex mutex;
    std::string told, password = "c4nary-old";
    const auto sink = [&](const dewpond::Event& e) noexcept {
        const std::lock_guard lock{mutex};
        told += e.text;
        told += ' ';
    };
    Db db{PqDriver{[&, base = tcp_conninfo()] {
              const std::lock_guard lock{mutex};
              return base + " user=dewpond_scram password=" + password;
          }},
          {.max_size = 2, .min_idle = 0, .backoff_min = 5ms, .backoff_max_waiting = 10ms, .on_event = sink}};
    admin.ask("alter role dewpond_scram password 'c4nary-old'");
    std::string texts;
    {
        const auto before = db.checkout(10s);
        admin.ask("alter role dewpond_scram password 'c4nary-new'");
        const auto refused = db.try_checkout(200ms);
        BOOST_TEST_REQUIRE(!refused.has_value());  // the function gives the old one still; what is open goes on
        texts = refused.error().what();
        BOOST_TEST(value(*before, "select 1") == "1");
    }
    db.renew();
    BOOST_TEST(soon([&] { return db.stats().size == 0; }));
    const auto refused = db.try_checkout(5s);
    BOOST_TEST_REQUIRE(!refused.has_value());
    BOOST_TEST((refused.error().code() == Code::open_failed));
    BOOST_TEST((refused.error().fault() == Fault::configuration));
    {
        const std::lock_guard lock{mutex};
        password = "c4nary-new";
    }
    BOOST_TEST(soon([&] { return db.try_checkout(5s).has_value(); }));
    const std::string all = db.describe() + db.inspect() + refused.error().what() + texts;
    BOOST_TEST(all.find("c4nary") == std::string::npos, all);
    const std::lock_guard lock{mutex};
    BOOST_TEST(!told.empty());
    BOOST_TEST(told.find("c4nary") == std::string::npos, told);
    admin.ask("alter role dewpond_scram password '" + env("DEWPOND_PG_SCRAM_PASSWORD") + "'");
}

// The blocks that C++ gives back are looked at; what libpq keeps is its own (the password, as long as the connection).
BOOST_AUTO_TEST_CASE(what_it_returned_is_overwritten_after_the_attempt) {
    static char conninfo[512];
    static const std::string secret = env("DEWPOND_PG_SCRAM_PASSWORD");
    const auto gives = [](const std::string& text) {
        std::snprintf(conninfo, sizeof conninfo, "%s", text.c_str());
        return PqDriver{[] { return std::string{conninfo}; }};
    };
    const auto looks = [](auto&& act) {
        given_back_with_it = 0;
        forbidden = secret.c_str();
        act();
        forbidden = nullptr;
        return given_back_with_it.load();
    };
    {
        PqDriver driver = gives(right());
        BOOST_TEST(looks([] { const std::string careless{conninfo}; }) > 0);  // what is not overwritten is seen
        std::atomic<bool> good{false};
        BOOST_TEST(looks([&] { good = driver.open(in(5s)).has_value(); }) == 0);
        BOOST_TEST(good.load());
    }
    {
        PqDriver driver = gives(scram(secret + "x"));
        BOOST_TEST(looks([&] { (void)driver.open(in(5s)); }) == 0);
    }
    {
        PqDriver driver = gives("password=" + secret + " nonsense");
        BOOST_TEST(looks([&] { (void)driver.open(in(5s)); }) == 0);
    }
    static Latch latch;
    PqDriver late{[] {
        latch.pass();
        return std::string{conninfo};
    }};
    BOOST_TEST(looks([&] {
                   (void)late.open(in(1ms));
                   latch.open();
                   (void)soon([] { return helpers() == 0; });
               }) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
