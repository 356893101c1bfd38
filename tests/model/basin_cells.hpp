// Scenarios of cells: threads keep what they return, and whoever wants it takes it back.
#pragma once

#include "model/plan.hpp"

namespace model::scenarios {

template <class S>
using CellBasin = Basin<S, AnyPatience, dewpond::OpenInCaller, dewpond::detail::Cells>;

/// The first return of a thread opens its cell, the second one stays in it.
template <class B>
void get_a_cell(B& b) {
    b.borrow();
    b.borrow();
}

/// Borrowers with cells; the first to come find everything in the cell of whoever filled the pool.
template <class S, unsigned fibers, unsigned slots, unsigned rounds>
void cells_share() {
    auto& b = *new CellBasin<S>{plan(slots)};
    b.fill(slots);
    b.fill(slots);
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

/// One has a cell and goes on using it, another one comes once.
template <class S>
void cell_and_a_stranger() {
    auto& b = *new CellBasin<S>{plan(1)};
    start([&b] {
        get_a_cell(b);
        start([&b] { b.borrow(); });
        b.borrow();
    });
    go();
    b.end();
}

/// ... and does not wait: what is kept is there for it.
template <class S>
void cell_of_an_absent_one() {
    auto& b = *new CellBasin<S>{plan(1)};
    bool done = false;
    start([&b, &done] {
        get_a_cell(b);
        start([&b, &done] {
            const auto got = b.checkout({}, nullptr, false);
            require(static_cast<bool>(got), "what a thread keeps is idle, and was not found");
            b.give_back(got.slot);
            done = true;
        });
        while (!done) S::relax();  // who ends gives it back, and has it in hand for a moment
    });
    go();
    b.end();
}

/// What a thread still keeps when it ends is given back.
template <class S>
void cell_of_a_thread_that_ends() {
    auto& b = *new CellBasin<S>{plan(1)};
    start([&b] { get_a_cell(b); });
    go();
    {
        const Engine::Peek peek;
        require(b.exchange.idle().count() == 1, "a thread has taken what it kept with it");
    }
    b.end();
}

/// A lease that outlives its pool ends where its cell is.
template <class S>
void cell_outlives() {
    auto& b = *new CellBasin<S>{plan(1)};
    start([&b] {
        get_a_cell(b);
        const auto got = b.checkout();
        start([&b] { b.let_go(); });
        b.give_back(got.slot);
    });
    go();
}

/// Closed while a thread that is about to end keeps the only slot.
template <class S>
void cell_under_close() {
    auto& b = *new CellBasin<S>{plan(2)};
    start([&b] {
        get_a_cell(b);
        const auto got = b.checkout();
        b.give_back(got.slot);
        start([&b] { b.let_go(); });
    });
    go();
}

/// One takes, another returns: what is returned far away is found again.
template <class S>
void cells_across() {
    auto& b = *new CellBasin<S>{plan(1)};
    start([&b] {
        get_a_cell(b);
        const auto got = b.checkout();
        start([&b, got] {
            b.give_back(got.slot);
            b.borrow();
            b.borrow();
        });
        b.borrow();
    });
    go();
    b.end();
}

/// The keeper looks at everything, now and then, and takes nothing from anybody.
template <class S>
void cells_and_the_keeper() {
    auto& b = *new CellBasin<S>{plan(2)};
    start([&b] {
        get_a_cell(b);
        start([&b] {
            b.exchange.recall();
            b.expire(0);
        });
        b.borrow();
        b.borrow();
    });
    go();
    b.end();
}

/// Too many exist: what is kept counts as well, and is closed.
template <class S>
void cells_shrink() {
    auto& b = *new CellBasin<S>{plan(2)};
    b.fill(2);
    start([&b] {
        get_a_cell(b);
        start([&b] { b.resize(1); });
        b.borrow();
    });
    go();
    b.at_rest();
    {
        const Engine::Peek peek;
        b.exchange.locked([&] { require(b.exchange.ledger().counted() == 1, "one too many is left"); });
    }
    b.let_go();
}

/// A callback is served with what a thread keeps.
template <class S>
void cells_and_a_callback() {
    auto& b = *new CellBasin<S>{plan(1)};
    typename CellBasin<S>::Waiter w;
    start([&b, &w] {
        get_a_cell(b);
        start([&b, &w] { b.enqueue(w, {}); });
        b.borrow();
    });
    go();
    require(w.served == 1 && w.why == Code::timed_out, "a callback was not served although a slot is idle");
    b.end();
}

/// In the order of their coming, cells or not; one of them may be late.
template <class S>
void cells_and_one_is_late() {
    auto& b = *new CellBasin<S>{plan(1)};
    start([&b] {
        get_a_cell(b);
        start([&b] {
            const Code c = b.try_borrow(in(10));
            require(c == Code::none_idle || c == Code::timed_out, "neither served nor late");
        });
        b.borrow();
        b.borrow();
    });
    go();
    b.end();
}

/// In the child of a fork nothing is kept, and what was kept is known as idle.
template <class S>
void cells_forked() {
    auto& b = *new CellBasin<S>{plan(2)};
    start([&b] {
        get_a_cell(b);
        start([&b] {
            Engine::it().vanish_others();
            b.exchange.idle().orphan();
            b.exchange.hub().orphan([&b](std::uint32_t slot) { b.exchange.idle().orphan_too(slot); });
            std::uint32_t slot = nil;
            require(!b.exchange.hub().take(slot), "the child takes what is the parent's");
            require(!b.exchange.hub().keep(0), "the child keeps what is the parent's");
            Engine::it().succeed();
        });
        b.borrow();
        b.borrow();
    });
    go();
    b.end();
}

}  // namespace model::scenarios
