// SPDX-License-Identifier: BSL-1.0
// One thread and many pools in turn: 64 of a process have cells, the others do without.
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>

#include "floors.hpp"
#include "idle.hpp"
#include "pools.hpp"
#include "rounds.hpp"

namespace bench {
namespace {

/// So many have cells at once: Cells::most.
constexpr std::size_t most = 64;

template <class Pool>
using Pools = std::shared_ptr<std::vector<std::unique_ptr<Pool>>>;

template <class Pool>
Pools<Pool> make(std::size_t count) {
    auto pools = std::make_shared<std::vector<std::unique_ptr<Pool>>>();
    for (std::size_t i = 0; i < count; ++i) {
        pools->push_back(std::make_unique<Pool>(NullDriver{}, options_for(10)));
        take_all(*pools->back(), 10).clear();
    }
    return pools;
}

/// From the `first` on. The one place that checks out in a loop: where a compiler sees many it makes each a call.
template <class Pool>
std::size_t add_in_turn(Rounds& rounds, const Pools<Pool>& pools, std::size_t first = 0) {
    return rounds.add([pools, first](benchmark::State& state) {
        const auto all = std::span{*pools}.subspan(first);
        for (auto _ : state) {
            for (const auto& pool : all) {
                auto lease = pool->checkout();
                benchmark::DoNotOptimize(*lease);
            }
        }
    });
}

}  // namespace

void many_pools(const CommandLine& line, Report& report) {
    const std::string title = "one thread, many pools of 10 in turn, default policies";
    if (!line.wants(title)) return;
    std::vector<Row> rows;
    const auto row = [&rows](std::string what, const Series& ns, const Series& other, std::string with) {
        rows.push_back({.what = std::move(what),
                        .unit = "ns",
                        .value = summarise(ns),
                        .compared = summarise(ratio(ns, other)),
                        .with = std::move(with)});
    };
    for (const std::size_t count : {std::size_t{1}, std::size_t{8}, most, most + 1, 2 * most}) {
        // All pools of a case are gone before the next one makes its own: no more than these want cells.
        Rounds rounds{Clock::cpu, line.quick ? 0.001 : 0.003};
        const auto standard = make<DefaultPool>(count);
        const auto cells = make<CellsPool>(count);
        const auto floor = rounds.add(cas_pair);
        const auto without = add_in_turn(rounds, standard), with = add_in_turn(rounds, cells);
        const bool over = count == most + 1;
        const auto alone = over ? add_in_turn(rounds, standard, most) : 0;
        const auto left_out = over ? add_in_turn(rounds, cells, most) : 0;
        rounds.run(line.rounds(21, 15), 2);

        const auto each = [&](std::size_t body) { return scaled(rounds.ns(body), 1 / static_cast<double>(count)); };
        const std::string pools = std::to_string(count) + (count == 1 ? " pool" : " pools");
        row(pools, each(without), rounds.ns(floor), "CAS pair");
        row(pools + " with ThreadCells", each(with), rounds.ns(floor), "CAS pair");
        row(pools + " with ThreadCells", each(with), each(without), "without");
        if (over) row("the last of these alone: no cell is left", rounds.ns(left_out), rounds.ns(alone), "without");
    }
    report.table(title, rows);
}

}  // namespace bench
