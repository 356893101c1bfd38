// SPDX-License-Identifier: BSL-1.0
// PqConnection: a PGconn owned by one object, what the driver keeps beside it, and its two ends: close and abandon.
#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <libpq-fe.h>
#include <sys/socket.h>
#include <unistd.h>

#include <dewpond/config.hpp>
#include <dewpond/detail/pq_cancel.hpp>
#include <dewpond/detail/pq_fault.hpp>
#include <dewpond/detail/pq_options.hpp>
#include <dewpond/detail/pq_statements.hpp>

namespace dewpond::inline v0 {

namespace detail {

/// The reset's statement that is on its way, so that a reset whose deadline came first goes on where it was.
/// In their order.
enum class PqStage : std::uint8_t { none, cancelling, settling, rolling_back, discarding, in_own_words };

/// What the driver keeps beside a PGconn. Nothing in libpq points to it: a notice receiver's argument is copied into
/// every PGresult and would outlive it.
struct PqSession {
    PGconn* conn = nullptr;
    PqCancelKey cancel{};  ///< taken at open; PQcancel on it is the one thing another thread may do
    PQnoticeReceiver receiver = nullptr;
    void* receiver_arg = nullptr;
    pid_t owner = 0;  ///< the process that opened it
    int backend = 0;
    PqPooler pooler = PqPooler::none;
    PqStage stage = PqStage::none;
    std::shared_ptr<PqCancelling> cancelling{};  ///< the last request of a reset that cancels what was running
    unsigned requests = 0;                       ///< of that reset
    TimePoint ask_again{};
    bool ended = false;  ///< seen to be dead; libpq may say OK and the socket be quiet for some ms more
    PqNote note{};
    PqStatementCache statements{};

    /// Notes why, for `last_fault`; always false, so that a check can end with it.
    bool fail(Fault fault, const char* sentence, const PqSqlState& state = {}) noexcept {
        note = {fault, sentence, state};
        return false;
    }
    /// The same, for good.
    bool end(const char* sentence, const PqSqlState& state = {}) noexcept {
        ended = true;
        return fail(Fault::broken, sentence, state);
    }
};

/// Libpq's output buffer is empty for sure: nothing is running and no pipeline queues. What flushes, and would block
/// in blocking mode, is harmless then.
inline bool pq_at_rest(const PGconn* c) noexcept {
    const PGTransactionStatusType t = PQtransactionStatus(c);
    return (t == PQTRANS_IDLE || t == PQTRANS_INTRANS || t == PQTRANS_INERROR) &&
           PQpipelineStatus(c) == PQ_PIPELINE_OFF;
}

/// Gives the descriptor back and tells the server nothing. In a forked child a Terminate would end the parent's
/// session (measured). The PGconn is leaked on purpose: PQfinish is the only way to free it and it writes (with TLS
/// even an alert), and freeing TLS state takes locks that a thread of the parent may have held at the fork.
inline void pq_abandon(PqSession* s) noexcept {
    if (s == nullptr) return;
    if (const int fd = PQsocket(s->conn); fd >= 0) ::close(fd);
}

/// The key of the session as it is now: after a PQreset by the borrower the one taken at open is of the past.
inline PqCancelKey pq_current_key(const PqSession& s) {
    return PQbackendPID(s.conn) == s.backend ? s.cancel : PqCancelKey{PQgetCancel(s.conn), &PQfreeCancel};
}

/// Cancels what runs on a session that is about to be closed; the helper keeps a descriptor of it until the server
/// hangs up, or for two seconds.
inline void pq_cancel_for_good(const PqSession& s) noexcept {
    DEWPOND_TRY { pq_cancel(PqCancelRequest{pq_current_key(s), ::fcntl(PQsocket(s.conn), F_DUPFD_CLOEXEC, 0)}); }
    DEWPOND_CATCH_ALL {}
}

/// Ends a session without ever waiting for the server. A statement that still runs is cancelled by a helper thread,
/// as the server would go on with it: it looks at its socket only when it writes. Cost at rest: one small write.
inline void pq_close(PqSession* s) noexcept {
    if (s == nullptr) return;
    if (s->owner != ::getpid()) return pq_abandon(s);
    PGconn* c = s->conn;
    if (PQstatus(c) == CONNECTION_OK) {
        if (!pq_at_rest(c)) {
            if (PQtransactionStatus(c) == PQTRANS_ACTIVE) pq_cancel_for_good(*s);
            // Unsent output (pipeline, COPY) would be flushed below, and block on a mute peer: now it fails at once.
            ::shutdown(PQsocket(c), SHUT_WR);
        }
        PQsetnonblocking(c, 1);  // so that the Terminate message of PQfinish is sent if it fits and dropped if not
    }
    PQfinish(c);
    delete s;
}

struct PqInside;

}  // namespace detail

/// A connection. Move-only; converts to `PGconn*`, so that `PQexec(*lease, "...")` works. Closes when destroyed, which
/// matters after `detach`: in a pool the driver closes it. Do not `PQfinish` it.
class PqConnection {
public:
    PqConnection() noexcept = default;
    PqConnection(PqConnection&& other) noexcept
        : conn_{std::exchange(other.conn_, nullptr)}, session_{std::exchange(other.session_, nullptr)} {}
    PqConnection& operator=(PqConnection&& other) noexcept {
        if (this != &other) {
            close();
            conn_ = std::exchange(other.conn_, nullptr);
            session_ = std::exchange(other.session_, nullptr);
        }
        return *this;
    }
    ~PqConnection() { close(); }

    [[nodiscard]] PGconn* get() const noexcept { return conn_; }
    operator PGconn*() const noexcept { return conn_; }

    /// The name of `sql` as a prepared statement of this connection, for PQexecPrepared and its kin:
    /// `PQexecPrepared(*lease, lease->prepared("select $1::int"), 1, ...)`. Prepared at its first use, and kept through
    /// returns, until it is among the `PqOptions::max_statements` no more, a reset drops it (`PqReset::session`), or an
    /// answer that `report` or `exec` saw tells that it is gone. `types` as for PQprepare; text and types together make the statement.
    /// With `PqStatements::unnamed`, and with `PqPooler::transaction` (inside a transaction only), it is prepared at each
    /// call and holds for the next statement: PQexec drops it, PQexecParams and `exec` put another in its place.
    /// \returns a name that holds until the next call of `prepared` on this connection; null when it could not be
    /// prepared: PQerrorMessage says why.
    /// \cost a search among `max_statements` texts; at the first use one round trip without a deadline, as for every
    /// query of yours; another one where the oldest has to make room, never inside a transaction.
    /// \throws std::bad_alloc, with nothing prepared; PoolError (`bad_option`) with `PqPooler::transaction` outside a
    /// transaction, where the next statement may meet another session, and there what somebody else prepared under that
    /// name (seen: his rows). `exec(lease, sql, ...)` takes parameters and needs no name.
    template <std::convertible_to<Oid>... Types>
    [[nodiscard]] const char* prepared(std::string_view sql, Types... types) {
        const std::array<Oid, sizeof...(Types)> oids{static_cast<Oid>(types)...};
        return session_ == nullptr ? nullptr : detail::pq_prepared(conn_, session_->statements, sql, oids.data(), oids.size());
    }
    /// Closes it, dead or alive, without waiting for the server; empty afterwards.
    void close() noexcept {
        if (session_ == nullptr) return;
        conn_ = nullptr;
        detail::pq_close(std::exchange(session_, nullptr));
    }

private:
    friend class PqDriver;
    friend struct detail::PqInside;
    explicit PqConnection(std::unique_ptr<detail::PqSession> s) noexcept : conn_{s->conn}, session_{s.release()} {}

    PGconn* conn_ = nullptr;  // the session's, one step nearer for the checks of the hit path
    detail::PqSession* session_ = nullptr;
};

static_assert(sizeof(PqConnection) <= 2 * sizeof(void*));

namespace detail {

/// The way in for the driver's free functions.
struct PqInside {
    /// What `last_fault` then says.
    static void note(PqConnection& r, Fault fault, const char* sentence, std::string_view state) noexcept {
        if (r.session_ == nullptr) return;
        PqSqlState known;
        known.set(state);
        r.session_->fail(fault, sentence, known);
    }
    /// What `PqOptions::pooler` said when it was opened.
    static PqPooler pooler(const PqConnection& r) noexcept { return r.session_ != nullptr ? r.session_->pooler : PqPooler::none; }
    /// An answer may tell that prepared statements are gone.
    static void saw(PqConnection& r, const PGresult* result) noexcept {
        if (r.session_ != nullptr) pq_saw(r.session_->statements, result);
    }
};

}  // namespace detail

}  // namespace dewpond::inline v0
