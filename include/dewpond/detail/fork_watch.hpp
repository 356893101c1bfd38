// SPDX-License-Identifier: BSL-1.0
// What a fork concerns: every pool of the process, so that the child of a fork leaves them alone. In the child only the
// forking thread exists; whatever another one held locked stays locked for ever, and what the pools hold is the parent's.
#pragma once

#include <mutex>

#include <pthread.h>

#include <dewpond/config.hpp>

namespace dewpond::inline v0::detail {

/// A pool's place on the list of all, while it is whole. `orphan` runs in the child, on its only thread, and must take
/// no lock.
class ForkWatch {
    friend struct Invariants;  // tests/model: pools of a failed run are gone without a word

public:
    ForkWatch(void* pool, void (*orphan)(void* pool) noexcept) noexcept : all_{watched()}, pool_{pool}, orphan_{orphan} {
        const std::lock_guard lock{all_.mutex};
        all_.install();
        next_ = all_.first;
        if (next_ != nullptr) next_->prev_ = this;
        all_.first = this;
    }
    ForkWatch(const ForkWatch&) = delete;
    ~ForkWatch() {
        const std::lock_guard lock{all_.mutex};
        (prev_ != nullptr ? prev_->next_ : all_.first) = next_;
        if (next_ != nullptr) next_->prev_ = prev_;
    }

    /// Which process this is: another number in the child of a fork, which no number of a process promises.
    [[nodiscard]] static int generation() noexcept {
        Watched& all = watched();
        const std::lock_guard lock{all.mutex};
        all.install();
        return all.generation;
    }

    /// What the child does first. Orphans are never freed, hence never on the list again.
    static void orphan_all() noexcept {
        for (ForkWatch* w = watched().first; w != nullptr; w = w->next_) w->orphan_(w->pool_);
        watched().first = nullptr;
    }

private:
    /// Trivially destructible: pools of static storage may end after it.
    struct Watched {
        std::mutex mutex;
        ForkWatch* first = nullptr;
        bool installed = false;
        int generation = 1;
        void install() noexcept {
            if (!installed) installed = ::pthread_atfork(before, in_parent, in_child) == 0;
        }
    };
    DEWPOND_HIDDEN static Watched& watched() noexcept {
        static Watched all;
        return all;
    }
    // The list is whole in the child because nobody else was changing it while the process was copied.
    static void before() noexcept { watched().mutex.lock(); }
    static void in_parent() noexcept { watched().mutex.unlock(); }
    static void in_child() noexcept {
        orphan_all();
        ++watched().generation;
        watched().mutex.unlock();
    }

    Watched& all_;  // each shared object has a list of its own, and a pool may end in another one than it was made in
    void* pool_;
    void (*orphan_)(void*) noexcept;
    ForkWatch* prev_ = nullptr;
    ForkWatch* next_ = nullptr;
};

}  // namespace dewpond::inline v0::detail
