// What a pool runs on when a schedule explorer drives it. `Flaw` selects a broken twin (planted.hpp); 0: none.
#pragma once

#include <cstdint>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/sync.hpp>
#include <dewpond/policy.hpp>

#include "model/memory.hpp"

namespace model {

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
