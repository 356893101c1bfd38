// SPDX-License-Identifier: BSL-1.0
// What one thread returns another needs: does a cell of the thread that returned it get into the way?
#include <cstddef>
#include <string>
#include <vector>

#include "belt.hpp"
#include "idle.hpp"
#include "pools.hpp"

namespace bench {
namespace {

void across(const CommandLine& line, Report& report, std::size_t size) {
    const std::string title = "one thread checks out, another returns, pool of " + std::to_string(size);
    if (!line.wants(title)) return;
    DefaultPool standard{NullDriver{}, options_for(size)};
    CellsPool cells{NullDriver{}, options_for(size)};
    Textbook textbook{size};
    take_all(standard, size).clear();
    take_all(cells, size).clear();
    Record ours, kept, theirs;
    const double seconds = line.quick ? 0.03 : 0.04;
    for (int round = 0; round < line.rounds(15, 7); ++round) {
        // Who begins changes from round to round.
        for (int turn = 0; turn < 3; ++turn) {
            switch ((turn + round) % 3) {
                case 0: ours.add(transfer(standard, size, seconds)); break;
                case 1: kept.add(transfer(cells, size, seconds)); break;
                default: theirs.add(transfer(textbook, size, seconds));
            }
        }
    }
    const auto row = [](std::string what, const Record& who, const Record& other, std::string with) {
        return Row{.what = std::move(what),
                   .unit = "M/s",
                   .value = summarise(scaled(who.per_second, 1e-6)),
                   .compared = summarise(ratio(who.per_second, other.per_second)),
                   .with = std::move(with)};
    };
    report.table(title, {{.what = "textbook mutex pool",
                          .unit = "M/s",
                          .value = summarise(scaled(theirs.per_second, 1e-6))},
                         row("dewpond, default policies", ours, theirs, "textbook"),
                         row("default policies with ThreadCells", kept, theirs, "textbook"),
                         row("default policies with ThreadCells", kept, ours, "without")});
}

}  // namespace

void across(const CommandLine& line, Report& report) {
    across(line, report, 1);
    across(line, report, 10);
}

}  // namespace bench
