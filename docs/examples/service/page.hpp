// SPDX-License-Identifier: BSL-1.0
// One page about a pool, for people without a dashboard: complete in itself, it loads nothing and runs no script.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <dewpond/health.hpp>
#include <dewpond/stats.hpp>

#include "history.hpp"

namespace service {

inline std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            default: out += c;
        }
    }
    return out;
}

/// A line over the last minutes: each value a share of `top`, the newest at the right.
template <class Value>
std::string line(const std::vector<Point>& points, double top, const char* colour, Value value) {
    std::string out = "<polyline fill=\"none\" stroke-width=\"1.5\" stroke=\"";
    (out += colour) += "\" points=\"";
    for (std::size_t i = 0; i < points.size(); ++i) {
        char at[48];
        const double x = 600.0 * static_cast<double>(History::length - points.size() + i) / static_cast<double>(History::length);
        const double y = 118 - 116 * (std::min)(value(points[i]) / top, 1.0);
        std::snprintf(at, sizeof at, "%.1f,%.1f ", x, y);
        out += at;
    }
    return out += "\"/>";
}

inline std::string chart(const char* title, const std::string& scale, const std::string& lines) {
    return std::string{"<figure><figcaption>"} + title + " <small>(the top is " + scale +
           "; five minutes)</small></figcaption><svg viewBox=\"0 0 600 120\" preserveAspectRatio=\"none\">" + lines + "</svg></figure>";
}

/// The page. `slots` is what `inspect()` says. The cells that a test or a script may read carry the names of the JSON of
/// `/health?pool=1`. Pure.
inline std::string page(const dewpond::Stats& s, const std::vector<Point>& points, const std::string& slots) {
    const dewpond::Health health = dewpond::health(s, dewpond::HealthRules::alarm());
    std::string rows;
    const auto row = [&rows](const char* id, const char* what, std::uint64_t n) {
        ((((((rows += "<tr><th>") += what) += "</th><td id=\"") += id) += "\">") += std::to_string(n)) += "</td></tr>";
    };
    row("in_use", "in use", s.in_use);
    row("pool_available", "idle", s.idle);
    row("opening", "being opened", s.opening);
    row("retiring", "being reset or closed", s.retiring);
    row("pool_size", "together", s.size);
    row("max_size", "at the most", s.max_size);
    row("requests_waiting", "requests waiting", s.waiting);
    row("demand_peak", "the most that would have been used", s.demand_peak);
    row("checkouts", "checkouts served", s.checkouts);
    row("timed_out", "timed out", s.timed_out);

    double most = s.max_size, slowest = 0.001;
    for (const Point& p : points) {
        most = (std::max)(most, static_cast<double>(p.in_use) + p.waiting);
        slowest = (std::max)(slowest, p.wait_p99);
    }
    char wait[32];
    std::snprintf(wait, sizeof wait, "%g s", slowest);
    const auto in_use = [](const Point& p) { return static_cast<double>(p.in_use); };
    const auto demand = [](const Point& p) { return static_cast<double>(p.in_use) + p.waiting; };
    const auto bound = [](const Point& p) { return static_cast<double>(p.max_size); };

    std::string out =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"2\"><title>pool " + escaped(s.name) +
        "</title><style>body{font:15px system-ui,sans-serif;max-width:46em;margin:1.5em auto;padding:0 1em;color:#1a2b34}"
        "th{text-align:left;font-weight:normal;padding-right:2em}td{text-align:right;font-variant-numeric:tabular-nums}"
        "svg{width:100%;height:9em;background:#f3f7f9}figure{margin:1.2em 0}pre{background:#f3f7f9;padding:.8em;overflow-x:auto}"
        ".pass{color:#17703a}.warn{color:#9a6200}.fail{color:#b3261e}</style><h1>pool " +
        escaped(s.name) + ": <span id=\"status\" class=\"" + std::string{to_string(health.status)} + "\">" + std::string{to_string(health.status)} + "</span></h1>";
    if (!health.sentence.empty()) out += "<p>" + escaped(health.sentence) + "</p>";
    out += "<table>" + rows + "</table>";
    out += chart("in use (blue), with those who wait (red), the limit (grey)", std::to_string(static_cast<std::uint32_t>(most)),
                 line(points, most, "#9aa7ad", bound) + line(points, most, "#b3261e", demand) + line(points, most, "#1667a8", in_use));
    out += chart("wait of a checkout: half of them (blue), all but one in a hundred (red)", wait,
                 line(points, slowest, "#b3261e", [](const Point& p) { return p.wait_p99; }) + line(points, slowest, "#1667a8", [](const Point& p) { return p.wait_p50; }));
    return out + "<h2>Slots</h2><pre id=\"slots\">" + escaped(slots) + "</pre></html>\n";
}

}  // namespace service
