// SPDX-License-Identifier: BSL-1.0
// No output names a secret: neither the connection string, nor a password, nor SQL, nor what the server said. Which paths
// there are is read from the enumerations: a new code, fault or event without a case here fails.
#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pq_driver_support.hpp"
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

using namespace pq_test;
using namespace std::string_literals;
using dewpond::Code;
using dewpond::Event;
using dewpond::EventKind;
using dewpond::PoolError;
namespace ut = boost::unit_test;

namespace {

const std::string canary = "C4nary";  // in every secret of these tests

/// Everything that was said, by whatever way.
class Heard {
public:
    void hear(std::string text) {
        const std::lock_guard lock{m_};
        said_.push_back(std::move(text));
    }
    void hear(const PoolError& e) {
        hear(e.what());
        const std::lock_guard lock{m_};
        codes_.insert(e.code());
    }
    void hear(const OpenError& e) {
        hear(e.text());
        const std::lock_guard lock{m_};
        faults_.insert(e.fault());
    }
    void hear(const Event& e) noexcept {
        hear(std::string{e.text} + " " + std::string{e.pool});
        told_(e);  // as people print it
        const std::lock_guard lock{m_};
        kinds_.insert(e.kind);
        faults_.insert(e.fault);
    }
    /// What a pool says of itself.
    template <class Pool>
    void hear_all(Pool& pool) {
        hear(pool.describe());
        hear(pool.inspect());
    }
    /// What it remembers.
    template <class Pool>
    void hear_past(Pool& pool) {
        for (const dewpond::PastEvent& e : pool.events()) {
            hear(to_string(e));
            const std::lock_guard lock{m_};
            kinds_.insert(e.kind);
        }
    }
    /// The sink for a pool's events.
    auto sink() {
        return [this](const Event& e) noexcept { hear(e); };
    }
    [[nodiscard]] const std::set<Code>& codes() const { return codes_; }
    [[nodiscard]] const std::set<Fault>& faults() const { return faults_; }
    [[nodiscard]] bool heard(EventKind kind) {
        const std::lock_guard lock{m_};
        return kinds_.contains(kind);
    }
    /// How many pieces of text there were; each free of secrets, or the test fails.
    std::size_t check() const {
        for (const std::string& text : said_) BOOST_TEST(text.find(canary) == std::string::npos, text);
        return said_.size();
    }

private:
    std::mutex m_;
    std::vector<std::string> said_;
    std::set<Code> codes_;
    std::set<Fault> faults_;
    std::set<EventKind> kinds_;
    dewpond::EventSink told_ = dewpond::to_stderr();
};

/// What is written to stderr while it lives, libpq's own words included.
class Stderr {
public:
    Stderr() : file_{std::tmpfile()}, saved_{::dup(2)} { ::dup2(::fileno(file_), 2); }
    Stderr(const Stderr&) = delete;
    ~Stderr() { ::close(saved_), std::fclose(file_); }
    std::string end() {
        ::fflush(stderr);
        ::dup2(saved_, 2);
        std::string all;
        std::rewind(file_);
        for (int c; (c = std::fgetc(file_)) != EOF;) all += static_cast<char>(c);
        return all;
    }

private:
    std::FILE* file_;
    int saved_;
};

/// A role whose password, right here, is a secret as well.
std::string with_password(const std::string& password) { return tcp_conninfo() + " user=dewpond_scram password=" + password; }
std::string right() { return with_password(env("DEWPOND_PG_SCRAM_PASSWORD")); }
std::string nobody() { return "host=127.0.0.1 port=1 user=C4nary password=C4nary-Passw0rd"; }
std::string server_says(const char* state) {
    return "SFATAL\0VFATAL\0C"s + state + "\0MC4nary says no\0DC4nary detail\0\0"s;
}
std::string refusal(const char* state) {
    const std::string fields = server_says(state);
    return "E\0\0\0"s + static_cast<char>(fields.size() + 4) + fields;
}

using Db = dewpond::Pool<PqDriver>;
dewpond::Options options(Heard& heard, std::size_t size = 1) {
    return {.name = "secretive", .max_size = size, .min_idle = 0, .backoff_min = 10ms, .outage_grace = 1ms, .on_event = heard.sink()};
}

/// The error of a call that has to fail.
template <class Call>
PoolError error_of(Call&& call) {
    try {
        call();
    } catch (const PoolError& e) {
        return e;
    }
    BOOST_FAIL("it did not fail");
    return PoolError{Code::closed};
}

/// One way to each code.
const std::map<Code, void (*)(Heard&)>& ways_to_a_code() {
    static const std::map<Code, void (*)(Heard&)> all{
        {Code::timed_out,
         [](Heard& h) {
             Db db{PqDriver{right()}, options(h)};
             auto lease = db.checkout(10s);
             (void)run(*lease, "select 'C4nary' from C4nary_table");
             h.hear(error_of([&] { (void)db.checkout(5ms); }));  // says who holds it, and that this thread does
             h.hear_all(db);
         }},
        {Code::none_idle,
         [](Heard& h) {
             Db db{PqDriver{right()}, options(h)};
             h.hear(db.try_checkout().error());
         }},
        {Code::open_failed,
         [](Heard& h) {
             Db db{PqDriver{with_password("C4nary-Passw0rd")}, options(h)};
             h.hear(error_of([&] { (void)db.checkout(10s); }));
             h.hear_all(db);
         }},
        {Code::server_down,
         [](Heard& h) {
             Db db{PqDriver{nobody()}, options(h)};
             BOOST_TEST(soon([&] {
                 auto r = db.try_checkout(50ms);
                 h.hear(r.error());
                 return r.error().code() == Code::server_down;
             }));
             h.hear_all(db);
         }},
        {Code::closed,
         [](Heard& h) {
             Db db{PqDriver{right()}, options(h)};
             (void)db.close(0s);
             h.hear(db.try_checkout().error());
         }},
        {Code::cancelled,
         [](Heard& h) {
             Db db{PqDriver{right()}, options(h)};
             const auto lease = db.checkout(10s);
             std::stop_source stop;
             stop.request_stop();
             h.hear(error_of([&] { (void)db.checkout(10s, stop.get_token()); }));
         }},
        {Code::too_many_waiting,
         [](Heard& h) {
             dewpond::Options o = options(h);
             o.max_waiting = 0;
             Db db{PqDriver{right()}, o};
             h.hear(error_of([&] { (void)db.checkout(10s); }));  // who opens in the background has to wait for it
         }},
        {Code::hook_failed,
         [](Heard& h) {
             dewpond::Pool db{PqDriver{right()}, options(h), dewpond::OnCheckout{[](PqConnection& c) -> bool {
                 (void)run(c, "select C4nary");
                 throw std::runtime_error{"C4nary: "s + PQerrorMessage(c)};
             }}};
             h.hear(error_of([&] { (void)db.checkout(10s); }));
         }},
        {Code::bad_option,
         [](Heard& h) {
             for (const char* conninfo : {"password=C4nary C4nary", "C4nary=1", "host=a password='C4nary", "postgresql://u:C4nary@[h/db",
                                          "postgresql://u:C4nary@h/db?C4nary=1", "connect_timeout=C4nary"}) {
                 BOOST_TEST_CONTEXT(conninfo) {
                     h.hear(error_of([&] { PqDriver{conninfo}; }));
                 }
             }
             h.hear(error_of([] { PqDriver d("", {.application_name = "C4nary\0x"s}); }));
             h.hear(error_of([] { PqDriver d("", {.reset_sql = "select 'C4nary'\0"s}); }));
         }},
        {Code::no_thread,
         [](Heard& h) {
             pthread_attr_t usual, huge;
             BOOST_TEST_REQUIRE(::pthread_getattr_default_np(&usual) == 0);
             ::pthread_attr_init(&huge);
             ::pthread_attr_setstacksize(&huge, std::size_t{1} << 50);  // no address space for such a stack
             BOOST_TEST_REQUIRE(::pthread_setattr_default_np(&huge) == 0);
             h.hear(error_of([&] { Db db{PqDriver{right()}, options(h)}; }));
             BOOST_TEST_REQUIRE(::pthread_setattr_default_np(&usual) == 0);
         }},
        {Code::forked,
         [](Heard& h) {
             Db db{PqDriver{right()}, options(h)};
             const auto lease = db.checkout(10s);
             int ends[2];
             BOOST_TEST_REQUIRE(::pipe(ends) == 0);
             const pid_t child = ::fork();
             if (child == 0) {
                 const auto r = db.try_checkout(1s);
                 const std::string what = r.error().what();
                 (void)!::write(ends[1], what.data(), what.size());
                 ::_exit(r.error().code() == Code::forked ? 0 : 1);
             }
             ::close(ends[1]);
             std::string what(4096, '\0');
             const auto n = ::read(ends[0], what.data(), what.size());
             BOOST_TEST(n > 0);
             what.resize(static_cast<std::size_t>(n > 0 ? n : 0));
             ::close(ends[0]);
             int status = -1;
             ::waitpid(child, &status, 0);
             BOOST_TEST(status == 0);
             h.hear(what);
             h.hear(PoolError{Code::forked});
         }},
    };
    return all;
}

OpenError refused(PqDriver& driver, std::chrono::nanoseconds limit = 5s) {
    auto r = driver.open(in(limit));
    BOOST_TEST_REQUIRE(!r.has_value());
    return std::move(r).error();
}
OpenError refused(const std::string& conninfo, std::chrono::nanoseconds limit = 5s) {
    PqDriver driver{conninfo};
    return refused(driver, limit);
}

/// One way to each fault, or several.
const std::map<Fault, void (*)(Heard&)>& ways_to_a_fault() {
    static const std::map<Fault, void (*)(Heard&)> all{
        {Fault::none,
         [](Heard& h) {
             PqDriver driver{right()};
             PqConnection c = opened(driver);
             (void)run(c, "select C4nary");
             h.hear(driver.last_fault(c));
             h.hear(driver.label(c));
         }},
        {Fault::other,
         [](Heard& h) {
             for (const char* state : {"XX000", "53100", "0A000"}) h.hear(refused(OneReply{refusal(state)}.conninfo() + " password=C4nary"));
             h.hear(refused(OneReply{"C4nary"}.conninfo() + " password=C4nary"));
         }},
        {Fault::unreachable, [](Heard& h) { h.hear(refused(nobody())); }},
        {Fault::timed_out,
         [](Heard& h) {
             const MuteListener mute;
             h.hear(refused("hostaddr=127.0.0.1 user=C4nary password=C4nary port=" + mute.port(), 20ms));
         }},
        {Fault::starting, [](Heard& h) { h.hear(refused(OneReply{refusal("57P03")}.conninfo() + " password=C4nary")); }},
        {Fault::full, [](Heard& h) { h.hear(refused(OneReply{refusal("53300")}.conninfo() + " password=C4nary")); }},
        {Fault::configuration,
         [](Heard& h) {
             h.hear(refused(with_password("C4nary-Passw0rd")));
             h.hear(refused(tcp_conninfo() + " dbname=C4nary"));
             h.hear(refused("hostaddr=127.0.0.1 port=C4nary password=C4nary"));
             h.hear(refused(unix_conninfo() + " user=C4nary options='-c C4nary=1'"));
             // The password file, whose server, role and password are secrets.
             const std::string path = "/tmp/dewpond-C4nary-" + std::to_string(::getpid());
             std::ofstream{path} << "*:*:*:*:C4nary-From-File\n";
             ::chmod(path.c_str(), 0600);
             h.hear(refused(tcp_conninfo() + " user=dewpond_scram passfile=" + path));
             ::unlink(path.c_str());
         }},
        {Fault::wrong_role, [](Heard& h) { h.hear(refused(right() + " target_session_attrs=standby")); }},
        {Fault::broken,
         [](Heard& h) {
             PqDriver driver{right(), {.reset_sql = "select C4nary from C4nary"}};
             PqConnection c = opened(driver);
             (void)run(c, "begin");
             BOOST_TEST((driver.reset(c, in(5s)) == ResetResult::broken));  // its own statement fails
             h.hear(driver.last_fault(c));
             PqConnection d = opened(driver);
             Admin{}.terminate(driver.label(d));
             BOOST_TEST(soon([&] { return !driver.probe(d); }));
             h.hear(driver.last_fault(d));
         }},
    };
    return all;
}

/// One way to each kind of event.
const std::map<EventKind, void (*)(Heard&)>& ways_to_an_event() {
    // Refused at first and let in later, through one and the same connection string.
    static constexpr auto outage = [](Heard& h) {
        Admin admin;
        (void)admin.ask("drop role if exists \"C4nary_role\"");
        {
            Db db{PqDriver{tcp_conninfo() + " user=C4nary_role"}, options(h)};
            BOOST_TEST(!db.try_checkout(200ms).has_value());
            (void)admin.ask("create role \"C4nary_role\" login");
            BOOST_TEST(soon([&] { return db.try_checkout(1s).has_value(); }));
            // Told by the thread that opened, which may be after the lease; a pool that is gone tells nothing.
            BOOST_TEST(soon([&] { return h.heard(EventKind::opened_after_outage); }));
        }
        (void)admin.ask("drop role \"C4nary_role\"");
    };
    static const auto lost = [](Heard& h) {
        Db db{PqDriver{nobody()}, options(h)};
        BOOST_TEST(soon([&] { return db.try_checkout(50ms).error().code() == Code::server_down; }));
        BOOST_TEST(soon([&] { return h.heard(EventKind::down); }));  // as above
    };
    static const auto kept = [](Heard& h) {
        dewpond::Pool db{PqDriver{right()}, options(h), dewpond::WarnAfter{100ms}};
        {
            auto lease = db.checkout(10s);
            (void)run(*lease, "select 'C4nary'");
            BOOST_TEST(soon([&] { return h.heard(EventKind::lease_too_old); }));
            h.hear_all(db);
        }
        BOOST_TEST(soon([&] { return h.heard(EventKind::old_lease_back); }));
    };
    // Not told to the sink, but remembered.
    static const auto remembered = [](Heard& h) {
        Db db{PqDriver{right()}, options(h)};
        auto lease = db.checkout(10s);
        (void)run(*lease, "select 'C4nary'");
        h.hear(db.try_checkout(20ms).error().long_form());
        std::thread waiter{[&db] { (void)db.checkout(10s); }};
        BOOST_TEST(soon([&] { return db.stats().oldest_wait > 5ms; }));
        lease.give_back();
        waiter.join();
        db.resize(1);
        db.renew();
        db.close(1s);
        h.hear_past(db);
        h.hear_all(db);
    };
    static const std::map<EventKind, void (*)(Heard&)> all{
        {EventKind::lease_too_old, +kept},
        {EventKind::old_lease_back, +kept},
        {EventKind::opened, +remembered},
        {EventKind::waited, +remembered},
        {EventKind::failed, +remembered},
        {EventKind::resized, +remembered},
        {EventKind::renewed, +remembered},
        {EventKind::closing, +remembered},
        {EventKind::open_failed, +outage},
        {EventKind::opened_after_outage, +outage},
        {EventKind::down, +lost},
        {EventKind::up, +[](Heard& h) {
             control("stop-fast");
             {
                 Db db{PqDriver{right()}, options(h)};
                 BOOST_TEST(soon([&] { return db.try_checkout(50ms).error().code() == Code::server_down; }));
                 control("start");
                 BOOST_TEST(soon([&] { return db.try_checkout(1s).has_value(); }));
                 BOOST_TEST(soon([&] { return h.heard(EventKind::up); }));
             }
         }},
        {EventKind::dirty_return, +[](Heard& h) {
             Db db{PqDriver{right()}, options(h)};
             auto lease = db.checkout(10s);
             (void)run(*lease, "begin; select 'C4nary'");
             BOOST_TEST((lease.give_back() == dewpond::ReturnReport::reset));
         }},
        {EventKind::closed, +[](Heard& h) {
             Db db{PqDriver{right()}, options(h)};
             auto lease = db.checkout(10s);
             (void)exec(lease, "do $$ begin raise exception 'C4nary' using errcode = '57P01'; end $$");
             (void)PQsendQuery(*lease, "select pg_sleep(10), 'C4nary'");
         }},
        {EventKind::hook_left_dirty, +[](Heard& h) {
             dewpond::Pool db{PqDriver{right()}, options(h), dewpond::OnCheckout{[](PqConnection& c) { return run(c, "begin; select 'C4nary'") == PGRES_TUPLES_OK; }}};
             (void)db.checkout(10s);
         }},
        {EventKind::stalled, +[](Heard& h) {
             // Nothing of the driver's is in it; it takes a process that was stopped (tests/simulation).
             Event e;
             e.kind = EventKind::stalled;
             e.age = 3s;
             h.hear(e);
         }},
        {EventKind::nested_wait, ways_to_a_code().at(Code::timed_out)},
    };
    return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pq_secrets, *ut::timeout(120))

BOOST_AUTO_TEST_CASE(no_code_has_a_way_that_tells_a_secret) {
    Heard heard;
    Stderr err;
    for (int i = 0; i < 256; ++i) {
        const auto code = static_cast<Code>(i);
        if (dewpond::to_string(code) == "unknown error"s) break;
        const auto way = ways_to_a_code().find(code);
        BOOST_TEST_REQUIRE((way != ways_to_a_code().end()), "no canary for the code \"" << dewpond::to_string(code) << '"');
        way->second(heard);
        BOOST_TEST(heard.codes().contains(code), "its way did not lead to \"" << dewpond::to_string(code) << '"');
    }
    heard.hear(err.end());
    BOOST_TEST(heard.check() > 20u);
}

BOOST_AUTO_TEST_CASE(no_fault_has_a_way_that_tells_a_secret) {
    Heard heard;
    Stderr err;
    for (int i = 0; i < 256; ++i) {
        const auto fault = static_cast<Fault>(i);
        if (fault != Fault::other && dewpond::to_string(fault) == dewpond::to_string(Fault::other)) break;
        const auto way = ways_to_a_fault().find(fault);
        BOOST_TEST_REQUIRE((way != ways_to_a_fault().end()), "no canary for the fault \"" << dewpond::to_string(fault) << '"');
        way->second(heard);
        BOOST_TEST(heard.faults().contains(fault), "its way did not lead to \"" << dewpond::to_string(fault) << '"');
    }
    heard.hear(err.end());
    BOOST_TEST(heard.check() > 10u);
}

BOOST_AUTO_TEST_CASE(no_event_tells_a_secret) {
    Heard heard;
    Stderr err;
    for (int i = 0; i < static_cast<int>(EventKind::count_); ++i) {
        const auto kind = static_cast<EventKind>(i);
        const auto way = ways_to_an_event().find(kind);
        BOOST_TEST_REQUIRE((way != ways_to_an_event().end()), "no canary for the event \"" << dewpond::to_string(kind) << '"');
        way->second(heard);
        BOOST_TEST(soon([&] { return heard.heard(kind); }), "its way did not lead to \"" << dewpond::to_string(kind) << '"');
    }
    heard.hear(err.end());
    BOOST_TEST(heard.check() > 10u);
}

BOOST_AUTO_TEST_SUITE_END()
