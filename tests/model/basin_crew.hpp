// Scenarios of the crew: it opens, resets, watches deadlines, claims, rests.
#pragma once

#include "model/basin_waiting.hpp"

namespace model::scenarios {

/// A crew with nothing to do is left alone, however others come and go.
template <class S>
void crew_rests() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(1);
    bool done = false;
    unsigned left = 3, woken = 0;
    rest_with_nothing_to_do(b, done, woken);
    for (unsigned k = 0; k < 3; ++k) {
        start([&] {
            b.borrow(in(1000));  // who has a thread watches its own deadline
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

/// The head is told of a slot that somebody else takes and closes: the crew opens for it after all.
template <class S>
void looked_in_vain() {
    auto& b = *new Basin<S, NoPatience, dewpond::OpenInBackground>{plan(1)};
    bool served = false;
    with_crew(b, 1, [&](auto add) {
        add([&] {
            const auto got = b.checkout();
            start([&] {
                b.borrow();
                served = true;
            });
            while (b.waiting() == 0) S::relax();
            b.give_back(got.slot);
            if (const auto again = b.checkout({}, nullptr, false)) b.discard(again.slot);
            while (!served) S::relax();
        });
    });
    b.end();
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

/// A tick is done once, when it is due, and the others of the crew rest while somebody is at it.
template <class S>
void ticks_are_kept() {
    auto& b = *new Basin<S>{plan(1)};
    b.work_takes = std::chrono::milliseconds{10};
    b.exchange.ticked(in(10).at(), true);
    with_crew(b, 2, [&](auto add) {
        add([&] {
            Engine::it().sleep_until(in(30).at());
            require(b.ticks == 1, "a tick was forgotten, or done twice");
        });
    });
    b.end();
}

/// A tick that a stranger has claimed (maintain()) is no reason to forget the next one: who went to rest meanwhile is told.
template <class S>
void ticked_by_a_stranger() {
    auto& b = *new Basin<S>{plan(1)};
    b.work_takes = std::chrono::milliseconds{1};
    b.tick_again = std::chrono::milliseconds{10};
    b.exchange.ticked(in(10).at(), true);
    with_crew(b, 1, [&](auto add) {
        add([&] {
            const Deadline end = in(40);
            Engine::it().sleep_until(in(10).at());
            bool busy = false;
            static_cast<void>(b.work_once(busy));
            Engine::it().sleep_until(end.at());
            require(b.ticks == 3, "the crew sleeps on although the next tick is due");
        });
    });
    b.end();
}

/// ... while one of the crew that has done it looks for itself, and wakes nobody.
template <class S>
void ticks_wake_one() {
    auto& b = *new Basin<S>{plan(1)};
    b.work_takes = std::chrono::milliseconds{1};
    b.tick_again = std::chrono::milliseconds{10};
    b.exchange.ticked(in(10).at(), true);
    bool done = false;
    unsigned woken = 0;
    for (unsigned k = 0; k < 2; ++k) {
        b.exchange.visit();
        start([&] {
            bool busy = false;
            while (!b.exchange.locked([&] { return done; })) {
                if (b.work_once(busy, true)) continue;
                b.exchange.rest(done);
                ++woken;
            }
            static_cast<void>(b.exchange.leave());
        });
    }
    start([&] {
        Engine::it().sleep_until(in(40).at());
        require(b.ticks == 3 && woken <= 4, "a tick was forgotten, or woke more than one");  // for the first one nobody knows better
        b.end_crew(done);
    });
    go();
    b.end();
}

/// A crew that rests until a tick comes at once when that is hastened.
template <class S>
void tick_is_hastened() {
    auto& b = *new Basin<S>{plan(1)};
    b.exchange.ticked(in(1000).at(), true);
    with_crew(b, 1, [&](auto add) {
        add([&] {
            Engine::it().sleep_until(in(10).at());
            b.exchange.hasten();
            Engine::it().sleep_until(in(10).at());
            require(b.ticks == 1, "a tick was not hastened");
        });
    });
    b.end();
}

/// ... also when that is asked for while a tick is being done, which may have looked already: one more comes at once. Done by
/// a stranger, it leaves that to the crew; by one of the crew, to himself.
template <class S, bool by_stranger>
void tick_is_hastened_during_one() {
    auto& b = *new Basin<S>{plan(1)};
    b.work_takes = std::chrono::milliseconds{10};
    b.tick_again = std::chrono::milliseconds{1000};
    b.exchange.ticked(in(10).at(), true);
    with_crew(b, by_stranger ? 1 : 2, [&](auto add) {
        if (by_stranger) {
            add([&] {
                Engine::it().sleep_until(in(10).at());
                bool busy = false;
                static_cast<void>(b.work_once(busy));
            });
        }
        add([&] {
            Engine::it().sleep_until(in(15).at());
            b.exchange.hasten();
            Engine::it().sleep_until(in(100).at());
            require(b.ticks == 2, "a tick was hastened in vain, or more than once");
        });
    });
    b.end();
}

/// A crew that wakes long after it meant to has overslept, whoever is first to see it: one that rested, or somebody else
/// while it still does.
template <class S>
void crew_oversleeps() {
    auto& b = *new Basin<S>{plan(1)};
    const Deadline due = in(10);
    b.exchange.ticked(due.at(), true);
    unsigned ticks = 0;
    const auto look = [&] {
        bool busy = false;
        const auto work = b.exchange.next_work(busy);
        if (!busy) return;
        require(work.late == dewpond::Duration{std::chrono::seconds{5}}, "told wrongly how long the crew has overslept");
        ++ticks;
        b.exchange.ticked((dewpond::TimePoint::max)(), true);
    };
    start([&] {
        const bool done = false;
        b.exchange.rest(done);
        look();
    });
    start([&] {
        Engine::it().sleep_until(in(9).at());
        b.exchange.locked([&] { Engine::it().sleep_until(due.at() + std::chrono::seconds{5}); });  // nobody runs so long
        look();
    });
    go();
    require(ticks == 1, "a tick was forgotten, or done twice");
    b.end();
}

/// Two of the crew rest until a back-off ends, one of them is called away. The end of a reset may ring the other: what
/// comes then must not find the bell rung and nobody woken.
template <class S>
void rung_by_a_reset() {
    using B = Basin<S>;
    auto& b = *new B{plan(3)};
    b.fill(2);
    const auto one = b.checkout(), two = b.checkout();
    bool down = false, busy = false;
    typename B::Node n;
    n.since = Engine::it().now();
    const auto g = b.exchange.begin(n, true);
    require(g.what == Standing::vacancy, "no room although there is");
    static_cast<void>(b.exchange.open_failed(g.slot, b.fault, dewpond::Duration{std::chrono::seconds{5}}, {}, down));
    static_cast<void>(b.exchange.leave());
    typename B::Waiter w;
    b.enqueue(w, in(1000));
    unsigned woken = 0;
    for (unsigned k = 0; k < 2; ++k) {
        start([&] {
            const bool done = false;
            b.exchange.rest(done);
            ++woken;
        });
    }
    start([&] {
        Engine::it().sleep_until(in(1).at());
        b.give_back_dirty(one.slot);
        const auto job = b.exchange.next_work(busy);
        b.exchange.end_retiring(job.slot);
        b.give_back_dirty(two.slot);
        Engine::it().sleep_until(in(1).at());
        require(woken == 2, "one sleeps beside what is left");
        require(b.exchange.give(job.slot) && w.served == 1, "a callback was not served");
        require(b.work_once(busy), "a job was forgotten");
    });
    go();
    b.end();
}

/// Nobody looks at the clock for a pool that is closed, however long a lease stays out.
template <class S>
void closed_under_ticks() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    b.exchange.ticked(in(10).at(), true);
    with_crew(b, 1, [&](auto add) {
        add([&] {
            b.close();
            Engine::it().sleep_until(in(20).at());
            require(b.ticks == 0, "a tick of a pool that is closed");
        });
    });
    b.give_back(held.slot);
    b.end();
}

/// What comes later than it looks anyway leaves a crew alone; what comes earlier does not.
template <class S>
void crew_rests_until_then() {
    using B = Basin<S>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    bool done = false;
    unsigned woken = 0;
    b.exchange.ticked(in(10).at(), true);
    b.exchange.visit();
    start([&] {
        bool busy = false;
        while (!b.exchange.locked([&] { return done; })) {
            if (b.work_once(busy)) continue;
            b.exchange.expire(Engine::it().now());
            b.exchange.rest(done);
            ++woken;
        }
        static_cast<void>(b.exchange.leave());
    });
    typename B::Waiter later, then, sooner, again;
    start([&] {
        const Deadline tick = in(10);
        Engine::it().sleep_until(in(1).at());
        b.enqueue(later, in(20));
        b.enqueue(then, tick);
        Engine::it().sleep_until(in(1).at());
        require(woken == 0, "the crew was woken for what it looks at later anyway");
        b.enqueue(sooner, in(1));
        Engine::it().sleep_until(in(2).at());
        b.enqueue(again, in(1));
        Engine::it().sleep_until(in(2).at());
        require(sooner.served == 1 && again.served == 1, "the crew sleeps although a deadline came near");
        Engine::it().sleep_until(in(10).at());
        require(then.served == 1 && b.ticks == 1 && later.served == 0, "the crew forgot what it looks at");
        Engine::it().sleep_until(in(10).at());
        require(later.served == 1, "the crew forgot the last deadline");
        b.end_crew(done);
    });
    go();
    b.give_back(held.slot);
    b.end();
}

/// One that was woken and has not looked yet is enough, whatever else comes.
template <class S>
void one_is_enough() {
    using B = Basin<S>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    bool done = false;
    unsigned woken = 0, looks = 0;
    for (unsigned k = 0; k < 2; ++k) {
        b.exchange.visit();
        start([&] {
            bool busy = false;
            while (!b.exchange.locked([&] { return done; })) {
                ++looks;
                require(!b.work_once(busy), "the crew has something to do");
                b.exchange.expire(Engine::it().now());
                b.exchange.rest(done);
                ++woken;
            }
            static_cast<void>(b.exchange.leave());
        });
    }
    typename B::Waiter w[3];
    start([&] {
        Engine::it().sleep_until(in(1).at());
        looks = 0;
        for (unsigned k = 0; k < 3; ++k) b.enqueue(w[k], in(50 - 10 * k));
        const bool looked = looks != 0;
        Engine::it().sleep_until(in(1).at());
        require(woken == 1 || looked, "another of the crew was woken although one was on its way");
        Engine::it().sleep_until(in(60).at());
        for (const auto& each : w) require(each.served == 1, "nobody noticed a callback's deadline");
        b.end_crew(done);
    });
    go();
    b.give_back(held.slot);
    b.end();
}

/// What comes while nobody rests rings nobody, and does not silence the bell for whoever rests next.
template <class S>
void bell_is_for_who_rests() {
    using B = Basin<S>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    const bool done = false;
    bool busy = false;
    typename B::Waiter w[3];
    start([&] {
        b.exchange.rest(done);
        require(!b.work_once(busy), "the crew has something to do");
        b.enqueue(w[1], in(50));
        const Deadline soon = in(10);
        b.exchange.rest(done);
        require(Engine::it().now() < soon.at(), "a bell that rang for nobody is deaf");
    });
    start([&] {
        Engine::it().sleep_until(in(1).at());
        b.enqueue(w[0], in(100));
        Engine::it().sleep_until(in(1).at());
        b.enqueue(w[2], in(20));
    });
    go();
    for (auto& each : w) require(b.withdraw(each), "a callback that waits cannot be withdrawn");
    b.give_back(held.slot);
    b.end();
}

/// Two pieces of work at the same moment are done by two of the crew, not one after the other.
template <class S>
void side_by_side() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(2);
    const auto one = b.checkout(), two = b.checkout();
    b.work_takes = std::chrono::milliseconds{10};
    with_crew(b, 2, [&](auto add) {
        add([&b, one, two] {
            Engine::it().sleep_until(in(1).at());
            b.give_back_dirty(one.slot);
            b.give_back_dirty(two.slot);
            Engine::it().sleep_until(in(15).at());
            require(b.exchange.locked([&] { return !b.exchange.ledger().has_jobs() && b.exchange.ledger().retiring() == 0; }), "one works, and one sleeps beside what is left");
        });
    });
    b.end();
}

/// What a policy is told whenever it decides how many to open.
template <bool by_caller>
struct Told {
    using answers = dewpond::question::opening;
    static constexpr const char* name = "Told";
    static constexpr bool in_caller = by_caller;
    static inline dewpond::OpeningView last{};
    [[nodiscard]] std::uint32_t wanted(const dewpond::OpeningView& v) const noexcept {
        last = v;
        return dewpond::detail::openings_wanted(v);
    }
    static void require_view(std::uint32_t waiting, std::uint32_t on_way, std::uint32_t idle, std::uint32_t vacant, const char* why) noexcept {
        require(last.waiting == waiting && last.on_way == on_way && last.idle == idle && last.min_idle == 1 && last.vacant == vacant, why);
    }
};

template <class S>
void opening_is_told() {
    using T = Told<false>;
    using B = Basin<S, NoPatience, T>;
    Plan p = plan(3);
    p.min_idle = 1;
    auto& b = *new B{p};
    bool busy = false;
    b.resize(3);
    T::require_view(0, 0, 0, 3, "all is vacant, and it is told otherwise");
    require(b.work_once(busy) && !b.work_once(busy), "not refilled, or twice");
    T::require_view(0, 0, 1, 2, "one is idle, and it is told otherwise");
    const auto held = b.checkout();
    typename B::Node n;
    n.since = Engine::it().now();
    require(b.exchange.begin(n, true).what == Standing::waiting, "served although nothing is idle");
    T::require_view(1, 0, 0, 2, "one waits, and it is told otherwise");
    b.give_back(held.slot);
    T::require_view(1, 1, 1, 2, "the head is on its way, and it is told otherwise");
    require(!b.work_once(busy), "opened for one who is on the way to what is idle");
    const auto g = b.exchange.wait(n);
    require(g.what == Standing::slot, "not served");
    T::require_view(0, 0, 0, 2, "nobody waits, and it is told otherwise");
    require(b.exchange.give(g.slot), "refused by an open pool");
    b.resize(1);
    T::require_view(0, 0, 1, 0, "nothing is vacant, and it is told otherwise");
    b.end();
}
/// ... where threads open for themselves: of those who wait, callbacks alone.
template <class S>
void opening_is_told_of_callbacks() {
    using T = Told<true>;
    using B = Basin<S, NoPatience, T>;
    Plan p = plan(1);
    p.min_idle = 1;
    auto& b = *new B{p};
    b.fill(1);
    const auto held = b.checkout();
    typename B::Node n;
    n.since = Engine::it().now();
    require(b.exchange.begin(n, true).what == Standing::waiting, "served although nothing is idle");
    T::require_view(0, 0, 0, 0, "a thread waits, and it is told otherwise");
    typename B::Waiter w;
    b.enqueue(w, {});
    T::require_view(1, 0, 0, 0, "a callback waits, and it is told otherwise");
    b.give_back(held.slot);
    T::require_view(1, 0, 1, 0, "a thread is on its way, and it is told otherwise");
    const auto g = b.exchange.wait(n);
    require(g.what == Standing::slot && b.exchange.give(g.slot), "not served, or refused by an open pool");
    require(w.served == 1, "a callback was not served");
    T::require_view(0, 0, 0, 0, "nobody waits, and it is told otherwise");
    b.end();
}

/// As many as are wanted and not one more, whoever looks while one is being opened.
template <class S>
void opened_as_wanted() {
    using B = Background<S>;
    Plan p = plan(3);
    p.min_idle = 1;
    auto& b = *new B{p};
    b.opening_takes = std::chrono::milliseconds{10};
    with_crew(b, 2, [&](auto add) {
        add([&b] {
            b.resize(3);
            Engine::it().sleep_until(in(50).at());
            require(b.opened_in_all == 1 && b.exchange.idle().count() == 1, "refilled with too few or too many");
            const auto got = b.checkout();
            b.discard(got.slot);
            Engine::it().sleep_until(in(50).at());
            require(b.opened_in_all == 2 && b.exchange.idle().count() == 1, "refilled with too few or too many once more");
        });
    });
    b.end();
}

/// What runs under the mutex runs alone.
template <class S>
void under_the_mutex() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(2);
    Var<unsigned> n{0};
    for (unsigned k = 0; k < 2; ++k) {
        const auto held = b.checkout();
        start([&b, &n, held] {
            b.exchange.locked([&] { n = n + 1; });
            b.exchange.visit();
            b.exchange.begin_retiring(held.slot);
            b.exchange.end_retiring(held.slot);
            static_cast<void>(b.exchange.leave());
            b.give_back(held.slot);
        });
    }
    go();
    require(n == 2, "two were under the mutex at once");
    b.end();
}

}  // namespace model::scenarios
