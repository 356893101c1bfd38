// What a pool runs on when a schedule explorer drives it. `Flaw` selects a broken twin (planted.hpp); 0: none.
#pragma once

#include <cstdint>
#include <memory>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/sync.hpp>
#include <dewpond/policy.hpp>

#include "model/memory.hpp"

namespace model {

/// Zero at the beginning of each run.
template <class T>
class OfRun {
public:
    T& get() noexcept {
        if (run_ != Engine::it().run_number()) {
            std::destroy_at(&value_);
            std::construct_at(&value_);
            run_ = Engine::it().run_number();
        }
        return value_;
    }

private:
    T value_{};
    std::uint64_t run_ = 0;
};

template <int Flaw = 0>
struct Sync {
    using answers = dewpond::question::sync;
    template <class T>
    using atomic = Atomic<T>;
    template <class T>
    using var = Var<T>;
    using mutex = Mutex;
    using thread = Thread;
    static constexpr int spins = 1;
    static constexpr std::uint32_t rests = 1;

    [[nodiscard]] static dewpond::TimePoint now() noexcept { return Engine::it().now(); }

    static void park(Atomic<std::uint32_t>& word, std::uint32_t expected, dewpond::Deadline until) noexcept {
        Engine& e = Engine::it();
        e.point();
        if (e.spurious()) return;
        // The kernel looks at the newest value, and nobody can slip in between the look and the sleep.
        if (word.newest() == expected) e.park(&word, until.at());
    }
    static void unpark(const void* word) noexcept {
        Engine::it().point();
        Engine::it().unpark(word, false);
    }
    static void unpark_all(const void* word) noexcept {
        Engine::it().point();
        Engine::it().unpark(word, true);
    }
    static void relax() noexcept { Engine::it().yield(); }

    /// Of a fiber, or of all, in this run.
    template <class T>
    [[nodiscard]] static T& of_thread() noexcept {
        static OfRun<T> mine[max_fibers];
        return mine[Engine::it().me()].get();
    }
    template <class T>
    [[nodiscard]] static T& of_process() noexcept {
        static OfRun<T> all;
        return all.get();
    }
    template <void (*Leave)() noexcept>
    static void at_thread_end() noexcept { Engine::it().at_end(Leave); }
    [[nodiscard]] static int process() noexcept { return 1; }
    static void light() noexcept {}
    static void heavy() noexcept { Engine::it().heavy(); }
    [[nodiscard]] static bool has_heavy() noexcept { return true; }

    template <class F>
    [[nodiscard]] static Thread start(const dewpond::detail::ThreadName&, F f) {
        return Thread{Engine::it().start(std::move(f))};
    }
};

/// What a recorder writes on. `Flaw` as above.
template <int Flaw = 0>
struct Recording {
    template <class T>
    using atomic = OrderedAtomic<T>;
};

}  // namespace model
