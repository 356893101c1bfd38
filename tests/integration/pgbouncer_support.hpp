// SPDX-License-Identifier: BSL-1.0
// What the tests behind the packaged PgBouncer share: its two modes, its console, and threads that ask all the time.
#pragma once

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pq_driver_support.hpp"
#include <dewpond/pool.hpp>

namespace pq_test {

using dewpond::PqPooler;
using Db = dewpond::Pool<PqDriver>;

struct Mode {
    std::string name;
    PqPooler pooler;
    [[nodiscard]] bool session() const { return pooler == PqPooler::session; }
    [[nodiscard]] std::string conninfo() const {
        return env(session() ? "DEWPOND_BOUNCER_SESSION" : "DEWPOND_BOUNCER_TRANSACTION");
    }
    /// A driver that knows what is in between.
    [[nodiscard]] PqDriver driver() const { return PqDriver{conninfo(), {.pooler = pooler}}; }
};
inline const Mode session_mode{"session", PqPooler::session}, transaction_mode{"transaction", PqPooler::transaction};
inline const std::vector<Mode> modes{session_mode, transaction_mode};
inline constexpr int server_side = 4;  // connections that PgBouncer makes for each

/// PgBouncer's console.
class Console {
public:
    Console() : conn_{PQconnectdb(env("DEWPOND_BOUNCER_ADMIN").c_str()), &PQfinish} {
        BOOST_TEST_REQUIRE(PQstatus(conn_.get()) == CONNECTION_OK);
    }
    void say(const char* command) { BOOST_TEST_REQUIRE(run(conn_.get(), command) == PGRES_COMMAND_OK, command); }
    /// Without waiting for it.
    void begin(const char* command) { BOOST_TEST_REQUIRE(PQsendQuery(conn_.get(), command) == 1); }
    void say(const char* command, const Mode& mode) { say((std::string{command} + ' ' + mode.name).c_str()); }
    /// From 1.21 on, where it is told to (and from 1.24 on unless it is told not to).
    [[nodiscard]] bool keeps_statements() {
        const dewpond::detail::PqResult r{PQexec(conn_.get(), "SHOW CONFIG")};
        for (int row = 0; row < PQntuples(r.get()); ++row) {
            if (PQgetvalue(r.get(), row, 0) == std::string{"max_prepared_statements"})
                return PQgetvalue(r.get(), row, 1) != std::string{"0"};
        }
        return false;
    }
    [[nodiscard]] bool has_server(const std::string& pid) {
        return shows("SHOW SERVERS", "remote_pid", [&](const char* value) { return pid == value; });
    }
    /// A PAUSE that meets PgBouncer at its own login counts as a failed login, and it refuses clients for
    /// server_login_retry (15 s): so not before it is through.
    void settle() {
        BOOST_TEST_REQUIRE(
            soon([&] { return !shows("SHOW POOLS", "sv_login", [](const char* n) { return *n != '0'; }); }));
    }
    [[nodiscard]] bool answered() {
        PQconsumeInput(conn_.get());
        return PQisBusy(conn_.get()) == 0;
    }

private:
    template <class Is>
    bool shows(const char* command, const char* name, Is&& is) {
        const dewpond::detail::PqResult r{PQexec(conn_.get(), command)};
        const int column = PQfnumber(r.get(), name);
        BOOST_TEST_REQUIRE(column >= 0, command);
        for (int row = 0; row < PQntuples(r.get()); ++row) {
            if (is(PQgetvalue(r.get(), row, column))) return true;
        }
        return false;
    }
    std::unique_ptr<PGconn, decltype(&PQfinish)> conn_;
};

inline std::string backend(Db& db) {
    const auto lease = db.checkout(10s);
    return value(*lease, "select pg_backend_pid()");
}
inline std::string sessions(Admin& admin, const std::string& pool, const std::string& and_so = "") {
    return admin.ask("select count(*) from pg_stat_activity where application_name='" + pool + "' " + and_so);
}

/// Threads that ask the server all the time, and count what came of it.
class Load {
public:
    Load(Db& db, int threads) {
        for (int t = 0; t < threads; ++t) {
            threads_.emplace_back([this, &db, t] {
                for (int i = 0; !stop_; ++i) {
                    const auto lease = db.try_checkout(20s);
                    const std::string n = std::to_string(t * 1'000'000 + i);
                    if (lease && value(**lease, ("select " + n).c_str()) == n) ++served;
                    else ++lost;
                }
            });
        }
    }
    Load(const Load&) = delete;
    ~Load() { end(); }
    void end() {
        stop_ = true;
        for (auto& t : threads_) t.join();
        threads_.clear();
    }
    std::atomic<long> served{0}, lost{0};

private:
    std::atomic<bool> stop_{false};
    std::vector<std::thread> threads_;
};

}  // namespace pq_test
