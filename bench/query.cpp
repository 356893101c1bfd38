// SPDX-License-Identifier: BSL-1.0
// What does a pool add to a query on PostgreSQL? Five pools of one connection each: nothing asked, default policies, the
// same with cells, a ping and a `SELECT 1` at each checkout. Every pool is compared with the very same connection held all
// the time.
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "machine.hpp"
#include "report.hpp"
#include "rounds.hpp"
#include <dewpond/libpq.hpp>
#include <dewpond/pool.hpp>

namespace {

using bench::Rounds;

constexpr int points = 1000;

struct Clear {
    void operator()(PGresult* r) const noexcept { PQclear(r); }
};
using Answer = std::unique_ptr<PGresult, Clear>;

void run(PGconn* c, const char* statement) {
    const Answer a{PQexec(c, statement)};
    if (PQresultStatus(a.get()) == PGRES_COMMAND_OK || PQresultStatus(a.get()) == PGRES_TUPLES_OK) return;
    throw std::runtime_error{std::string{statement} + ": " + PQerrorMessage(c)};
}

void select_one(PGconn* c, int) {
    const Answer a{PQexec(c, "SELECT 1")};
    if (PQresultStatus(a.get()) != PGRES_TUPLES_OK) throw std::runtime_error{PQerrorMessage(c)};
}

void select_point(PGconn* c, int n) {
    char key[16] = {};
    std::to_chars(key, key + sizeof key - 1, n % points);
    const char* const values[] = {key};
    const Answer a{PQexecPrepared(c, "point", 1, values, nullptr, nullptr, 0)};
    if (PQresultStatus(a.get()) != PGRES_TUPLES_OK || PQntuples(a.get()) != 1)
        throw std::runtime_error{PQerrorMessage(c)};
}

/// Rides in every pack: the statement is prepared when a connection is opened, and never again.
struct Prepare {
    bool operator()(dewpond::PqConnection& c) const {
        const Answer a{PQprepare(c, "point", "select v from dewpond_bench_points where id = $1::int", 1, nullptr)};
        return PQresultStatus(a.get()) == PGRES_COMMAND_OK;
    }
};

/// What most pools do: a statement at each checkout.
struct SelectOneAlways {
    using answers = dewpond::question::liveness;
    using needs = dewpond::Needs<dewpond::ability::ping>;  // it talks to the server, as a ping does
    template <class D, class Visit>
    bool usable(D&, dewpond::PqConnection& c, const Visit&) noexcept {
        const Answer a{PQexec(c, "SELECT 1")};
        return PQresultStatus(a.get()) == PGRES_TUPLES_OK;
    }
};

using DefaultPool = dewpond::Pool<dewpond::PqDriver, dewpond::OnOpen<Prepare>>;
using CellsPool = dewpond::Pool<dewpond::PqDriver, dewpond::OnOpen<Prepare>, dewpond::ThreadCells>;
using UnseenPool = dewpond::Pool<dewpond::PqDriver, dewpond::OnOpen<Prepare>, dewpond::NoCheck, dewpond::NoReset>;
using PingPool = dewpond::Pool<dewpond::PqDriver, dewpond::OnOpen<Prepare>, dewpond::PingAlways>;
using SelectPool = dewpond::Pool<dewpond::PqDriver, dewpond::OnOpen<Prepare>, SelectOneAlways>;

/// Client and server take turns: on one CPU the kernel has no placement to choose, which costs and varies more than
/// what is measured here. Only what is a PostgreSQL process of this machine is touched.
bool on_one_cpu(PGconn* c) {
    const int backend = PQbackendPID(c);
    std::ifstream command{"/proc/" + std::to_string(backend) + "/cmdline"};
    std::string words;
    std::getline(command, words, '\0');
    return words.starts_with("postgres:") && bench::pin_to(0, backend) && bench::pin_to(0);
}
bool pinned = true;

template <class Pool>
std::shared_ptr<Pool> pool_of_one(const std::string& conninfo) {
    auto pool = std::make_shared<Pool>(dewpond::PqDriver{conninfo},
                                       dewpond::Options{.name = "bench", .max_size = 1, .on_event = {}});
    auto lease = pool->checkout();
    pinned = on_one_cpu(*lease) && pinned;
    return pool;
}

/// A pool's bodies: its connection held, and taken for each query.
struct Pair {
    std::size_t held, taken;
};
/// Untimed, at the start of each block: client, pool and server have just been busy with something else.
constexpr int warm_up = 5;

template <class Pool, class Query>
Pair add(Rounds& rounds, const Pair* like, const std::shared_ptr<Pool>& pool, Query query) {
    const auto held = [pool, query](benchmark::State& state) {
        auto lease = pool->checkout();
        PGconn* const c = *lease;
        int n = 0;
        while (n < warm_up) query(c, n++);
        for (auto _ : state) query(c, n++);
    };
    const auto taken = [pool, query](benchmark::State& state) {
        int n = 0;
        const auto once = [&] {
            auto lease = pool->checkout();
            query(*lease, n++);
        };
        while (n < warm_up) once();
        for (auto _ : state) once();
    };
    const std::size_t first = like == nullptr ? rounds.add(held) : rounds.add_like(like->held, held);
    return {first, rounds.add_like(first, taken)};
}

/// The floor of every check on this machine: the same connection held, and one poll(2) by hand before each query.
template <class Query>
std::size_t add_a_look(Rounds& rounds, const Pair& like, const std::shared_ptr<DefaultPool>& pool, Query query) {
    return rounds.add_like(like.held, [pool, query](benchmark::State& state) {
        auto lease = pool->checkout();
        PGconn* const c = *lease;
        int n = 0;
        const auto once = [&] {
            pollfd look{PQsocket(c), POLLIN, 0};
            if (poll(&look, 1, 0) != 0) throw std::runtime_error{"something to read on a connection at rest"};
            query(c, n++);
        };
        while (n < warm_up) once();
        for (auto _ : state) once();
    });
}

template <class Query>
void latency(const bench::CommandLine& line, bench::Report& report, const std::string& title,
             const std::string& conninfo, Query query) {
    if (!line.wants(title)) return;
    Rounds rounds{bench::Clock::wall, 0.001};
    const auto pool = pool_of_one<DefaultPool>(conninfo);
    const Pair standard = add(rounds, nullptr, pool, query);
    const Pair look{standard.held, add_a_look(rounds, standard, pool, query)};
    const Pair cells = add(rounds, &standard, pool_of_one<CellsPool>(conninfo), query);
    const Pair unseen = add(rounds, &standard, pool_of_one<UnseenPool>(conninfo), query);
    const Pair ping = add(rounds, &standard, pool_of_one<PingPool>(conninfo), query);
    const Pair statement = add(rounds, &standard, pool_of_one<SelectPool>(conninfo), query);
    rounds.run(line.rounds(1001, 201), line.quick ? 1 : 7.5);

    const auto us = [&](std::size_t body) { return bench::scaled(rounds.ns(body), 1e-3); };
    std::vector<bench::Row> rows;
    rows.push_back({.what = "held connection", .unit = "us", .value = bench::summarise(us(standard.held))});
    const auto row = [&](std::string what, const Pair& p) {
        rows.push_back({.what = std::move(what),
                        .unit = "us",
                        .value = bench::summarise(us(p.taken)),
                        .compared = bench::summarise(bench::ratio(us(p.taken), us(p.held))),
                        .with = "the same connection held"});
    };
    row("held, and one poll(2) by hand", look);
    row("dewpond, no check and no reset", unseen);
    row("dewpond, default policies", standard);
    rows.back().must = bench::at_most(1.03);
    rows.back().goal = bench::at_most(1.02);
    row("dewpond, default policies with ThreadCells", cells);
    rows.back().must = bench::at_most(1.03);
    rows.back().goal = bench::at_most(1.02);
    row("dewpond, a ping at each checkout", ping);
    row("dewpond, SELECT 1 at each checkout", statement);
    report.table(title, rows);
    if (!pinned)
        report.note("client and server are not on one CPU (no right to): the kernel's choice is in the figures");
}

/// What the driver's checks cost in a loop, beside a system call that does nothing: warm, so less than within a query.
void calls(const bench::CommandLine& line, bench::Report& report, const std::string& title, const std::string& conninfo) {
    if (!line.wants(title)) return;
    const auto pool = pool_of_one<DefaultPool>(conninfo);
    const auto driver = std::make_shared<dewpond::PqDriver>(conninfo);
    const auto lease = std::make_shared<DefaultPool::Lease>(pool->checkout());
    Rounds rounds{bench::Clock::cpu, 0.001};
    std::vector<bench::Row> rows;
    std::vector<std::size_t> bodies;
    const auto add_call = [&](std::string what, auto call) {
        bodies.push_back(rounds.add([pool, driver, lease, call](benchmark::State& state) {
            dewpond::PqConnection& c = **lease;
            for (auto _ : state) benchmark::DoNotOptimize(call(*driver, c));
        }));
        rows.push_back({.what = std::move(what), .unit = "ns", .value = {}});
    };
    using D = dewpond::PqDriver;
    using C = dewpond::PqConnection;
    add_call("a system call that does nothing", [](D&, C&) { return syscall(SYS_getppid); });
    add_call("status_ok", [](D& d, C& c) { return d.status_ok(c); });
    add_call("dirty", [](D& d, C& c) { return d.dirty(c); });
    add_call("probe", [](D& d, C& c) { return d.probe(c); });
    rounds.run(line.rounds(201, 61), line.quick ? 1 : 2);
    for (std::size_t i = 0; i < bodies.size(); ++i) rows[i].value = bench::summarise(rounds.ns(bodies[i]));
    report.table(title, rows);
}

/// The table of the point select; gone at the end.
class Points {
public:
    explicit Points(const std::string& conninfo) : c_{PQconnectdb(conninfo.c_str())} {
        if (PQstatus(c_) != CONNECTION_OK) {
            const std::string why = PQerrorMessage(c_);
            PQfinish(c_);
            throw std::runtime_error{why};
        }
        run(c_, "set client_min_messages = warning");
        run(c_, "drop table if exists dewpond_bench_points");
        run(c_, "create unlogged table dewpond_bench_points (id int primary key, v text not null)");
        run(c_, ("insert into dewpond_bench_points select n, 'point ' || n from generate_series(0, " +
                 std::to_string(points - 1) + ") n")
                    .c_str());
        run(c_, "analyze dewpond_bench_points");
    }
    Points(const Points&) = delete;
    ~Points() {
        PQclear(PQexec(c_, "drop table if exists dewpond_bench_points"));
        PQfinish(c_);
    }

private:
    PGconn* c_;
};

const char* environment(const char* name, const char* otherwise) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : otherwise;
}

}  // namespace

int main(int argc, char** argv) try {
    const bench::CommandLine line{
        argc, argv,
        "What a pool adds to a query on PostgreSQL. The server: DEWPOND_PG_CONNINFO (else libpq's own environment),\n"
        "and over TCP: DEWPOND_PG_CONNINFO_TCP."};
    bench::Report report{"query"};
    const std::string local = environment("DEWPOND_PG_CONNINFO", ""), tcp = environment("DEWPOND_PG_CONNINFO_TCP", "");
    {
        const Points table{local};
        calls(line, report, "the driver's calls, Unix socket", local);
        latency(line, report, "SELECT 1, Unix socket", local, select_one);
        latency(line, report, "prepared point select, Unix socket", local, select_point);
        if (tcp.empty()) {
            report.note("nothing over TCP: DEWPOND_PG_CONNINFO_TCP is not set");
        } else {
            latency(line, report, "SELECT 1, TCP", tcp, select_one);
            latency(line, report, "prepared point select, TCP", tcp, select_point);
        }
    }
    return report.write(line.json) ? 0 : 1;
} catch (const std::exception& e) {
    std::fprintf(stderr, "query: %s\n", e.what());
    return 1;
}
