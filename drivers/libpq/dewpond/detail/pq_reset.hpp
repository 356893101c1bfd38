// SPDX-License-Identifier: BSL-1.0
// What a connection needs before the next borrower gets it, seen from local memory, and doing it within a deadline.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstring>
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
/// a COPY (its PQgetResult returns the same for ever), when it is more than a return should read (64 reads), or when the
/// session `ended`.
inline bool pq_take_what_is_there(PGconn* c, bool& ended) noexcept {
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
        if (pq_last_words(r.get())) return ended = true, false;
        switch (PQresultStatus(r.get())) {
            case PGRES_COPY_IN:
            case PGRES_COPY_OUT:
            case PGRES_COPY_BOTH: return false;
            default: break;
        }
    }
    return false;
}

/// Asks the server to stop what runs. A backend that has not yet begun with a statement ignores that and then runs it
/// (seen when the request came right behind the statement): so it is asked again, later each time.
inline bool pq_ask_to_cancel(PqSession& s) noexcept {
    DEWPOND_TRY { s.cancelling = pq_cancel(PqCancelRequest{pq_current_key(s)}); }
    DEWPOND_CATCH_ALL { s.cancelling = nullptr; }
    if (s.cancelling == nullptr) return s.fail(Fault::broken, "what was running cannot be cancelled now");
    s.ask_again = std::chrono::steady_clock::now() + std::chrono::milliseconds{20 << (std::min)(s.requests++, 5U)};
    return true;
}

/// Begins to cancel what is under way; not a pipeline: without its Sync the server would say nothing more (measured).
inline bool pq_begin_cancelling(PqSession& s) noexcept {
    if (PQpipelineStatus(s.conn) != PQ_PIPELINE_OFF) {
        return s.fail(Fault::broken, "it was given back while a pipeline was under way");
    }
    // What a COPY has not sent yet would be waited for when the mode changes.
    if ((pq_look(PQsocket(s.conn), POLLOUT) & POLLOUT) == 0) {
        return s.fail(Fault::broken, "it was given back with data that the server does not take");
    }
    s.requests = 0;
    if (!pq_ask_to_cancel(s)) return false;
    s.stage = PqStage::cancelling;
    return true;
}

/// Brings a connection to rest without waiting: unread answers are taken, an empty pipeline is left. What runs is on its
/// way to be cancelled then, as the stage says.
inline bool pq_settle(PqSession& s) noexcept {
    PGconn* c = s.conn;
    bool ended = false;
    if (PQtransactionStatus(c) == PQTRANS_ACTIVE && !pq_take_what_is_there(c, ended)) {
        return ended ? s.end("the server ended the session") : pq_begin_cancelling(s);
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

/// Reads and throws away until nothing runs any more and the cancel request is out of the way, or the deadline comes;
/// may be called again. Needs libpq's non-blocking mode.
inline PqAnswer pq_drain(PqSession& s, Deadline by) noexcept {
    PGconn* c = s.conn;
    const auto failed = [&s] {
        s.end("the connection broke while what was running on it was cancelled");
        return PqAnswer::failed;
    };
    const auto late = [&s] {
        s.fail(Fault::timed_out, "what was running was not cancelled by the deadline");
        return PqAnswer::pending;
    };
    bool copying = false;
    for (unsigned turn = 1;; ++turn) {
        // Rows may come faster than they are thrown away.
        if (turn % 64 == 0 && by.passed(std::chrono::steady_clock::now())) return late();
        bool wait_to_write = false;
        if (copying) {
            char* row = nullptr;
            const int got = PQgetCopyData(c, &row, 1);
            if (got > 0) PQfreemem(row);
            if (got < -1) return failed();
            copying = got != -1;
            if (got != 0) continue;
        } else if (PQisBusy(c) == 0) {
            const PqResult r{PQgetResult(c)};
            if (!r) break;
            const ExecStatusType status = PQresultStatus(r.get());
            if (status == PGRES_COPY_BOTH || pq_last_words(r.get())) return failed();
            copying = status == PGRES_COPY_OUT;
            if (status != PGRES_COPY_IN) continue;
            const int ended = PQputCopyEnd(c, "the connection was given back");
            if (ended < 0) return failed();
            if (ended == 1) continue;
            wait_to_write = true;
        }
        const int fd = PQsocket(c), unsent = PQflush(c);
        if (fd < 0 || unsent < 0) return failed();
        const auto events = static_cast<short>(unsent == 1 || wait_to_write ? POLLIN | POLLOUT : POLLIN);
        const short seen = pq_wait(fd, events, earlier(by, Deadline{s.ask_again}));
        if (seen == 0) {
            const TimePoint now = std::chrono::steady_clock::now();
            if (by.passed(now)) return late();
            // One request at a time: what counts in the end is that the last one is out of the way.
            const bool sent = s.cancelling->wait(Deadline{now}) == PqQuestion::Stage::answered;
            if (!sent) s.ask_again = now + std::chrono::milliseconds{20};
            else if (!pq_ask_to_cancel(s)) return PqAnswer::failed;
            continue;
        }
        if ((seen & POLLNVAL) != 0 || ((seen & ~POLLOUT) != 0 && PQconsumeInput(c) == 0)) return failed();
    }
    if (!pq_at_rest(c)) return failed();
    // A request that is still on its way might meet the next statement.
    if (s.cancelling->wait(by) != PqQuestion::Stage::answered) return late();
    s.cancelling.reset();
    return PqAnswer::done;
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
    if (done == PqStage::cancelling) return PqStage::settling;
    if (done < PqStage::rolling_back && in_transaction) return PqStage::rolling_back;
    // Not in one string with the ROLLBACK: that is one transaction, in which DISCARD ALL is refused.
    if (done < PqStage::discarding && options.reset == PqReset::session) return PqStage::discarding;
    if (done < PqStage::in_own_words && !options.reset_sql.empty()) return PqStage::in_own_words;
    return PqStage::none;
}

/// Answers that a statement of a reset may get; only the user's own may have rows, or be comments only.
inline bool pq_command_done(const PGresult* r) noexcept { return PQresultStatus(r) == PGRES_COMMAND_OK; }
inline bool pq_anything_done(const PGresult* r) noexcept {
    const ExecStatusType got = PQresultStatus(r);
    return got == PGRES_COMMAND_OK || got == PGRES_TUPLES_OK || got == PGRES_EMPTY_QUERY;
}
/// The signal of a cancel request may arrive a moment after the request: the empty statement is there for it to hit.
inline bool pq_settled(const PGresult* r) noexcept {
    const char* state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    return PQresultStatus(r) == PGRES_EMPTY_QUERY || (state != nullptr && std::strcmp(state, "57014") == 0);
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
            const char* const sql = at == PqStage::settling       ? ""
                                    : at == PqStage::rolling_back ? "ROLLBACK"
                                    : at == PqStage::discarding ? "DISCARD ALL"
                                                                : options.reset_sql.c_str();
            if (PQsendQuery(c, sql) != 1) return broken("the connection cannot be written to");
            s.stage = at;
        }
        const bool own = at == PqStage::in_own_words;
        const auto wanted = own ? &pq_anything_done : at == PqStage::settling ? &pq_settled : &pq_command_done;
        switch (at == PqStage::cancelling ? pq_drain(s, by) : pq_finish_statement(s, wanted, by)) {
            case PqAnswer::pending: return ResetResult::unfinished;
            case PqAnswer::failed:
                if (own && s.note.state.known()) s.note.sentence = "a statement of PqOptions::reset_sql failed";
                return ResetResult::broken;
            case PqAnswer::done: break;
        }
        s.stage = PqStage::none;
        if (at >= PqStage::rolling_back && PQtransactionStatus(c) != PQTRANS_IDLE) {
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
