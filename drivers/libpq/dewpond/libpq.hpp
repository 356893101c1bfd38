// SPDX-License-Identifier: BSL-1.0
// PqDriver: pools PostgreSQL connections with libpq. What calls see and cost was measured with libpq 15, on loopback.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <libpq-fe.h>
#include <unistd.h>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_cancel.hpp>
#include <dewpond/detail/pq_connection.hpp>
#include <dewpond/detail/pq_exec.hpp>
#include <dewpond/detail/pq_fault.hpp>
#include <dewpond/detail/pq_open.hpp>
#include <dewpond/detail/pq_options.hpp>
#include <dewpond/detail/pq_reset.hpp>
#include <dewpond/detail/pq_role.hpp>
#include <dewpond/detail/pq_source.hpp>
#include <dewpond/detail/pq_target.hpp>
#include <dewpond/detail/pq_wire.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/error.hpp>
#include <dewpond/fwd.hpp>
#include <dewpond/result.hpp>

namespace dewpond::inline v0 {

/// Opens, checks, cleans and closes PostgreSQL connections for a pool:
/// `dewpond::Pool<dewpond::PqDriver> db{dewpond::PqDriver{"host=/run/postgresql dbname=app"}, {.max_size = 50}};`
///
/// No call waits for the server, the name service or a function of yours beyond its deadline. The driver prints nothing
/// and starts no thread but helpers for calls that know no limit: at most two that resolve names and two that cancel,
/// for the whole process, and one for each driver that has a function for its connection string. They are started when
/// there is something to do and end when there is not.
class PqDriver {
public:
    using resource = PqConnection;
    using suggests = Suggest<OpenInBackground, Lifetime, WarnAfter>;
    static constexpr std::size_t suggested_min_idle = 1;

    /// \requires a connection string as PQconnectdb takes it: `keyword=value ...` or a URI; "" for the environment's.
    /// \throws PoolError (`bad_option`) when it cannot be read, or an option cannot work. It is never quoted, nor is
    /// libpq's complaint, which quotes the token it stumbled over. Nothing is connected to.
    explicit PqDriver(const std::string& conninfo, PqOptions options = {})
        : options_{std::move(options)}, target_{conninfo, options_} {
        insist_on_options();
    }

    /// With a function in stead of a connection string, for credentials that change (a rotated password, a token of an
    /// hour): `f()` or `f(bool refresh)` returns a string as above, or throws. It is called before each opening, on a
    /// helper thread, one call at a time, and may block: who waits for an opening waits no longer for that. When the
    /// server refuses the log-in it is called once more at once, with `refresh` true (do not answer from a cache).
    /// What it returned is overwritten after the attempt; libpq keeps the password as long as the connection. A call
    /// may be under way when the pool is gone, so it must own what it uses. It must not call into its own pool.
    /// \throws PoolError (`bad_option`) for an empty std::function, and when an option cannot work.
    template <class F>
        requires(!std::is_same_v<F, PqDriver> && GivesConninfo<F>)
    explicit PqDriver(F f, PqOptions options = {}) : options_{std::move(options)}, target_{"", options_} {
        if constexpr (requires { static_cast<bool>(f == nullptr); }) {
            if (f == nullptr) refuse("PqDriver: the connection string's function is empty");
        }
        insist_on_options();
        source_ = std::shared_ptr<detail::PqSource>{new detail::PqSourceOf<F>{std::move(f)}};
    }

    /// An optional member of drivers: the pool tells its name, once, before anything else. Here it becomes
    /// `fallback_application_name`, so that pg_stat_activity shows which pool a session belongs to.
    void pool_named(std::string_view name) noexcept {
        DEWPOND_TRY { pool_ = name; }
        DEWPOND_CATCH_ALL {}
    }

    /// Connects. Several hosts in the connection string are tried in their order, each with an equal share of what is
    /// left of the deadline, so that a mute first one does not hide a good second; the addresses of a name share alike.
    /// Each of them, and the resolving, has `connect_timeout` at most. A name is resolved at each opening, so one that
    /// has moved is followed.
    /// \returns the connection in blocking mode as PQconnectdb leaves it, or why there is none: by SQLSTATE 53300 is
    /// `full`, 57P01-57P03 `starting`, 28xxx and 3D000 (and options that libpq refuses) `configuration`; refused, no
    /// such socket or host `unreachable`; `timed_out`; `wrong_role`. The text is ours and the system's, never libpq's.
    /// \cost 4 ms on a Unix socket, 6 TCP, 9 TLS, 15 scram; kept to its deadline within a few ms, except while libpq
    /// reads files (service, password, certificates), speaks to Kerberos, or resolves names of a service file.
    [[nodiscard]] Result<PqConnection, OpenError> open(Deadline by) noexcept {
        DEWPOND_TRY {
            bool login_refused = false;
            auto session = source_ ? detail::pq_open(source_, options_, pool_, by)
                                   : detail::pq_open(target_, options_, pool_, by, login_refused);
            if (!session) return std::move(session).error();
            return PqConnection{*std::move(session)};
        }
        DEWPOND_CATCH_ALL {}
        return OpenError{Fault::other};
    }

    /// Ends the session without waiting: libpq's Terminate message is sent if the socket takes it at once. A statement
    /// that still runs is cancelled by a helper thread, else the server would go on with it (seen 1.7 s later), unless
    /// the program ends at once; a session with a running statement or an open pipeline is cut off first. In a forked
    /// child: `abandon`. (`options='-c client_connection_check_interval=10s'` in the connection string makes the server
    /// itself notice that a client is gone.)
    /// \cost one small write; with a running statement a lock and possibly a new thread.
    void close(PqConnection& r) noexcept { r.close(); }

    /// Usable as far as libpq knows: connected, idle outside a transaction, no pipeline mode (which reads as idle too).
    /// And connected to what `PqOptions::require` asks for, as far as the server's last answer told. Blind to what
    /// happened on the wire. \cost two reads, 7 ns, with `require` 0.15 us more; no system call, no clock.
    [[nodiscard]] bool status_ok(PqConnection& r) noexcept {
        // Libpq's promise: the transaction status of a connection that is lost is "unknown". So PQstatus is not asked.
        const PGconn* c = r.conn_;
        return PQtransactionStatus(c) == PQTRANS_IDLE && PQpipelineStatus(c) == PQ_PIPELINE_OFF && in_role(r);
    }

    /// Usable as far as this host knows: a look at the socket, and what is readable is read and understood. Sees a
    /// terminated backend, a stopped or crashed server, a cut or closed socket. A NOTIFY is no alarm and is kept, as
    /// the LISTEN behind it is: whoever asks PQnotifies next gets it (`PqReset::session` drops both). Blind to a peer
    /// that is silent; and, until the end of the stream arrives (10 ms later in the median), to last words that came in
    /// one read with the borrower's last answer, as libpq has told them to the notice receiver by then.
    /// \cost one poll(2), 0.3 to 0.5 us; no clock, no round trip.
    [[nodiscard]] bool probe(PqConnection& r) noexcept {
        return r.session_ != nullptr && detail::pq_probe(*r.session_);
    }

    /// Asks the server: an empty query, without a transaction, so that no check leaves a session idle in transaction.
    /// After `false` the connection is good for `close` only. \cost one round trip, about 4/5 of a `select 1`.
    [[nodiscard]] bool ping(PqConnection& r, Deadline by) noexcept {
        if (r.session_ == nullptr || !detail::pq_ping(*r.session_, by)) return false;
        return in_role(r) || r.session_->fail(Fault::wrong_role, detail::pq_wrong_role);
    }

    /// Anything but what `open` hands out, as far as local memory knows: a transaction, an unread answer, pipeline or
    /// non-blocking mode, a notice receiver or verbosity of the borrower's. What only the server knows (SET, LISTEN,
    /// temporary tables, prepared statements) it does not see; a PQtrace neither. A server that is no longer what
    /// `PqOptions::require` asks for counts as dirt that no reset clears. \cost 20 ns; no system call.
    [[nodiscard]] bool dirty(PqConnection& r) noexcept {
        return r.session_ == nullptr || !detail::pq_plain(*r.session_) || !in_role(r);
    }

    /// Makes it plain again. What runs is cancelled and its answer thrown away, a transaction is rolled back, the modes and
    /// receivers of the client are put back; as `PqOptions` say, DISCARD ALL and statements of your own follow (and the
    /// answer is `blank`); at last the socket is looked at. `unfinished`: the deadline came first, and the next call goes
    /// on with the same. `broken`: a pipeline that was not ended, a COPY in both directions, a server that does not go
    /// along or is no longer of the required role; `close` cancels what runs. \cost one round trip for each statement, none if only modes are put back; a
    /// cancel is a connection of its own, made by a helper thread (2 to 32 ms).
    [[nodiscard]] ResetResult reset(PqConnection& r, Deadline by) noexcept {
        return r.session_ == nullptr ? ResetResult::broken : detail::pq_reset(*r.session_, options_, by);
    }

    /// Readable when something happened to a resting connection; `probe` says what.
    [[nodiscard]] int poll_handle(PqConnection& r) noexcept { return PQsocket(r.conn_); }

    /// Asks the server to stop what runs, through a helper thread, as PQcancel knows no limit. Touches nothing but the
    /// key that was taken at open, so it may be called while the borrower uses the connection, but not while it is
    /// opened, moved or closed. After a PQreset by the borrower it reaches nothing. \cost a lock and possibly a new
    /// thread; does not wait.
    void interrupt(PqConnection& r) noexcept {
        if (r.session_ != nullptr && r.session_->owner == ::getpid())
            (void)detail::pq_cancel(detail::PqCancelRequest{r.session_->cancel});
    }

    /// For a forked child: closes the descriptor and leaks the rest, so that the parent's session goes on unharmed.
    void abandon(PqConnection& r) noexcept {
        r.conn_ = nullptr;
        detail::pq_abandon(std::exchange(r.session_, nullptr));
    }

    /// Why `probe`, `ping` or `reset` last said no, without any text of the server's.
    [[nodiscard]] OpenError last_fault(PqConnection& r) noexcept {
        if (r.session_ == nullptr) return detail::PqNote{Fault::broken, "there is no connection"}.error();
        if (r.session_->note.fault == Fault::none && PQstatus(r.conn_) == CONNECTION_OK && !in_role(r)) {
            return detail::PqNote{Fault::wrong_role, detail::pq_wrong_role}.error();
        }
        if (r.session_->note.fault == Fault::none && !status_ok(r)) {
            const bool lost = PQstatus(r.conn_) != CONNECTION_OK;
            const detail::PqNote now{Fault::broken,
                                     lost ? "the connection is broken" : "the connection is not at rest"};
            return now.error();
        }
        return r.session_->note.error();
    }

    /// The process id of its backend, as pg_stat_activity and the server's log have it; taken at open. Behind a pooler
    /// it is a number that the pooler made up, and is told so.
    [[nodiscard]] std::string label(PqConnection& r) const {
        if (r.session_ == nullptr) return {};
        const char* const whose = options_.pooler == PqPooler::none ? "" : " (the pooler's number)";
        return std::to_string(r.session_->backend) + whose;
    }

private:
    [[nodiscard]] bool in_role(const PqConnection& r) const noexcept { return detail::pq_in_role(r.conn_, options_.require); }
    [[noreturn]] static void refuse(std::string sentence) {
        DEWPOND_THROW(PoolError{Code::bad_option, std::string_view{}, std::move(sentence)});
    }
    void insist_on_options() const {
        if (!target_.refusal().empty()) refuse(target_.refusal());
    }

    PqOptions options_;
    detail::PqTarget target_;
    std::shared_ptr<detail::PqSource> source_;  ///< null: `target_` says where to
    std::string pool_;
};

static_assert(Driver<PqDriver> && TellsStatus<PqDriver> && Probes<PqDriver> && Pings<PqDriver>);
static_assert(KnowsDirty<PqDriver> && Resets<PqDriver> && HasPollHandle<PqDriver> && Interrupts<PqDriver>);
static_assert(Abandons<PqDriver> && TellsFault<PqDriver> && HasLabel<PqDriver>);

}  // namespace dewpond::inline v0
