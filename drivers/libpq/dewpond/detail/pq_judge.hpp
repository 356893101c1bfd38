// SPDX-License-Identifier: BSL-1.0
// Facts about a server, beside a pool's own limits: the lines of a preflight. A pure function of values.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_facts.hpp>
#include <dewpond/detail/pq_options.hpp>
#include <dewpond/detail/text.hpp>
#include <dewpond/fleet.hpp>
#include <dewpond/preflight_report.hpp>

namespace dewpond::inline v0::detail {

/// What a preflight wants to know of its pool.
struct PqPoolFacts {
    std::size_t max_size = 0;
    Duration checkout_timeout{};
    Duration max_idle = never;
    PqPooler pooler = PqPooler::none;
};

class PqJudge {
public:
    PqJudge(const PqFacts& f, const PqPoolFacts& p, const PreflightPlan& plan) : f_{f}, p_{p}, plan_{plan} {}

    /// All lines.
    std::vector<PreflightLine> lines() && {
        server();
        if (f_.answered) {
            user();
            connections();
            idle_session();
            idle_in_transaction();
            statement();
            pooler();
        }
        encryption();
        keepalives();
        return std::move(lines_);
    }

private:
    void ok(const char* topic, std::string fact) { lines_.push_back({topic, std::move(fact), PreflightVerdict::ok, {}}); }
    void warn(const char* topic, std::string fact, std::string remedy) {
        lines_.push_back({topic, std::move(fact), PreflightVerdict::warn, std::move(remedy)});
    }
    void fail(const char* topic, std::string fact, std::string remedy) {
        lines_.push_back({topic, std::move(fact), PreflightVerdict::fail, std::move(remedy)});
    }
    static std::uint64_t number(std::int64_t n) { return n > 0 ? static_cast<std::uint64_t>(n) : 0; }
    static Duration ms(std::int64_t n) { return std::chrono::milliseconds{n}; }

    void server() {
        const auto v = number(f_.version);
        // Before 10 a version had three parts; the console of PgBouncer speaks of 1.18.0, too.
        std::string fact = text("PostgreSQL ", v / 10'000, ".", v < 100'000 ? v / 100 % 100 : v % 10'000);
        if (!f_.answered) {
            const std::string why = f_.state.known() ? text("SQLSTATE ", f_.state.view()) : f_.refused ? "it refuses" : "no answer in time";
            return fail("server", text(fact, ", which does not tell its settings (", why, ")"),
                        "is it PostgreSQL, and not the console of a pooler? Is it overloaded?");
        }
        if (f_.standby) {
            append(fact, ", standby");
            if (f_.standby_wanted) return ok("server", std::move(fact));
            return warn("server", text(fact, ": whatever writes fails (25006)"),
                        f_.pooler != PqPooler::none ? "let the pooler have the primary, if it is not meant so"
                        : "target_session_attrs=primary in the connection string; standby or prefer-standby if it is meant so");
        }
        append(fact, ", primary");
        if (f_.read_only) {
            return warn("server", text(fact, ", but its sessions are read only unless they say otherwise"),
                        "default_transaction_read_only of the server, the database or the role");
        }
        if (f_.version < 140'000) {
            return warn("server", text(fact, ": it does not report when its role changes"), "PostgreSQL 14 or later");
        }
        ok("server", std::move(fact));
    }

    void user() {
        if (!f_.superuser) return ok("user", "an ordinary role");
        warn("user", "a superuser: the pool takes the connections that are kept for whoever must look at a full server",
             "log in as a role without superuser");
    }

    void connections() {
        // A negative limit is none.
        const auto limited = [](std::int64_t n) {
            const std::uint32_t most = (std::numeric_limits<std::uint32_t>::max)();
            return n < 0 || n > std::int64_t{most} ? most : static_cast<std::uint32_t>(n);
        };
        const auto reserved = f_.superuser ? 0 : f_.superuser_reserved.value_or(0) + f_.reserved.value_or(0);
        Fleet fleet{.max_connections = limited(*f_.max_connections), .reserved = limited(reserved),
                    .replicas = plan_.replicas, .surge = plan_.surge, .other = plan_.other};
        const char* whose = "max_connections";
        // A limit of the role's or the database's own counts in place of the server's when it is the smaller one.
        for (const auto& [limit, name] : {std::pair{f_.role_limit, "the role's connection limit"},
                                          std::pair{f_.database_limit, "the database's connection limit"}}) {
            const std::uint32_t n = limited(limit.value_or(-1));
            const std::uint32_t left = fleet.max_connections > fleet.reserved ? fleet.max_connections - fleet.reserved : 0;
            if (f_.superuser || n >= left) continue;  // superusers are above them
            fleet.max_connections = n;
            fleet.reserved = 0;
            whose = name;
        }
        const std::uint64_t processes = std::uint64_t{plan_.replicas} + plan_.surge;
        const std::uint64_t wanted = processes * p_.max_size + plan_.other;
        const std::uint64_t there = fleet.max_connections > fleet.reserved ? fleet.max_connections - fleet.reserved : 0;
        const std::string sum = text(processes, processes == 1 ? " process x " : " processes x ", std::uint64_t{p_.max_size},
                                     plan_.other != 0 ? text(" + ", std::uint64_t{plan_.other}) : std::string{}, " = ", wanted);
        if (f_.pooler != PqPooler::none) {
            return ok("connections", text(sum, " clients of a pooler: its max_client_conn and default_pool_size count, and ",
                                          "that one must stay below the server's ", there));
        }
        std::string fact = text(sum, " of ", there, " (", whose, fleet.reserved != 0 ? " less what is reserved)" : ")");
        if (wanted <= there) return ok("connections", std::move(fact));
        const FleetBudget b = fleet_budget(fleet);
        fail("connections", std::move(fact),
             text(b.max_size == 0 ? std::string{} : text("max_size = ", std::uint64_t{b.max_size}, "; "), b.sentence.view()));
    }

    void idle_session() {
        const char* topic = "idle_session_timeout";
        const std::int64_t limit = f_.idle_session_ms.value_or(0);
        if (limit <= 0) return ok(topic, "off");
        // The keeper looks ten times in a max_idle, so a connection rests for a tenth longer.
        const Duration server = ms(limit);
        const bool sooner = !p_.max_idle.is_never() && p_.max_idle.ns() <= server.ns() / 10 * 9;
        if (sooner) return ok(topic, text(server, "; the pool retires after ", p_.max_idle));
        warn(topic, text(server, ": the server ends resting connections before the pool does (max_idle is ", p_.max_idle, ")"),
             text("Lifetime{.max_idle = ", Duration{server.ns() / 10 * 8}, "} or less"));
    }

    void idle_in_transaction() {
        const char* topic = "idle_in_transaction_session_timeout";
        const std::int64_t limit = f_.idle_in_transaction_ms.value_or(0);
        if (limit > 0) return ok(topic, text(ms(limit)));
        warn(topic, "off: a lease that is kept inside a transaction keeps its locks for ever",
             "alter role ... set idle_in_transaction_session_timeout = '1min'");
    }

    void statement() {
        const char* topic = "statement_timeout";
        const std::int64_t limit = f_.statement_ms.value_or(0);
        const std::string remedy = text("alter role ... set statement_timeout, to less than ", p_.checkout_timeout,
                                        "; a pool and a role of their own for what takes longer");
        if (limit <= 0) return warn(topic, "off: a statement keeps its connection as long as it likes", remedy);
        if (ms(limit) <= p_.checkout_timeout) return ok(topic, text(ms(limit)));
        warn(topic, text(ms(limit), ": whoever waits for the connection gives up sooner (checkout_timeout is ", p_.checkout_timeout, ")"),
             remedy);
    }

    void pooler() {
        const char* topic = "pooler";
        const PqPooler said = p_.pooler;
        const auto option = [](PqPooler p) {
            const char* mode = p == PqPooler::none ? "none" : p == PqPooler::session ? "session" : "transaction";
            return text("PqOptions::pooler = PqPooler::", mode);
        };
        const auto contradicted = [&](const char* fact) { return text(fact, ", and not ", option(said)); };
        if (!f_.pooler) {
            return warn(topic, "one in between (PgBouncer or alike); its mode could not be seen",
                        "it takes two connections to see it: ask again when two are free, with max_size of 2 at least");
        }
        const std::string remedy = option(*f_.pooler);
        switch (*f_.pooler) {
            case PqPooler::none:
                if (said == PqPooler::none) return ok(topic, "none");
                return warn(topic, contradicted("none"), remedy);
            case PqPooler::session: {
                const char* fact = "one in between (PgBouncer or alike), session mode as far as can be seen";
                if (said == PqPooler::session) return ok(topic, fact);
                return warn(topic, contradicted(fact), remedy);
            }
            case PqPooler::transaction: break;
        }
        const char* fact = "one in between (PgBouncer or alike), transaction mode: what outlives a transaction is lost or another's";
        if (said == PqPooler::transaction) return ok(topic, fact);
        // Prepared statements are the default, and were seen to be another's: wrong rows, and no error.
        fail(topic, contradicted(fact), text(remedy, "; no SET, LISTEN, advisory lock or temporary table beyond a transaction: docs/scaling.md"));
    }

    void encryption() {
        const char* topic = "encryption";
        if (f_.path == PqPath::local) return ok(topic, f_.tls ? "TLS, over a Unix socket" : "none needed: a Unix socket");
        if (f_.tls) return ok(topic, "TLS");
        if (f_.path == PqPath::loopback) return ok(topic, "none, over the loopback");
        warn(topic, "none: passwords aside, everything can be read on the way", "sslmode=verify-full in the connection string");
    }

    void keepalives() {
        const char* topic = "keepalives";
        if (f_.path == PqPath::local) return ok(topic, "none needed: a Unix socket");
        const char* remedy = "leave keepalives and tcp_user_timeout to PqOptions, or set them in the connection string";
        if (!f_.keepalives) return warn(topic, "off: a network that drops connections without a word is not noticed", remedy);
        const std::uint64_t idle = number(f_.idle_s), interval = number(f_.interval_s), count = number(f_.count);
        const std::uint64_t noticed = idle + interval * count;
        std::string fact = text(idle, " s + ", count, " x ", interval, " s");
        // The shortest idle limits of cloud NAT boxes and balancers are 240 to 350 s.
        if (idle >= 240 || noticed > 350) return warn(topic, text(fact, ": networks forget idle connections after 240 s"), remedy);
        if (f_.user_timeout_ms == 0) {
            return warn(topic, text(fact, ", but no tcp_user_timeout: while data is unacknowledged they do not run"), remedy);
        }
        ok(topic, text(fact, "; tcp_user_timeout ", ms(f_.user_timeout_ms)));
    }

    const PqFacts& f_;
    const PqPoolFacts& p_;
    const PreflightPlan& plan_;
    std::vector<PreflightLine> lines_{};
};

}  // namespace dewpond::inline v0::detail
