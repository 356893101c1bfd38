// SPDX-License-Identifier: BSL-1.0
// What a connection needs before the next borrower gets it, seen from local memory, and doing it within a deadline.
#pragma once

#include <memory>

#include <libpq-fe.h>
#include <poll.h>
#include <unistd.h>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_connection.hpp>
#include <dewpond/detail/pq_options.hpp>
#include <dewpond/detail/pq_role.hpp>
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
inline bool pq_restore_client(PqSession& s, PqReset level) noexcept {
    PGconn* c = s.conn;
    if (PQsetnonblocking(c, 0) != 0) return false;
    PQsetErrorVerbosity(c, PQERRORS_DEFAULT);
    PQsetErrorContextVisibility(c, PQSHOW_CONTEXT_ERRORS);
    PQuntrace(c);
    if (level == PqReset::session) {
        struct Free {
            void operator()(PGnotify* n) const noexcept { PQfreemem(n); }
        };
        while (std::unique_ptr<PGnotify, Free>{PQnotifies(c)}) {
        }
    }
    return true;
}

/// The statement that follows `done` in a reset; `none` after the last.
inline PqStage pq_next_stage(PqStage done, bool in_transaction, const PqOptions& options) noexcept {
    if (done == PqStage::none && in_transaction) return PqStage::rolling_back;
    // Not in one string with the ROLLBACK: that is one transaction, in which DISCARD ALL is refused.
    if (done < PqStage::discarding && options.reset == PqReset::session) return PqStage::discarding;
    if (done < PqStage::in_own_words && !options.reset_sql.empty()) return PqStage::in_own_words;
    return PqStage::none;
}

/// Answers that a statement of a reset may get; only the user's own may have rows, or be comments only.
inline bool pq_command_done(ExecStatusType got) noexcept { return got == PGRES_COMMAND_OK; }
inline bool pq_anything_done(ExecStatusType got) noexcept {
    return got == PGRES_COMMAND_OK || got == PGRES_TUPLES_OK || got == PGRES_EMPTY_QUERY;
}

/// See `PqDriver::reset`.
inline ResetResult pq_reset(PqSession& s, const PqOptions& options, Deadline by) noexcept {
    PGconn* c = s.conn;
    const auto broken = [&s](const char* why) {
        if (s.note.fault == Fault::none) s.fail(Fault::broken, why);
        return ResetResult::broken;
    };
    if (s.ended) return ResetResult::broken;
    s.note = {};
    if (s.owner != ::getpid()) return broken("the connection belongs to another process");
    if (PQstatus(c) != CONNECTION_OK) return broken("the connection is broken");
    if (s.stage == PqStage::none) {
        PQsetNoticeReceiver(c, s.receiver, s.receiver_arg);  // the borrower's own may be gone with the borrower
        if (!pq_settle(s)) return ResetResult::broken;
        if (PQsetnonblocking(c, 1) != 0) return broken("the connection broke");
    }
    for (PqStage at = s.stage;;) {
        if (s.stage == PqStage::none) {
            at = pq_next_stage(at, PQtransactionStatus(c) != PQTRANS_IDLE, options);
            if (at == PqStage::none) break;
            const char* const sql = at == PqStage::rolling_back ? "ROLLBACK"
                                    : at == PqStage::discarding ? "DISCARD ALL"
                                                                : options.reset_sql.c_str();
            if (PQsendQuery(c, sql) != 1) return broken("the connection cannot be written to");
            s.stage = at;
        }
        const bool own = at == PqStage::in_own_words;
        switch (pq_finish_statement(s, own ? &pq_anything_done : &pq_command_done, by)) {
            case PqAnswer::pending: return ResetResult::unfinished;
            case PqAnswer::failed:
                if (own && s.note.state.known()) s.note.sentence = "a statement of PqOptions::reset_sql failed";
                return ResetResult::broken;
            case PqAnswer::done: break;
        }
        s.stage = PqStage::none;
        if (PQtransactionStatus(c) != PQTRANS_IDLE) {
            return broken(own ? "PqOptions::reset_sql left it in a transaction" : "a ROLLBACK left it in a transaction");
        }
    }
    if (!pq_in_role(c, options.require)) {
        s.fail(Fault::wrong_role, pq_wrong_role);
        return ResetResult::broken;
    }
    if (!pq_restore_client(s, options.reset) || !pq_plain(s)) return broken("it did not come to rest");
    // On a Unix socket, after an immediate stop, a connection fails once and says OK and IDLE again (measured).
    if (!pq_probe(s)) return ResetResult::broken;
    const bool all = options.reset == PqReset::session || !options.reset_sql.empty();
    return all ? ResetResult::blank : ResetResult::clean;
}

}  // namespace dewpond::inline v0::detail
