// SPDX-License-Identifier: BSL-1.0
// From one figure per round to a verdict: median, its interval, and whether a bound is met, missed or not resolved.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// One figure for each round, in the order of the rounds.
using Series = std::vector<double>;

struct Summary {
    std::size_t rounds = 0;
    double median = 0;
    double low = 0, high = 0;  ///< 95 % interval of the median, from the order of the rounds alone
    double min = 0, max = 0;
    Series spread{};  ///< the rounds, sorted; of more than `spread_size` so many of them, evenly chosen
};
inline constexpr std::size_t spread_size = 41;

/// The share `p` (0 to 1) of a sorted series, between two neighbours in proportion.
inline double quantile(const Series& sorted, double p) {
    if (sorted.empty()) return 0;
    const double at = p * static_cast<double>(sorted.size() - 1);
    const auto i = static_cast<std::size_t>(at);
    if (i + 1 >= sorted.size()) return sorted.back();
    return sorted[i] + (at - static_cast<double>(i)) * (sorted[i + 1] - sorted[i]);
}

inline double median(Series s) {
    std::sort(s.begin(), s.end());
    return quantile(s, 0.5);
}

/// The interval asks nothing of the distribution: the true median lies outside [k-th smallest, k-th largest] as often
/// as a fair coin shows fewer than k heads, or tails, in as many throws as there were rounds. 15 rounds: the 4th.
inline Summary summarise(Series s) {
    Summary out;
    out.rounds = s.size();
    if (s.empty()) return out;
    std::sort(s.begin(), s.end());
    out.median = quantile(s, 0.5);
    out.min = s.front();
    out.max = s.back();
    // By logarithms: half to the power of the rounds is no number any more from 1 075 rounds on.
    double weight = -std::log(2.0) * static_cast<double>(s.size()), outside = 0;
    std::size_t k = 0;
    while (k < s.size() / 2 && outside + std::exp(weight) <= 0.025) {
        outside += std::exp(weight);
        ++k;
        weight += std::log(static_cast<double>(s.size() - k + 1) / static_cast<double>(k));
    }
    const std::size_t edge = k == 0 ? 0 : k - 1;
    out.low = s[edge];
    out.high = s[s.size() - 1 - edge];
    const std::size_t kept = std::min(s.size(), spread_size);
    for (std::size_t i = 0; i < kept; ++i)
        out.spread.push_back(quantile(s, kept == 1 ? 0 : static_cast<double>(i) / static_cast<double>(kept - 1)));
    return out;
}

/// Round by round.
inline Series ratio(const Series& a, const Series& b) {
    Series out;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) out.push_back(a[i] / b[i]);
    return out;
}
inline Series scaled(Series s, double factor) {
    for (double& x : s) x *= factor;
    return s;
}

struct Bound {
    double value = 0;
    bool at_least = false;
};
inline Bound at_most(double value) { return {value, false}; }
inline Bound at_least(double value) { return {value, true}; }

enum class Verdict { met, missed, not_resolved };

inline Verdict judge(const Summary& s, Bound b) {
    if (b.at_least) return s.low >= b.value ? Verdict::met : s.high < b.value ? Verdict::missed : Verdict::not_resolved;
    return s.high <= b.value ? Verdict::met : s.low > b.value ? Verdict::missed : Verdict::not_resolved;
}
inline const char* to_string(Verdict v) {
    return v == Verdict::met ? "met" : v == Verdict::missed ? "missed" : "not resolved";
}

/// One line of a table: a figure, how it compares with one of the same round, and what it must reach.
struct Row {
    std::string what;
    std::string unit;
    Summary value{};
    std::optional<Summary> compared{};  ///< the ratio that is judged
    std::string with{};                 ///< what it is compared with
    std::optional<Bound> must{}, goal{};
};

}  // namespace bench
