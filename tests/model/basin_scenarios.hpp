// Scenarios of the exchange: who waits, gives, opens, closes. Templates on the seam, so that each runs over a broken
// twin of the code as well.
#pragma once

#include "model/basin.hpp"
#include "model/scenario.hpp"

namespace model::scenarios {

inline Plan plan(std::uint32_t size, std::uint32_t sample = 2) {
    using namespace std::chrono_literals;
    Plan p;
    p.max_size = size;
    p.sample = sample;
    p.outage = {100ms, 1s, 5s, 3s, 5s};
    return p;
}

/// `fibers` borrowers of `slots` slots, each `rounds` times; `filled` of them are there already.
template <class S, unsigned fibers, unsigned slots, unsigned rounds, unsigned filled = slots>
void share() {
    auto& b = *new Basin<S>{plan(slots)};
    b.fill(filled);
    for (unsigned k = 0; k < fibers; ++k) {
        start([&b] {
            for (unsigned n = 0; n < rounds; ++n) b.borrow();
        });
    }
    go();
    b.at_rest();
    require(b.opened_in_all <= slots, "opened although enough existed");
    b.let_go();
}

/// Opening may fail: whoever waits is served all the same, once the back-off is over.
template <class S>
void opening_fails() {
    auto& b = *new Basin<S>{plan(1)};
    for (unsigned k = 0; k < 2; ++k) start([&b] { b.borrow(); });
    go();
    b.at_rest();
    b.let_go();
}

/// Whoever opens is late when it fails: the next in the queue opens.
template <class S>
void opener_is_late() {
    auto& b = *new Basin<S>{plan(1)};
    b.opening_takes = std::chrono::milliseconds{20};
    start([&b] { require(b.try_borrow(in(10)) != Code::closed, "told that an open pool is closed"); });
    start([&b] { b.borrow(); });
    go();
    b.at_rest();
    b.let_go();
}

/// A configuration fault and nothing live: whoever waits gets that error at once.
template <class S>
void opening_is_misconfigured() {
    auto& b = *new Basin<S>{plan(1)};
    b.fault = dewpond::Fault::configuration;
    for (unsigned k = 0; k < 3; ++k) {
        start([&b] {
            const Code c = b.try_borrow({});
            require(c == Code::none_idle || c == Code::open_failed, "neither served nor told why");
        });
    }
    go();
    b.at_rest();
    b.let_go();
}

/// Down: the grace is over with the first failure; later ones are refused until the prober finds it up.
template <class S>
void down_and_up() {
    Plan p = plan(1);
    p.outage.grace = dewpond::Duration{};
    auto& b = *new Basin<S>{p};
    for (unsigned k = 0; k < 2; ++k) {
        start([&b] {
            const Code c = b.try_borrow({});
            require(c == Code::none_idle || c == Code::server_down, "neither served nor told that it is down");
        });
    }
    start([&b] {
        bool busy = false;
        for (unsigned k = 0; k < 2; ++k) {
            while (b.work_once(busy)) {
            }
            Engine::it().sleep_until(Engine::it().now() + std::chrono::seconds{6});
        }
    });
    go();
    require(b.try_borrow({}) == Code::none_idle, "still down although the server is up");
    b.at_rest();
    b.let_go();
}

/// An idle resource may be found dead by whoever claimed it: it keeps its place and is served by the next one.
template <class S>
void claimed_dead() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    b.checks_fail = true;
    for (unsigned k = 0; k < 3; ++k) start([&b] { b.borrow(); });
    go();
    b.at_rest();
    b.let_go();
}

/// Only one of those who wait may be late. (Where all may, their time-outs hide what was lost.)
template <class S, unsigned patient>
void one_is_late() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    start([&b] { b.borrow(); });
    start([&b] {
        const Code c = b.try_borrow(in(10));
        require(c == Code::none_idle || c == Code::timed_out, "neither served nor late");
    });
    for (unsigned k = 0; k < patient; ++k) start([&b] { b.borrow(); });
    go();
    b.at_rest();
    b.let_go();
}

template <class S>
void all_are_late() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    for (unsigned k = 0; k < 2; ++k) {
        start([&b, k] {
            const Code c = b.try_borrow(in(10 * (k + 1)));
            require(c == Code::none_idle || c == Code::timed_out, "neither served nor late");
        });
    }
    start([&b, held] {
        b.use(held.slot);
        b.give_back(held.slot);
    });
    go();
    b.at_rest();
    b.let_go();
}

/// Called off while it is being granted: it has the slot or the error, never neither.
template <class S>
void called_off() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    typename Basin<S>::Stop stop;
    start([&] { b.borrow(); });
    start([&] {
        const Code c = b.try_borrow({}, &stop);
        require(c == Code::none_idle || c == Code::cancelled, "neither served nor called off");
    });
    start([&] { b.stop(stop); });
    start([&] { b.borrow(); });
    go();
    b.at_rest();
    b.let_go();
}

/// A resource is closed instead of returned: its vacancy serves who waits.
template <class S>
void discarded() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    start([&b] {
        const auto got = b.checkout();
        b.use(got.slot);
        b.discard(got.slot);
    });
    for (unsigned k = 0; k < 2; ++k) start([&b] { b.borrow(); });
    go();
    b.at_rest();
    b.let_go();
}

/// The pool is closed under those who hold and those who wait.
template <class S, unsigned waiters>
void closed_under_waiters() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    for (unsigned k = 0; k < 1 + waiters; ++k) {
        start([&b] {
            const Code c = b.try_borrow({});
            require(c == Code::none_idle || c == Code::closed, "neither served nor told that it is closed");
        });
    }
    start([&b] { b.close(); });
    go();
    b.at_rest();
    b.let_go();
}

/// Leases outlive the pool: whoever comes last frees it, nobody touches it afterwards.
template <class S, unsigned leases>
void leases_outlive() {
    auto& b = *new Basin<S>{plan(leases)};
    b.fill(leases);
    for (unsigned k = 0; k < leases; ++k) {
        const auto got = b.checkout();
        start([&b, got] {
            b.use(got.slot);
            b.give_back(got.slot);
        });
    }
    start([&b] { b.let_go(); });
    go();
}

/// ... even where somebody is refused while the pool goes: it is still there for the answer to be written.
template <class S>
void refused_while_it_goes() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    bool served = false;
    start([&b, &served] {
        const Code c = b.try_borrow({});
        served = true;
        require(c == Code::none_idle || c == Code::closed, "neither served nor told that it is closed");
    });
    start([&b, &served, held] {
        while (!served && b.waiting() == 0) S::relax();
        start([&b, held] { b.give_back(held.slot); });
        b.let_go();
    });
    go();
}

/// Closing waits for what is out, and is told when the last one is back.
template <class S>
void drained() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(2);
    for (unsigned k = 0; k < 2; ++k) {
        const auto got = b.checkout();
        start([&b, got] { b.give_back(got.slot); });
    }
    start([&b] {
        b.close();
        require(b.exchange.drain({}) == 0, "drained, and something is left");
    });
    go();
    b.at_rest();
    b.let_go();
}

/// Whoever does not want to wait is told at once.
template <class S>
void impatient() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    start([&b] { b.borrow(); });
    start([&b] {
        const auto got = b.checkout({}, nullptr, false);
        if (got) b.give_back(got.slot);
        else require(got.why == Code::none_idle, "refused for another reason");
    });
    start([&b] { b.borrow(); });
    go();
    b.at_rest();
    b.let_go();
}

/// No more may wait than the bound says.
template <class S>
void queue_is_full() {
    Plan p = plan(1);
    p.max_waiting = 1;
    auto& b = *new Basin<S>{p};
    b.fill(1);
    for (unsigned k = 0; k < 3; ++k) {
        start([&b] {
            const Code c = b.try_borrow({});
            require(c == Code::none_idle || c == Code::too_many_waiting, "neither served nor told that too many wait");
        });
    }
    go();
    b.at_rest();
    b.let_go();
}

/// Strictly first come, first served: once queued, nobody is overtaken.
template <class S>
void strictly_in_order() {
    using B = Basin<S, dewpond::StrictFifo>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    unsigned served = 0;
    start([&] {
        const auto got = b.checkout();
        require(served++ == 0, "the first in the queue was overtaken");
        b.give_back(got.slot);
    });
    start([&] {
        while (b.exchange.census().waiting == 0 && served == 0) S::relax();
        const auto got = b.checkout();
        require(served++ == 1, "somebody overtook the first in the queue");
        b.give_back(got.slot);
    });
    start([&] {
        while (b.exchange.census().waiting == 0) S::relax();
        b.give_back(held.slot);
    });
    go();
    b.at_rest();
    b.let_go();
}

// ---- another size ----

inline Plan plan_to(std::uint32_t size, std::uint32_t capacity) {
    Plan p = plan(size);
    p.capacity = capacity;
    return p;
}

/// Fewer, while they are out: the surplus is closed when it comes back, and whoever waits is served.
template <class S>
void shrinks() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(2);
    for (unsigned k = 0; k < 2; ++k) start([&b] { b.borrow(); });
    start([&b] { b.resize(1); });
    go();
    b.at_rest();
    require(b.exchange.census().counted <= 1, "more are left than may be");
    b.let_go();
}

/// ... with a queue, and one of them on its way back with a reset.
template <class S>
void shrinks_under_waiters() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(2);
    const auto one = b.checkout(), two = b.checkout();
    start([&b, one] { b.give_back(one.slot); });
    start([&b, two] {
        b.give_back_dirty(two.slot);
        bool busy = false;
        while (b.work_once(busy)) {
        }
    });
    start([&b] { b.borrow(); });
    start([&b] { b.resize(1); });
    go();
    bool busy = false;
    while (b.work_once(busy)) {
    }
    b.at_rest();
    require(b.exchange.census().counted <= 1, "more are left than may be");
    b.let_go();
}

/// Fewer by one: one healthy resource is closed, no more, though another is being discarded at that moment.
template <class S>
void shrinks_by_one() {
    auto& b = *new Basin<S>{plan(3)};
    b.fill(3);
    const auto held = b.checkout();
    bool discarding = false, sheds = true;
    start([&] { b.discard(held.slot, &discarding); });
    start([&] {
        sheds = !discarding;
        b.resize(2);
    });
    go();
    b.at_rest();
    require(sheds || b.closed_in_all == 1, "more were closed than had to be");
    b.let_go();
}

/// More: those who wait are served by what may exist now.
template <class S>
void grows() {
    auto& b = *new Basin<S>{plan_to(1, 2)};
    b.fill(1);
    const auto held = b.checkout();  // and kept: only growing can serve anybody
    for (unsigned k = 0; k < 2; ++k) start([&b] { b.borrow(); });
    start([&b] { b.resize(2); });
    go();
    b.give_back(held.slot);
    b.at_rest();
    b.let_go();
}

/// Fewer and more again, under everybody's feet.
template <class S>
void shrinks_and_grows() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(2);
    for (unsigned k = 0; k < 2; ++k) start([&b] { b.borrow(); });
    start([&b] { b.resize(1); });
    start([&b] { b.resize(2); });
    go();
    b.resize(1);
    b.at_rest();
    require(b.exchange.census().counted <= 1, "more are left than may be");
    b.let_go();
}

/// A callback at the head cannot come and look: what is given goes to it, and is never visible meanwhile.
template <class S>
void callback_is_not_overtaken() {
    using B = Basin<S>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    typename B::Waiter w;
    w.keep = true;
    const auto held = b.checkout();
    b.enqueue(w, {});
    start([&] { b.give_back(held.slot); });
    start([&] { require(!b.checkout({}, nullptr, false), "a callback was overtaken"); });
    go();
    require(w.served == 1, "a callback was not served");
    b.give_back(w.lease);
    b.at_rest();
    b.let_go();
}

/// More of them late at once than threads could be woken in one section.
template <class S>
void callbacks_late_at_once() {
    using B = Basin<S>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    typename B::Waiter w[10];
    const auto held = b.checkout();
    for (auto& each : w) b.enqueue(each, in(10));
    start([&] {
        Engine::it().sleep_until(in(10).at());
        b.exchange.expire(Engine::it().now());
        for (auto& each : w) require(each.served == 1 && each.why == Code::timed_out, "a callback was not told that it is late");
    });
    go();
    b.give_back(held.slot);
    b.at_rest();
    b.let_go();
}

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
    b.at_rest();
    b.let_go();
}

/// Closing waits for an opening that is under way, and is told when it has failed.
template <class S>
void drained_of_an_opening() {
    auto& b = *new Basin<S>{plan(1)};
    start([&b] {
        const Code c = b.try_borrow({});
        require(c == Code::none_idle || c == Code::closed, "neither served nor told that it is closed");
    });
    start([&b] {
        b.close();
        require(b.exchange.drain({}) == 0, "drained, and something is left");
    });
    go();
    b.at_rest();
    b.let_go();
}

/// While somebody waits, or begins to, no back-off is longer than the cap for those who wait.
template <class S>
void gate_comes_near() {
    using B = Basin<S>;
    Plan p = plan(1);
    p.outage.grace = dewpond::Duration{std::chrono::hours{1}};
    auto& b = *new B{p};
    const auto gate = [&b] {
        dewpond::TimePoint at{};
        b.exchange.locked([&] { at = b.exchange.ledger().outage.gate; });
        return at;
    };
    const auto cap = b.exchange.plan().outage.backoff_max_waiting.ns();
    for (unsigned k = 0; k < 12; ++k) {  // nobody is queued
        Engine::it().sleep_until(gate());
        typename B::Node n;
        n.since = Engine::it().now();
        const auto g = b.exchange.begin(n, true);
        require(g.what == Standing::vacancy, "nobody may open although the back-off is over");
        bool newly_down = false;
        b.exchange.open_failed(g.slot, dewpond::Fault::other, dewpond::Duration{std::chrono::seconds{5}}, dewpond::Duration{}, newly_down);
        static_cast<void>(b.exchange.leave());
        if (k % 2 == 0) continue;
        typename B::Waiter w;
        b.enqueue(w, {});
        require(gate() <= Engine::it().now() + cap, "a far gate stays far although somebody waits");
        require(b.withdraw(w), "a callback that waits cannot be withdrawn");
    }
    b.let_go();
}

/// Called off while nothing else can end its wait.
template <class S>
void called_off_alone() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    typename Basin<S>::Stop stop;
    start([&] { require(b.try_borrow({}, &stop) == Code::cancelled, "not called off"); });
    start([&] { b.stop(stop); });
    go();
    b.give_back(held.slot);
    b.at_rest();
    b.let_go();
}

/// Nobody has waited long enough for a slot to be handed over.
struct NoPatience {
    using answers = dewpond::question::waiting;
    static constexpr const char* name = "NoPatience";
    [[nodiscard]] static bool hand_over(const dewpond::WaitingView&) noexcept { return false; }
};

/// A head that began to wait just now is woken to look; the slot is visible to everybody until it does.
template <class S>
void young_head_is_woken() {
    using B = Basin<S, NoPatience>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    typename B::Node n;
    n.since = Engine::it().now();
    require(b.exchange.begin(n, true).what == Standing::waiting, "served although nothing is idle");
    b.give_back(held.slot);
    require(n.standing() == Standing::notified && b.exchange.idle().is_idle(held.slot), "handed over to a head that is young");
    start([&] {
        const auto overtaken = b.checkout();
        b.give_back(overtaken.slot);
    });
    start([&] {
        const auto g = b.exchange.wait(n);
        require(g.what == Standing::slot, "not served");
        require(b.exchange.give(g.slot), "refused by an open pool");
    });
    go();
    b.let_go();
}

/// A vacancy is claimed after a back-off at the moment a slot comes back: whoever is next is woken for it.
template <class S>
void opening_fails_beside_a_return() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(1);
    const auto held = b.checkout();
    for (unsigned k = 0; k < 3; ++k) start([&b] { b.borrow(); });
    start([&] {
        b.use(held.slot);
        if (Engine::it().choose(Kind::data, 2) != 0) Engine::it().sleep_until(in(100).at());
        b.give_back(held.slot);
    });
    go();
    b.at_rest();
    b.let_go();
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
    b.at_rest();
    b.let_go();
}

// ---- callbacks ----

/// A waiter without a thread beside one with: each is served once.
template <class S, unsigned threads>
void callback_beside_threads() {
    using B = Basin<S>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    typename B::Waiter w;
    start([&] { b.enqueue(w, {}); });
    for (unsigned k = 0; k < threads; ++k) start([&b] { b.borrow(); });
    go();
    require(w.served == 1, "a callback was not served");
    b.at_rest();
    b.let_go();
}

/// Withdrawn while it is being granted.
template <class S>
void callback_withdrawn() {
    using B = Basin<S>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    typename B::Waiter w;
    const auto held = b.checkout();
    b.enqueue(w, {});
    start([&] { b.give_back(held.slot); });
    start([&] { static_cast<void>(b.withdraw(w)); });
    start([&b] { b.borrow(); });
    go();
    require(w.served == 1, "a callback was not told");
    b.at_rest();
    b.let_go();
}

/// Its deadline is noticed by whoever keeps house, or the slot comes first.
template <class S>
void callback_is_late() {
    using B = Basin<S>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    typename B::Waiter w;
    const auto held = b.checkout();
    b.enqueue(w, in(10));
    start([&] { b.give_back(held.slot); });
    start([&] {
        Engine::it().sleep_until(in(10).at());
        b.exchange.expire(Engine::it().now());
    });
    start([&b] { b.borrow(); });
    go();
    require(w.served == 1, "a callback was not told");
    b.at_rest();
    b.let_go();
}

/// Closing tells callbacks, too; a callback that returns its lease inside is no deeper recursion.
template <class S>
void callbacks_and_close() {
    using B = Basin<S>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    typename B::Waiter w[2];
    const auto held = b.checkout();
    for (auto& each : w) b.enqueue(each, {});
    start([&] { b.give_back(held.slot); });
    start([&] { b.close(); });
    go();
    for (auto& each : w) require(each.served == 1, "a callback was not told");
    b.at_rest();
    b.let_go();
}

// ---- the crew ----

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
    b.at_rest();
    b.let_go();
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
    b.at_rest();
    b.let_go();
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
    b.at_rest();
    b.let_go();
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
    b.at_rest();
    b.let_go();
}

}  // namespace model::scenarios
