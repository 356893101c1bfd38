// SPDX-License-Identifier: BSL-1.0
// The benchmark of record: dewpond, the textbook pool and what a distribution packages, in the same rounds.
// docs/benchmarks.md has the method.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "peers.hpp"

namespace {

/// For callgrind: so many pairs of one contestant and nothing else. "nothing": what the loop itself costs.
int only_pairs(std::string_view who, long pairs) {
    bool found = who == "nothing";
    if (found) {
        for (int nothing = 0; pairs > 0; --pairs) benchmark::DoNotOptimize(nothing);
    }
    std::size_t count = 0;
    const bench::SharedBody* const all = bench::dewpond_bench_bodies(&count);
    for (std::size_t i = 0; i < count; ++i) {
        if (all[i].name != who) continue;
        found = true;
        void* const pool = all[i].make();
        all[i].run(pool, static_cast<std::size_t>(pairs));
        all[i].end(pool);
    }
    return found ? 0 : 2;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 2 && std::string_view{argv[1]} == "--list") {
        bench::each_contestant<true>([]<class P>(bench::Contestant<P> c) { std::puts(c.name); });
        return 0;
    }
    if (argc == 4 && std::string_view{argv[1]} == "--pairs") return only_pairs(argv[2], std::atol(argv[3]));

    const bench::CommandLine line{
        argc, argv,
        "dewpond beside the textbook mutex pool and packaged peers. --list names them; --pairs NAME N\n"
        "executes N checkouts and returns of one and nothing else, for callgrind."};
    bench::Report report{"peers"};
    bench::Grid grid{report};
    if (const std::string missing = bench::missing_peers(); !missing.empty())
        report.note("rows left out, not installed: " + missing);
    bench::alone(line, report, grid);
    bench::eight_at_once(line, grid);
    bench::alone_by_size(line, grid);
    bench::many_pools(line, grid);
    bench::in_shared_object(line, report, grid);
    bench::together(line, grid);
    bench::across(line, grid);
    grid.promise();
    return report.write(line.json) ? 0 : 1;
}
