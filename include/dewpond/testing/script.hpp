// SPDX-License-Identifier: BSL-1.0
// Script: what a scripted driver is to do, and the record of what was asked of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <dewpond/config.hpp>
#include <dewpond/testing/action.hpp>
#include <dewpond/testing/book.hpp>
#include <dewpond/testing/manual_clock.hpp>

namespace dewpond::inline v0::testing {

/// A copyable handle to what scripted drivers do and did: the test keeps one while the pool owns the driver. A hook
/// without a script does what an honest driver does.
///
///     Script script;
///     Pool pool{ScriptedDriver{script}};
///     script.on(Hook::open, {fail(Fault::starting).times(2), succeed()});
///     ...
///     BOOST_TEST(script.violations().empty());
///     BOOST_TEST(script.live() == 0);
class Script {
private:
    template <class F>
    auto get(F f) const {
        const std::lock_guard lock{book_->m};
        return f(std::as_const(*book_));
    }
    template <class F>
    void change(std::uint32_t id, F f) const {
        const std::lock_guard lock{book_->m};
        if (id == 0 || id > book_->lives.size()) DEWPOND_THROW(std::out_of_range{"no resource has this id"});
        f(book_->lives[id - 1]);
    }
    template <class F>
    void wait(F done, const char* what) const {
        std::unique_lock lock{book_->m};
        detail::wait_or_throw(book_->changed, lock, [&] { return done(*book_); }, what);
    }

public:
    Script() : book_{std::make_shared<detail::Book>()} {}
    // Copies only, so that no handle is ever without a script.
    Script(const Script&) noexcept = default;
    Script& operator=(const Script&) noexcept = default;

    /// From now on this hook does these steps in turn, over all resources; the last one repeats. No steps: honest.
    /// Throws std::invalid_argument for a step that throws in a hook that is noexcept.
    void on(Hook hook, std::initializer_list<Action> steps) const {
        for (const Action& a : steps) {
            if (a.throws() && hook != Hook::open && hook != Hook::label) {
                DEWPOND_THROW(std::invalid_argument{"a noexcept hook cannot throw"});
            }
        }
        const std::lock_guard lock{book_->m};
        detail::Book::Track& t = book_->track(hook);
        t.steps.assign(steps);
        t.at = t.done = 0;
    }

    /// More resources than this, open or being opened, are a violation.
    void allow_at_most(std::size_t n) const {
        const std::lock_guard lock{book_->m};
        book_->limit = n;
    }
    /// Makes this resource need a reset.
    void make_dirty(std::uint32_t id) const {
        change(id, [](detail::Life& l) { l.dirty = true; });
    }
    /// Kills this resource: checks say no, a reset says broken.
    void break_it(std::uint32_t id) const {
        change(id, [](detail::Life& l) { l.broken = true; });
    }
    /// What `poll_handle` answers for this resource; it is -1, none, at first.
    void set_poll_handle(std::uint32_t id, int fd) const {
        change(id, [fd](detail::Life& l) { l.poll_handle = fd; });
    }
    /// Kills everything that is open, as the death of a server does.
    void break_all() const {
        const std::lock_guard lock{book_->m};
        for (detail::Life& l : book_->lives) l.broken = true;
    }

    /// How many resources are open now.
    [[nodiscard]] std::size_t live() const { return get([](const detail::Book& b) { return b.live; }); }
    /// The most that were open at once, ever.
    [[nodiscard]] std::size_t max_live() const { return get([](const detail::Book& b) { return b.max_live; }); }
    /// How often this hook was called.
    [[nodiscard]] std::size_t count(Hook hook) const {
        return get([&](const detail::Book& b) { return b.track(hook).started; });
    }
    /// Every call so far, in the order in which they began.
    [[nodiscard]] std::vector<Call> calls() const { return get([](const detail::Book& b) { return b.calls; }); }
    /// The hooks called for this resource, in order.
    [[nodiscard]] std::vector<Hook> calls_of(std::uint32_t id) const {
        std::vector<Hook> out;
        for (const Call& c : calls()) {
            if (c.id == id) out.push_back(c.hook);
        }
        return out;
    }
    /// Forgets the calls recorded so far; counts, scripts and resources stay.
    void forget_calls() const {
        const std::lock_guard lock{book_->m};
        book_->forgotten += book_->calls.size();
        book_->calls.clear();
    }
    /// Every breach of the contract by whoever called the driver, a sentence each. Empty is what a test wants.
    [[nodiscard]] std::vector<std::string> violations() const {
        return get([](const detail::Book& b) { return b.violations; });
    }
    /// The name that the pool told the driver.
    [[nodiscard]] std::string pool_name() const { return get([](const detail::Book& b) { return b.pool_name; }); }

    /// Blocks until this hook has ended `n` times in all. Throws after ten real seconds.
    void wait_finished(Hook hook, std::size_t n) const {
        wait([&](const detail::Book& b) { return b.track(hook).finished >= n; }, "the hook ended often enough");
    }
    /// Blocks until exactly `n` resources are open. Throws after ten real seconds.
    void wait_live(std::size_t n) const {
        wait([&](const detail::Book& b) { return b.live == n; }, "that many resources open");
    }

    /// What scripted drivers and their resources share with this handle.
    [[nodiscard]] const std::shared_ptr<detail::Book>& book() const noexcept { return book_; }

private:
    std::shared_ptr<detail::Book> book_;
};

}  // namespace dewpond::inline v0::testing
