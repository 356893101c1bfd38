// SPDX-License-Identifier: BSL-1.0
// The contestants as bodies of Google Benchmark, timed in rounds.
#pragma once

#include <cstddef>
#include <vector>

#include "contestants.hpp"
#include "grid.hpp"
#include "rounds.hpp"

namespace bench {

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
    template <bool pairs = false, class Make>
    void enter(Make make) {
        each_contestant<pairs>([&]<class P>(Contestant<P> c) {
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

}  // namespace bench
