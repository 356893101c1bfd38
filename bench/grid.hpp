// SPDX-License-Identifier: BSL-1.0
// A table with a line for each contestant and a column for each figure; and the promise that is kept or not.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "contestants.hpp"
#include "report.hpp"

namespace bench {

struct Measure {
    std::string name, unit;
};

struct Line {
    std::string who;
    Part part;
    std::vector<Series> series;  ///< one for each measure
};

/// Never slower than the textbook pool. Two copies of one code come out up to 2 % apart, so that is what is allowed.
inline constexpr double hair = 0.02;

class Grid {
public:
    explicit Grid(Report& report) : report_{&report} {}

    /// Prints a table and keeps its figures. The first measure is compared with the rival's and judged: the more the
    /// better if it is a throughput, else the less.
    void table(const std::string& title, const std::vector<Measure>& measures, const std::vector<Line>& lines) {
        const bool more = measures.front().unit.find("/s") != std::string::npos;
        const Line* rival = nullptr;
        std::size_t width = 0;
        for (const Line& line : lines) {
            if (line.part == Part::rival) rival = &line;
            width = std::max(width, line.who.size());
        }
        const int first = static_cast<int>(width) + 4;
        std::printf("\n%s  (%zu rounds)\n%-*s%-26s%-25s", title.c_str(),
                    lines.empty() ? 0 : lines.front().series.front().size(), first, "",
                    label(measures.front()).c_str(), "/ textbook");
        for (std::size_t m = 1; m < measures.size(); ++m) std::printf("%12s", label(measures[m]).c_str());
        std::printf("\n");
        for (const Line& line : lines) {
            const std::string judged = one_line(title, measures, line, rival, more, first);
            if (!judged.empty()) std::printf("  %s", judged.c_str());
            std::printf("\n");
        }
        std::fflush(stdout);
    }

    /// What became of the promise, in one place.
    void promise() const {
        std::printf("\nnever slower than the textbook mutex pool (by more than %.0f %%)\n", hair * 100);
        for (const char* wanted : {"missed", "not resolved", "met"}) {
            for (const auto& [verdict, where] : verdicts_) {
                if (verdict == wanted) std::printf("  %-13s %s\n", wanted, where.c_str());
            }
        }
        std::fflush(stdout);
    }

private:
    static std::string label(const Measure& m) { return m.unit.empty() ? m.name : m.name + ' ' + m.unit; }

    std::string one_line(const std::string& title, const std::vector<Measure>& measures, const Line& line,
                         const Line* rival, bool more, int width) {
        std::string judged;
        std::printf("%-*s", width, ("  " + line.who).c_str());
        for (std::size_t m = 0; m < measures.size(); ++m) {
            Row row{.what = line.who + ": " + measures[m].name,
                    .unit = measures[m].unit,
                    .value = summarise(line.series[m])};
            if (m == 0 && rival != nullptr && &line != rival) {
                row.compared = summarise(ratio(line.series[0], rival->series[0]));
                row.with = rival->who;
                if (line.part == Part::judged) {
                    row.must = more ? at_least(1 - hair) : at_most(1 + hair);
                    judged = to_string(judge(*row.compared, *row.must));
                    verdicts_.emplace_back(judged, line.who + ", " + title + ": x" + with_interval(*row.compared));
                }
            }
            if (m == 0) {
                std::printf("%-26s%-25s", with_interval(row.value).c_str(),
                            row.compared ? ("x" + with_interval(*row.compared)).c_str() : "");
            } else {
                std::printf("%12s", figure(row.value.median).c_str());
            }
            report_->keep(title, row);
        }
        return judged;
    }

    Report* report_;
    std::vector<std::pair<std::string, std::string>> verdicts_;
};

}  // namespace bench
