// SPDX-License-Identifier: BSL-1.0
// A web service over PostgreSQL through a pool, with everything that is needed to run it: health for whoever restarts it,
// for its balancer and for a monitor, metrics, settings from the environment, a stop that loses no request.
//
//     DEWPOND_PG_CONNINFO='host=db dbname=app' APP_POOL_MAX_SIZE=10 SERVICE_PORT=8080 ./service
//
//     /work?ms=20            one query that takes so long; 503 with Retry-After when the pool has nothing in time
//     /                      a page about the pool
//     /live /ready /health /health?pool=1 /health?pool=1&events=1 /metrics
//     /trouble?hold=2&ms=500 keeps so many leases for so long (with SERVICE_TROUBLE=1 only)
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <dewpond/env.hpp>
#include <dewpond/export/exports.hpp>
#include <dewpond/export/http.hpp>
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

#include "page.hpp"
#include "server.hpp"
#include "settings.hpp"

namespace {

using namespace std::chrono_literals;
using Db = dewpond::Pool<dewpond::PqDriver, dewpond::Lifetime, dewpond::Timings>;
using Rows = std::unique_ptr<PGresult, decltype([](PGresult* r) { PQclear(r); })>;

/// What the service says instead of an answer: nobody's secret is in it, and a client knows when to come again.
dewpond::HttpAnswer unavailable(const dewpond::PoolError& error) {
    dewpond::HttpAnswer out = service::plain(503, std::string{dewpond::to_string(error.code())} + "\n");
    out.headers.push_back({"Retry-After", "1"});
    return out;
}

dewpond::HttpAnswer work(Db& db, int ms) try {
    auto lease = db.checkout();
    const std::string seconds = std::to_string(ms / 1000.0);
    const char* const values[] = {seconds.c_str()};
    const Rows rows{PQexecParams(*lease, "select pg_sleep($1::float8)", 1, nullptr, values, nullptr, nullptr, 0)};
    if (PQresultStatus(rows.get()) == PGRES_TUPLES_OK) return service::plain(200, "done\n");
    dewpond::report(lease, rows.get());  // so that the pool learns of a server that stops
    return service::plain(500, "the query failed\n");
} catch (const dewpond::PoolError& error) {
    return unavailable(error);
}

/// Leases that are kept by threads of their own, as by code that forgot them for a while.
class Trouble {
public:
    explicit Trouble(Db& db) : db_{db} {}
    Trouble(const Trouble&) = delete;
    ~Trouble() {
        stop_.store(true);
        stop_.notify_all();
        for (std::thread& t : threads_) t.join();
    }
    dewpond::HttpAnswer begin(int leases, std::chrono::milliseconds time) {
        const std::lock_guard lock{mutex_};
        for (int i = 0; i < leases; ++i) {
            threads_.emplace_back([this, time] {
                const auto lease = db_.try_checkout(5s);
                const auto until = std::chrono::steady_clock::now() + time;
                while (!stop_.load() && std::chrono::steady_clock::now() < until) std::this_thread::sleep_for(5ms);
            });
        }
        return service::plain(202, "begun\n");
    }

private:
    Db& db_;
    std::atomic<bool> stop_{false};
    std::mutex mutex_;
    std::vector<std::thread> threads_;
};

/// What sd_notify does, without its library. Nothing happens when systemd has not started us.
void tell_systemd(std::string_view state) {
    const char* path = std::getenv("NOTIFY_SOCKET");
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    const std::size_t length = path != nullptr ? std::strlen(path) : 0;
    if (length == 0 || length >= sizeof to.sun_path) return;
    std::memcpy(to.sun_path, path, length);
    if (path[0] == '@') to.sun_path[0] = '\0';  // a name without a file
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
    (void)sendto(fd, state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), size);
    close(fd);
}

int serve(const service::Settings& settings, const sigset_t& stop_signals) {
    Db db{dewpond::PqDriver{settings.conninfo}, dewpond::Options::from_env("APP_POOL_", {.name = "service", .max_size = 4}),
          dewpond::lifetime_from_env("APP_POOL_"), dewpond::Timings{}};
    if (const auto ready = db.wait_ready(30s); !ready) {
        std::fprintf(stderr, "service: %s\n", ready.error().what());
        return 1;  // systemd tries again
    }
    dewpond::Exports exports;
    const dewpond::Exported exported = exports.add(db);
    const service::History history{[&db] { return db.stats(); }};
    auto trouble = std::make_unique<Trouble>(db);
    std::atomic<bool> stopping{false};

    auto server = std::make_unique<service::Server>(settings.port, settings.threads, [&](const service::Request& r) {
        if (r.path == "/work") return work(db, r.number("ms", 20, 60'000));
        if (r.path == "/trouble" && settings.trouble) {
            return trouble->begin(r.number("hold", 1, 64), std::chrono::milliseconds{r.number("ms", 500, 60'000)});
        }
        if (r.path == "/") {
            dewpond::HttpAnswer out = service::plain(200, service::page(db.stats(), history.points(), db.inspect(), exports.events().front().lines));
            out.headers.front().value = "text/html; charset=utf-8";
            return out;
        }
        if (r.path == "/ready" && stopping.load()) return service::plain(503, "stopping\n");
        return dewpond::answer(r.query.empty() ? r.path : r.path + "?" + r.query, exports);
    });
    std::printf("serving on http://127.0.0.1:%d\n", server->port());
    std::fflush(stdout);
    tell_systemd("READY=1");

    int signal = 0;
    sigwait(&stop_signals, &signal);
    tell_systemd("STOPPING=1");
    // First the balancer looks away, while all goes on; then requests that are being answered end; then the pool.
    stopping.store(true);
    timespec drain{settings.drain.count() / 1000, settings.drain.count() % 1000 * 1'000'000};
    sigtimedwait(&stop_signals, nullptr, &drain);  // a second signal is impatience
    server.reset();
    trouble.reset();
    const std::uint32_t left = db.close(10s);
    std::printf("stopped, %u leases left\n", left);
    return left == 0 ? 0 : 1;
}

}  // namespace

int main() try {
    const service::Settings settings;
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigaddset(&stop, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stop, nullptr);  // before the first thread, so that all inherit it
    return serve(settings, stop);
} catch (const dewpond::PoolError& error) {
    std::fprintf(stderr, "service: %s\n", error.what());  // an option that cannot work
    return 2;
} catch (const std::exception& error) {
    std::fprintf(stderr, "service: %s\n", error.what());
    return 2;
}
