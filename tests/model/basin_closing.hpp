// Scenarios of opening and closing: openings that fail, pools that go down and up, are closed, or go before their leases.
#pragma once

#include "model/plan.hpp"

namespace model::scenarios {

/// Opening may fail: whoever waits is served all the same, once the back-off is over.
template <class S>
void opening_fails() {
    auto& b = *new Basin<S>{plan(1)};
    for (unsigned k = 0; k < 2; ++k) start([&b] { b.borrow(); });
    go();
    b.end();
}

/// Whoever opens is late when it fails: the next in the queue opens.
template <class S>
void opener_is_late() {
    auto& b = *new Basin<S>{plan(1)};
    b.opening_takes = std::chrono::milliseconds{20};
    start([&b] { require(b.try_borrow(in(10)) != Code::closed, "told that an open pool is closed"); });
    start([&b] { b.borrow(); });
    go();
    b.end();
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
    b.end();
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
    b.end();
}

/// An idle resource may be found dead by whoever claimed it: it keeps its place and is served by the next one.
template <class S>
void claimed_dead() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    b.checks_fail = true;
    for (unsigned k = 0; k < 3; ++k) start([&b] { b.borrow(); });
    go();
    b.end();
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
    b.end();
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
    b.end();
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
    b.end();
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
    b.end();
}

/// Closing waits no longer than it may, and tells how many are still out.
template <class S>
void drained_in_vain() {
    auto& b = *new Basin<S>{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    start([&b] {
        require(b.exchange.close(), "closed, and told that it was so before");
        const Deadline limit = in(10);
        require(b.exchange.drain(limit) == 1, "drained, although one stays out");
        require(Engine::it().now() == limit.at(), "waited too long or too short");
    });
    go();
    require(!b.exchange.close(), "closed twice");
    b.give_back(held.slot);
    b.end();
}

/// Closed by somebody while somebody else makes it smaller.
template <class S>
void resized_under_close() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(2);
    start([&b] { b.resize(1); });
    start([&b] { b.close(); });
    go();
    b.end();
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
    b.end();
}

}  // namespace model::scenarios
