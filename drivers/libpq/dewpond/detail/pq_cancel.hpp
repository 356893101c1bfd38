// SPDX-License-Identifier: BSL-1.0
// Sends cancel requests from helper threads of its own, as PQcancel blocks without limit.
#pragma once

#include <array>
#include <memory>
#include <utility>

#include <libpq-fe.h>
#include <poll.h>
#include <unistd.h>

#include <dewpond/config.hpp>
#include <dewpond/detail/pq_helpers.hpp>
#include <dewpond/detail/pq_question.hpp>

namespace dewpond::inline v0::detail {

/// What a cancel request needs, shared by a connection and whoever is just using it: a helper may be stuck in PQcancel
/// long after the connection is gone. A late request hits nobody: backend and key belong to that one session.
using PqCancelKey = std::shared_ptr<PGcancel>;

/// One request. With `line`, a second descriptor of a session that was closed, the helper sees whether it worked.
class PqCancelRequest {
public:
    PqCancelRequest() noexcept = default;
    explicit PqCancelRequest(PqCancelKey key, int line = -1) noexcept : key_{std::move(key)}, line_{line} {}
    PqCancelRequest(PqCancelRequest&& other) noexcept
        : key_{std::move(other.key_)}, line_{std::exchange(other.line_, -1)} {}
    PqCancelRequest& operator=(PqCancelRequest&& other) noexcept {
        std::swap(key_, other.key_);
        std::swap(line_, other.line_);
        return *this;
    }
    ~PqCancelRequest() {
        if (line_ >= 0) ::close(line_);
    }

    [[nodiscard]] explicit operator bool() const noexcept { return key_ != nullptr; }

    /// A backend that has not yet begun with the statement ignores a cancel, and then runs it: seen when a connection
    /// was closed right after PQsendQuery. So it is asked up to four times in two seconds while it has not hung up.
    /// Once only where the session goes on, as a later request might meet its next statement.
    void send() const noexcept {
        for (const int patience : {20, 100, 400, 1500}) {
            std::array<char, 256> why{};
            (void)PQcancel(key_.get(), why.data(), static_cast<int>(why.size()));
            if (line_ < 0) return;
#if defined(POLLRDHUP)
            pollfd p{line_, POLLRDHUP, 0};
#else
            pollfd p{line_, 0, 0};
#endif
            if (::poll(&p, 1, patience) > 0) return;
        }
    }

private:
    PqCancelKey key_;
    int line_ = -1;
};

/// The helpers of this process (of this shared object, as the variable is hidden): at most two threads, and 64 requests
/// that wait for them; beyond that a request is dropped, and the server notices the closed connection when it next
/// writes to it. A PQcancel is a connection of its own (2 to 32 ms measured) and libpq 15 gives it no timeout, no
/// encryption and no asynchronous form; one that meets a mute server holds its thread until the key's keepalives or
/// tcp_user_timeout end it (on a Unix socket: until the server goes on or dies).
DEWPOND_HIDDEN inline PqHelpers* pq_cancellers() noexcept {
    static constinit PqHelpersSeat seat{{.thread = "dewpond-cancel", .max_threads = 2, .max_queued = 64}};
    return seat.get();
}

/// A request on its way: answered once it has been sent, or could not be.
class PqCancelling final : public PqQuestion {
public:
    explicit PqCancelling(PqCancelRequest r) noexcept : request_{std::move(r)} {}

private:
    void answer() noexcept override { request_.send(); }
    const PqCancelRequest request_;
};

/// Asks the server to stop what a session is doing. Does not wait. Null when the request was dropped.
inline std::shared_ptr<PqCancelling> pq_cancel(PqCancelRequest request) noexcept {
    DEWPOND_TRY {
        PqHelpers* helpers = request ? pq_cancellers() : nullptr;
        if (helpers == nullptr) return nullptr;
        std::shared_ptr<PqCancelling> job{new PqCancelling{std::move(request)}};
        return helpers->post(job) != nullptr ? job : nullptr;
    }
    DEWPOND_CATCH_ALL { return nullptr; }
}

}  // namespace dewpond::inline v0::detail
