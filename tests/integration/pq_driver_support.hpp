// SPDX-License-Identifier: BSL-1.0
// What the tests of the libpq driver share: the private server, a look at it from outside, and bounded waiting.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <boost/test/unit_test.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <dewpond/libpq.hpp>

namespace pq_test {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using dewpond::Deadline;
using dewpond::Fault;
using dewpond::OpenError;
using dewpond::PqConnection;
using dewpond::PqDriver;
using dewpond::PqOptions;
using dewpond::PqReset;
using dewpond::ResetResult;

inline std::string env(const char* name) {
    const char* value = std::getenv(name);
    BOOST_TEST_REQUIRE(value != nullptr, name << " is not set: run me beside a server, with_postgres.sh -- ...");
    return value;
}
inline std::string unix_conninfo() { return env("DEWPOND_PG_CONNINFO"); }
inline std::string tcp_conninfo() { return env("DEWPOND_PG_CONNINFO_TCP"); }
inline std::string tls_conninfo() { return env("DEWPOND_PG_CONNINFO_TLS"); }

/// One way to reach the server; most of what is tested must hold for all.
struct Way {
    const char* name;
    std::string conninfo;
};
inline std::vector<Way> ways() { return {{"unix", unix_conninfo()}, {"tcp", tcp_conninfo()}, {"tls", tls_conninfo()}}; }

inline Deadline in(std::chrono::nanoseconds span) { return Deadline::after(Clock::now(), span); }

/// Looks until it is so, for ten seconds at most.
template <class Condition>
bool soon(Condition&& holds, std::chrono::nanoseconds limit = 10s) {
    const auto end = Clock::now() + limit;
    do {
        if (holds()) return true;
        ::poll(nullptr, 0, 1);
    } while (Clock::now() < end);
    return holds();
}

inline bool readable(int fd) {
    pollfd p{fd, POLLIN, 0};
    return ::poll(&p, 1, 10'000) == 1;
}

/// A second descriptor of a connection's socket: tells what has reached this host without asking the pool or libpq.
class Ear {
public:
    explicit Ear(PGconn* c) : fd_{::fcntl(PQsocket(c), F_DUPFD_CLOEXEC, 0)} { BOOST_TEST_REQUIRE(fd_ >= 0); }
    Ear(Ear&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
    ~Ear() {
        if (fd_ >= 0) ::close(fd_);
    }
    /// Waits until one of the events is there.
    [[nodiscard]] bool hears(short events, std::chrono::milliseconds limit = 10s) const {
        pollfd p{fd_, events, 0};
        return ::poll(&p, 1, static_cast<int>(limit.count())) == 1;
    }
    /// Waits until so many bytes can be read.
    [[nodiscard]] bool has(int bytes) const {
        return soon([&] {
            int n = 0;
            return ::ioctl(fd_, FIONREAD, &n) == 0 && n >= bytes;
        });
    }

private:
    int fd_;
};

/// A table of what was measured: to standard output, and to the file that tests/run shows at its end.
inline void show(const std::string& table) {
    std::printf("\n%s", table.c_str());
    std::fflush(stdout);
    if (const char* file = std::getenv("DEWPOND_TABLE_FILE")) std::ofstream{file} << table;
}

struct Stopwatch {
    Clock::time_point from = Clock::now();
    [[nodiscard]] long ms() const {
        return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - from).count());
    }
};

/// What must not wait at all: if it did, it would be for seconds or for ever. Room for sanitizers and a loaded machine.
inline constexpr long at_once_ms = 1500;

/// By how much something overran what it was given, at best of five: a loaded machine delays some, a wrong wait all.
template <class Action>
long overrun_ms(long given_ms, Action&& act) {
    long best = 1'000'000;
    for (int i = 0; i < 5; ++i) {
        const Stopwatch watch;
        act(std::chrono::milliseconds{given_ms});
        BOOST_TEST(watch.ms() >= given_ms - 1);
        best = (std::min)(best, watch.ms() - given_ms);
    }
    return best;
}
inline constexpr long few_ms = 20;

inline void control(const char* what) {
    const std::string command = env("DEWPOND_PG_CTL") + " " + what;
    BOOST_TEST_REQUIRE(std::system(command.c_str()) == 0, command);
}

/// A connection of the test's own, to look at the server and act on it; made anew when the server went away.
class Admin {
public:
    std::string ask(const std::string& sql) {
        for (int attempt = 0;; ++attempt) {
            if (!conn_) conn_.reset(PQconnectdb((unix_conninfo() + " options='-c client_min_messages=error'").c_str()));
            const dewpond::detail::PqResult r{PQexec(conn_.get(), sql.c_str())};
            const auto status = PQresultStatus(r.get());
            if (status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY) return {};
            if (status == PGRES_TUPLES_OK) return PQntuples(r.get()) > 0 ? PQgetvalue(r.get(), 0, 0) : "";
            const bool lost = PQstatus(conn_.get()) != CONNECTION_OK;
            if (lost) conn_.reset();
            BOOST_TEST_REQUIRE((lost && attempt < 3), sql);
        }
    }
    void terminate(const std::string& pid) {
        BOOST_TEST_REQUIRE(ask("select pg_terminate_backend(" + pid + ")") == "t");
    }
    std::string state_of(const std::string& pid) { return ask("select state from pg_stat_activity where pid=" + pid); }
    bool gone(const std::string& pid) { return ask("select count(*) from pg_stat_activity where pid=" + pid) == "0"; }
    void forget() { conn_.reset(); }

private:
    struct Finish {
        void operator()(PGconn* c) const { PQfinish(c); }
    };
    std::unique_ptr<PGconn, Finish> conn_;
};

/// Opens or fails the test.
inline PqConnection opened(PqDriver& driver, std::chrono::nanoseconds limit = 10s) {
    auto r = driver.open(in(limit));
    BOOST_TEST_REQUIRE(r.has_value(), "open: " << (r ? "" : r.error().text()));
    return *std::move(r);
}

/// Runs a statement, whatever comes of it.
inline ExecStatusType run(PGconn* c, const char* sql) {
    return PQresultStatus(dewpond::detail::PqResult{PQexec(c, sql)}.get());
}
inline std::string value(PGconn* c, const char* sql) {
    const dewpond::detail::PqResult r{PQexec(c, sql)};
    return PQntuples(r.get()) == 1 ? PQgetvalue(r.get(), 0, 0)
                                   : std::string{"("} + PQresStatus(PQresultStatus(r.get())) + ")";
}

inline int entries(const char* folder, const std::function<bool(const std::string&)>& counts) {
    DIR* d = opendir(folder);
    int n = 0;
    while (const dirent* e = readdir(d)) n += e->d_name[0] != '.' && counts(e->d_name) ? 1 : 0;
    closedir(d);
    return n;
}
inline int open_descriptors() {
    return entries("/proc/self/fd", [](const std::string&) { return true; });
}
/// Threads of the driver, known by their name; sanitizers have threads of their own.
inline int helpers() {
    return entries("/proc/self/task", [](const std::string& id) {
        std::string name;
        std::getline(std::ifstream{"/proc/self/task/" + id + "/comm"}, name);
        return name.starts_with("dewpond");
    });
}

/// Takes connections and never says a word: nobody accepts, the kernel answers for it.
class MuteListener {
public:
    MuteListener() {
        fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof a;
        BOOST_TEST_REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&a), size) == 0);
        BOOST_TEST_REQUIRE(::listen(fd_, 16) == 0);
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&a), &size);
        port_ = ntohs(a.sin_port);
    }
    MuteListener(const MuteListener&) = delete;
    ~MuteListener() { ::close(fd_); }
    [[nodiscard]] std::string port() const { return std::to_string(port_); }
    [[nodiscard]] int fd() const { return fd_; }

private:
    int fd_ = -1;
    int port_ = 0;
};

/// Answers the first connection's start-up message with these bytes and ends.
class OneReply {
public:
    explicit OneReply(std::string reply)
        : thread_{[this, reply = std::move(reply)] {
              const int c = ::accept(listener_.fd(), nullptr, nullptr);
              char heard[1024];
              (void)!::read(c, heard, sizeof heard);
              (void)!::write(c, reply.data(), reply.size());
              ::close(c);
          }} {}
    ~OneReply() { thread_.join(); }
    [[nodiscard]] std::string conninfo() const {
        return "hostaddr=127.0.0.1 sslmode=disable gssencmode=disable user=u port=" + listener_.port();
    }

private:
    MuteListener listener_;
    std::thread thread_;
};

}  // namespace pq_test
