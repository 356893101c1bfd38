// SPDX-License-Identifier: BSL-1.0
// One thread that holds several at once, and one that uses several pools. A file of its own: where a compiler sees many
// checkouts it makes each a call.
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "field.hpp"
#include "peers.hpp"

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

template <class Pool>
void eights(benchmark::State& state, Pool& pool) {
    for (auto _ : state) eight_pairs(pool);
}

}  // namespace

void eight_at_once(const CommandLine& line, Grid& grid) {
    const std::string title = "F: one thread, eight checkouts and eight returns, pool of 10";
    if (!line.wants(title)) return;
    Field field{line};
    field.enter([]<class P>() -> Rounds::Body {
        return [pool = std::shared_ptr<P>{ready_pool<P>(10)}](benchmark::State& state) { eights(state, *pool); };
    });
    field.rounds.run(line.rounds(41, 15), 8);
    grid.table(title, {{"one pair", "ns"}}, field.lines(8));
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
