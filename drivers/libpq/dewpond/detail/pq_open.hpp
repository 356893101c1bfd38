// SPDX-License-Identifier: BSL-1.0
// Connecting within a deadline: PQconnectPoll driven by poll(2), one try per host.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <libpq-fe.h>
#include <poll.h>
#include <unistd.h>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_connection.hpp>
#include <dewpond/detail/pq_fault.hpp>
#include <dewpond/detail/pq_options.hpp>
#include <dewpond/detail/pq_wire.hpp>
#include <dewpond/error.hpp>
#include <dewpond/result.hpp>

namespace dewpond::inline v0::detail {

/// The notice receiver where none is asked for. Stateless: results keep a copy of it.
inline void pq_ignore_notice(void*, const PGresult*) noexcept {}

struct PqFinish {
    void operator()(PGconn* c) const noexcept { PQfinish(c); }
};

inline PqPhase pq_phase(ConnStatusType s) noexcept {
    switch (s) {
        case CONNECTION_SSL_STARTUP:
        case CONNECTION_GSS_STARTUP: return PqPhase::encrypting;
        case CONNECTION_MADE:
        case CONNECTION_AWAITING_RESPONSE: return PqPhase::logging_in;
        case CONNECTION_AUTH_OK:
        case CONNECTION_CHECK_WRITABLE:
        case CONNECTION_CONSUME:
        case CONNECTION_CHECK_TARGET:
        case CONNECTION_CHECK_STANDBY: return PqPhase::checking_role;
        default: return PqPhase::reaching;
    }
}

inline const char* pq_silence(PqPhase p) noexcept {
    switch (p) {
        case PqPhase::encrypting: return "no answer by the deadline: the other side does not set up encryption";
        case PqPhase::logging_in: return "no answer by the deadline: the other side took the connection and is silent";
        case PqPhase::checking_role: return "no answer by the deadline, at the end of logging in";
        default: return "no answer by the deadline: the connection was neither taken nor refused";
    }
}

/// One try; `Fault::none` when it succeeded. Libpq's `connect_timeout` plays no part: PQconnectPoll ignores it.
inline OpenError pq_try(PGconn* c, bool role_asked, Deadline by) {
    PqPhase phase = PqPhase::options;
    const auto refused = [&] {
        // The role is judged in the same step that ends the log-in: what the server told about itself is there by then.
        const bool logged_in = PQparameterStatus(c, "server_version") != nullptr;
        if (phase == PqPhase::logging_in && logged_in) phase = PqPhase::checking_role;
        return pq_explain({.message = PQerrorMessage(c),
                           .phase = phase,
                           .needs_password = PQconnectionNeedsPassword(c) == 1,
                           .role_asked = role_asked});
    };
    if (PQstatus(c) == CONNECTION_BAD) return refused();
    PQsetErrorVerbosity(c, PQERRORS_SQLSTATE);  // the only way to the SQLSTATE of a refusal
    PostgresPollingStatusType want = PGRES_POLLING_WRITING;
    while (want == PGRES_POLLING_WRITING || want == PGRES_POLLING_READING) {
        phase = pq_phase(PQstatus(c));
        // The socket changes with every address that is tried, so it is asked for each time.
        if (pq_wait(PQsocket(c), want == PGRES_POLLING_READING ? POLLIN : POLLOUT, by) == 0) {
            return OpenError{Fault::timed_out, pq_silence(phase)};
        }
        want = PQconnectPoll(c);
    }
    if (want != PGRES_POLLING_OK) return refused();
    PQsetErrorVerbosity(c, PQERRORS_DEFAULT);
    return OpenError{};
}

/// See `PqDriver::open`.
inline Result<std::unique_ptr<PqSession>, OpenError> pq_open(const PqTarget& target, const PqOptions& options,
                                                             const std::string& pool, Deadline by) {
    const PQnoticeReceiver receiver = options.notice_receiver != nullptr ? options.notice_receiver : &pq_ignore_notice;
    const std::size_t tries = target.tries();
    OpenError worst{Fault::timed_out, "no time was left to connect"};
    for (std::size_t n = 0; n < tries; ++n) {
        const auto now = std::chrono::steady_clock::now();
        if (!by.is_never() && by.passed(now)) break;
        Deadline mine = Deadline::after(now, target.limit());
        if (!by.is_never()) {  // a mute host leaves the others their share
            mine = earlier(mine, Deadline::after(now, Duration{by.remaining(now) / static_cast<long>(tries - n)}));
        }
        std::unique_ptr<PGconn, PqFinish> c{target.start(n, pool)};
        if (!c) return OpenError{Fault::other, "no memory"};
        PQsetNoticeReceiver(c.get(), receiver, options.notice_arg);  // before the first word: the default prints
        OpenError error = pq_try(c.get(), target.role_asked(), mine);
        if (error.fault() == Fault::none) {
            auto s = std::make_unique<PqSession>();
            s->cancel = PqCancelKey{PQgetCancel(c.get()), &PQfreeCancel};
            s->receiver = receiver;
            s->receiver_arg = options.notice_arg;
            s->owner = ::getpid();
            s->backend = PQbackendPID(c.get());
            s->statements.how = options.statements;
            s->statements.most = options.max_statements;
            s->conn = c.release();
            return s;
        }
        // What may pass counts for more than what will not: with it the pool goes on trying.
        if (n == 0 || error.fault() != Fault::configuration) worst = std::move(error);
    }
    return worst;
}

}  // namespace dewpond::inline v0::detail
