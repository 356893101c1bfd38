// Scenarios of waiting: who shares, is late, is called off, comes too many, comes in order.
#pragma once

#include "model/plan.hpp"

namespace model::scenarios {

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
    b.end();
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
    b.end();
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
    b.end();
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
    b.end();
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
    b.end();
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
    b.end();
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
    b.end();
}

/// Called off when it has been served already: what it was given stays its own.
template <class S>
void called_off_too_late() {
    using B = Basin<S, dewpond::StrictFifo>;
    auto& b = *new B{plan(1)};
    b.fill(1);
    const auto held = b.checkout();
    typename B::Node n;
    n.since = Engine::it().now();
    require(b.exchange.begin(n, true).what == Standing::waiting, "served although nothing is idle");
    b.give_back(held.slot);
    b.exchange.cancel(n);
    const auto g = b.exchange.wait(n);
    require(g.what == Standing::slot && b.exchange.give(g.slot), "what was granted is lost");
    b.end();
}

/// Who is late from the start is told so at once, and never queued; a callback as well.
template <class S>
void late_at_once() {
    using B = Basin<S>;
    Plan p = plan(1);
    p.max_waiting = 0;
    auto& b = *new B{p};
    b.fill(1);
    const auto held = b.checkout();
    require(b.try_borrow(in(0)) == Code::timed_out, "who is late is told something else");
    typename B::Waiter w;
    b.enqueue(w, in(0));
    require(w.served == 1 && w.why == Code::timed_out, "a callback is late, and nobody tells it");
    b.give_back(held.slot);
    b.end();
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

}  // namespace model::scenarios
