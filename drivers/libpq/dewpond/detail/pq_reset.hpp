// SPDX-License-Identifier: BSL-1.0
// What a connection needs before the next borrower gets it, seen from local memory, and doing it within a deadline.
#pragma once

#include <memory>

#include <libpq-fe.h>
#include <poll.h>
#include <unistd.h>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_connection.hpp>
#include <dewpond/detail/pq_wire.hpp>
#include <dewpond/driver.hpp>

namespace dewpond::inline v0::detail {

/// As PQconnectdb hands it out, as far as local memory knows. The verbosities cannot be read, only exchanged.
inline bool pq_plain(const PqSession& s) noexcept {
    PGconn* c = s.conn;
    if (s.ended || PQtransactionStatus(c) != PQTRANS_IDLE) return false;  // of a lost connection it is "unknown"
    // Pipeline mode says IDLE too, and every PQexec of the next borrower would fail.
    if (PQpipelineStatus(c) != PQ_PIPELINE_OFF || PQisnonblocking(c) == 1) return false;
    if (PQsetNoticeReceiver(c, nullptr, nullptr) != s.receiver) return false;  // null: asks only
    const PGVerbosity verbosity = PQsetErrorVerbosity(c, PQERRORS_DEFAULT);
    if (verbosity != PQERRORS_DEFAULT) PQsetErrorVerbosity(c, verbosity);
    const PGContextVisibility context = PQsetErrorContextVisibility(c, PQSHOW_CONTEXT_ERRORS);
    if (context != PQSHOW_CONTEXT_ERRORS) PQsetErrorContextVisibility(c, context);
    return verbosity == PQERRORS_DEFAULT && context == PQSHOW_CONTEXT_ERRORS;
}

/// Takes the results that are there or on this host already; false when more would have to be waited for, when it is
/// a COPY (its PQgetResult returns the same for ever), or when it is more than a return should read (64 reads).
inline bool pq_take_what_is_there(PGconn* c) noexcept {
    int reads = 64;
    for (int results = 4096; results > 0; --results) {
        while (PQisBusy(c) == 1) {
            if (reads-- == 0 || (pq_look(PQsocket(c), POLLIN) & POLLIN) == 0 || PQconsumeInput(c) == 0) return false;
        }
        const PqResult r{PQgetResult(c)};
        if (!r) {
            if (PQtransactionStatus(c) != PQTRANS_ACTIVE) return true;
            continue;  // in a pipeline: between the answers of two statements
        }
        switch (PQresultStatus(r.get())) {
            case PGRES_COPY_IN:
            case PGRES_COPY_OUT:
            case PGRES_COPY_BOTH: return false;
            default: break;
        }
    }
    return false;
}

/// Brings a connection to rest without waiting: unread answers are taken, an empty pipeline is left.
inline bool pq_settle(PqSession& s) noexcept {
    PGconn* c = s.conn;
    if (PQtransactionStatus(c) == PQTRANS_ACTIVE && !pq_take_what_is_there(c)) {
        return s.fail(Fault::broken, "it was given back while a statement, a COPY or a pipeline was under way");
    }
    if (PQpipelineStatus(c) != PQ_PIPELINE_OFF) {
        // Leaving flushes (a PQsendFlushRequest may be queued): only when the socket takes it at once.
        const bool writable = (pq_look(PQsocket(c), POLLOUT) & POLLOUT) != 0;
        if (!writable || PQexitPipelineMode(c) != 1) {
            return s.fail(Fault::broken, "it was given back with a pipeline that cannot be left");
        }
    }
    return pq_at_rest(c) || s.fail(Fault::broken, "it was given back in an unknown state");
}

/// The client's side of a new connection; costs no round trip. Everything here survives DISCARD ALL.
inline bool pq_restore_client(PqSession& s) noexcept {
    PGconn* c = s.conn;
    if (PQsetnonblocking(c, 0) != 0) return false;
    PQsetErrorVerbosity(c, PQERRORS_DEFAULT);
    PQsetErrorContextVisibility(c, PQSHOW_CONTEXT_ERRORS);
    PQsetNoticeReceiver(c, s.receiver, s.receiver_arg);
    PQuntrace(c);
    if (s.discard_all) {
        struct Free {
            void operator()(PGnotify* n) const noexcept { PQfreemem(n); }
        };
        while (std::unique_ptr<PGnotify, Free>{PQnotifies(c)}) {
        }
    }
    return true;
}

/// See `PqDriver::reset`.
inline ResetResult pq_reset(PqSession& s, Deadline by) noexcept {
    PGconn* c = s.conn;
    const auto broken = [&s](const char* why) {
        if (s.note.fault == Fault::none) s.fail(Fault::broken, why);
        return ResetResult::broken;
    };
    if (s.ended) return ResetResult::broken;
    s.note = {};
    if (s.owner != ::getpid()) return broken("the connection belongs to another process");
    if (PQstatus(c) != CONNECTION_OK) return broken("the connection is broken");
    bool discarded = s.stage == PqStage::discarding;
    if (s.stage == PqStage::none) {
        if (!pq_settle(s)) return ResetResult::broken;
        if (PQsetnonblocking(c, 1) != 0) return broken("the connection broke");
    }
    for (;;) {
        if (s.stage == PqStage::none) {
            if (PQtransactionStatus(c) != PQTRANS_IDLE) {
                if (PQsendQuery(c, "ROLLBACK") != 1) return broken("the connection cannot be written to");
                s.stage = PqStage::rolling_back;
            } else if (s.discard_all && !discarded) {
                // Not in one string with the ROLLBACK: that is one transaction, in which DISCARD ALL is refused.
                if (PQsendQuery(c, "DISCARD ALL") != 1) return broken("the connection cannot be written to");
                s.stage = PqStage::discarding;
                discarded = true;
            } else {
                break;
            }
        }
        switch (pq_finish_statement(s, PGRES_COMMAND_OK, by)) {
            case PqAnswer::pending: return ResetResult::unfinished;
            case PqAnswer::failed: return ResetResult::broken;
            case PqAnswer::done: break;
        }
        const bool rolled_back = s.stage == PqStage::rolling_back;
        s.stage = PqStage::none;
        if (rolled_back && PQtransactionStatus(c) != PQTRANS_IDLE) return broken("a ROLLBACK left it in a transaction");
    }
    if (!pq_restore_client(s) || !pq_plain(s)) return broken("it did not come to rest");
    // On a Unix socket, after an immediate stop, a connection fails once and says OK and IDLE again (measured).
    return pq_probe(s) ? ResetResult::clean : ResetResult::broken;
}

}  // namespace dewpond::inline v0::detail
