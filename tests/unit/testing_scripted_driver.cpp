// SPDX-License-Identifier: BSL-1.0
// The scripted driver: it does what its script says, records what was asked, and names every breach of the contract.
#include <algorithm>
#include <chrono>
#include <concepts>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include <dewpond/driver.hpp>
#include <dewpond/testing/scripted_driver.hpp>

using namespace std::chrono_literals;
using namespace dewpond::testing;
using dewpond::Deadline;
using dewpond::Fault;
using dewpond::ResetResult;

namespace {

static_assert(dewpond::Driver<ScriptedDriver> && dewpond::TellsStatus<ScriptedDriver> && dewpond::Probes<ScriptedDriver> &&
              dewpond::Pings<ScriptedDriver> && dewpond::KnowsDirty<ScriptedDriver> && dewpond::Resets<ScriptedDriver> &&
              dewpond::HasPollHandle<ScriptedDriver> && dewpond::Interrupts<ScriptedDriver> &&
              dewpond::Abandons<ScriptedDriver> && dewpond::TellsFault<ScriptedDriver> && dewpond::HasLabel<ScriptedDriver>);
static_assert(!std::copy_constructible<ScriptedDriver> && !std::is_move_assignable_v<ScriptedDriver>);
static_assert(!std::copy_constructible<ScriptedResource> && !std::is_move_assignable_v<ScriptedResource>);

template <class D>
constexpr int abilities = dewpond::TellsStatus<D> + dewpond::Probes<D> + dewpond::Pings<D> + dewpond::KnowsDirty<D> +
                          dewpond::Resets<D> + dewpond::HasPollHandle<D> + dewpond::Interrupts<D> +
                          dewpond::Abandons<D> + dewpond::TellsFault<D> + dewpond::HasLabel<D>;
static_assert(abilities<ScriptedDriver> == 10);
static_assert(dewpond::Driver<PlainScripted> && abilities<PlainScripted> == 0);
static_assert(dewpond::TellsStatus<StatusScripted> && abilities<StatusScripted> == 1);
static_assert(dewpond::Probes<ProbeScripted> && abilities<ProbeScripted> == 2);
static_assert(dewpond::Pings<PingScripted> && abilities<PingScripted> == 1);
static_assert(dewpond::KnowsDirty<ResetScripted> && dewpond::Resets<ResetScripted> && abilities<ResetScripted> == 2);
static_assert(dewpond::Resets<BlindResetScripted> && abilities<BlindResetScripted> == 1);
static_assert(dewpond::Driver<PlainDriver> && abilities<PlainDriver> == 0);

struct Kit {
    Script script;
    ScriptedDriver driver{script};

    ScriptedResource open() { return std::move(driver.open({})).value(); }
    /// The only violation, without the words before the colon; "none" or "several" otherwise.
    std::string violation() const {
        const auto all = script.violations();
        if (all.size() != 1) return all.empty() ? "none" : "several";
        return all[0].substr(all[0].find(": ") + 2);
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(scripted_driver, *boost::unit_test::timeout(60))

BOOST_FIXTURE_TEST_CASE(without_a_script_it_is_an_honest_driver, Kit) {
    auto r = open();
    BOOST_TEST(r.id() == 1u);
    BOOST_TEST(driver.status_ok(r));
    BOOST_TEST(driver.probe(r));
    BOOST_TEST(driver.ping(r, {}));
    BOOST_TEST(!driver.dirty(r));
    BOOST_TEST((driver.reset(r, {}) == ResetResult::clean));
    BOOST_TEST((driver.last_fault(r).fault() == Fault::none));
    BOOST_TEST(driver.label(r) == "r1");
    BOOST_TEST(driver.poll_handle(r) == -1);
    BOOST_TEST(script.live() == 1u);
    driver.close(r);
    BOOST_TEST(script.live() == 0u);
    BOOST_TEST(violation() == "none");
}

BOOST_FIXTURE_TEST_CASE(a_borrower_makes_it_dirty_and_a_reset_cleans_it, Kit) {
    auto r = open();
    r.make_dirty();
    BOOST_TEST(driver.dirty(r));
    BOOST_TEST(r.is_dirty());
    BOOST_TEST(driver.status_ok(r));
    BOOST_TEST((driver.reset(r, {}) == ResetResult::clean));
    BOOST_TEST(!driver.dirty(r));
    script.make_dirty(r.id());
    BOOST_TEST(driver.dirty(r));
    driver.close(r);
}

BOOST_FIXTURE_TEST_CASE(a_broken_one_is_denied_by_every_check_and_beyond_reset, Kit) {
    auto r = open(), other = open();
    r.break_it();
    BOOST_TEST(r.is_broken());
    BOOST_TEST(!driver.status_ok(r));
    BOOST_TEST(!driver.probe(r));
    BOOST_TEST(!driver.ping(r, {}));
    BOOST_TEST((driver.reset(r, {}) == ResetResult::broken));
    BOOST_TEST((driver.last_fault(r).fault() == Fault::broken));
    BOOST_TEST(driver.probe(other));
    script.break_all();
    BOOST_TEST(!driver.probe(other));
    driver.close(r);
    driver.close(other);
    BOOST_TEST(violation() == "none");
}

BOOST_FIXTURE_TEST_CASE(steps_are_played_in_turn_and_the_last_one_repeats, Kit) {
    script.on(Hook::ping, {fail().times(2), succeed(), fail(Fault::timed_out, "slow")});
    auto r = open();
    std::vector<bool> said;
    for (int i = 0; i < 6; ++i) said.push_back(driver.ping(r, {}));
    BOOST_TEST((said == std::vector<bool>{false, false, true, false, false, false}));
    BOOST_TEST((driver.last_fault(r).fault() == Fault::timed_out));
    script.on(Hook::ping, {});
    BOOST_TEST(driver.ping(r, {}));
    driver.close(r);
}

BOOST_FIXTURE_TEST_CASE(an_open_fails_by_value_or_by_throwing_what_the_script_says, Kit) {
    script.on(Hook::open, {fail(Fault::full, "no room"), throw_open_error(Fault::starting, "not yet"),
                           throw_runtime_error("a secret"), throw_int(), succeed()});
    const auto first = driver.open({});
    BOOST_TEST(!first);
    BOOST_TEST((first.error().fault() == Fault::full));
    BOOST_TEST(first.error().text() == "no room");
    BOOST_CHECK_EXCEPTION((void)driver.open({}), dewpond::OpenError,
                          [](const dewpond::OpenError& e) { return e.fault() == Fault::starting; });
    BOOST_CHECK_EXCEPTION((void)driver.open({}), std::runtime_error,
                          [](const std::runtime_error& e) { return std::string_view{e.what()} == "a secret"; });
    BOOST_CHECK_THROW((void)driver.open({}), int);
    BOOST_TEST(script.live() == 0u);
    auto r = open();
    BOOST_TEST(script.live() == 1u);
    BOOST_TEST(script.count(Hook::open) == 5u);
    driver.close(r);
}

BOOST_FIXTURE_TEST_CASE(a_hook_that_is_noexcept_cannot_be_told_to_throw, Kit) {
    BOOST_CHECK_THROW(script.on(Hook::reset, {throw_int()}), std::invalid_argument);
    BOOST_CHECK_NO_THROW(script.on(Hook::label, {throw_int()}));
    auto r = open();
    BOOST_CHECK_THROW((void)driver.label(r), int);
    BOOST_TEST(driver.probe(r));  // the hook that threw is over
    driver.close(r);
    BOOST_TEST(violation() == "none");
}

BOOST_FIXTURE_TEST_CASE(a_reset_stays_unfinished_as_often_as_told, Kit) {
    script.on(Hook::reset, {unfinished().times(2), succeed()});
    auto r = open();
    r.make_dirty();
    BOOST_TEST((driver.reset(r, {}) == ResetResult::unfinished));
    BOOST_TEST((driver.reset(r, {}) == ResetResult::unfinished));
    BOOST_TEST(driver.dirty(r));
    BOOST_TEST((driver.reset(r, {}) == ResetResult::clean));
    BOOST_TEST(!driver.dirty(r));
    driver.close(r);
}

BOOST_FIXTURE_TEST_CASE(a_hook_blocks_until_the_gate_opens, Kit) {
    const Gate gate;
    script.on(Hook::close, {block(gate)});
    auto r = open();
    const std::jthread t{[&] { driver.close(r); }};
    gate.wait_entered(1);
    BOOST_TEST(gate.waiting() == 1u);
    BOOST_TEST(script.live() == 1u);  // it is there until close is over
    gate.open();
    script.wait_finished(Hook::close, 1);
    BOOST_TEST(script.live() == 0u);
    BOOST_TEST(gate.waiting() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_gate_lets_through_as_many_as_it_is_told, Kit) {
    const Gate gate;
    script.on(Hook::open, {block(gate)});
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] {
            auto r = open();
            driver.close(r);
        });
    }
    gate.wait_entered(3);
    gate.let(2);
    script.wait_finished(Hook::close, 2);
    BOOST_TEST(gate.waiting() == 1u);
    gate.open();
    threads.clear();
    BOOST_TEST(script.count(Hook::close) == 3u);
    BOOST_TEST(violation() == "none");
}

BOOST_FIXTURE_TEST_CASE(a_slow_hook_moves_the_time_on, Kit) {
    const ManualClock clock;
    bool called = false;
    script.on(Hook::ping, {succeed().taking(clock, 30ms).doing([&] { called = true; })});
    auto r = open();
    BOOST_TEST(driver.ping(r, {}));
    BOOST_TEST((clock.elapsed() == dewpond::Duration{30ms}));
    BOOST_TEST(called);
    driver.close(r);
}

BOOST_FIXTURE_TEST_CASE(an_interrupt_frees_what_blocks_on_the_same_resource, Kit) {
    const Gate gate;
    script.on(Hook::ping, {fail(Fault::other, "interrupted").after(gate)});
    script.on(Hook::interrupt, {succeed().opening(gate)});
    auto r = open();
    bool alive = true;
    {
        const std::jthread t{[&] { alive = driver.ping(r, {}); }};
        gate.wait_entered(1);
        driver.interrupt(r);
    }
    BOOST_TEST(!alive);
    driver.close(r);
    BOOST_TEST(violation() == "none");
}

BOOST_FIXTURE_TEST_CASE(every_call_is_recorded_in_order_with_thread_resource_and_deadline, Kit) {
    auto a = open(), b = open();
    const Deadline by{dewpond::TimePoint{5s}};
    (void)driver.ping(b, by);
    std::jthread{[&] { driver.close(a); }}.join();
    driver.close(b);
    const auto calls = script.calls();
    BOOST_TEST_REQUIRE(calls.size() == 5u);
    BOOST_TEST(calls[0].id == 1u);
    BOOST_TEST((calls[2].hook == Hook::ping && calls[2].id == 2 && calls[2].by == by));
    BOOST_TEST((calls[2].thread == std::this_thread::get_id()));
    BOOST_TEST((calls[3].thread != std::this_thread::get_id()));
    BOOST_TEST((script.calls_of(2) == std::vector<Hook>{Hook::open, Hook::ping, Hook::close}));
    script.forget_calls();
    BOOST_TEST(script.calls().empty());
    BOOST_TEST(script.count(Hook::open) == 2u);
    auto c = open();
    BOOST_TEST(script.calls().at(0).id == 3u);
    driver.close(c);
}

BOOST_FIXTURE_TEST_CASE(calls_may_be_forgotten_while_one_is_under_way, Kit) {
    const Gate gate;
    auto first = open();
    script.on(Hook::open, {block(gate)});
    {
        const std::jthread t{[&] {
            auto second = open();
            driver.close(second);
        }};
        gate.wait_entered(1);
        script.forget_calls();
        (void)driver.probe(first);
        (void)driver.probe(first);
        gate.open();
    }
    const auto calls = script.calls();
    BOOST_TEST_REQUIRE(calls.size() == 3u);
    BOOST_TEST(calls[0].id == 1u);
    BOOST_TEST(calls[1].id == 1u);
    BOOST_TEST((calls[2].hook == Hook::close && calls[2].id == 2u));
    driver.close(first);
}

BOOST_FIXTURE_TEST_CASE(the_most_that_were_open_at_once_is_remembered, Kit) {
    auto a = open(), b = open();
    driver.close(a);
    driver.close(b);
    auto c = open();
    BOOST_TEST(script.live() == 1u);
    BOOST_TEST(script.max_live() == 2u);
    driver.close(c);
}

BOOST_FIXTURE_TEST_CASE(closing_twice_is_a_violation, Kit) {
    auto r = open();
    driver.close(r);
    driver.close(r);
    BOOST_TEST(violation() == "closed twice");
    BOOST_TEST(script.live() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_hook_on_a_closed_resource_is_a_violation, Kit) {
    auto r = open();
    driver.close(r);
    BOOST_TEST(!driver.probe(r));
    BOOST_TEST(violation() == "called after it was closed");
}

BOOST_FIXTURE_TEST_CASE(an_interrupt_of_a_closed_resource_is_a_violation, Kit) {
    auto r = open();
    driver.close(r);
    driver.interrupt(r);
    BOOST_TEST(violation() == "called after it was closed");
}

BOOST_FIXTURE_TEST_CASE(an_interrupt_while_it_is_being_closed_is_a_violation, Kit) {
    const Gate gate;
    script.on(Hook::close, {block(gate)});
    auto r = open();
    const std::jthread t{[&] { driver.close(r); }};
    gate.wait_entered(1);
    driver.interrupt(r);
    gate.open();
    BOOST_TEST(violation() == "called while it is being closed");
}

BOOST_FIXTURE_TEST_CASE(closing_while_an_interrupt_is_running_is_a_violation, Kit) {
    const Gate gate;
    script.on(Hook::interrupt, {block(gate)});
    auto r = open();
    {
        const std::jthread t{[&] { driver.interrupt(r); }};
        gate.wait_entered(1);
        driver.close(r);
        gate.open();
    }
    BOOST_TEST(violation() == "called while interrupt is running on it");
}

BOOST_FIXTURE_TEST_CASE(two_hooks_at_once_on_one_resource_are_a_violation, Kit) {
    const Gate gate;
    script.on(Hook::ping, {block(gate)});
    auto r = open(), other = open();
    {
        const std::jthread t{[&] { (void)driver.ping(r, {}); }};
        gate.wait_entered(1);
        BOOST_TEST(driver.probe(other));
        BOOST_TEST(violation() == "none");
        BOOST_TEST(!driver.probe(r));
        gate.open();
    }
    BOOST_TEST(violation() == "called while ping is running on it");
    driver.close(r);
    driver.close(other);
}

BOOST_FIXTURE_TEST_CASE(using_a_resource_that_was_moved_from_is_a_violation, Kit) {
    auto r = open();
    auto here = std::move(r);
    BOOST_TEST(!driver.status_ok(r));
    BOOST_TEST(violation() == "called with a resource that was moved from");
    driver.close(here);
}

BOOST_FIXTURE_TEST_CASE(destroying_an_open_resource_is_a_violation, Kit) {
    { (void)open(); }
    BOOST_TEST(violation() == "never called: the resource was destroyed while open");
    BOOST_TEST(script.live() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_detached_resource_is_closed_by_whoever_has_it, Kit) {
    {
        auto r = open();
        r.close_detached();
    }
    BOOST_TEST(script.live() == 0u);
    BOOST_TEST(violation() == "none");
}

BOOST_FIXTURE_TEST_CASE(an_abandoned_resource_is_gone_and_must_not_be_closed, Kit) {
    auto r = open();
    driver.abandon(r);
    BOOST_TEST(script.live() == 0u);
    BOOST_TEST(violation() == "none");
    driver.close(r);
    BOOST_TEST(violation() == "closed twice");
}

BOOST_FIXTURE_TEST_CASE(more_resources_than_allowed_are_a_violation, Kit) {
    script.allow_at_most(1);
    auto a = open();
    BOOST_TEST(violation() == "none");
    auto b = open();
    BOOST_TEST(violation() == "more resources than are allowed");
    driver.close(a);
    driver.close(b);
}

BOOST_FIXTURE_TEST_CASE(an_opening_counts_against_what_is_allowed, Kit) {
    const Gate gate;
    script.allow_at_most(1);
    script.on(Hook::open, {fail().after(gate), succeed()});
    {
        const std::jthread t{[&] { (void)driver.open({}); }};
        gate.wait_entered(1);
        auto r = open();
        driver.close(r);
        gate.open();
    }
    BOOST_TEST(violation() == "more resources than are allowed");
    auto r = open();  // the failed one counts no more
    BOOST_TEST(script.violations().size() == 1u);
    driver.close(r);
}

BOOST_FIXTURE_TEST_CASE(the_pool_names_itself_once_and_first, Kit) {
    driver.pool_named("orders");
    BOOST_TEST(script.pool_name() == "orders");
    BOOST_TEST(violation() == "none");
    driver.pool_named("orders");
    BOOST_TEST(violation() == "called twice");
}

BOOST_FIXTURE_TEST_CASE(a_name_that_comes_after_open_is_a_violation, Kit) {
    auto r = open();
    driver.pool_named("orders");
    BOOST_TEST(violation() == "called after open");
    driver.close(r);
}

BOOST_FIXTURE_TEST_CASE(it_may_be_used_by_many_threads_at_once, Kit) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 200; ++n) {
                auto r = open();
                if (n % 2 == 0) r.make_dirty();
                (void)driver.ping(r, {});
                (void)driver.reset(r, {});
                driver.close(r);
            }
        });
    }
    threads.clear();
    BOOST_TEST(violation() == "none");
    BOOST_TEST(script.live() == 0u);
    BOOST_TEST(script.count(Hook::close) == 800u);
    BOOST_TEST(script.max_live() <= 4u);
}

BOOST_AUTO_TEST_CASE(a_plain_driver_counts_what_it_opened_and_closed) {
    PlainCounts counts;
    PlainDriver driver{counts};
    auto a = driver.open(), b = driver.open();
    BOOST_TEST(a != b);
    driver.close(a);
    BOOST_TEST(counts.live() == 1);
    driver.close(b);
    BOOST_TEST(counts.live() == 0);
    PlainDriver silent;
    auto c = silent.open();
    silent.close(c);
}

BOOST_AUTO_TEST_SUITE_END()
