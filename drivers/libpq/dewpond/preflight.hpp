// SPDX-License-Identifier: BSL-1.0
// preflight(pool): does this server suit this pool? For the start of a program, a deployment's check, a person.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_connection.hpp>
#include <dewpond/detail/pq_facts.hpp>
#include <dewpond/detail/pq_judge.hpp>
#include <dewpond/detail/pq_options.hpp>
#include <dewpond/preflight_report.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0 {
namespace detail {

/// Which mode a pooler is in, seen with a second connection. In session mode neither of the two ever gets another
/// process of the server, nor the other's. In transaction mode right after the first one's statement the second gets
/// the same one, as PgBouncer gives out the last one first; where other traffic takes it in between, they get now this
/// one, now that. `seen` is what the first one got before. Twenty looks: with five, load misled it once in 120 times.
template <class Db>
std::optional<PqPooler> pq_pooler_mode(Db& pool, PGconn* first, std::int64_t seen, Deadline by) {
    const auto left = [by] { return by.remaining(std::chrono::steady_clock::now()); };
    auto second = pool.try_checkout(Limit{Duration{left()}});
    if (!second) return {};
    std::int64_t seen_by_second = 0;
    for (int look = 0; look < 20; ++look) {
        const auto a = pq_backend_behind(first, by);
        const auto b = pq_backend_behind(**second, by);
        if (a == 0 || b == 0) {
            second->discard();
            return {};
        }
        if (a == b || a != seen || (look > 0 && b != seen_by_second)) return PqPooler::transaction;
        seen_by_second = b;
    }
    return PqPooler::session;
}

}  // namespace detail

/// Looks at the server through one connection of the pool: `preflight(db, {.replicas = 8}).text()`.
///
/// Answers version and role, connections against `max_size` times the processes, the server's time-outs against the
/// pool's, encryption, a pooler and its mode, keepalives in force. docs/preflight.md has every line. Nothing that the
/// server says makes it throw, and nothing of the connection string is in the report; when no connection can be had,
/// one line says why. Leaves no transaction and no setting behind. Thread-safe. Throws std::bad_alloc only.
/// \cost a checkout and one round trip; behind a pooler a second checkout and up to forty more.
template <class Db>
    requires std::same_as<typename Db::resource_type, PqConnection>
[[nodiscard]] PreflightReport preflight(Db& pool, const PreflightPlan& plan = {}) {
    PreflightReport report;
    const Deadline by = Deadline::after(std::chrono::steady_clock::now(), plan.limit);
    auto lease = pool.try_checkout(Limit{plan.limit});
    if (!lease) {
        report.lines.push_back({"connection", lease.error().what(), PreflightVerdict::fail, "docs/errors.md, by the words of the sentence"});
        return report;
    }
    PGconn* c = **lease;
    const PqPooler said = detail::PqInside::pooler(**lease);
    detail::PqFacts facts;
    detail::pq_look_around(c, facts);
    detail::pq_ask_around(c, facts, by);
    if (facts.pooler != PqPooler::none) facts.pooler = detail::pq_pooler_mode(pool, c, facts.backend, by);
    if (PQtransactionStatus(c) != PQTRANS_IDLE) lease->discard();
    const Stats stats = pool.stats();
    detail::PqPoolFacts mine{.max_size = stats.max_size, .checkout_timeout = stats.checkout_timeout, .pooler = said};
    if constexpr (requires { Duration{pool.lifetime().max_idle}; }) mine.max_idle = pool.lifetime().max_idle;
    report.lines = detail::PqJudge{facts, mine, plan}.lines();
    return report;
}

}  // namespace dewpond::inline v0
