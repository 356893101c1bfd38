// SPDX-License-Identifier: BSL-1.0
// One thread and nobody else: what a pair costs, and in pools of all sizes.
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "field.hpp"
#include "floors.hpp"
#include "peers.hpp"

namespace bench {
namespace {

// The pool by reference, as a user has it: to look up where it lies in each iteration would wait for the locked
// instruction before. One function for each contestant, so that the compiler sees one checkout in a loop.
template <class Pool>
void pairs(benchmark::State& state, Pool& pool) {
    for (auto _ : state) {
        auto lease = pool.checkout();
        benchmark::DoNotOptimize(*lease);
    }
}

}  // namespace

void alone(const CommandLine& line, Report& report, Grid& grid) {
    const std::string a = "A: one thread, a checkout and its return, pool of 10";
    if (!line.wants(a)) return;
    Field field{line};
    const auto floor = field.rounds.add(cas_pair), plain = field.rounds.add(load_store_pair);
    const auto mutexes = field.rounds.add(mutex_pairs);
    field.enter<true>([]<class P>() -> Rounds::Body {
        return [pool = std::shared_ptr<P>{ready_pool<P>(10)}](benchmark::State& state) { pairs(state, *pool); };
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
            return [prepared](benchmark::State& state) { pairs(state, *prepared->pool); };
        });
        field.rounds.run(line.rounds(21, 15), 4);
        grid.table(title, {{"one pair", "ns"}}, field.lines());
    }
}

}  // namespace bench
