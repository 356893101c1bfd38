// SPDX-License-Identifier: BSL-1.0
// What one connection can tell about its server and the way to it: one round trip, and a look at the socket.
#pragma once

#include <array>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>

#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_fault.hpp>
#include <dewpond/detail/pq_options.hpp>
#include <dewpond/detail/pq_wire.hpp>

namespace dewpond::inline v0::detail {

enum class PqPath : std::uint8_t { local, loopback, network };

/// Numbers and flags only: nothing here could hold a secret. A setting that the server does not know is empty.
struct PqFacts {
    // what libpq and the socket say
    int version = 0;
    bool tls = false;
    PqPath path = PqPath::network;
    bool keepalives = false;
    int idle_s = 0, interval_s = 0, count = 0, user_timeout_ms = 0;
    bool standby_wanted = false;  ///< target_session_attrs asks for one that is read only
    bool superuser = false;
    // what the server says
    bool answered = false;
    bool refused = false;  ///< it answered with an error
    PqSqlState state{};    ///< of that error
    std::optional<std::int64_t> max_connections{}, superuser_reserved{}, reserved{};
    std::optional<std::int64_t> role_limit{}, database_limit{};  ///< -1: none
    std::optional<std::int64_t> idle_session_ms{}, idle_in_transaction_ms{}, statement_ms{};
    bool standby = false, read_only = false;
    std::int64_t backend = 0;
    std::optional<PqPooler> pooler = PqPooler::none;  ///< empty: there is one, whose mode could not be seen
};

/// Sends one statement and takes its only result; null when there is none by the deadline (then the connection is good
/// for closing only) or it is not rows; then `f` tells what was refused, and with which SQLSTATE.
inline PqResult pq_rows(PGconn* c, const char* sql, Deadline by, PqFacts& f) noexcept {
    if (PQsendQuery(c, sql) != 1) return {};
    PqResult rows;
    for (;;) {
        while (PQisBusy(c) == 1) {
            if (pq_wait(PQsocket(c), POLLIN, by) == 0) return {};
            if (PQconsumeInput(c) == 0 && PQisBusy(c) == 1) return {};
        }
        PqResult r{PQgetResult(c)};
        if (!r) return rows;
        if (PQresultStatus(r.get()) != PGRES_TUPLES_OK) {
            const char* s = PQresultErrorField(r.get(), PG_DIAG_SQLSTATE);
            f.state.set(s != nullptr ? s : "");
            f.refused = true;
            if (PQresultStatus(r.get()) != PGRES_FATAL_ERROR) return {};  // a COPY's result would come for ever
            continue;
        }
        rows = std::move(r);
    }
}

/// The process of the server that answers; 0 when none does.
inline std::int64_t pq_backend_behind(PGconn* c, Deadline by) noexcept {
    PqFacts ignored;
    const PqResult r = pq_rows(c, "select pg_catalog.pg_backend_pid()", by, ignored);
    return r && PQntuples(r.get()) == 1 ? std::strtoll(PQgetvalue(r.get(), 0, 0), nullptr, 10) : 0;
}

inline PqPath pq_path(int fd) noexcept {
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return PqPath::network;
    if (peer.ss_family == AF_UNIX) return PqPath::local;
    bool loopback = false;
    if (peer.ss_family == AF_INET) {
        loopback = (ntohl(reinterpret_cast<const sockaddr_in&>(peer).sin_addr.s_addr) >> 24) == 127;
    } else if (peer.ss_family == AF_INET6) {
        loopback = IN6_IS_ADDR_LOOPBACK(&reinterpret_cast<const sockaddr_in6&>(peer).sin6_addr);
    }
    return loopback ? PqPath::loopback : PqPath::network;
}

/// What needs no round trip. The options of the socket are asked of the system: those that are in force.
inline void pq_look_around(PGconn* c, PqFacts& f) noexcept {
    const int fd = PQsocket(c);
    const auto option = [fd](int level, int name) {
        int value = 0;
        socklen_t size = sizeof value;
        return ::getsockopt(fd, level, name, &value, &size) == 0 ? value : 0;
    };
    f.version = PQserverVersion(c);
    f.tls = PQsslInUse(c) == 1;
    f.path = pq_path(fd);
    f.keepalives = option(SOL_SOCKET, SO_KEEPALIVE) != 0;
    if (f.path != PqPath::local) {
        f.idle_s = option(IPPROTO_TCP, TCP_KEEPIDLE);
        f.interval_s = option(IPPROTO_TCP, TCP_KEEPINTVL);
        f.count = option(IPPROTO_TCP, TCP_KEEPCNT);
        f.user_timeout_ms = option(IPPROTO_TCP, TCP_USER_TIMEOUT);
    }
    const char* superuser = PQparameterStatus(c, "is_superuser");
    f.superuser = superuser != nullptr && std::string_view{superuser} == "on";
    if (PQconninfoOption* all = PQconninfo(c)) {  // holds the password as well: one keyword is looked at, then freed
        for (const PQconninfoOption* o = all; o->keyword != nullptr; ++o) {
            if (std::string_view{o->keyword} != "target_session_attrs" || o->val == nullptr) continue;
            const std::string_view v{o->val};
            f.standby_wanted = v == "standby" || v == "prefer-standby" || v == "read-only";
        }
        PQconninfoFree(all);
    }
}

/// All settings in one statement, outside a transaction. A setting that this server does not have is no row and no
/// error; pg_settings gives times in ms, without their units.
inline void pq_ask_around(PGconn* c, PqFacts& f, Deadline by) noexcept {
    constexpr const char* sql =
        "select name, setting from pg_catalog.pg_settings where name in ('max_connections',"
        " 'superuser_reserved_connections', 'reserved_connections', 'idle_session_timeout',"
        " 'idle_in_transaction_session_timeout', 'statement_timeout')"
        " union all select 'read_only', (pg_catalog.current_setting('default_transaction_read_only') = 'on')::int::text"
        " union all select 'standby', pg_catalog.pg_is_in_recovery()::int::text"
        " union all select 'backend', pg_catalog.pg_backend_pid()::text"
        " union all select 'role_limit', rolconnlimit::text from pg_catalog.pg_roles where rolname = session_user"
        " union all select 'database_limit', datconnlimit::text from pg_catalog.pg_database"
        " where datname = pg_catalog.current_database()";
    const PqResult r = pq_rows(c, sql, by, f);
    if (!r || PQnfields(r.get()) != 2) return;
    std::optional<std::int64_t> backend, standby, read_only;
    struct Name {
        std::string_view name;
        std::optional<std::int64_t>* value;
    };
    const std::array names{Name{"max_connections", &f.max_connections},
                           Name{"superuser_reserved_connections", &f.superuser_reserved},
                           Name{"reserved_connections", &f.reserved},
                           Name{"role_limit", &f.role_limit},
                           Name{"database_limit", &f.database_limit},
                           Name{"idle_session_timeout", &f.idle_session_ms},
                           Name{"idle_in_transaction_session_timeout", &f.idle_in_transaction_ms},
                           Name{"statement_timeout", &f.statement_ms},
                           Name{"backend", &backend},
                           Name{"standby", &standby},
                           Name{"read_only", &read_only}};
    for (int row = 0; row < PQntuples(r.get()); ++row) {
        for (const Name& n : names) {
            if (n.name == PQgetvalue(r.get(), row, 0)) *n.value = std::strtoll(PQgetvalue(r.get(), row, 1), nullptr, 10);
        }
    }
    f.answered = backend.has_value() && f.max_connections.has_value();
    f.backend = backend.value_or(0);
    f.standby = standby.value_or(0) != 0;
    f.read_only = read_only.value_or(0) != 0;
    // A server tells its own process when it lets a client in; a pooler invents one.
    if (f.answered && f.backend != PQbackendPID(c)) f.pooler.reset();
}

}  // namespace dewpond::inline v0::detail
