// SPDX-License-Identifier: BSL-1.0
// Sends cancel requests from helper threads of its own, as PQcancel blocks without limit.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include <libpq-fe.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <dewpond/config.hpp>

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

/// At most two helper threads and 64 requests that wait for them; beyond that a request is dropped, and the server
/// notices the closed connection when it next writes to it. A PQcancel is a connection of its own (2 to 32 ms measured)
/// and libpq 15 gives it no timeout, no encryption and no asynchronous form; one that meets a mute server holds its
/// thread until the key's keepalives or tcp_user_timeout end it (on a Unix socket: until the server goes on or dies).
class PqCancellers {
public:
    static constexpr unsigned max_threads = 2;
    static constexpr std::size_t max_queued = 64;

    explicit PqCancellers(pid_t owner) noexcept : owner_{owner} {}
    PqCancellers(const PqCancellers&) = delete;

    /// The process whose threads these are; a forked child has none of them and starts anew.
    [[nodiscard]] pid_t owner() const noexcept { return owner_; }

    /// False when the request was dropped. Cost: a short lock, for the first request a new thread.
    bool post(PqCancelRequest request) noexcept {
        if (!request) return false;
        {
            const std::lock_guard lock{mutex_};
            if (queued_ == max_queued) return false;
            queue_[(first_ + queued_++) % max_queued] = std::move(request);
            if (running_ == max_threads) return true;
            ++running_;
        }
        if (start()) return true;
        const std::lock_guard lock{mutex_};
        if (--running_ != 0) return true;  // the other helper will come to it
        while (queued_ != 0) pop();
        return false;
    }

private:
    PqCancelRequest pop() noexcept {
        --queued_;
        return std::move(queue_[std::exchange(first_, (first_ + 1) % max_queued)]);
    }

    /// Detached: a program that ends does not wait for a mute server. All signals blocked, as they are the program's.
    bool start() noexcept {
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        pthread_t thread{};
        const bool started = pthread_create(&thread, nullptr, &run, this) == 0;
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        if (started) pthread_detach(thread);
        return started;
    }

    static void* run(void* self) noexcept {
#if defined(__linux__)
        pthread_setname_np(pthread_self(), "dewpond-cancel");
#endif
        for (;;) {
            const PqCancelRequest request = static_cast<PqCancellers*>(self)->next();
            if (!request) return nullptr;
            request.send();
        }
    }

    PqCancelRequest next() noexcept {
        const std::lock_guard lock{mutex_};
        if (queued_ != 0) return pop();
        --running_;
        return {};
    }

    std::mutex mutex_;
    std::array<PqCancelRequest, max_queued> queue_;
    std::size_t first_ = 0, queued_ = 0;
    unsigned running_ = 0;
    const pid_t owner_;
};

/// The helpers of this process (of this shared object, as the variable is hidden). Never destroyed: a helper may be at
/// work when the program ends. Null without memory.
DEWPOND_HIDDEN inline PqCancellers* pq_cancellers() noexcept {
    static std::atomic<PqCancellers*> current{nullptr};
    const pid_t me = ::getpid();
    PqCancellers* seen = current.load(std::memory_order_acquire);
    while (seen == nullptr || seen->owner() != me) {
        auto* mine = new (std::nothrow) PqCancellers{me};
        if (mine == nullptr) return nullptr;
        // An inherited one is left alone: its lock may be held by a thread that does not exist in the child.
        if (current.compare_exchange_strong(seen, mine, std::memory_order_acq_rel, std::memory_order_acquire)) {
            return mine;
        }
        delete mine;
    }
    return seen;
}

/// Asks the server to stop what a session is doing. Does not wait.
inline bool pq_cancel(PqCancelRequest request) noexcept {
    PqCancellers* helpers = pq_cancellers();
    return helpers != nullptr && helpers->post(std::move(request));
}

}  // namespace dewpond::inline v0::detail
