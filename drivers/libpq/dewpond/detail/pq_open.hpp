// SPDX-License-Identifier: BSL-1.0
// Connecting within a deadline: PQconnectPoll driven by poll(2), one try for each address of each host.
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
#include <dewpond/detail/pq_resolve.hpp>
#include <dewpond/detail/pq_target.hpp>
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
/// `login_refused` becomes true when the server did not like the credentials, and stays as it was otherwise.
inline OpenError pq_try(PGconn* c, bool role_asked, Deadline by, bool& login_refused) {
    PqPhase phase = PqPhase::options;
    const auto refused = [&] {
        // The role is judged in the same step that ends the log-in: what the server told about itself is there by then.
        const bool logged_in = PQparameterStatus(c, "server_version") != nullptr;
        if (phase == PqPhase::logging_in && logged_in) phase = PqPhase::checking_role;
        const PqOpenFailure failure{.message = PQerrorMessage(c),
                                    .phase = phase,
                                    .needs_password = PQconnectionNeedsPassword(c) == 1,
                                    .role_asked = role_asked};
        if (pq_login_refused(failure)) login_refused = true;
        return pq_explain(failure);
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

/// What the driver keeps of a connection that has come about.
inline std::unique_ptr<PqSession> pq_session_of(std::unique_ptr<PGconn, PqFinish> c, PQnoticeReceiver receiver,
                                                const PqOptions& options) {
    auto s = std::make_unique<PqSession>();
    s->cancel = PqCancelKey{PQgetCancel(c.get()), &PQfreeCancel};
    s->receiver = receiver;
    s->receiver_arg = options.notice_arg;
    s->owner = ::getpid();
    s->backend = PQbackendPID(c.get());
    s->statements.how = options.statements;
    s->statements.most = options.max_statements;
    s->statements.shared = options.pooler == PqPooler::transaction;
    s->pooler = options.pooler;
    s->conn = c.release();
    return s;
}

/// An equal part of what is left, for the next of so many: who is mute leaves the others their share.
inline Deadline pq_share(Deadline all, TimePoint now, std::size_t of) noexcept {
    return all.is_never() ? all : Deadline::after(now, Duration{all.remaining(now) / static_cast<long>(of)});
}

/// See `PqDriver::open`.
inline Result<std::unique_ptr<PqSession>, OpenError>
pq_open(const PqTarget& target, const PqOptions& options, const std::string& pool, Deadline by, bool& login_refused) {
    const PQnoticeReceiver receiver = options.notice_receiver != nullptr ? options.notice_receiver : &pq_ignore_notice;
    const std::size_t tries = target.tries();
    OpenError worst;
    const auto failed = [&worst](OpenError error) {
        // What may pass counts for more than what will not: with it the pool goes on trying.
        if (worst.fault() == Fault::none || error.fault() != Fault::configuration) worst = std::move(error);
    };
    for (std::size_t n = 0; n < tries; ++n) {
        auto now = std::chrono::steady_clock::now();
        if (by.passed(now)) break;
        const Deadline ours = pq_share(by, now, tries - n);
        PqAddresses addresses{{}};  // one, as the connection string has it
        if (const std::string* name = target.name(n)) {
            auto found = pq_resolve(*name, earlier(ours, Deadline::after(now, target.limit())));
            if (!found) {
                failed(std::move(found).error());
                continue;
            }
            addresses = *std::move(found);
        }
        for (std::size_t i = 0; i < addresses.size(); ++i) {
            now = std::chrono::steady_clock::now();
            if (ours.passed(now)) break;
            std::unique_ptr<PGconn, PqFinish> c{target.start(n, pool, addresses[i])};
            if (!c) return OpenError{Fault::other, "no memory"};
            PQsetNoticeReceiver(c.get(), receiver, options.notice_arg);  // before the first word: the default prints
            const Deadline mine =
                earlier(pq_share(ours, now, addresses.size() - i), Deadline::after(now, target.limit()));
            OpenError error = pq_try(c.get(), target.role_asked(), mine, login_refused);
            if (error.fault() == Fault::none) return pq_session_of(std::move(c), receiver, options);
            const bool for_good = error.fault() == Fault::configuration;
            failed(std::move(error));
            if (for_good) break;  // the addresses of one name are one server: it need not say so twice
        }
    }
    if (worst.fault() == Fault::none) return OpenError{Fault::timed_out, "no time was left to connect"};
    return worst;
}

}  // namespace dewpond::inline v0::detail
