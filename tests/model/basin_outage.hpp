// Scenarios of back-off: when the next opening may begin, who is told, and who is on the way meanwhile.
#pragma once

#include "model/basin_crew.hpp"

namespace model::scenarios {

template <class B>
[[nodiscard]] dewpond::TimePoint gate_of(B& b) noexcept {
    dewpond::TimePoint at{};
    b.exchange.locked([&] { at = b.exchange.ledger().outage.gate; });
    return at;
}
/// An opening that fails, by a caller who then goes away.
template <class B>
void fail_to_open(B& b, dewpond::Fault fault = dewpond::Fault::other) noexcept {
    typename B::Node n;
    n.since = Engine::it().now();
    const auto g = b.exchange.begin(n, true);
    require(g.what == Standing::vacancy, "nobody may open although the back-off is over");
    bool newly_down = false;
    b.exchange.open_failed(g.slot, fault, dewpond::Duration{std::chrono::seconds{5}}, dewpond::Duration{}, newly_down);
    static_cast<void>(b.exchange.leave());
}

/// A plan that is not down before long.
inline Plan patient(std::uint32_t size) {
    Plan p = plan(size);
    p.outage.grace = dewpond::Duration{std::chrono::hours{1}};
    return p;
}

/// Pools that fail at the same moment do not come back at the same moment.
template <class S>
void out_of_step() {
    using B = Basin<S>;
    B* pools[8];
    for (B*& b : pools) b = new B{patient(1)};
    for (B* b : pools) fail_to_open(*b);
    unsigned alike = 0;
    for (B* b : pools) alike += gate_of(*b) == gate_of(*pools[0]) ? 1 : 0;
    require(alike < 8, "pools back off in step");
    for (B* b : pools) b->let_go();
}

/// What they draw: Marsaglia's xorshift32 from where the pool is and when it was made, which comes by every number before it repeats one.
template <class S>
void drawn() {
    auto& b = *new Basin<S>{patient(1)};
    auto x = dewpond::detail::scatter(reinterpret_cast<std::uintptr_t>(&b.exchange) >> 4 ^ static_cast<std::uint64_t>(dewpond::detail::ticks(Engine::it().now()))) | 1;
    const auto& rules = b.exchange.plan().outage;
    for (std::uint32_t k = 1; k < 20; ++k) {
        Engine::it().sleep_until(gate_of(b));
        fail_to_open(b);
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        require(gate_of(b) == Engine::it().now() + dewpond::detail::backoff(k, rules.backoff_min, rules.backoff_max, x).ns(), "another number was drawn");
    }
    b.let_go();
}

/// What was opened in vain makes the next opening wait, whatever else goes on.
template <class S>
void opened_in_vain() {
    auto& b = *new Basin<S>{patient(2)};
    b.fill(1);
    start([&b] { b.exchange.opened_in_vain(2); });
    start([&b] { b.discard(b.checkout().slot); });
    go();
    require(gate_of(b) > Engine::it().now() && b.exchange.outage().fault() == dewpond::Fault::other, "opened in vain, and the next opens at once");
    Engine::it().sleep_until(gate_of(b));
    b.borrow();
    b.end();
}

/// Nothing lives, and an opening fails for good: whoever is queued is told at once, whoever it is.
template <class S>
void told_at_once() {
    using B = Basin<S>;
    for (const bool down : {false, true}) {
        Plan p = plan(1);
        if (down) p.outage.grace = dewpond::Duration{};
        auto& b = *new B{p};
        typename B::Waiter w[10];
        for (auto& each : w) b.enqueue(each, {});
        fail_to_open(b, down ? dewpond::Fault::unreachable : dewpond::Fault::configuration);
        for (const auto& each : w) {
            require(each.served == 1 && each.why == (down ? Code::server_down : Code::open_failed), "a callback waits on although nobody will serve it");
        }
        b.end();
    }
}

/// Whoever fails to open while somebody is queued waits by the shorter cap, whoever fails alone by the longer one.
template <class S>
void waited_for() {
    using B = Basin<S>;
    auto& b = *new B{patient(1)};
    const auto cap = b.exchange.plan().outage.backoff_max_waiting.ns();
    typename B::Waiter w;
    b.enqueue(w, {});
    for (unsigned k = 0; k < 12; ++k) {
        Engine::it().sleep_until(gate_of(b));
        fail_to_open(b);
        require(gate_of(b) <= Engine::it().now() + cap, "a far gate although somebody waits");
    }
    require(b.withdraw(w), "a callback that waits cannot be withdrawn");
    unsigned far = 0;
    for (unsigned k = 0; k < 12; ++k) {
        Engine::it().sleep_until(gate_of(b));
        fail_to_open(b);
        far += gate_of(b) > Engine::it().now() + cap ? 1 : 0;
    }
    require(far != 0, "the gate is near although nobody waits");
    b.let_go();
}

/// Down, and the crew rests until a far gate: whoever asks is refused, and brings the next attempt near.
template <class S>
void refused_and_noticed() {
    using B = Basin<S>;
    Plan p = plan(1);
    p.outage.grace = dewpond::Duration{};
    auto& b = *new B{p};
    const auto far = [&b] { return gate_of(b) > Engine::it().now() + std::chrono::milliseconds{1500}; };
    for (unsigned k = 0; !far(); ++k) {
        Engine::it().sleep_until(gate_of(b));
        fail_to_open(b);
    }
    with_crew(b, 1, [&](auto add) {
        add([&] {
            Engine::it().sleep_until(in(1).at());
            require(b.try_borrow({}) == Code::server_down, "not told that it is down");
            Engine::it().sleep_until(in(1400).at());
            require(b.opened_in_all == 1, "the gate came near, and the crew sleeps on");
        });
    });
    b.end();
}

/// ... or whoever asks and is refused for a reason of its own: no time, no wish to wait, no room in the queue.
template <class S>
void turned_down_and_noticed() {
    using B = Basin<S>;
    Plan p = patient(1);
    p.min_idle = 1;
    const unsigned way = Engine::it().choose(Kind::data, 3);
    if (way == 2) p.max_waiting = 0;
    auto& b = *new B{p};
    const auto far = [&b] { return gate_of(b) > Engine::it().now() + std::chrono::milliseconds{1500}; };
    for (unsigned k = 0; !far(); ++k) {
        Engine::it().sleep_until(gate_of(b));
        fail_to_open(b);
    }
    with_crew(b, 1, [&](auto add) {
        add([&] {
            Engine::it().sleep_until(in(1).at());
            const auto got = b.checkout(way == 0 ? in(0) : Deadline{}, nullptr, way != 1);
            constexpr Code whys[] = {Code::timed_out, Code::none_idle, Code::too_many_waiting};
            require(!got && got.why == whys[way], "not refused, or for another reason");
            Engine::it().sleep_until(in(1400).at());
            require(b.opened_in_all == 1, "the gate came near, and the crew sleeps on although it was rung");
        });
    });
    b.end();
}

/// ... and a crew with nothing to open is left alone, however near a gate comes.
template <class S>
void gate_comes_near_for_nobody() {
    using B = Basin<S>;
    auto& b = *new B{patient(2)};
    b.fill(1);
    const auto held = b.checkout();
    const auto far = [&b] { return gate_of(b) > Engine::it().now() + std::chrono::milliseconds{1500}; };
    for (unsigned k = 0; !far(); ++k) {
        Engine::it().sleep_until(gate_of(b));
        fail_to_open(b);
    }
    bool done = false;
    unsigned woken = 0;
    rest_with_nothing_to_do(b, done, woken);
    start([&] {
        Engine::it().sleep_until(in(1).at());
        require(!b.checkout({}, nullptr, false), "served although nothing is idle");
        require(!far(), "the gate stays far although somebody asked");
        Engine::it().sleep_until(in(1).at());
        require(woken == 0, "the crew was woken for nothing");
        b.end_crew(done);
    });
    go();
    b.give_back(held.slot);
    b.end();
}

/// At the very moment at which the back-off ends a section of somebody else finds the head parked: it opens.
template <class S>
void at_the_gate() {
    using B = Basin<S>;
    auto& b = *new B{patient(1)};
    fail_to_open(b);
    const auto gate = gate_of(b);
    start([&b] { b.borrow(); });
    start([&b, gate] {
        Engine::it().sleep_until(gate);
        b.exchange.resize(1);
    });
    go();
    b.end();
}

/// ... or somebody else has opened already: it waits for what comes next.
template <class S>
void late_at_the_gate() {
    using B = Basin<S>;
    auto& b = *new B{patient(1)};
    fail_to_open(b);
    const auto gate = gate_of(b);
    b.opening_takes = std::chrono::milliseconds{10};
    start([&b] { b.borrow(); });
    start([&b, gate] {
        Engine::it().sleep_until(gate);
        b.borrow();
    });
    go();
    b.end();
}

/// A callback that waits for the crew gives way: the thread behind it opens for itself, be the back-off over or not.
template <class S>
void withdrawn_before_a_thread() {
    using B = Basin<S>;
    auto& b = *new B{patient(1)};
    fail_to_open(b);
    const auto gate = gate_of(b);
    typename B::Waiter w;
    b.enqueue(w, {});
    start([&b] { b.borrow(); });
    start([&] {
        Engine::it().sleep_until(Engine::it().choose(Kind::data, 2) != 0 ? gate + std::chrono::milliseconds{1} : gate - std::chrono::milliseconds{1});
        require(b.withdraw(w), "a callback that waits cannot be withdrawn");
    });
    go();
    b.end();
}

/// The head is on its way to a vacancy after a back-off, and a return lands meanwhile: the next in the queue is told.
template <class S>
void vacancy_beside_a_return() {
    using B = Basin<S, NoPatience>;
    Plan p = patient(2);
    p.sample = 16;
    auto& b = *new B{p};
    b.fill(1);
    const auto held = b.checkout();
    fail_to_open(b);
    typename B::Node first, second;
    first.since = second.since = Engine::it().now();
    require(b.exchange.begin(first, true).what == Standing::waiting && b.exchange.begin(second, true).what == Standing::waiting, "served although nothing is idle");
    require(first.standing() == Standing::notified, "the head is not told when the back-off ends");
    Engine::it().sleep_until(gate_of(b));
    const auto on = [&b](const auto& g) {
        if (g.what == Standing::slot) {
            require(b.exchange.give(g.slot), "refused by an open pool");
            return;
        }
        require(g.what == Standing::vacancy, "neither served nor allowed to open");
        bool newly_down = false;
        b.exchange.open_failed(g.slot, dewpond::Fault::other, dewpond::Duration{std::chrono::seconds{5}}, dewpond::Duration{}, newly_down);
        static_cast<void>(b.exchange.leave());
    };
    start([&] { on(b.exchange.wait(first)); });
    start([&] { on(b.exchange.wait(second)); });
    start([&] { b.give_back(held.slot); });
    go();
    b.end();
}

}  // namespace model::scenarios
