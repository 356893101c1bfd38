// Scenarios of the crew: it opens, resets, watches deadlines, claims, rests.
#pragma once

#include "model/plan.hpp"

namespace model::scenarios {

/// A crew with nothing to do is left alone, however others come and go.
template <class S>
void crew_rests() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(1);
    bool done = false;
    unsigned left = 3, woken = 0;
    b.exchange.visit();
    start([&] {
        bool busy = false;
        while (!b.exchange.locked([&] { return done; })) {
            require(!b.work_once(busy), "the crew has something to do");
            b.exchange.rest(done);
            if (!done) ++woken;
        }
        static_cast<void>(b.exchange.leave());
    });
    for (unsigned k = 0; k < 3; ++k) {
        start([&] {
            b.borrow();
            if (--left == 0) b.end_crew(done);
        });
    }
    go();
    require(woken == 0, "the crew was woken for nothing");
    b.end();
}

/// Whoever sees that a slot is idle again also sees what its holder counted while it was out: ages stand on that.
template <class S>
void seen_idle_again() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    typename S::template atomic<unsigned> uses{0};
    const auto held = b.checkout();
    start([&] {
        uses.store(1, std::memory_order_relaxed);
        b.give_back(held.slot);
    });
    start([&] {
        if (b.exchange.idle().is_idle(held.slot)) require(uses.load(std::memory_order_relaxed) == 1, "a return is seen, and not what its holder counted");
    });
    go();
    b.end();
}

template <class S>
using Background = Basin<S, AnyPatience, dewpond::OpenInBackground>;

/// Runs `threads` of a crew beside the fibers that `f` starts, until those have ended.
template <class B, class F>
void with_crew(B& b, unsigned threads, F f) {
    bool done = false;
    for (unsigned k = 0; k < threads; ++k) {
        b.exchange.visit();
        start([&] { b.crew(done); });
    }
    unsigned left = 0;
    f([&](auto body) {
        ++left;
        start([&, body] {
            body();
            if (--left == 0) b.end_crew(done);
        });
    });
    go();
}

/// The crew opens for who waits; a return may be first.
template <class S, unsigned crew, unsigned borrowers, unsigned slots>
void opened_in_background() {
    auto& b = *new Background<S>{plan(slots)};
    with_crew(b, crew, [&](auto add) {
        for (unsigned k = 0; k < borrowers; ++k) add([&b] { b.borrow(); });
    });
    b.end();
}

/// Two resets left to the crew at the same moment, while somebody waits for both.
template <class S, unsigned crew>
void reset_by_the_crew() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(2);
    const auto one = b.checkout(), two = b.checkout();
    with_crew(b, crew, [&](auto add) {
        add([&b, one] { b.give_back_dirty(one.slot); });
        add([&b, two] { b.give_back_dirty(two.slot); });
        add([&b] {
            const auto first = b.checkout(), second = b.checkout();
            b.use(first.slot);
            b.use(second.slot);
            b.give_back(first.slot);
            b.give_back(second.slot);
        });
    });
    b.end();
}

/// A callback's deadline wakes a crew that rests.
template <class S>
void crew_watches_deadlines() {
    using B = Basin<S>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    typename B::Waiter w;
    with_crew(b, 1, [&](auto add) {
        add([&] {
            b.enqueue(w, in(10));
            Engine::it().sleep_until(in(20).at());
            require(w.served == 1 && w.why == Code::timed_out, "nobody noticed a callback's deadline");
        });
    });
    b.give_back(held.slot);
    b.end();
}

/// The keeper claims a particular slot while others take and return.
template <class S>
void claimed_by_the_keeper() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(2);
    for (unsigned k = 0; k < 2; ++k) start([&b] { b.borrow(); });
    start([&b] {
        for (std::uint32_t i = 0; i < 2; ++i) b.expire(i);
    });
    go();
    b.end();
}

}  // namespace model::scenarios
