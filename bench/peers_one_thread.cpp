// SPDX-License-Identifier: BSL-1.0
// One thread and nobody else: what a pair costs, eight at once, pools of all sizes, many pools.
#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "floors.hpp"
#include "peers.hpp"
#include "rounds.hpp"

namespace bench {
namespace {

template <class Pool>
void one_pair(Pool& pool) {
    auto lease = pool.checkout();
    benchmark::DoNotOptimize(*lease);
}

template <class Pool>
void eight_pairs(Pool& pool) {
    auto a = pool.checkout(), b = pool.checkout(), c = pool.checkout(), d = pool.checkout();
    auto e = pool.checkout(), f = pool.checkout(), g = pool.checkout(), h = pool.checkout();
    benchmark::DoNotOptimize(*a);
    benchmark::DoNotOptimize(*h);
}

/// A body for each contestant, made by `make(pool type) -> Rounds::Body`.
struct Field {
    struct Entry {
        const char* name;
        Part part;
        std::size_t body;
    };
    Rounds rounds;
    std::vector<Entry> entries{};

    explicit Field(const CommandLine& line) : rounds{Clock::cpu, line.quick ? 0.001 : 0.003} {}
    template <class Make>
    void enter(Make make) {
        each_contestant([&]<class P>(Contestant<P> c) {
            entries.push_back({c.name, c.part, rounds.add(make.template operator()<P>())});
        });
    }
    /// `pairs`: how many an iteration has.
    [[nodiscard]] std::vector<Line> lines(double pairs = 1) const {
        std::vector<Line> out;
        for (const Entry& e : entries) out.push_back({e.name, e.part, {scaled(rounds.ns(e.body), 1 / pairs)}});
        return out;
    }
};

}  // namespace

void alone(const CommandLine& line, Report& report, Grid& grid) {
    const std::string a = "A: one thread, a checkout and its return, pool of 10";
    const std::string f = "F: one thread, eight checkouts and eight returns, pool of 10";
    if (line.wants(a)) {
        Field field{line};
        const auto floor = field.rounds.add(cas_pair), plain = field.rounds.add(load_store_pair);
        const auto mutexes = field.rounds.add(mutex_pairs);
        field.enter([]<class P>() -> Rounds::Body {
            return [pool = std::shared_ptr<P>{ready_pool<P>(10)}](benchmark::State& state) {
                for (auto _ : state) one_pair(*pool);
            };
        });
        field.rounds.run(line.rounds(61, 15), 12);
        const Series base = field.rounds.ns(floor);
        std::vector<Row> rows{{.what = "pair of uncontended CAS", .unit = "ns", .value = summarise(base)}};
        for (const auto& [what, body] : {std::pair{"two loads and stores, not locked", plain},
                                         std::pair{"two std::mutex lock + unlock", mutexes}}) {
            rows.push_back({.what = what,
                            .unit = "ns",
                            .value = summarise(field.rounds.ns(body)),
                            .compared = summarise(ratio(field.rounds.ns(body), base)),
                            .with = "CAS pair"});
        }
        report.table("floors of A", rows);
        std::vector<Line> lines = field.lines();
        for (Line& l : lines) l.series.push_back(ratio(l.series[0], base));
        grid.table(a, {{"one pair", "ns"}, {"CAS pairs", ""}}, lines);
    }
    if (line.wants(f)) {
        Field field{line};
        field.enter([]<class P>() -> Rounds::Body {
            return [pool = std::shared_ptr<P>{ready_pool<P>(10)}](benchmark::State& state) {
                for (auto _ : state) eight_pairs(*pool);
            };
        });
        field.rounds.run(line.rounds(41, 15), 8);
        grid.table(f, {{"one pair", "ns"}}, field.lines(8));
    }
}

void alone_by_size(const CommandLine& line, Grid& grid) {
    struct Case {
        std::size_t size, idle;
    };
    for (const Case c : {Case{1, 1}, {10, 10}, {100, 100}, {1000, 1000}, {10'000, 10'000}, {10, 1}, {100, 1}, {1000, 1},
                         {10'000, 1}}) {
        const std::string title = "E: one thread, pool of " + std::to_string(c.size) +
                                  (c.idle == c.size ? ", all idle" : ", all but one leased");
        if (!line.wants(title)) continue;
        Field field{line};
        field.enter([c]<class P>() -> Rounds::Body {
            // The last ones taken go back: in a pool that prefers low slots they are the farthest away.
            struct Prepared {
                std::unique_ptr<P> pool;
                std::vector<decltype(std::declval<P&>().checkout())> out;
            };
            auto prepared = std::make_shared<Prepared>(Prepared{ready_pool<P>(c.size), {}});
            prepared->out = take_all(*prepared->pool, c.size);
            for (std::size_t i = 0; i < c.idle; ++i) prepared->out.pop_back();
            return [prepared](benchmark::State& state) {
                for (auto _ : state) one_pair(*prepared->pool);
            };
        });
        field.rounds.run(line.rounds(21, 15), 4);
        grid.table(title, {{"one pair", "ns"}}, field.lines());
    }
}

void many_pools(const CommandLine& line, Grid& grid) {
    for (const std::size_t count : {8u, 16u, 100u}) {
        const std::string title = "P: one thread, " + std::to_string(count) + " pools of 10 in turn";
        if (!line.wants(title)) continue;
        Field field{line};
        field.enter([count]<class P>() -> Rounds::Body {
            auto pools = std::make_shared<std::vector<std::unique_ptr<P>>>();
            for (std::size_t i = 0; i < count; ++i) pools->push_back(ready_pool<P>(10));
            return [pools](benchmark::State& state) {
                for (auto _ : state) {
                    for (const auto& pool : *pools) one_pair(*pool);
                }
            };
        });
        field.rounds.run(line.rounds(21, 15), 4);
        grid.table(title, {{"one pair", "ns"}}, field.lines(static_cast<double>(count)));
    }
}

}  // namespace bench
