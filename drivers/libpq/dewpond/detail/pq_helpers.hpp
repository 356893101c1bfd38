// SPDX-License-Identifier: BSL-1.0
// Threads for calls that know no limit: such a call blocks here, and nobody else with it.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <dewpond/config.hpp>

namespace dewpond::inline v0::detail {

/// One call that may block for as long as it likes. It owns all it touches and is shared by its helper and those who
/// wait for it: whoever lets go last frees it, so a late answer needs nobody.
class PqJob {
public:
    PqJob() noexcept = default;
    PqJob(const PqJob&) = delete;
    virtual ~PqJob() = default;
    virtual void run() noexcept = 0;
    /// Would its answer do for the other one, too? Asked under a lock: compares, and no more.
    [[nodiscard]] virtual bool serves(const PqJob&) const noexcept { return false; }

private:
    friend class PqHelpers;
    std::shared_ptr<PqJob> next_;
};

/// A set of helper threads for one kind of job, in the order in which the jobs came. A thread is started for a job when
/// fewer than the most are there, and ends when there is nothing to do. Threads are detached: a program that ends does
/// not wait for them.
class PqHelpers {
public:
    struct Rules {
        const char* thread;    ///< its name: a literal of at most 15 characters
        unsigned max_threads;  ///< 2 at most
        std::size_t max_queued;
    };

    PqHelpers(const Rules& rules, pid_t owner) noexcept : rules_{rules}, owner_{owner} {}
    PqHelpers(const PqHelpers&) = delete;

    /// The process whose threads these are; a forked child has none of them.
    [[nodiscard]] pid_t owner() const noexcept { return owner_; }

    /// The job to wait for: this one, or one on its way that serves it as well. Null when it was dropped: too many
    /// wait, or the system refused a thread. Cost: a short lock, and where a helper is missing a new thread.
    std::shared_ptr<PqJob> post(std::shared_ptr<PqJob> job) noexcept {
        {
            const std::lock_guard lock{mutex_};
            for (const auto& other : at_work_) {
                if (other != nullptr && other->serves(*job)) return other;
            }
            for (auto other = first_; other != nullptr; other = other->next_) {
                if (other->serves(*job)) return other;
            }
            if (queued_ == rules_.max_queued) return nullptr;
            ++queued_;
            (last_ == nullptr ? first_ : last_->next_) = job;
            last_ = job.get();
            if (running_ == rules_.max_threads) return job;
            ++running_;
        }
        if (start()) return job;
        {
            const std::lock_guard lock{mutex_};
            if (--running_ != 0) return job;  // another helper will come to it
        }
        return withdraw(*job) ? nullptr : job;
    }

    /// Takes a job back that nobody has begun with; false when it is too late for that.
    bool withdraw(const PqJob& job) noexcept {
        std::shared_ptr<PqJob> gone;  // its end is not for under the lock
        const std::lock_guard lock{mutex_};
        PqJob* before = nullptr;
        for (PqJob* j = first_.get(); j != nullptr; before = j, j = j->next_.get()) {
            if (j != &job) continue;
            auto& link = before == nullptr ? first_ : before->next_;
            gone = std::move(link);
            link = std::move(gone->next_);
            if (last_ == j) last_ = before;
            --queued_;
            return true;
        }
        return false;
    }

    /// Whoever made it wants it no more: it is freed by the last helper, which may take its time.
    void leave() noexcept {
        bool unused = false;
        {
            const std::lock_guard lock{mutex_};
            wanted_ = false;
            unused = running_ == 0;
        }
        if (unused) delete this;
    }

private:
    ~PqHelpers() = default;  // nothing is queued: a job is queued by somebody who wants the set

    /// All signals blocked, as they are the program's.
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
        auto& me = *static_cast<PqHelpers*>(self);
#if defined(__linux__)
        pthread_setname_np(pthread_self(), me.rules_.thread);
#endif
        while (PqJob* job = me.begin()) {
            job->run();
            me.finished(job);
        }
        return nullptr;
    }

    PqJob* begin() noexcept {
        bool unused = false;
        {
            const std::lock_guard lock{mutex_};
            if (first_ != nullptr) {
                auto& mine = at_work_[at_work_[0] == nullptr ? 0 : 1];
                mine = std::move(first_);
                first_ = std::move(mine->next_);
                if (first_ == nullptr) last_ = nullptr;
                --queued_;
                return mine.get();
            }
            unused = --running_ == 0 && !wanted_;
        }
        if (unused) delete this;
        return nullptr;
    }

    void finished(const PqJob* job) noexcept {
        std::shared_ptr<PqJob> gone;
        const std::lock_guard lock{mutex_};
        gone = std::move(at_work_[at_work_[0].get() == job ? 0 : 1]);
    }

    std::mutex mutex_;
    std::shared_ptr<PqJob> first_;  ///< the queue, linked by `next_`
    PqJob* last_ = nullptr;
    std::size_t queued_ = 0;
    std::array<std::shared_ptr<PqJob>, 2> at_work_;
    unsigned running_ = 0;
    bool wanted_ = true;
    const Rules rules_;
    const pid_t owner_;
};

/// Where a set is found, and made when it is first needed. No destructor: as a static it pins no plugin, and helpers
/// may be at work when the program ends. An owner that ends before calls `leave`.
class PqHelpersSeat {
public:
    explicit constexpr PqHelpersSeat(PqHelpers::Rules rules) noexcept : rules_{rules} {}

    /// Null without memory.
    PqHelpers* get() noexcept {
        const pid_t me = ::getpid();
        PqHelpers* seen = current_.load(std::memory_order_acquire);
        while (seen == nullptr || seen->owner() != me) {
            auto* mine = new (std::nothrow) PqHelpers{rules_, me};
            if (mine == nullptr) return nullptr;
            // One inherited by a fork is left alone: its lock may be held by a thread that does not exist in the child.
            if (current_.compare_exchange_strong(seen, mine, std::memory_order_acq_rel, std::memory_order_acquire)) {
                return mine;
            }
            mine->leave();
        }
        return seen;
    }

    void leave() noexcept {
        PqHelpers* mine = current_.exchange(nullptr, std::memory_order_acq_rel);
        if (mine != nullptr && mine->owner() == ::getpid()) mine->leave();
    }

private:
    std::atomic<PqHelpers*> current_{nullptr};
    PqHelpers::Rules rules_;
};

}  // namespace dewpond::inline v0::detail
