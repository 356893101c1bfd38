// SPDX-License-Identifier: BSL-1.0
// One page about a pool, for people without a dashboard: complete in itself, it loads nothing and runs no script.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
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

inline std::string span(double seconds) {
    char out[32];
    if (seconds < 1e-3) std::snprintf(out, sizeof out, "%g &micro;s", seconds * 1e6);
    else if (seconds < 1) std::snprintf(out, sizeof out, "%g ms", seconds * 1e3);
    else std::snprintf(out, sizeof out, "%g s", seconds);
    return out;
}

/// How long checkouts have waited: each cell the bound of the histogram below which that share of them lies.
inline std::string percentiles(const Waits& now, const std::vector<Point>& points) {
    std::string out = "<h2>Waits</h2><table class=\"wide\"><tr><th></th><th>checkouts</th><th>half</th><th>9 of 10</th><th>99 of 100</th></tr>";
    const auto row = [&](const char* what, const char* id, std::size_t seconds) {
        const Waits waits = lately(now, points, seconds);
        const auto cell = [&](const char* name, const std::string& text, double value) {
            char exact[32];
            std::snprintf(exact, sizeof exact, "%.9g", value);
            (((((((out += "<td id=\"") += id) += name) += "\" data-value=\"") += exact) += "\">") += text) += "</td>";
        };
        ((out += "<tr><th>") += what) += "</th>";
        cell("_count", std::to_string(waits.count()), static_cast<double>(waits.count()));
        for (const auto& [name, share] : {std::pair{"_p50", 0.5}, {"_p90", 0.9}, {"_p99", 0.99}}) {
            const double value = quantile(waits, share);
            cell(name, waits.count() == 0 ? "-" : "&le; " + span(value), value);
        }
        out += "</tr>";
    };
    row("the last minute", "minute", 60);
    row("five minutes", "five", History::length);
    return out + "</table>";
}

/// Who has what now, a row for each lease: from the lines of `inspect()`, which says
/// "slot 3: in use, opened 5 s ago, 7 uses, at orders.cpp:142 for 1.2 s, 4711".
inline std::string holders(std::string_view slots) {
    std::string rows;
    while (!slots.empty()) {
        const std::size_t end = (std::min)(slots.find('\n'), slots.size());
        const std::string_view whole = slots.substr(0, end);
        slots.remove_prefix((std::min)(end + 1, slots.size()));
        const std::size_t state = whole.find(": in use"), place = whole.find(", at ");
        if (state == whole.npos || place == whole.npos) continue;
        const std::size_t age = whole.find(" for ", place), label = whole.find(", ", age);
        const auto cell = [&rows](std::string_view text) { ((rows += "<td>") += escaped(text)) += "</td>"; };
        rows += "<tr>";
        cell(whole.substr(5, state - 5));
        cell(whole.substr(place + 5, age - place - 5));
        cell(whole.substr(age + 5, label == whole.npos ? label : label - age - 5));
        cell(label == whole.npos ? "" : whole.substr(label + 2));
        rows += "</tr>";
    }
    if (rows.empty()) return "<h2>Holders</h2><p id=\"holders\">Nobody has anything.</p>";
    return "<h2>Holders</h2><table class=\"wide\" id=\"holders\"><tr><th>slot</th><th>taken at</th><th>out for</th><th>session</th></tr>" + rows + "</table>";
}

/// The last of what happened, newest first.
inline std::string recent(const std::vector<std::string>& events, std::size_t most = 32) {
    std::string out = "<h2>Events</h2><pre id=\"events\">";
    for (std::size_t i = events.size(); i-- > 0 && events.size() - i <= most;) (out += escaped(events[i])) += '\n';
    return out + "</pre>";
}

/// The page. `slots` is what `inspect()` says, `events` a line for each, oldest first. The cells that a test or a script may
/// read carry the names of the JSON of `/health?pool=1`. Pure.
inline std::string page(const dewpond::Stats& s, const std::vector<Point>& points, std::string slots, const std::vector<std::string>& events) {
    slots.resize((std::min)(slots.find("events:\n"), slots.size()));  // they have a place of their own
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
    const auto in_use = [](const Point& p) { return static_cast<double>(p.in_use); };
    const auto demand = [](const Point& p) { return static_cast<double>(p.in_use) + p.waiting; };
    const auto bound = [](const Point& p) { return static_cast<double>(p.max_size); };

    std::string out =
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"2\"><title>pool " + escaped(s.name) +
        "</title><style>body{font:15px system-ui,sans-serif;max-width:46em;margin:1.5em auto;padding:0 1em;color:#1a2b34}"
        "th{text-align:left;font-weight:normal;padding-right:2em}td{text-align:right;font-variant-numeric:tabular-nums}"
        "svg{width:100%;height:9em;background:#f3f7f9}figure{margin:1.2em 0}pre{background:#f3f7f9;padding:.8em;overflow-x:auto}"
        ".wide{border-spacing:0}.wide td,.wide th{padding:.1em 1.6em .1em 0}.pass{color:#17703a}.warn{color:#9a6200}.fail{color:#b3261e}</style><h1>pool " +
        escaped(s.name) + ": <span id=\"status\" class=\"" + std::string{to_string(health.status)} + "\">" + std::string{to_string(health.status)} + "</span></h1>";
    if (!health.sentence.empty()) out += "<p>" + escaped(health.sentence) + "</p>";
    out += "<table>" + rows + "</table>";
    out += chart("in use (blue), with those who wait (red), the limit (grey)", std::to_string(static_cast<std::uint32_t>(most)),
                 line(points, most, "#9aa7ad", bound) + line(points, most, "#b3261e", demand) + line(points, most, "#1667a8", in_use));
    out += chart("wait of a checkout: half of them (blue), all but one in a hundred (red)", span(slowest),
                 line(points, slowest, "#b3261e", [](const Point& p) { return p.wait_p99; }) + line(points, slowest, "#1667a8", [](const Point& p) { return p.wait_p50; }));
    out += percentiles(s.wait, points) + holders(slots) + recent(events);
    return out + "<h2>Slots</h2><pre id=\"slots\">" + escaped(slots) + "</pre></html>\n";
}

}  // namespace service
