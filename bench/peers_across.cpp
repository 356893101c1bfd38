// SPDX-License-Identifier: BSL-1.0
// One thread only checks out, another only returns.
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "belt.hpp"
#include "peers.hpp"

namespace bench {

void across(const CommandLine& line, Grid& grid) {
    for (const std::size_t size : {1u, 2u, 10u}) {
        const std::string title = "X: one thread checks out, another returns, pool of " + std::to_string(size);
        if (!line.wants(title)) continue;
        struct Entry {
            const char* name;
            Part part;
            std::function<Outcome()> turn;
            Record record{};
        };
        std::vector<Entry> all;
        const double seconds = line.quick ? 0.05 : 0.15;
        each_contestant([&]<class P>(Contestant<P> c) {
            std::shared_ptr<P> pool = ready_pool<P>(size);
            all.push_back({c.name, c.part, [pool, size, seconds] { return transfer(*pool, size, seconds); }});
        });
        const int rounds = line.rounds(17, 7);
        for (int round = 0; round < rounds; ++round) {
            for (std::size_t i = 0; i < all.size(); ++i) {
                Entry& e = all[(i + static_cast<std::size_t>(round)) % all.size()];
                e.record.add(e.turn());
            }
        }
        std::vector<Line> lines;
        for (const Entry& e : all) {
            const Record& r = e.record;
            lines.push_back(
                {e.name, e.part, {scaled(r.per_second, 1e-3), r.p50, r.p99, r.p999, scaled(r.longest, 1e-3)}});
        }
        grid.table(
            title,
            {{"throughput", "k/s"}, {"p50 wait", "us"}, {"p99 wait", "us"}, {"p99.9 wait", "us"}, {"longest", "ms"}},
            lines);
    }
}

}  // namespace bench
