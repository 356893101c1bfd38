// SPDX-License-Identifier: BSL-1.0
// What the answer to a user's statement says about the connection it came over. Pure, but for the looking.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include <libpq-fe.h>

#include <dewpond/detail/pq_connection.hpp>
#include <dewpond/detail/pq_fault.hpp>
#include <dewpond/error.hpp>

namespace dewpond::inline v0::detail {

/// Everything that is looked at in an answer.
struct PqSeen {
    bool failed = false;             ///< the statement did
    std::string_view state = {};     ///< the SQLSTATE; "" when the error is libpq's own
    std::string_view severity = {};  ///< not localised; "" from PgBouncer, and when the error is libpq's own
    bool connected = true;           ///< as far as libpq knows, which may be wrong
    bool takes_writes = false;       ///< the server itself says so; false also when it says nothing
};

/// What becomes of the connection.
enum class PqEffect : std::uint8_t {
    none,  ///< it goes on: the trouble was the statement's
    one,   ///< it is closed when it comes back
    all,   ///< and so is, a few at a time, what was opened before: the server is not what it was
};

struct PqVerdict {
    Fault fault = Fault::none;
    PqEffect effect = PqEffect::none;
    const char* words = "";
};

/// Severity ERROR means that the session goes on. Then a class that would else be about this connection is about
/// another one (08xxx and 28xxx of a foreign server, 3D000 of a DROP DATABASE), or about the statement (08P01 of a
/// wrong number of parameters): never a reason to close.
inline PqVerdict pq_verdict(const PqSeen& seen) noexcept {
    const std::string_view s = seen.state;
    constexpr const char* ended = "the session ended under a statement";
    if (!seen.failed) return seen.connected ? PqVerdict{} : PqVerdict{Fault::broken, PqEffect::one, ended};
    if (s == "25006") {
        // On a server that takes writes it was a transaction of the borrower's own that was READ ONLY. But through
        // PgBouncer what a server says of itself may be of yesterday (measured): this one is not kept either.
        return {Fault::wrong_role, seen.takes_writes ? PqEffect::one : PqEffect::all, "a write was refused: read only"};
    }
    const bool goes_on = seen.connected && seen.severity == "ERROR";
    const bool says_end = !seen.connected || s.empty() || seen.severity == "FATAL" || seen.severity == "PANIC";
    const PqEffect effect = goes_on ? PqEffect::none : PqEffect::one;
    if (s == "53300") return {Fault::full, effect, ended};
    if (s == "57P03") return {Fault::starting, PqEffect::one, ended};
    if (s.starts_with("28") || s == "3D000") return {Fault::configuration, effect, ended};
    if (s.starts_with("57P") || says_end) return {Fault::broken, PqEffect::one, ended};
    if (s.starts_with("08")) return {goes_on ? Fault::none : Fault::broken, effect, ended};
    return {s.starts_with("53") ? Fault::other : Fault::none, PqEffect::none, ended};
}

/// Null: libpq had no memory, or no connection.
inline PqSeen pq_look_at(PGconn* c, const PGresult* r) noexcept {
    const auto field = [r](int which) {
        const char* text = r != nullptr ? PQresultErrorField(r, which) : nullptr;
        return std::string_view{text != nullptr ? text : ""};
    };
    const auto off = [c](const char* parameter) {
        const char* value = PQparameterStatus(c, parameter);
        return value != nullptr && std::string_view{value} == "off";
    };
    const ExecStatusType status = PQresultStatus(r);  // of null: PGRES_FATAL_ERROR
    return {.failed = status == PGRES_FATAL_ERROR || status == PGRES_BAD_RESPONSE,
            .state = field(PG_DIAG_SQLSTATE),
            .severity = field(PG_DIAG_SEVERITY_NONLOCALIZED),
            .connected = PQstatus(c) == CONNECTION_OK,
            .takes_writes = off("in_hot_standby") && off("default_transaction_read_only")};
}

/// A lease of a PostgreSQL connection, from whatever pool.
template <class L>
concept pq_lease = requires(L& lease) {
    { *lease } -> std::same_as<PqConnection&>;
    lease.report(Fault::broken);
};

}  // namespace dewpond::inline v0::detail
