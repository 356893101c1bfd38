// SPDX-License-Identifier: BSL-1.0
// Looking at a connection's socket and talking over it within a deadline: the ground under probe, ping and reset.
#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>

#include <libpq-fe.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_connection.hpp>

namespace dewpond::inline v0::detail {

#if defined(POLLRDHUP)
DEWPOND_HIDDEN inline constexpr short pq_hangup = POLLRDHUP;
#else
DEWPOND_HIDDEN inline constexpr short pq_hangup = 0;
#endif

struct PqClear {
    void operator()(PGresult* r) const noexcept { PQclear(r); }
};
using PqResult = std::unique_ptr<PGresult, PqClear>;

/// The events of a descriptor, 0 when the deadline comes first (errs late by less than a millisecond). A signal is no
/// answer. The clock is read before each wait, and not at all with `never`.
inline short pq_wait(int fd, short events, Deadline by) noexcept {
    for (;;) {
        int limit = -1;
        if (!by.is_never()) {
            constexpr std::chrono::nanoseconds most = std::chrono::hours{480};  // in ms it fits an int
            const auto left = (std::min)(by.remaining(std::chrono::steady_clock::now()), most);
            limit = static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
        }
        pollfd p{fd, events, 0};
        const int n = ::poll(&p, 1, limit);
        if (n > 0) return p.revents;
        if (n == 0) return 0;
        if (errno != EINTR && errno != EAGAIN) return POLLERR;
    }
}

/// What a descriptor says right now. One system call, no clock. Not by way of poll(3): that is a place where a thread may be
/// cancelled, which a return and a checkout are not, and preparing for it costs a tenth of the call.
inline short pq_look(int fd, short events) noexcept {
    pollfd p{fd, events, 0};
    long n = 0;
    do {
#if defined(SYS_poll)
        n = ::syscall(SYS_poll, &p, 1, 0);
#else
        const timespec at_once{};
        n = ::syscall(SYS_ppoll, &p, 1, &at_once, nullptr, 0);
#endif
    } while (n < 0 && errno == EINTR);
    return n < 0 ? short{POLLERR} : p.revents;
}

/// Takes the stead of the notice receiver while the driver itself reads: what a server says unasked before it ends a
/// session arrives as a notice, whether it is an error ('E') or, at an immediate stop, a warning ('N'). Other notices go
/// on to the receiver of the options.
struct PqCatcher {
    const PqSession& session;
    bool ended = false;         ///< FATAL or PANIC, or an SQLSTATE that means the same
    bool out_of_place = false;  ///< libpq itself complains: a message that no idle session gets
    PqSqlState state{};

    static void receive(void* self, const PGresult* r) noexcept {
        auto& me = *static_cast<PqCatcher*>(self);
        const char* state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
        if (state == nullptr) {
            me.out_of_place = true;
            return;
        }
        // PgBouncer sends no unlocalised severity ('V'): its errors are known by 08xxx.
        const char* severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
        const std::string_view s{state}, how{severity != nullptr ? severity : ""};
        if (how == "FATAL" || how == "PANIC" || s.starts_with("57P") || s.starts_with("08")) {
            me.ended = true;
            me.state.set(s);
        } else {
            me.session.receiver(me.session.receiver_arg, r);
        }
    }
};

/// Something was seen on the socket of a connection at rest: reads it and says whether the session goes on. One read
/// is not enough: after a terminate the first PQconsumeInput takes the error and returns 1 with the status still OK,
/// only the next one meets the end (measured). What else arrives (NOTIFY, ParameterStatus) is kept by libpq.
DEWPOND_COLD inline bool pq_read_at_rest(PqSession& s, short seen) noexcept {
    PGconn* c = s.conn;
    PqCatcher caught{s};
    bool alive = true;
    PQsetNoticeReceiver(c, &PqCatcher::receive, &caught);
    for (int round = 0; alive && seen != 0 && round < 64; ++round) {  // 64: a flood of NOTIFY must not hold us
        const bool hung_up = (seen & ~POLLIN) != 0;
        const bool read = PQconsumeInput(c) == 1;
        (void)PQisBusy(c);  // parses, and so calls the receiver
        alive = read && !hung_up && !caught.ended && !caught.out_of_place && PQstatus(c) == CONNECTION_OK;
        if (alive) seen = pq_look(PQsocket(c), POLLIN | pq_hangup);
    }
    PQsetNoticeReceiver(c, s.receiver, s.receiver_arg);
    if (alive) return true;
    if (caught.ended) return s.end("the server ended the session while it rested", caught.state);
    if (caught.out_of_place) return s.end("a message out of place arrived on a resting connection");
    return s.end("the connection was closed while it rested");
}

/// Alive as far as this host knows. Nothing to be seen is alive; a hang-up, an error or a closed descriptor is dead;
/// readable alone is neither: the server's last words come before the end of the stream (10 ms apart in the median,
/// up to 405 ms), and a NOTIFY is readable too. Cost: one poll(2). No clock. Blind to a silent peer only.
inline bool pq_probe(PqSession& s) noexcept {
    if (s.ended) return false;
    const int fd = PQsocket(s.conn);
    if (fd < 0) return s.end("the connection has no socket any more");
    const short seen = pq_look(fd, POLLIN | pq_hangup);
    return seen == 0 || pq_read_at_rest(s, seen);
}

/// The session ends with this answer, though its end may take 10 ms to arrive (in the median) and is not seen until then.
inline bool pq_last_words(const PGresult* r) noexcept {
    const char* severity = PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED);
    return severity != nullptr && (std::strcmp(severity, "FATAL") == 0 || std::strcmp(severity, "PANIC") == 0);
}

/// How an exchange with the server stands.
enum class PqAnswer : std::uint8_t { done, pending, failed };

/// Goes on with the statement that was sent, until its last result is taken or the deadline comes; may be called
/// again after `pending`. Every result must be `wanted`: so a COPY, whose PQgetResult returns the
/// same for ever, ends it as well. Needs libpq's non-blocking mode, for the flush.
///
/// The read that takes the answer may take the server's last words in with it, and libpq then tells them as a notice
/// while the socket is quiet until the end of the stream comes: so notices are caught.
inline PqAnswer pq_finish_statement(PqSession& s, bool (*wanted)(const PGresult*) noexcept, Deadline by) noexcept {
    PGconn* c = s.conn;
    PqCatcher caught{s};  // outlives every result, which keep a copy of the receiver
    struct Catching {
        PqSession& session;
        Catching(PqSession& of, PqCatcher& by_whom) noexcept : session{of} {
            PQsetNoticeReceiver(session.conn, &PqCatcher::receive, &by_whom);
        }
        Catching(const Catching&) = delete;
        ~Catching() { PQsetNoticeReceiver(session.conn, session.receiver, session.receiver_arg); }
    };
    const Catching catching{s, caught};
    const auto failed = [&s](const PqSqlState& state = {}) {
        s.end("the connection broke, or answered out of turn", state);
        return PqAnswer::failed;
    };
    for (;;) {
        if (PQisBusy(c) == 1) {
            const int fd = PQsocket(c), unsent = PQflush(c);
            if (fd < 0 || unsent < 0) return failed();
            const short seen = pq_wait(fd, static_cast<short>(unsent == 1 ? POLLIN | POLLOUT : POLLIN), by);
            if (seen == 0) {
                s.fail(Fault::timed_out, "the server did not answer by the deadline");
                return PqAnswer::pending;
            }
            if ((seen & POLLNVAL) != 0) return failed();
            // What came before a broken stream may be an answer that says why: then it is no longer busy.
            if ((seen & ~POLLOUT) != 0 && PQconsumeInput(c) == 0 && PQisBusy(c) == 1) return failed();
            continue;
        }
        const PqResult r{PQgetResult(c)};
        if (!r && (caught.ended || caught.out_of_place)) return failed(caught.state);
        if (!r) return PQstatus(c) == CONNECTION_OK ? PqAnswer::done : failed();
        pq_saw(s.statements, r.get());  // a reset may say DISCARD ALL
        if (!wanted(r.get())) {
            const char* state = PQresultErrorField(r.get(), PG_DIAG_SQLSTATE);
            PqSqlState known;
            known.set(state != nullptr ? state : "");
            return failed(known);
        }
    }
}

/// Asks the server with an empty query: the cheapest that answers (13 us against 17 for `select 1`), no snapshot, no
/// transaction. Never PQexec, which waits without limit. After a `false` the connection is good for closing only.
inline bool pq_ping(PqSession& s, Deadline by) noexcept {
    PGconn* c = s.conn;
    if (s.ended) return false;
    if (s.owner != ::getpid()) return s.fail(Fault::broken, "the connection belongs to another process");
    if (PQstatus(c) != CONNECTION_OK || PQtransactionStatus(c) != PQTRANS_IDLE || !pq_at_rest(c)) {
        return s.fail(Fault::broken, "the connection is not at rest");
    }
    const bool was_nonblocking = PQisnonblocking(c) == 1;
    if (!by.is_never() && by.passed(std::chrono::steady_clock::now())) {
        return s.fail(Fault::timed_out, "no time was left to ask the server");
    }
    if (PQsetnonblocking(c, 1) != 0 || PQsendQuery(c, "") != 1) {
        return s.fail(Fault::broken, "the connection cannot be written to");
    }
    const auto empty = [](const PGresult* r) noexcept { return PQresultStatus(r) == PGRES_EMPTY_QUERY; };
    if (pq_finish_statement(s, empty, by) != PqAnswer::done) return false;
    if (!was_nonblocking && PQsetnonblocking(c, 0) != 0) return s.fail(Fault::broken, "the connection broke");
    if (PQtransactionStatus(c) != PQTRANS_IDLE) return s.fail(Fault::broken, "the connection is not at rest");
    return pq_probe(s);  // it answered, and may have ended in the same breath
}

}  // namespace dewpond::inline v0::detail
