// SPDX-License-Identifier: BSL-1.0
// What takes a system, a driver or a clock of the test's own to come about: threads that are refused, a close in the middle of a
// detach, a caller that queues and then opens for itself, looks and entries that nobody asked for.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <dewpond/pool.hpp>
#include <dewpond/testing/manual_clock.hpp>
#include <dewpond/testing/scripted_driver.hpp>

#include "kit/bench.hpp"

using namespace behaviour;
using dewpond::Options;
using dewpond::PastEvent;
using dewpond::testing::ManualClock;
using dewpond::testing::ScriptedDriver;

namespace {

/// A system that has so many threads left.
struct FewThreads : ManualClock {
    static inline std::atomic<int> left{0}, refused{0};
    template <class F>
    [[nodiscard]] static std::thread start(const dewpond::detail::ThreadName& name, F f) {
        if (left.load() == 0) {
            ++refused;
            throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again)};
        }
        --left;
        return ManualClock::start(name, std::move(f));
    }
};

/// Held by every part of a pool that lives.
using Token = std::shared_ptr<int>;
struct Plain {
    using resource = Token;
    Token token;
    resource open() { return token; }
    void close(resource&) noexcept {}
};

/// A callback that gives back at once, and notes what it was told.
template <class Pool>
struct Noting : Pool::Waiter {
    Noting() : Pool::Waiter{[](typename Pool::Waiter& w, dewpond::Result<typename Pool::Lease> r) noexcept {
        auto& self = static_cast<Noting&>(w);
        if (!r) self.code = r.error().code();
        else r->give_back();
        ++self.told;
    }} {}
    std::atomic<int> told{0};
    std::atomic<Code> code{Code::bad_option};
};

template <class Pool>
std::vector<EventKind> kinds(Pool& pool) {
    std::vector<EventKind> all;
    for (const PastEvent& e : pool.events()) all.push_back(e.kind);
    return all;
}
template <class Pool>
std::size_t remembered(Pool& pool, EventKind kind) {
    const auto all = kinds(pool);
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), kind));
}

/// Does something when it is moved, once.
struct Crate {
    static inline std::function<void()> when_moved;
    Crate() = default;
    Crate(Crate&&) noexcept {
        if (const auto f = std::exchange(when_moved, nullptr)) f();
    }
};
struct Shed {
    using resource = Crate;
    int* interrupted;
    resource open() { return {}; }
    void close(resource&) noexcept {}
    void interrupt(resource&) noexcept { ++*interrupted; }
};

/// Is looked at before it is lent; what is found, and what happens meanwhile, is the test's affair.
struct Looked {
    using resource = Token;
    Token token;
    std::function<bool()>* look;
    resource open() { return token; }
    void close(resource&) noexcept {}
    bool status_ok(resource&) noexcept {
        const auto now = std::exchange(*look, nullptr);
        return !now || now();
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(rare, *boost::unit_test::timeout(20))

// ---- threads that are refused ----

BOOST_AUTO_TEST_CASE(a_callback_for_which_no_thread_can_be_started_is_told_and_the_next_one_may_be_lucky) {
    using Pool = dewpond::Pool<Plain, FewThreads, dewpond::Timings>;
    Token token = std::make_shared<int>(0);
    const std::weak_ptr<int> alive = token;
    {
        FewThreads::left = 0;
        Pool pool{Plain{std::move(token)}, Options{.max_size = 1}, FewThreads{}, dewpond::Timings{}};
        auto held = pool.checkout();
        const auto waits = pool.stats().wait.count();
        Noting<Pool> unlucky, lucky, third;
        pool.enqueue(unlucky, 1h);
        BOOST_TEST(unlucky.told == 1);
        BOOST_CHECK(unlucky.code == Code::no_thread);
        BOOST_TEST(pool.stats().waiting == 0u);
        BOOST_TEST(pool.stats().wait.count() == waits);  // it has not waited
        BOOST_TEST(holds(pool.describe(), "threads: 0"));
        FewThreads::left = 2;
        pool.enqueue(lucky, 1h);
        pool.enqueue(third, 1h);
        BOOST_TEST(lucky.told == 0);
        BOOST_TEST(FewThreads::left == 1);  // one is enough, for both
        BOOST_TEST(holds(pool.describe(), "threads: 1"));
        held.give_back();
        BOOST_TEST(eventually([&] { return lucky.told == 1 && third.told == 1; }));
    }
    BOOST_TEST(alive.expired());
}

BOOST_AUTO_TEST_CASE(a_pool_whose_crew_cannot_be_complete_is_not_made_and_leaves_nothing) {
    for (const int so_many : {0, 1, 2}) {
        Token token = std::make_shared<int>(0);
        const std::weak_ptr<int> alive = token;
        FewThreads::left = so_many;
        FewThreads::refused = 0;
        const Code code = code_of([&] { dewpond::Pool<Plain, FewThreads, dewpond::OpenInBackground> pool{Plain{std::move(token)}, Options{.max_size = 4, .opens_at_once = 2}, FewThreads{}, dewpond::OpenInBackground{}}; });
        BOOST_CHECK(code == Code::no_thread);
        BOOST_TEST(FewThreads::refused == 1);
        BOOST_TEST(alive.expired());
    }
}

BOOST_AUTO_TEST_CASE(a_closed_pool_starts_no_thread) {
    using Pool = dewpond::Pool<Plain, FewThreads>;
    FewThreads::left = 1;
    Pool pool{Plain{std::make_shared<int>(0)}, Options{.max_size = 1}, FewThreads{}};
    pool.close(0ms);
    Noting<Pool> late;
    pool.enqueue(late, 1h);
    BOOST_CHECK(late.code == Code::closed);
    BOOST_TEST(FewThreads::left == 1);
}

// ---- a close in the middle of a detach ----

BOOST_AUTO_TEST_CASE(what_is_being_taken_out_is_not_interrupted) {
    int interrupted = 0;
    dewpond::Pool pool{Shed{&interrupted}, Options{.max_size = 2}};
    auto taken = pool.checkout(), held = pool.checkout();
    Crate::when_moved = [&] { BOOST_TEST(pool.close(0ms) == 2u); };
    auto mine = taken.detach();
    BOOST_TEST(interrupted == 1);  // the one that is out still
    static_cast<void>(mine);
}

// ---- a caller that queues, and then opens for itself ----

BOOST_AUTO_TEST_CASE(whoever_has_queued_has_not_opened_at_once) {
    Script script;
    const ManualClock clock;
    Gate gate;
    script.on(Hook::open, {block(gate)});
    dewpond::Pool pool{ScriptedDriver{script}, Options{.max_size = 2, .opens_at_once = 1}, clock};
    {
        const Gate leave;
        const auto borrow = [&] {
            auto lease = pool.try_checkout(1h);
            leave.pass();
        };
        Task first{borrow};
        gate.wait_entered(1);
        Task second{borrow};
        clock.wait_until_parked(1);
        gate.open();
        leave.wait_entered(2);
        leave.open();
    }
    const Stats s = pool.stats();
    BOOST_TEST(s.opened == 2u);
    BOOST_TEST(s.opened_for_caller == 1u);
    BOOST_TEST(s.waited == 1u);
}

BOOST_AUTO_TEST_CASE(whoever_begins_to_wait_looks_at_the_leases_for_all_who_ask_later) {
    const ManualClock clock;
    dewpond::Pool pool{Plain{std::make_shared<int>(0)}, Options{.max_size = 1, .keeper_thread = false}, clock};
    const auto held = pool.checkout();
    clock.advance(1s);
    {
        Task late{[&] { static_cast<void>(pool.try_checkout(5s)); }};
        clock.wait_until_parked(1);
        clock.advance(5s);
    }
    BOOST_CHECK(pool.stats().oldest_lease == Duration{5s});
}

BOOST_AUTO_TEST_CASE(callbacks_are_wanted_slots_too_but_not_those_of_a_closed_pool) {
    using Pool = dewpond::Pool<Plain, ManualClock>;
    for (const bool closed : {false, true}) {
        const ManualClock clock;
        Pool pool{Plain{std::make_shared<int>(0)}, Options{.max_size = 1, .keeper_thread = false}, clock};
        auto held = pool.checkout();
        Noting<Pool> caller;
        if (closed) pool.close(0ms);
        pool.enqueue(caller, 1h);
        if (!closed) BOOST_TEST(pool.withdraw(caller));
        BOOST_TEST(caller.told == 1);
        BOOST_TEST(pool.stats().demand_peak == (closed ? 1u : 2u));
    }
}

BOOST_AUTO_TEST_CASE(a_callback_that_gave_up_has_waited_and_one_that_was_refused_at_once_has_not) {
    using Pool = dewpond::Pool<Plain, ManualClock, dewpond::Timings>;
    const ManualClock clock;
    Pool pool{Plain{std::make_shared<int>(0)}, Options{.max_size = 1, .keeper_thread = false}, clock, dewpond::Timings{}};
    auto held = pool.checkout();
    const auto before = pool.stats().wait.count();
    Noting<Pool> late, refused;
    pool.enqueue(late, 5s);
    clock.advance(5s);
    pool.maintain();
    BOOST_CHECK(late.code == Code::timed_out);
    BOOST_TEST(pool.stats().wait.count() == before + 1);
    BOOST_CHECK(pool.stats().wait.sum == Duration{5s});
    const PastEvent last = pool.events().back();
    BOOST_CHECK(last.kind == EventKind::failed && last.code == Code::timed_out && last.age == Duration{5s} && last.slot == PastEvent::no_slot);
    pool.close(0ms);
    pool.enqueue(refused, 1h);
    BOOST_CHECK(refused.code == Code::closed);
    BOOST_TEST(pool.stats().wait.count() == before + 1);
}

// ---- a callback that is given what is not fit ----

BOOST_AUTO_TEST_CASE(a_callback_whose_resource_is_not_fit_gets_another_or_is_late_and_nobody_stays_counted) {
    using Pool = dewpond::Pool<Looked, ManualClock>;
    for (const bool late : {false, true}) {
        Token token = std::make_shared<int>(0);
        const std::weak_ptr<int> alive = token;
        std::function<bool()> look;
        {
            const ManualClock clock;
            Pool pool{Looked{std::move(token), &look}, Options{.max_size = 2, .keeper_thread = false}, clock};
            auto one = pool.checkout(), other = pool.checkout();
            Noting<Pool> caller;
            pool.enqueue(caller, 5s);
            BOOST_TEST(caller.told == 0);
            look = [&] {
                if (late) clock.advance(5s);
                else other.give_back();
                return false;
            };
            one.give_back();
            BOOST_TEST(caller.told == 1);
            BOOST_CHECK(caller.code == (late ? Code::timed_out : Code::bad_option));
        }
        BOOST_TEST(alive.expired());
    }
}

// ---- what is remembered, and of which slot ----

BOOST_AUTO_TEST_CASE(the_end_is_remembered_once_and_so_is_what_closes_without_news) {
    const ManualClock clock;
    dewpond::Pool pool{Plain{std::make_shared<int>(0)}, Options{.max_size = 3}, clock};
    { const auto a = pool.checkout(), b = pool.checkout(), c = pool.checkout(); }
    std::uint32_t opened = 0;
    for (const PastEvent& e : pool.events()) opened += e.kind == EventKind::opened ? 1u << e.slot : 0;
    BOOST_TEST(opened == 7u);
    pool.resize(2);
    const auto past = pool.events();
    BOOST_CHECK(past.back().kind == EventKind::closed && past.back().reason == CloseReason::excess && past.back().slot < 3);
    BOOST_TEST(remembered(pool, EventKind::closing) == 0u);
    for (int times = 0; times < 2; ++times) {
        pool.close(0ms);
        BOOST_TEST(remembered(pool, EventKind::closing) == 1u);
    }
    BOOST_TEST(remembered(pool, EventKind::closed) == 3u);
}

BOOST_AUTO_TEST_CASE(renewals_are_remembered_once_for_each_failover) {
    const ManualClock clock;
    dewpond::Pool pool{Plain{std::make_shared<int>(0)}, Options{.max_size = 3, .keeper_thread = false}, clock, dewpond::Lifetime{}};
    auto one = pool.checkout(), other = pool.checkout();
    one.report(Fault::wrong_role);
    BOOST_TEST(remembered(pool, EventKind::renewed) == 1u);
    other.report(Fault::wrong_role);  // of the same failover
    BOOST_TEST(remembered(pool, EventKind::renewed) == 1u);
    pool.renew();
    BOOST_TEST(remembered(pool, EventKind::renewed) == 2u);
}

BOOST_AUTO_TEST_CASE(the_keeper_sees_a_peak_that_met_something_idle_only) {
    const ManualClock clock;
    dewpond::Pool pool{Plain{std::make_shared<int>(0)}, Options{.max_size = 2, .min_idle = 2, .keeper_thread = false}, clock};
    pool.maintain();
    BOOST_TEST(pool.stats().idle == 2u);
    {
        const auto one = pool.checkout(), other = pool.checkout();
        clock.advance(1s);
        pool.maintain();
    }
    BOOST_TEST(pool.stats().demand_peak == 2u);
}

BOOST_AUTO_TEST_CASE(a_sink_that_is_told_of_a_nested_wait_may_ask_the_pool) {
    const ManualClock clock;
    std::function<std::string()> ask;
    std::string answer;
    Duration age{};
    Options o{.max_size = 1, .keeper_thread = false};
    o.on_event = [&](const dewpond::Event& e) noexcept {
        if (e.kind != EventKind::nested_wait) return;
        age = e.age;
        answer = ask();
    };
    dewpond::Pool pool{Plain{std::make_shared<int>(0)}, o, clock};
    ask = [&] { return pool.inspect(); };
    Task task{[&] {
        const auto held = pool.checkout();
        static_cast<void>(pool.try_checkout(3s));
    }};
    clock.wait_until_parked(1);
    clock.advance(3s);
    task.join();
    BOOST_TEST(holds(answer, "slot 0: in use"), answer);
    BOOST_CHECK(age == Duration{3s});
}

BOOST_AUTO_TEST_CASE(what_is_being_opened_or_closed_is_inspected_as_such) {
    Script script;
    const ManualClock clock;
    Gate opens, closes;
    script.on(Hook::open, {block(opens)});
    script.on(Hook::close, {block(closes)});
    dewpond::Pool pool{ScriptedDriver{script}, Options{.max_size = 1}, clock};
    Task task{[&] { pool.checkout().discard(); }};
    opens.wait_entered(1);
    BOOST_TEST(holds(pool.inspect(), "slot 0: opening\n"));
    opens.open();
    closes.wait_entered(1);
    BOOST_TEST(holds(pool.inspect(), "slot 0: retiring\n"));
    closes.open();
}

BOOST_AUTO_TEST_CASE(what_keeps_openings_from_succeeding_is_in_the_error_of_who_waits_for_a_lease) {
    Script script;
    const ManualClock clock;
    script.on(Hook::open, {succeed(), fail(Fault::unreachable, "no route")});
    dewpond::Pool pool{ScriptedDriver{script}, Options{.max_size = 2, .outage_grace = dewpond::never, .keeper_thread = false}, clock};
    const auto held = pool.checkout();
    std::string what;
    Code code = Code::bad_option;
    Task task{[&] {
        const auto error = pool.try_checkout(3s).error();
        code = error.code();
        what = error.what();
    }};
    while (!task.over()) {
        clock.advance(100ms);
        std::this_thread::yield();
    }
    task.join();
    BOOST_CHECK(code == Code::timed_out);
    BOOST_TEST(holds(what, "last open failed (unreachable): no route"), what);
}

BOOST_AUTO_TEST_CASE(only_those_who_waited_are_given_the_history) {
    Script script;
    const ManualClock clock;
    script.on(Hook::open, {fail(Fault::unreachable)});
    dewpond::Pool pool{ScriptedDriver{script}, Options{.max_size = 1, .opens_at_once = 1, .outage_grace = dewpond::never, .keeper_thread = false}, clock};
    std::string long_form;
    Code code = Code::bad_option;
    Task task{[&] {
        const auto error = pool.try_checkout(3s).error();
        code = error.code();
        long_form = error.long_form();
    }};
    while (!task.over()) {
        clock.advance(100ms);
        std::this_thread::yield();
    }
    task.join();
    BOOST_CHECK(code == Code::open_failed);
    BOOST_TEST(holds(long_form, "ago: open failed"), long_form);
    pool.close(0ms);
    const auto closed = pool.try_checkout(1s).error();
    BOOST_TEST(closed.long_form() == closed.what());
}

BOOST_AUTO_TEST_CASE(every_option_has_a_line_in_the_description) {
    for (const bool threads : {false, true}) {
        const ManualClock clock;
        Options o;
        o.max_size = 7;
        o.min_idle = 2;
        o.keeper_thread = threads;
        dewpond::Pool pool{Plain{std::make_shared<int>(0)}, o, clock};
        const std::string text = pool.describe();
        std::size_t at = 0;
        for (const char* option : {"max_size = 7", "capacity = ", "min_idle = 2", "checkout_timeout = ", "max_waiting = ", "open_timeout = ", "opens_at_once = ", "backoff_min = ",
                                   "backoff_max_waiting = ", "backoff_max = ", "outage_grace = ", "reset_timeout = ", "return_budget = ", threads ? "keeper_thread = true" : "keeper_thread = false"}) {
            const std::size_t next = text.find(std::string{"\n  "} + option, at);
            BOOST_TEST(next != std::string::npos, option << " is missing or out of order in\n" << text);
            at = next == std::string::npos ? at : next;
        }
    }
}

BOOST_AUTO_TEST_CASE(a_report_in_a_pool_without_a_limit_of_uses_is_no_wear) {
    const ManualClock clock;
    dewpond::Pool pool{Plain{std::make_shared<int>(0)}, Options{.max_size = 1}, clock};
    pool.checkout().report(Fault::broken);
    BOOST_TEST(pool.stats().closed_because(CloseReason::discarded) == 1u);
}

BOOST_AUTO_TEST_CASE(what_a_hook_refuses_is_told_with_the_fault_of_the_driver) {
    Script script;
    const ManualClock clock;
    std::vector<Fault> faults;
    Options o{.max_size = 1};
    o.on_event = [&](const dewpond::Event& e) noexcept {
        if (e.kind == EventKind::closed && e.reason == CloseReason::hook_left_dirty) faults.push_back(e.fault);
    };
    bool angry = true;
    dewpond::Pool pool{ScriptedDriver{script}, o, clock, dewpond::OnCheckout{[&](ScriptedResource& r, Deadline) {
                           if (!std::exchange(angry, false)) return true;
                           script.break_it(r.id());
                           return false;
                       }}};
    { const auto lease = pool.checkout(1s); }
    BOOST_TEST(faults.size() == 1u);
    BOOST_CHECK(!faults.empty() && faults[0] == Fault::broken);
    const auto asked = script.count(Hook::last_fault);
    pool.close(0ms);
    BOOST_TEST(script.count(Hook::last_fault) == asked);  // of what is healthy nobody asks
}

BOOST_AUTO_TEST_SUITE_END()
