// SPDX-License-Identifier: BSL-1.0
// The pool of the incident: what a web service had, mistakes included, each behind a switch of its own. With every
// switch off it is a decent textbook pool; with all of them on it is the one that took the service down.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <dewpond/libpq.hpp>

namespace incident {

using Time = std::chrono::steady_clock;

struct Faults {
    bool close_does_nothing = false;         ///< close() of a pooled connection was a no-op: it never came back
    bool check_opens_transaction = false;    ///< the check was SELECT 1 with autocommit off; nobody ended what it began
    bool no_limits = false;                  ///< no idle limit, no lifetime: a stuck connection stays for good
    bool throwing_handler_leaks = false;     ///< a handler that throws never reaches close()
    bool throwing_thread_leaks = false;      ///< a fire-and-forget thread that throws never reaches close()
    bool consumer_keeps_connection = false;  ///< the background consumer takes a connection for the life of the process
    bool smaller_than_threads = false;       ///< fewer connections than the server has threads
    bool blind = false;                      ///< nobody can see what the pool is doing
};

struct NoConnection : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Limits {
    std::chrono::milliseconds wait, idle, lifetime;
};

inline std::string in_words(std::chrono::milliseconds ms) {
    std::string text = std::to_string(ms.count() / 1000) + '.' + std::to_string(ms.count() % 1000 + 1000).substr(1);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text + " s";
}

class NaivePool {
public:
    struct Connection {
        std::optional<dewpond::PqConnection> session{};
        Time::time_point opened{}, returned{};
    };

    /// Opens through the driver that dewpond uses, so that both talk to the server in the same way.
    NaivePool(dewpond::PqDriver driver, std::size_t size, Limits limits, Faults faults)
        : driver_{std::move(driver)}, limits_{limits}, faults_{faults}, connections_(size) {
        for (Connection& c : connections_) idle_.push_back(&c);
    }
    ~NaivePool() {
        for (Connection& c : connections_) shut(c);
    }
    NaivePool(const NaivePool&) = delete;

    Connection& get() {
        Connection& c = take();
        try {
            if (!faults_.no_limits && c.session && expired(c)) shut(c);
            if (c.session && !alive(c)) shut(c);
            if (!c.session) {
                open(c);
                // A new one is checked like any other.
                if (faults_.check_opens_transaction && !alive(c))
                    throw NoConnection{"a new connection failed its check"};
            }
        } catch (...) {
            put(c);
            throw;
        }
        return c;
    }

    void close(Connection& c) {
        if (faults_.close_does_nothing) return;
        if (!faults_.check_opens_transaction && PQtransactionStatus(*c.session) != PQTRANS_IDLE) {
            PQclear(PQexec(*c.session, "ROLLBACK"));
            if (PQtransactionStatus(*c.session) != PQTRANS_IDLE) shut(c);
        }
        c.returned = Time::now();
        put(c);
    }

    [[nodiscard]] std::size_t size() const { return connections_.size(); }
    [[nodiscard]] std::size_t idle() {
        const std::lock_guard lock{mutex_};
        return idle_.size();
    }
    [[nodiscard]] std::size_t waiting() {
        const std::lock_guard lock{mutex_};
        return waiting_;
    }
    [[nodiscard]] std::size_t opened() {
        const std::lock_guard lock{mutex_};
        return opened_;
    }

private:
    Connection& take() {
        std::unique_lock lock{mutex_};
        ++waiting_;
        const bool got = freed_.wait_for(lock, limits_.wait, [this] { return !idle_.empty(); });
        --waiting_;
        if (!got) {
            std::string why = "couldn't get a connection after " + in_words(limits_.wait);
            if (!faults_.blind) {
                why += "; " + std::to_string(size() - idle_.size()) + " of " + std::to_string(size()) + " in use, " +
                       std::to_string(waiting_) + " more waiting";
            }
            throw NoConnection{why};
        }
        Connection* c = idle_.back();
        idle_.pop_back();
        return *c;
    }
    void put(Connection& c) {
        {
            const std::lock_guard lock{mutex_};
            idle_.push_back(&c);
        }
        freed_.notify_one();
    }

    [[nodiscard]] bool expired(const Connection& c) const {
        const auto now = Time::now();
        return now - c.opened >= limits_.lifetime || now - c.returned >= limits_.idle;
    }
    [[nodiscard]] bool alive(Connection& c) const {
        PGconn* const session = *c.session;
        if (!faults_.check_opens_transaction) return PQstatus(session) == CONNECTION_OK;
        // What a driver with autocommit off sends for "SELECT 1".
        PQclear(PQexec(session, "BEGIN"));
        PGresult* const answer = PQexec(session, "SELECT 1");
        const bool fine = PQresultStatus(answer) == PGRES_TUPLES_OK;
        PQclear(answer);
        return fine;
    }
    void open(Connection& c) {
        auto opened = driver_.open(dewpond::Deadline::after(Time::now(), std::chrono::seconds{5}));
        if (!opened) throw NoConnection{opened.error().text()};
        c.session = std::move(*opened);
        c.opened = c.returned = Time::now();
        const std::lock_guard lock{mutex_};
        ++opened_;
    }
    void shut(Connection& c) noexcept {
        if (c.session) driver_.close(*c.session);
        c.session.reset();
    }

    dewpond::PqDriver driver_;
    Limits limits_;
    Faults faults_;
    std::vector<Connection> connections_;
    std::mutex mutex_;
    std::condition_variable freed_;
    std::vector<Connection*> idle_;  // under mutex_, like the counts below
    std::size_t waiting_ = 0, opened_ = 0;
};

}  // namespace incident
