// SPDX-License-Identifier: BSL-1.0
// conformance: does a driver keep the contract? One function, for any test framework or none.
#pragma once

#include <cstddef>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <dewpond/driver.hpp>
#include <dewpond/error.hpp>
#include <dewpond/testing/action.hpp>
#include <dewpond/testing/shape.hpp>
#include <dewpond/testing/trial.hpp>

namespace dewpond::inline v0::testing {
namespace detail {

/// The cases. Each opens what it needs and reports each of its sentences with what it found.
template <class D, class Check, class Kill>
class Cases : Trial<D, Check, Kill> {
    using Base = Trial<D, Check, Kill>;
    using typename Base::R;
    using Base::say, Base::soon, Base::passed, Base::alive, Base::usable, Base::clean, Base::reset, Base::becomes;
    using Base::prompt, Base::readable, Base::no_secret, Base::opened, Base::checkable;
    using Base::driver_, Base::kill_, Base::options_, Base::failed_;

public:
    using Base::Base;

    std::size_t run() {
        shapes();
        fresh();
        twice();
        moved();
        killed();
        dirtied();
        neighbour();
        late();
        elsewhere();
        let_go();
        say(Held<D>{driver_, soon()}.ok(), "open works to the end");
        return failed_;
    }

private:
    void shapes() {
        say(!misshapen<D>(Hook::status_ok), "status_ok is `bool status_ok(resource&) noexcept`");
        say(!misshapen<D>(Hook::probe), "probe is `bool probe(resource&) noexcept`");
        say(!misshapen<D>(Hook::ping), "ping is `bool ping(resource&, Deadline) noexcept`");
        say(!misshapen<D>(Hook::dirty), "dirty is `bool dirty(resource&) noexcept`");
        say(!misshapen<D>(Hook::reset), "reset is `ResetResult reset(resource&, Deadline) noexcept`");
        say(!misshapen<D>(Hook::poll_handle), "poll_handle is `int poll_handle(resource&) noexcept`");
        say(!misshapen<D>(Hook::interrupt), "interrupt is `void interrupt(resource&) noexcept`");
        say(!misshapen<D>(Hook::abandon), "abandon is `void abandon(resource&) noexcept`");
        say(!misshapen<D>(Hook::last_fault), "last_fault is `OpenError last_fault(resource&) noexcept`");
        say(!misshapen<D>(Hook::label), "label is `std::string label(resource&)`");
    }

    void fresh() {
        {
            Held<D> h{driver_, soon()};
            if (!opened(h)) return;
            if constexpr (TellsStatus<D>) say(driver_.status_ok(*h), "status_ok says yes to a fresh resource");
            if constexpr (Probes<D>) say(driver_.probe(*h), "probe says yes to a fresh resource");
            if constexpr (Pings<D>) say(driver_.ping(*h, soon()), "ping says yes to a fresh resource");
            if constexpr (HasPollHandle<D>) say(!readable(*h, 0), "the poll handle of a fresh resource is quiet");
            if constexpr (TellsFault<D>) {
                say(driver_.last_fault(*h).fault() == Fault::none, "last_fault of a healthy resource is none");
            }
            if constexpr (HasLabel<D>) {
                const std::string label = driver_.label(*h);
                say(label.find('\n') == std::string::npos, "the label has no newline");
                no_secret(label);
            }
            if constexpr (Resets<D>) {
                say(reset(*h) == ResetResult::clean, "reset of a fresh resource is clean");
                say(usable(*h), "a reset leaves a fresh resource usable");
            }
        }
        say(Held<D>{driver_, soon()}.ok(), "open works after a resource was closed");
    }

    // Each look by itself, on a resource of its own: what one leaves behind, the next might clear.
    void twice() {
        look([this](R& r) { return clean(r); }, "a fresh resource is not dirty",
             "dirty answers the same when asked twice");
        if constexpr (TellsStatus<D>) {
            look([this](R& r) { return driver_.status_ok(r); }, "status_ok leaves nothing dirty",
                 "status_ok answers the same when asked twice");
        }
        if constexpr (Probes<D>) {
            look([this](R& r) { return driver_.probe(r); }, "probe leaves nothing dirty",
                 "probe answers the same when asked twice");
        }
        if constexpr (Pings<D>) {
            look([this](R& r) { return driver_.ping(r, soon()); }, "ping leaves nothing dirty",
                 "ping answers the same when asked twice");
        }
        if constexpr (HasPollHandle<D>) {
            look([this](R& r) { return driver_.poll_handle(r); }, "poll_handle leaves nothing dirty",
                 "poll_handle answers the same when asked twice");
        }
    }
    template <class F>
    void look(F ask, const char* leaves_nothing, const char* the_same) {
        Held<D> h{driver_, soon()};
        if (!opened(h)) return;
        const auto first = ask(*h);
        say(clean(*h), leaves_nothing);
        say(ask(*h) == first, the_same);
        say(clean(*h), leaves_nothing);
    }

    void moved() {
        Held<D> h{driver_, soon()};
        if (!opened(h)) return;
        R there{std::move(*h)};
        say(usable(there) && clean(there), "a moved resource is still usable");
        h.forget();
        say(usable(there), "a resource is usable after the one it was moved from is gone");
        driver_.close(there);
    }

    void killed() {
        {
            Held<D> h{driver_, soon()};
            if (!opened(h)) return;
            kill_(*h);
            if constexpr (checkable) {
                say(becomes([&] { return !alive(*h); }), "a killed resource is reported dead by the strongest check");
                say(!alive(*h), "the dead stay dead");
                if constexpr (TellsFault<D>) {
                    const OpenError why = driver_.last_fault(*h);
                    say(why.fault() != Fault::none, "last_fault says why the last answer was no");
                    no_secret(why.text());
                }
            }
            if constexpr (HasPollHandle<D>) {
                const auto ms = static_cast<int>(options_.promptly.ns().count() / 1'000'000);
                const bool has_one = driver_.poll_handle(*h) >= 0;
                say(!has_one || readable(*h, ms), "the poll handle of a killed resource becomes readable");
            }
            if constexpr (Resets<D>) {
                say(reset(*h) != ResetResult::clean, "a dead resource is never called clean");
                say(!checkable || !alive(*h), "a reset does not make a dead resource look alive");
            }
            if constexpr (HasLabel<D>) no_secret(driver_.label(*h));
        }
        {
            Held<D> h{driver_, soon()};  // the case above closed a dead one that was asked; this one nobody asked
            if (h.ok()) kill_(*h);
        }
        Held<D> h{driver_, soon()};
        say(h.ok() && usable(*h), "open works after a dead resource was closed");
    }

    void dirtied() {
        if (!options_.dirty) return;
        Held<D> h{driver_, soon()}, unwashed{driver_, soon()};
        if (!opened(h) || !opened(unwashed)) return;
        options_.dirty(*h);
        options_.dirty(*unwashed);  // to be closed as it is
        if constexpr (KnowsDirty<D>) {
            say(driver_.dirty(*h), "what a borrower left behind is reported dirty");
            say(driver_.dirty(*h), "asking does not clean it");
        }
        if constexpr (Resets<D>) {
            say(reset(*h) == ResetResult::clean, "reset of a dirty resource is clean");
            say(clean(*h), "nothing is dirty after a reset that said clean");
            say(usable(*h), "a resource is usable after a reset that said clean");
            options_.dirty(*h);
            say(reset(*h) == ResetResult::clean && clean(*h), "a second reset works as the first");
        }
    }

    void neighbour() {
        Held<D> mine{driver_, soon()};
        if (!opened(mine)) return;
        {
            Held<D> other{driver_, soon()};
            if (!opened(other)) return;
            if (options_.dirty) options_.dirty(*other);
            say(usable(*mine) && clean(*mine), "what is done to a resource does not touch its neighbour");
            kill_(*other);
            say(usable(*mine) && clean(*mine), "the death of a resource does not touch its neighbour");
        }
        say(usable(*mine) && clean(*mine), "closing a resource does not touch its neighbour");
    }

    // What is asked too late may be answered in any way, but at once, and the resource may still be closed.
    void late() {
        if constexpr (dewpond::detail::opens_by_deadline<D>) {
            say(prompt([this] { no_secret(Held<D>{driver_, passed()}.error()); }),
                "open returns promptly when its deadline has passed");
            say(Held<D>{driver_, soon()}.ok(), "open works after one that came too late");
        }
        if constexpr (Pings<D>) {
            Held<D> h{driver_, soon()};
            if (!opened(h)) return;
            say(prompt([&] { (void)driver_.ping(*h, passed()); }),
                "ping returns promptly when its deadline has passed");
        }
        if constexpr (Resets<D>) {
            Held<D> h{driver_, soon()};
            if (!opened(h)) return;
            if (options_.dirty) options_.dirty(*h);
            ResetResult result{};
            say(prompt([&] { result = driver_.reset(*h, passed()); }),
                "reset returns promptly when its deadline has passed");
            const bool claims = result == ResetResult::clean || result == ResetResult::blank;
            say(!claims || clean(*h),
                "a reset that came too late does not claim clean for what is dirty");
            if (result == ResetResult::unfinished) {
                const ResetResult again = reset(*h);
                say(again != ResetResult::unfinished, "an unfinished reset ends when it is called with time enough");
                say(again != ResetResult::clean || clean(*h), "nothing is dirty after a reset that said clean");
            }
        }
    }

    // A pool opens, checks and closes on whichever thread comes along, many at once. `check` is called on one only.
    void elsewhere() {
        Held<D> h{driver_, soon()};
        if (!opened(h)) return;
        bool there = false;
        std::thread{[&] { there = usable(*h) && clean(*h); }}.join();
        say(there, "a resource is usable on another thread than it was opened on");

        constexpr std::size_t threads = 4;
        bool good[threads] = {};
        {
            std::vector<std::thread> crowd;
            for (bool& mine : good) {
                crowd.emplace_back([this, &mine] {
                    Held<D> own{driver_, soon()};
                    mine = own.ok() && usable(*own) && reset(*own) == ResetResult::clean && clean(*own);
                });
            }
            for (std::thread& t : crowd) t.join();
        }
        for (const bool mine : good) say(mine, "several threads use the driver at once, each a resource of its own");
        say(usable(*h), "a resource is usable after others were used by other threads");
    }

    void let_go() {
        Held<D> mine{driver_, soon()};
        if (!opened(mine)) return;
        if constexpr (Interrupts<D>) {
            Held<D> h{driver_, soon()};
            if (!opened(h)) return;
            std::thread{[&] { driver_.interrupt(*h); }}.join();
            say(usable(*mine) && clean(*mine), "interrupting a resource does not touch its neighbour");
        }
        if constexpr (Abandons<D>) {
            Held<D> h{driver_, soon()};
            if (!opened(h)) return;
            driver_.abandon(*h);
            h.forget();
            say(usable(*mine) && clean(*mine), "abandoning a resource does not touch its neighbour");
        }
    }
};

template <class T>
concept makes_driver = std::is_invocable_v<T&> && !requires { typename T::resource; };

template <class T>
struct DriverOf {
    using type = T;
};
template <makes_driver T>
struct DriverOf<T> {
    using type = std::remove_cvref_t<std::invoke_result_t<T&>>;
};

}  // namespace detail

/// The driver meant by the first argument of `conformance`: itself, or what calling it gives.
template <class T>
using driver_of = typename detail::DriverOf<std::remove_cvref_t<T>>::type;

/// Tries every rule of the driver contract that shows from outside, for the abilities that the driver has, and says how
/// many sentences were not true.
///
/// `driver`: one, or a function that makes one. `check(bool ok, const char* sentence)` is called for every
/// sentence, on the calling thread. `kill(resource&)` breaks a live resource from outside (ends its session, shuts its
/// socket) and leaves it to be closed.
///
///     conformance(driver, [](bool ok, const char* sentence) { BOOST_CHECK_MESSAGE(ok, sentence); },
///                 [](FdDriver::resource& fd) { ... });
template <class T, class Check, class Kill>
std::size_t conformance(T&& driver, Check check, Kill kill, const ConformanceOptions<driver_of<T>>& options = {}) {
    using D = driver_of<T>;
    static_assert(Driver<D>,
                  "not a driver: it needs `resource` (nothrow-movable), `open` and `void close(resource&) noexcept`");
    if constexpr (detail::makes_driver<std::remove_cvref_t<T>>) {
        D made{driver()};
        return detail::Cases<D, Check, Kill>{made, check, kill, options}.run();
    } else {
        return detail::Cases<D, Check, Kill>{driver, check, kill, options}.run();
    }
}

}  // namespace dewpond::inline v0::testing
