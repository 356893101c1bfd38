// SPDX-License-Identifier: BSL-1.0
// PqQuestion: a job for a helper whose answer somebody waits for, no longer than he said.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_helpers.hpp>

namespace dewpond::inline v0::detail {

/// A job with an answer. Those who wait for it, each until a deadline of his own, share it with its helper.
class PqQuestion : public PqJob {
public:
    enum class Stage : std::uint8_t { queued, at_work, answered };

    void run() noexcept final {
        reach(Stage::at_work);
        answer();
        reach(Stage::answered);
    }

    /// How far it has come when it is answered or the deadline comes. Once answered its answer is constant.
    Stage wait(Deadline by) noexcept {
        std::unique_lock lock{mutex_};
        const auto answered = [this] { return stage_ == Stage::answered; };
        if (by.is_never()) reached_.wait(lock, answered);
        else static_cast<void>(reached_.wait_until(lock, by.at(), answered));
        return stage_;
    }

private:
    virtual void answer() noexcept = 0;

    void reach(Stage stage) noexcept {
        const std::lock_guard lock{mutex_};
        stage_ = stage;
        reached_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable reached_;
    Stage stage_ = Stage::queued;
};

}  // namespace dewpond::inline v0::detail
