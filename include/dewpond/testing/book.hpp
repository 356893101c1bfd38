// SPDX-License-Identifier: BSL-1.0
// The book that scripted drivers keep: what to do next, what was called, and which rules of the contract were broken.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <dewpond/deadline.hpp>
#include <dewpond/error.hpp>
#include <dewpond/testing/action.hpp>

namespace dewpond::inline v0::testing {

/// One call of a hook, recorded when it began.
struct Call {
    Hook hook = Hook::open;
    std::uint32_t id = 0;  ///< of the resource; 0 where there is none (a failed `open`, `pool_named`)
    std::thread::id thread{};
    Deadline by{};  ///< what the hook was given, `never` for a hook without one
};

namespace detail {

/// What a resource is like; guarded by the book's mutex.
struct Life {
    std::uint32_t id = 0;
    bool open = true, dirty = false, broken = false;
    int poll_handle = -1;
    bool busy = false;             // a hook other than interrupt is running
    Hook running = Hook::close;    // which one
    std::uint32_t interrupts = 0;  // running now
};

/// The state behind a Script: one plain mutex over everything. No hook's action runs under it.
struct Book {
    static constexpr auto hooks = static_cast<std::size_t>(Hook::count_);
    struct Track {
        std::vector<Action> steps;
        std::size_t at = 0, done = 0;  // step, and how often it was played
        std::size_t started = 0, finished = 0;
    };

    std::mutex m;
    std::condition_variable changed;
    std::array<Track, hooks> tracks;
    std::deque<Life> lives;  // a deque: the places stay
    std::vector<Call> calls;
    std::size_t forgotten = 0;  // calls that a test had thrown away
    std::vector<std::string> violations;
    std::string pool_name;
    OpenError last_fault;  // of the last scripted no
    std::size_t live = 0, opening = 0, max_live = 0, limit = SIZE_MAX;

    Track& track(Hook h) noexcept { return tracks[static_cast<std::size_t>(h)]; }
    const Track& track(Hook h) const noexcept { return tracks[static_cast<std::size_t>(h)]; }

    void blame(Hook hook, const Life* life, std::string_view sentence) {
        std::string line{to_string(hook)};
        if (life != nullptr) line += " of resource " + std::to_string(life->id);
        violations.push_back(line.append(": ").append(sentence));
    }

    /// Counts and records the call and says what it is to do.
    Action begin(Hook hook, std::uint32_t id, Deadline by) {
        calls.push_back({hook, id, std::this_thread::get_id(), by});
        Track& t = track(hook);
        ++t.started;
        changed.notify_all();
        if (t.steps.empty()) return succeed();
        while (t.at + 1 < t.steps.size() && t.done >= t.steps[t.at].times()) {
            ++t.at;
            t.done = 0;
        }
        ++t.done;
        return t.steps[t.at];
    }
    /// The call that `begin` recorded as the `n`th turned out to concern this resource.
    void name_call(std::size_t n, std::uint32_t id) noexcept {
        if (n >= forgotten) calls[n - forgotten].id = id;
    }
    void finish(Hook hook) noexcept {
        ++track(hook).finished;
        changed.notify_all();
    }

    /// The rules of the contract, when a hook begins on a resource. False: it must not go on.
    bool enter(Hook hook, Life* life) {
        if (life == nullptr) return blame(hook, life, "called with a resource that was moved from"), false;
        if (!life->open) {
            blame(hook, life, hook == Hook::close ? "closed twice" : "called after it was closed");
            return false;
        }
        if (hook == Hook::interrupt) {
            if (life->busy && life->running == Hook::close) blame(hook, life, "called while it is being closed");
            ++life->interrupts;
            return true;
        }
        if (life->busy) {
            const std::string other{to_string(life->running)};
            blame(hook, life, "called while " + other + " is running on it");
            return false;
        }
        if (hook == Hook::close && life->interrupts != 0) blame(hook, life, "called while interrupt is running on it");
        life->busy = true;
        life->running = hook;
        return true;
    }
    static void leave(Hook hook, Life& life) noexcept {
        if (hook == Hook::interrupt) --life.interrupts;
        else life.busy = false;
    }
    void gone(Life& life) noexcept {
        life.open = false;
        --live;
        changed.notify_all();
    }
};

}  // namespace detail

}  // namespace dewpond::inline v0::testing
