// SPDX-License-Identifier: BSL-1.0
// Stats of pools as Prometheus reads them: the text format 0.0.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dewpond/deadline.hpp>
#include <dewpond/export/metrics.hpp>
#include <dewpond/export/writing.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0 {
namespace detail {

/// Writes samples; what is the same in all lines of a pool is prepared once.
class PrometheusText {
public:
    explicit PrometheusText(const std::vector<Stats>& pools) {
        names_.reserve(pools.size());
        for (const std::string& name : told_apart(pools)) {
            std::string label = "{pool=\"";
            append_label(label, name);
            label += '"';
            names_.push_back(std::move(label));
        }
        out_.reserve(pools.size() * bytes_of_a_pool + 8192);
    }

    void metric(const Metric& m) {
        metric_ = m;
        const auto line = [this](std::string_view what, std::string_view rest) {
            for (const std::string_view part : {std::string_view{"# "}, what, std::string_view{" "}, metric_.name, std::string_view{" "}, rest}) out_ += part;
            out_ += '\n';
        };
        line("HELP", m.help);
        line("TYPE", to_string(m.type));
    }
    void sample(std::size_t pool, std::string_view value, std::uint64_t n) {
        begin(metric_.name, pool, value);
        append(out_, n);
        out_ += '\n';
    }
    void sample(std::size_t pool, std::string_view value, Duration d) {
        begin(metric_.name, pool, value);
        append_seconds(out_, d, "+Inf");
        out_ += '\n';
    }

    template <class Bounds>
    void histogram(std::size_t pool, const Histogram<Bounds>& h) {
        const std::string_view name = metric_.name, labels{names_[pool]};
        std::uint64_t up_to_here = 0;
        for (std::size_t i = 0; i <= h.bounds; ++i) {
            up_to_here += h.buckets[i];
            ((out_ += name) += "_bucket") += labels;
            out_ += ",le=\"";
            append_seconds(out_, h.bound(i), "+Inf");
            out_ += "\"} ";
            append(out_, up_to_here);
            out_ += '\n';
        }
        (((out_ += name) += "_sum") += labels) += "} ";
        append_seconds(out_, h.sum, "+Inf");
        ((((out_ += "\n") += name) += "_count") += labels) += "} ";
        append(out_, up_to_here);
        out_ += '\n';
    }

    [[nodiscard]] std::string take() noexcept { return std::move(out_); }

private:
    static constexpr std::size_t bytes_of_a_pool = 4096;

    void begin(std::string_view name, std::size_t pool, std::string_view value) {
        out_ += name;
        out_ += names_[pool];
        if (!metric_.label.empty()) {
            out_ += ',';
            out_ += metric_.label;
            out_ += "=\"";
            append_label(out_, value);
            out_ += '"';
        }
        out_ += "} ";
    }

    std::vector<std::string> names_;
    Metric metric_{};
    std::string out_;
};

}  // namespace detail

/// The body of a scrape: the metrics of all these pools, each described once, in the text format 0.0.4. Two pools of one
/// name are told apart (`orders`, `orders#2`). Pure; the names are in docs/observability.md.
/// Serve it as `text/plain; version=0.0.4; charset=utf-8`.
[[nodiscard]] inline std::string to_prometheus(const std::vector<Stats>& pools) {
    detail::PrometheusText text{pools};
    for_each_metric(pools, text);
    return text.take();
}

}  // namespace dewpond::inline v0
