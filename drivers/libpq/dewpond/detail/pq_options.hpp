// SPDX-License-Identifier: BSL-1.0
// PqOptions: what a PqDriver does where the connection string is silent, and what it does between two borrowers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include <libpq-fe.h>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_statements.hpp>

namespace dewpond::inline v0 {

/// How far a `PqDriver`'s reset goes. What each level lets through to the next borrower: docs/libpq.md.
enum class PqReset : std::uint8_t {
    transaction,  ///< rolls an open transaction back and puts the client's side back: no round trip, or one
    session,      ///< sends DISCARD ALL as well, and drops what was notified: one round trip more
};

/// What a server must be for a `PqDriver` to keep a connection to it.
enum class PqRole : std::uint8_t {
    any,
    primary,  ///< takes writes: neither in hot standby nor read only by default
    standby,  ///< in hot standby
};

/// What stands between a `PqDriver` and the server, PgBouncer or alike: whose is a session of the server?
/// docs/scaling.md has what works behind each.
enum class PqPooler : std::uint8_t {
    none,         ///< nothing in between
    session,      ///< ours from the log-in to the end, as without a pooler
    transaction,  ///< ours within a transaction only; between two of them it is anybody's
};

/// What a `PqDriver` does where the connection string is silent, and how far its reset goes.
struct PqOptions {
    /// Sent where the connection string names none. Empty: the name of the pool, which PGAPPNAME in the environment
    /// overrides.
    std::string application_name = {};
    /// A network that drops an idle connection without a word (NAT boxes: after 240 to 350 s) is noticed after idle +
    /// interval * count = 60 s. TCP only, like the four below.
    bool keepalives = true;
    Duration keepalives_idle = std::chrono::seconds{30};
    Duration keepalives_interval = std::chrono::seconds{10};
    unsigned keepalives_count = 3;
    /// Keepalives do not run while data is unacknowledged (measured); this does. `never`: the system's choice.
    Duration tcp_user_timeout = std::chrono::seconds{30};
    /// How far a reset goes. When there is one is the pool's policy: with `ResetIfDirty` after a return that local
    /// memory finds dirty, with `ResetAlways` after each. After `session` the pool runs `OnOpen` again.
    PqReset reset = PqReset::transaction;
    /// Statements of your own that each reset ends with, sent as one string and so run as one transaction, which they
    /// must not leave open; rows are thrown away, an error closes the connection. Never quoted anywhere. As they may
    /// undo what `OnOpen` did, it runs again after them. Empty: none. \cost one round trip.
    std::string reset_sql = {};
    /// What `lease->prepared(sql)` does; behind a pooler in transaction mode always `unnamed`.
    PqStatements statements = PqStatements::cache;
    /// So many statements each connection keeps, at least 1; the one that rested longest goes first.
    std::size_t max_statements = 64;
    /// Asked for at the opening of each connection (as `target_session_attrs`, which must be absent then), and looked
    /// at again at each return and checkout, from what the server reported with its last answer (PostgreSQL 14 and
    /// later). What does not fit is closed with `Fault::wrong_role`. \cost 0.15 us at each look; nothing for `any`.
    PqRole require = PqRole::any;
    /// What stands in between. With a pooler, options that it cannot serve are refused: `require` (and
    /// `target_session_attrs`, `options` in the connection string); in transaction mode `PqReset::session` and
    /// `reset_sql` as well, and `lease->prepared` outside a transaction. `preflight` says what it sees.
    PqPooler pooler = PqPooler::none;
    /// Gets the server's notices; null swallows them. Libpq's default would write them to stderr. It stays attached to
    /// results, which outlive the lease: what `notice_arg` points to must outlive every result.
    PQnoticeReceiver notice_receiver = nullptr;
    void* notice_arg = nullptr;
};

}  // namespace dewpond::inline v0
