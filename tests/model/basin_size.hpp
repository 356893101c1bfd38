// Scenarios of another size: fewer and more, under everybody's feet.
#pragma once

#include "model/plan.hpp"

namespace model::scenarios {

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

/// Fewer, while one is being reset in the background and nobody waits: the one that comes back is one too many.
template <class S>
void shrinks_under_a_reset() {
    auto& b = *new Basin<S>{plan(2)};
    b.fill(2);
    const auto held = b.checkout();
    const auto work = [&b] {
        bool busy = false;
        while (b.work_once(busy)) {
        }
    };
    start([&b, held, work] {
        b.give_back_dirty(held.slot);
        work();
    });
    start([&b] { b.resize(1); });
    start([&b] { b.borrow(); });
    go();
    work();
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

/// Fewer by two: two healthy resources are closed, no more.
template <class S>
void shrinks_at_rest() {
    auto& b = *new Basin<S>{plan(3)};
    b.fill(3);
    b.exchange.resize(1);
    std::uint32_t shed[3], n = 0;  // all of them first: what is about to be closed is no more one too many
    while (n < 3 && (shed[n] = b.exchange.shed()) != nil) ++n;
    require(n == 2, "more or fewer are closed than have to be");
    while (n != 0) b.close_shed(shed[--n]);
    b.end();
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
    b.end();
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

}  // namespace model::scenarios
