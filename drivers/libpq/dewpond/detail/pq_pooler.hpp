// SPDX-License-Identifier: BSL-1.0
// What cannot work behind a pooler, and the sentence that says so. Measured with PgBouncer 1.18.
#pragma once

#include <dewpond/config.hpp>
#include <dewpond/detail/pq_options.hpp>

namespace dewpond::inline v0::detail {

/// Null where nothing stands against it. Pure.
///
/// The role: a pooler tells a newcomer what its own connection was told when it logged in, and so, after a promotion,
/// the old role in either mode until it connects anew (pgbouncer/pgbouncer#859): a pool that insists would stay down.
/// Options: PgBouncer refuses them before 1.20, later all that it does not track; told to ignore them, they are lost.
inline const char* pq_refused_behind_pooler(const PqOptions& options, bool role_asked, bool options_said) noexcept {
    if (options.pooler == PqPooler::none) return nullptr;
    if (role_asked) {
        return "PqOptions::pooler: no role (PqOptions::require, target_session_attrs) can be asked for behind a pooler, "
               "which may tell an old one: let the pooler have the right server";
    }
    if (options_said) {
        return "PqOptions::pooler: a pooler refuses or drops what the connection string (or PGOPTIONS) says in options: "
               "set it on the role (alter role ... set)";
    }
    if (options.pooler == PqPooler::session) return nullptr;
    if (options.reset == PqReset::session) {
        return "PqOptions::reset is session: behind a pooler in transaction mode DISCARD ALL would meet a session of others";
    }
    if (!options.reset_sql.empty()) {
        return "PqOptions::reset_sql: behind a pooler in transaction mode it would meet a session of others; leave it empty";
    }
    return nullptr;
}

}  // namespace dewpond::inline v0::detail
