// SPDX-License-Identifier: BSL-1.0
// Answers of a web server about its pools: /live, /ready, /health, /health?pool=1, /metrics. Functions of snapshots, for
// whatever server the program has; nothing here opens a port. (Snapshots come in vectors: a std::span made of one leaves
// unique symbols in a plugin, which pin it.)
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/text.hpp>
#include <dewpond/export/exports.hpp>
#include <dewpond/export/prometheus.hpp>
#include <dewpond/export/writing.hpp>
#include <dewpond/health.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0 {

struct HttpHeader {
    std::string_view name{};  ///< of static storage
    std::string value{};
};

/// What to send: status, headers (the content type is always one of them), body. The server adds the length.
struct HttpAnswer {
    int status = 200;
    std::vector<HttpHeader> headers{};
    std::string body{};
};

namespace detail {

inline void append_json_number(std::string& out, std::string_view key, std::uint64_t n) {
    (out += ",\"") += key;
    out += "\":";
    append(out, n);
}
inline void append_json_number(std::string& out, std::string_view key, Duration d) {
    (out += ",\"") += key;
    out += "\":";
    append_seconds(out, d, "null");
}
inline void append_json_text(std::string& out, std::string_view key, std::string_view value) {
    (out += ",\"") += key;
    out += "\":";
    append_json(out, value);
}

/// Of one pool, or of all together.
struct PoolCounts {
    std::uint64_t most = 0, size = 0, available = 0, waiting = 0;
    constexpr PoolCounts& operator+=(const Stats& s) noexcept {
        most += s.max_size;
        size += s.size;
        available += s.idle;
        waiting += s.waiting;
        return *this;
    }
    void append_to(std::string& out) const {
        append_json_number(out, "pool_max", most);
        append_json_number(out, "pool_size", size);
        append_json_number(out, "pool_available", available);
        append_json_number(out, "requests_waiting", waiting);
    }
};

inline void append_events(std::string& out, const std::vector<PoolEvents>& events) {
    out += ",\"events\":";
    char before = '{';
    for (const PoolEvents& pool : events) {
        out += std::exchange(before, ',');
        append_json(out, pool.pool);
        out += ":[";
        for (const std::string& line : pool.lines) {
            if (&line != pool.lines.data()) out += ',';
            append_json(out, line);
        }
        out += ']';
    }
    out += '}';
}

/// Does the query of a target hold `key=1`, or `key=true`?
[[nodiscard]] inline bool query_says(std::string_view target, std::string_view key) noexcept {
    const std::size_t query = target.find('?');
    std::string_view rest = query == target.npos ? std::string_view{} : target.substr(query + 1);
    while (!rest.empty()) {
        const std::size_t end = rest.find('&');
        const std::string_view pair = rest.substr(0, end), value = pair.substr((std::min)(pair.size(), key.size()));
        if (pair.starts_with(key) && (value == "=1" || value == "=true")) return true;
        rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
    }
    return false;
}

[[nodiscard]] inline HttpAnswer http_answer(int status, std::string_view type, std::string body) {
    HttpAnswer out{status, {}, std::move(body)};
    out.headers.push_back({"Content-Type", std::string{type}});
    out.headers.push_back({"Cache-Control", "no-store"});
    return out;
}

}  // namespace detail

/// Are these pools well, by these rules? `application/health+json`: 200 for pass and warn, 503 with `Retry-After` for fail,
/// which one pool that fails is enough for. Under rules that look at no pool the status is all there is. Else `cause` (of
/// the worst pool: none, busy, stuck, server down, not ready, closed), `output`, the sums `pool_max`, `pool_size`,
/// `pool_available` (idle) and `requests_waiting`, and the same for each pool under `checks`. Counts and names of pools
/// only; `events` of the pools, if there are any, stand under their names. Pure.
[[nodiscard]] inline HttpAnswer health_answer(const std::vector<Stats>& pools, const HealthRules& rules, const std::vector<PoolEvents>& events = {}) {
    Health worst;
    detail::PoolCounts sums;
    std::string output, checks;
    const std::vector<std::string> names = detail::told_apart(pools);
    for (std::size_t i = 0; rules.look_at_pool && i < pools.size(); ++i) {
        Stats s = pools[i];
        s.name = names[i];
        Health h = health(s, rules);
        sums += s;
        checks += checks.empty() ? "" : ",";
        detail::append_json(checks, detail::text(names[i], ":resources"));
        checks += ":[{\"componentType\":\"pool\",\"observedUnit\":\"resources in use\"";
        detail::append_json_number(checks, "observedValue", s.in_use);
        detail::append_json_text(checks, "status", to_string(h.status));
        detail::append_json_text(checks, "cause", to_string(h.cause));
        detail::PoolCounts own;
        (own += s).append_to(checks);
        detail::append_json_number(checks, "oldest_wait_seconds", s.oldest_wait);
        detail::append_json_number(checks, "oldest_lease_seconds", s.oldest_lease);
        checks += "}]";
        if (h.status != HealthStatus::pass) detail::append(output, detail::text(output.empty() ? "" : "; ", h.sentence));
        if (h.status > worst.status || (h.status == worst.status && h.retry_after > worst.retry_after)) worst = std::move(h);
    }
    std::string body = "{\"status\":";
    detail::append_json(body, to_string(worst.status));
    if (rules.look_at_pool) {
        detail::append_json_text(body, "cause", to_string(worst.cause));
        if (!output.empty()) detail::append_json_text(body, "output", output);
        sums.append_to(body);
        ((body += ",\"checks\":{") += checks) += '}';
        if (!events.empty()) detail::append_events(body, events);
    }
    body += "}\n";
    HttpAnswer out = detail::http_answer(worst.http(), "application/health+json", std::move(body));
    if (worst.status == HealthStatus::fail) {
        out.headers.push_back({"Retry-After", detail::text(std::uint64_t(worst.retry_after.ns().count()) / 1'000'000'000)});
    }
    return out;
}

/// The scrape of these pools. Pure.
[[nodiscard]] inline HttpAnswer metrics_answer(const std::vector<Stats>& pools) {
    return detail::http_answer(200, "text/plain; version=0.0.4; charset=utf-8", to_prometheus(pools));
}

/// Which rules a request target (path and query) asks for: `/live` and `/health` for whoever restarts the process, `/ready`
/// for a load balancer, `/health?pool=1` for a monitor. Nothing for any other path. Pure.
[[nodiscard]] inline std::optional<HealthRules> health_rules(std::string_view target) noexcept {
    const std::string_view path = target.substr(0, target.find('?'));
    if (path == "/live") return HealthRules::liveness();
    if (path == "/ready") return HealthRules::readiness();
    if (path == "/health") return detail::query_says(target, "pool") ? HealthRules::alarm() : HealthRules::liveness();
    return std::nullopt;
}

/// The answer to `GET target`: of the paths above, of `/metrics`, or 404 for others. Pure.
[[nodiscard]] inline HttpAnswer answer(std::string_view target, const std::vector<Stats>& pools, const std::vector<PoolEvents>& events = {}) {
    if (const auto rules = health_rules(target)) return health_answer(pools, *rules, events);
    if (target.substr(0, target.find('?')) == "/metrics") return metrics_answer(pools);
    return detail::http_answer(404, "text/plain; charset=utf-8", "not found\n");
}

/// The same of the pools on a list, as they are now; with `events=1` in the query of `/health?pool=1` their recorders'
/// memory as well. Reads only what the answer needs.
[[nodiscard]] inline HttpAnswer answer(std::string_view target, const Exports& exports) {
    const auto rules = health_rules(target);
    const bool reads = rules ? rules->look_at_pool : target.substr(0, target.find('?')) == "/metrics";
    if (!reads) return answer(target, std::vector<Stats>{});
    const bool wants_events = rules && detail::query_says(target, "events");
    return answer(target, exports.read(), wants_events ? exports.events() : std::vector<PoolEvents>{});
}

}  // namespace dewpond::inline v0
