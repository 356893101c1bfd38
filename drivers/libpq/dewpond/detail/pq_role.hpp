// SPDX-License-Identifier: BSL-1.0
// What a server is, as it reports it unasked: PostgreSQL 14 and later send these two with the answer that changes them.
#pragma once

#include <string_view>

#include <libpq-fe.h>

#include <dewpond/config.hpp>
#include <dewpond/detail/pq_options.hpp>

namespace dewpond::inline v0::detail {

DEWPOND_HIDDEN inline constexpr const char* pq_wrong_role = "the server is no longer what PqOptions::require asks for";

/// Pure. Null: not reported, by an older server; what was asked at the opening then has to do.
inline bool pq_role_fits(PqRole role, const char* in_hot_standby, const char* default_read_only) noexcept {
    const auto is = [](const char* value, std::string_view word) { return value != nullptr && value == word; };
    switch (role) {
        case PqRole::primary: return !is(in_hot_standby, "on") && !is(default_read_only, "on");
        case PqRole::standby: return !is(in_hot_standby, "off");
        case PqRole::any: break;
    }
    return true;
}

/// As old as the last traffic: while a connection rests, nothing arrives (measured). Cost: 0.15 us, as libpq keeps what
/// is reported in a list; none for `any`.
inline bool pq_in_role(const PGconn* c, PqRole role) noexcept {
    return role == PqRole::any || pq_role_fits(role, PQparameterStatus(c, "in_hot_standby"),
                                               PQparameterStatus(c, "default_transaction_read_only"));
}

}  // namespace dewpond::inline v0::detail
