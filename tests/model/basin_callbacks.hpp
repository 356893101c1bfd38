// Scenarios of waiters without a thread.
#pragma once

#include "model/plan.hpp"

namespace model::scenarios {

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
    b.end();
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
    b.end();
}

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
    b.end();
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
    b.end();
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
    b.end();
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
    b.end();
}

}  // namespace model::scenarios
