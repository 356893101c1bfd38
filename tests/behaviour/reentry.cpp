// SPDX-License-Identifier: BSL-1.0
// No user code runs under a lock: whatever is called by the pool may use the pool, and whoever is stuck in it delays
// nobody else.
#include <map>
#include <string>

#include "kit/bench.hpp"

using namespace behaviour;

namespace {

/// Uses the pool from inside whatever the pool calls, but not from inside that.
class Reentry {
public:
    explicit Reentry(Bench& b) : bench_{b} {}
    void operator()(const std::string& from) {
        if (inside_ || pool_ == nullptr) return;
        inside_ = true;
        ++times[from];
        BOOST_TEST(conserves(pool_->stats()));
        {
            auto lease = pool_->try_checkout();
            auto other = pool_->try_checkout(0ms);
        }
        (void)pool_->inspect();
        (void)pool_->describe();
        inside_ = false;
    }
    void into(Pond& pool) { pool_ = &pool; }
    void hook_up() {
        for (const Hook h : {Hook::open, Hook::close, Hook::status_ok, Hook::probe, Hook::ping, Hook::dirty, Hook::reset, Hook::interrupt, Hook::last_fault,
                             Hook::label}) {
            bench_.script.on(h, {succeed().doing([this, h] { (*this)(std::string{to_string(h)}); })});
        }
        bench_.on_event([this](const dewpond::Event& e) { (*this)(std::string{"sink: "}.append(dewpond::to_string(e.kind))); });
        bench_.setting.on_open = [this](ScriptedResource&, Deadline) { return (*this)("OnOpen"), true; };
        bench_.setting.on_checkout = [this](ScriptedResource&, Deadline) { return (*this)("OnCheckout"), true; };
        bench_.setting.on_return = [this](ScriptedResource&, Deadline) { return (*this)("OnReturn"), true; };
    }
    std::map<std::string, int> times;

private:
    Bench& bench_;
    Pond* pool_ = nullptr;
    bool inside_ = false;  // everything here happens on one thread
};

void walk_through(Bench& b, Reentry& reentry) {
    b.setting.options.keeper_thread = false;
    b.setting.options.min_idle = 1;
    reentry.hook_up();
    Pond& pool = b.start(4);
    reentry.into(pool);
    pool.maintain();
    for (int i = 0; i < 40; ++i) {
        b.clock.advance(1s);
        pool.maintain();
    }
    (void)pool.try_checkout(1s);
    if (auto lease = pool.try_checkout(1s)) (*lease)->make_dirty();
    if (auto lease = pool.try_checkout(1s)) lease->discard();
    pool.maintain();
    (void)pool.inspect();
    auto held = pool.try_checkout(1s);
    Caller caller{pool, [&](Caller&) { reentry("served"); }};
    pool.enqueue(caller.ticket(), 1s);
    pool.maintain();
    pool.close(0ms);
    if (held) held->end();
}

/// What everybody else does meanwhile. With two idle resources and a clock that stands still none of it may wait.
void others_go_on(Pond& pool) {
    BOOST_TEST(conserves(pool.stats()));
    for (int i = 0; i < 3; ++i) {
        auto lease = pool.try_checkout(1s);
        BOOST_TEST(lease.has_value());
        (void)pool.try_checkout();
    }
    Caller caller{pool};
    pool.enqueue(caller.ticket(), 1s);
    BOOST_TEST(caller.served() == 1);
    if (caller.served() == 1 && caller.outcome()) caller.lease().end();
    (void)pool.describe();
}

/// One thread is stuck in `hook` while it does `deed`; the others go on, and close the pool.
void stuck_in(const char* config, Hook hook, const std::function<void(Bench&, std::vector<AnyLease>&)>& deed) {
    BOOST_TEST_CONTEXT(config << ", " << to_string(hook)) {
        Bench b{config};
        Pond& pool = b.start(4);
        auto held = b.take(3);
        held.pop_back();
        held.pop_back();
        held.push_back(pool.checkout());  // 1 and 2 are out, 3 is idle
        Gate gate;
        b.script.on(hook, {block(gate), succeed()});
        if (hook == Hook::open) held.push_back(pool.checkout());
        Task actor{[&] { deed(b, held); }};
        gate.wait_entered(1);
        if (hook == Hook::open) held.back().end();
        held[1].end();
        others_go_on(pool);
        Task closer{[&] { (void)pool.close(0ms); }};
        BOOST_TEST(closer.ends());
        BOOST_TEST(!actor.over());
        gate.open();
        actor.join();
        held.clear();
    }
}

/// The same for a hook of the user's, a sink, a callback.
void stuck_at(Bench& b, const Gate& gate, const std::function<void()>& deed) {
    Task actor{deed};
    gate.wait_entered(1);
    others_go_on(b.pool());
    Task closer{[&] { (void)b.pool().close(0ms); }};
    BOOST_TEST(closer.ends());
    gate.open();
    actor.join();
}

HookFunction once(Gate gate, std::uint32_t id) {
    return [gate, id](ScriptedResource& r, Deadline) {
        if (r.id() == id) gate.pass();
        return true;
    };
}

}  // namespace

BOOST_AUTO_TEST_SUITE(reentry, *boost::unit_test::timeout(120))

BOOST_AUTO_TEST_CASE(every_driver_hook_and_the_sink_may_use_the_pool, *boost::unit_test::timeout(20)) {
    std::map<std::string, int> seen;
    for (const char* name : {"full", "keeper", "pinging", "strict", "background", "suggesting"}) {
        BOOST_TEST_CONTEXT(name) {
            Bench b{name};
            Reentry reentry{b};
            walk_through(b, reentry);
            seen.merge(reentry.times);
        }
    }
    for (const char* from : {"open", "close", "status_ok", "probe", "ping", "dirty", "reset", "last_fault", "label", "sink: dirty return", "sink: closed", "served"}) {
        BOOST_TEST(seen.contains(from), from << " was never called");
    }
}

BOOST_AUTO_TEST_CASE(every_hook_of_the_user_may_use_the_pool, *boost::unit_test::timeout(20)) {
    Bench b{"hooked"};
    Reentry reentry{b};
    walk_through(b, reentry);
    for (const char* from : {"OnOpen", "OnCheckout", "OnReturn"}) BOOST_TEST(reentry.times.contains(from), from << " was never called");
}

BOOST_AUTO_TEST_CASE(an_interrupt_may_use_the_pool, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Pond& pool = b.start(1);
    auto held = b.take(1);
    b.script.on(Hook::interrupt, {succeed().doing([&] {
                    (void)pool.stats();
                    (void)pool.try_checkout();
                })});
    pool.close(0ms);
    BOOST_TEST(b.script.count(Hook::interrupt) == 1u);
}

BOOST_AUTO_TEST_CASE(a_thread_stuck_in_a_driver_hook_delays_nobody, *boost::unit_test::timeout(60)) {  // R5, R14
    const auto check_out = [](Bench& b, std::vector<AnyLease>&) { (void)b.pool().try_checkout(1h); };
    const auto give_back = [](Bench&, std::vector<AnyLease>& held) { held[0].end(); };
    const auto discard = [](Bench&, std::vector<AnyLease>& held) { held[0].discard(); };
    stuck_in("full", Hook::open, check_out);
    stuck_in("plain", Hook::open, check_out);
    stuck_in("full", Hook::status_ok, check_out);
    stuck_in("full", Hook::probe, check_out);
    stuck_in("pinging", Hook::ping, check_out);
    stuck_in("full", Hook::dirty, give_back);
    stuck_in("full", Hook::reset, [](Bench&, std::vector<AnyLease>& held) {
        held[0]->make_dirty();
        held[0].end();
    });
    stuck_in("strict", Hook::reset, give_back);
    stuck_in("full", Hook::close, discard);
    stuck_in("bare", Hook::close, discard);
    stuck_in("full", Hook::last_fault, discard);
    stuck_in("full", Hook::label, [](Bench& b, std::vector<AnyLease>&) { (void)b.pool().inspect(); });
}

BOOST_AUTO_TEST_CASE(a_thread_stuck_in_on_open_delays_nobody, *boost::unit_test::timeout(20)) {
    Bench b{"hooked"};
    Gate gate;
    b.setting.on_open = once(gate, 3);
    Pond& pool = b.start(3);
    auto held = b.take(2);
    Task actor{[&] { (void)pool.try_checkout(1h); }};
    gate.wait_entered(1);
    held.clear();
    others_go_on(pool);
    Task closer{[&] { (void)pool.close(0ms); }};
    BOOST_TEST(closer.ends());
    gate.open();
    actor.join();
}

BOOST_AUTO_TEST_CASE(a_thread_stuck_in_on_checkout_delays_nobody, *boost::unit_test::timeout(20)) {
    Bench b{"hooked"};
    Gate gate;
    bool armed = false;
    b.setting.on_checkout = [&armed, gate](ScriptedResource& r, Deadline) {
        if (armed && r.id() == 1) gate.pass();
        return true;
    };
    Pond& pool = b.start(3);
    b.fill(3);
    armed = true;
    stuck_at(b, gate, [&] { (void)pool.try_checkout(1h); });
}

BOOST_AUTO_TEST_CASE(a_thread_stuck_in_on_return_delays_nobody, *boost::unit_test::timeout(20)) {
    Bench b{"hooked"};
    Gate gate;
    b.setting.on_return = once(gate, 1);
    b.start(3);
    auto held = b.take(3);
    held[1].end();
    held[2].end();
    stuck_at(b, gate, [&] { held[0].end(); });
}

BOOST_AUTO_TEST_CASE(a_thread_stuck_in_the_sink_delays_nobody, *boost::unit_test::timeout(20)) {
    Bench b{"full"};
    Gate gate;
    b.on_event([gate](const dewpond::Event& e) {
        if (e.kind == EventKind::dirty_return) gate.pass();
    });
    b.start(3);
    auto held = b.take(3);
    held[1].end();
    held[2].end();
    stuck_at(b, gate, [&] {
        held[0]->make_dirty();
        held[0].end();
    });
}

POND_TEST_CASE(a_thread_stuck_in_a_callback_delays_nobody) {
    Bench b{config};
    Pond& pool = b.start(3);
    auto held = b.take(3);
    Gate gate;
    Caller caller{pool, [gate](Caller&) { gate.pass(); }};
    pool.enqueue(caller.ticket(), 1h);
    Task actor{[&] { held[0].end(); }};
    gate.wait_entered(1);
    held[1].end();
    held[2].end();
    others_go_on(pool);
    Task closer{[&] { (void)pool.close(0ms); }};
    BOOST_TEST(closer.ends());
    gate.open();
    actor.join();
}

POND_TEST_CASE(a_keeper_stuck_in_an_opening_delays_nobody) {
    Bench b{config};
    b.setting.options.min_idle = 3;
    b.setting.options.opens_at_once = 1;
    Gate gate;
    b.script.on(Hook::open, {succeed().times(2), block(gate), succeed()});
    Pond& pool = b.start(4);
    gate.wait_entered(1);
    BOOST_TEST(eventually([&] { return pool.stats().idle == 2; }));
    others_go_on(pool);
    Task closer{[&] { (void)pool.close(0ms); }};
    BOOST_TEST(closer.ends());
    gate.open();
}

BOOST_AUTO_TEST_CASE(a_keeper_stuck_in_a_close_delays_nobody, *boost::unit_test::timeout(20)) {
    Bench b{"keeper"};
    b.setting.lifetime = {.max_idle = dewpond::never, .max_lifetime = 100s, .jitter = 0};
    Pond& pool = b.start(3);
    b.fill(1);
    Gate gate;
    b.script.on(Hook::close, {block(gate), succeed()});
    b.quiesce(0);
    for (int i = 0; i < 105 && gate.entered() == 0; ++i) {  // second by second: a keeper that comes late retires nothing
        b.clock.advance(1s);
        BOOST_TEST(eventually([&] { return gate.entered() == 1 || b.clock.parked() == 1; }));
    }
    gate.wait_entered(1);
    auto two = b.take(2);
    two.clear();
    others_go_on(pool);
    Task closer{[&] { (void)pool.close(0ms); }};
    BOOST_TEST(closer.ends());
    gate.open();
}

BOOST_AUTO_TEST_SUITE_END()
