// SPDX-License-Identifier: BSL-1.0
// The traffic, the same for both sides: who arrives when, from a seed, and what the handlers do.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <libpq-fe.h>

namespace incident {

enum class Kind : std::uint8_t {
    read,             ///< one SELECT
    write,            ///< BEGIN, INSERT, COMMIT
    throwing_write,   ///< BEGIN, INSERT, and a bug
    writer,           ///< a read that starts a fire-and-forget writer
    throwing_writer,  ///< the same, and the writer throws
    spoiler,          ///< twice in a run: leaves its session read-only
};

struct Arrival {
    double at = 0;  ///< seconds since the start
    Kind kind = Kind::read;
};

struct Load {
    double seconds = 20;
    double per_second = 300;
    std::size_t threads = 40;
    std::uint64_t seed = 1;

    // A slow spell in the middle: statements take so much longer that even a pool without a fault is full.
    [[nodiscard]] bool slow(double at) const { return at >= 0.45 * seconds && at < 0.55 * seconds; }
    // The first moments are quieter: no service gets all its users in the first second.
    [[nodiscard]] double rate(double at) const {
        return per_second * (at < 0.05 * seconds ? 0.1 + 0.9 * at / (0.05 * seconds) : 1);
    }
    [[nodiscard]] double work(double at) const { return slow(at) ? 0.12 : 0.003; }
};

/// Everybody who will arrive, in order. The same seed gives the same traffic.
inline std::vector<Arrival> arrivals(const Load& load) {
    std::mt19937_64 random{load.seed};
    // Between 0 and 1 from the numbers alone: the library's distributions differ from system to system.
    const auto share = [&random] { return static_cast<double>(random() >> 11) * 0x1p-53; };
    std::vector<Arrival> all;
    double next_spoiler = 0.25;
    for (double at = 0; (at += 2 * share() / load.rate(at)) < load.seconds;) {
        const double which = share();
        Kind kind = which < 0.70   ? Kind::read
                    : which < 0.96 ? Kind::write
                    : which < 0.98 ? Kind::throwing_write
                    : which < 0.99 ? Kind::writer
                                   : Kind::throwing_writer;
        if (at >= next_spoiler * load.seconds) kind = Kind::spoiler, next_spoiler = next_spoiler < 0.5 ? 0.65 : 2;
        all.push_back({at, kind});
    }
    return all;
}

/// A handler's bug.
struct Bug : std::runtime_error {
    using std::runtime_error::runtime_error;
};
/// The server refused a statement.
struct Refused : std::runtime_error {
    Refused(std::string sqlstate, const char* what) : std::runtime_error{what}, state{std::move(sqlstate)} {}
    std::string state;
};

inline std::unique_ptr<PGresult, decltype(&PQclear)> run(PGconn* c, const char* statement) {
    std::unique_ptr<PGresult, decltype(&PQclear)> answer{PQexec(c, statement), &PQclear};
    const auto status = PQresultStatus(answer.get());
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return answer;
    const char* const state = PQresultErrorField(answer.get(), PG_DIAG_SQLSTATE);
    throw Refused{state != nullptr ? state : "", PQerrorMessage(c)};
}

inline constexpr const char* tables =
    "set client_min_messages = warning; drop table if exists incident_orders, incident_audit;"
    "create table incident_orders (id bigint generated always as identity primary key, took double precision);"
    "create table incident_audit (id bigint generated always as identity primary key, note text)";
inline constexpr const char* no_tables =
    "set client_min_messages = warning; drop table if exists incident_orders, incident_audit";

// The handlers. `work` is how long the server is busy with the statement.

inline void read_order(PGconn* c, double work) {
    char statement[128];
    std::snprintf(statement, sizeof statement, "select pg_sleep(%.3f), (select max(id) from incident_orders)", work);
    run(c, statement);
}

inline void write_order(PGconn* c, double work, bool throws) {
    char statement[128];
    run(c, "begin");
    std::snprintf(statement, sizeof statement, "insert into incident_orders (took) select %.3f from pg_sleep(%.3f)",
                  work, work);
    run(c, statement);
    if (throws) throw Bug{"a handler threw between INSERT and COMMIT"};
    run(c, "commit");
}

inline void write_audit(PGconn* c, bool throws) {
    run(c, "begin");
    run(c, "insert into incident_audit (note) values ('somebody was here')");
    if (throws) throw Bug{"a fire-and-forget thread threw"};
    run(c, "commit");
}

inline void spoil(PGconn* c) { run(c, "set default_transaction_read_only = on"); }

inline void consume_batch(PGconn* c) { run(c, "select count(*) from incident_audit"); }

}  // namespace incident
