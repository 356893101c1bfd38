// SPDX-License-Identifier: BSL-1.0
// ScriptedCore: the needed rows of a scripted driver, and the resource that all scripted drivers open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <utility>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/error.hpp>
#include <dewpond/result.hpp>
#include <dewpond/testing/action.hpp>
#include <dewpond/testing/script.hpp>

namespace dewpond::inline v0::testing {

class ScriptedCore;

/// What a scripted driver opens. Move-only and never assigned. Who holds the lease may do to it what borrowers do:
/// `lease->make_dirty()`, `lease->break_it()`. Destroying an open one is a violation of the contract.
class ScriptedResource {
public:
    ScriptedResource(ScriptedResource&& other) noexcept
        : book_{other.book_}, life_{std::exchange(other.life_, nullptr)} {}
    ScriptedResource& operator=(ScriptedResource&&) = delete;
    ~ScriptedResource() {
        if (life_ == nullptr) return;
        const std::lock_guard lock{book_->m};
        if (!life_->open) return;
        book_->blame(Hook::close, life_, "never called: the resource was destroyed while open");
        book_->gone(*life_);
    }

    /// Its number: the first one opened is 1.
    [[nodiscard]] std::uint32_t id() const noexcept { return life_->id; }
    /// Leaves something behind for `reset` to clear.
    void make_dirty() const {
        const std::lock_guard lock{book_->m};
        life_->dirty = true;
    }
    /// Kills it: from now on the checks say no, and a reset says broken.
    void break_it() const {
        const std::lock_guard lock{book_->m};
        life_->broken = true;
    }
    [[nodiscard]] bool is_dirty() const {
        const std::lock_guard lock{book_->m};
        return life_->dirty;
    }
    [[nodiscard]] bool is_broken() const {
        const std::lock_guard lock{book_->m};
        return life_->broken;
    }
    /// For a resource that was detached from its pool: whoever has it closes it, without the driver.
    void close_detached() const {
        const std::lock_guard lock{book_->m};
        if (life_->open) book_->gone(*life_);
    }

private:
    friend class ScriptedCore;
    ScriptedResource(std::shared_ptr<detail::Book> book, detail::Life& life) noexcept
        : book_{std::move(book)}, life_{&life} {}

    std::shared_ptr<detail::Book> book_;
    detail::Life* life_;
};

/// The needed rows of the contract, scripted; the base of every scripted driver. Move-only: a pool holds the one driver
/// it was given.
class ScriptedCore {
public:
    using resource = ScriptedResource;

    explicit ScriptedCore(Script script) noexcept : script_{std::move(script)} {}
    ScriptedCore(ScriptedCore&& other) noexcept : script_{other.script_} {}
    ScriptedCore& operator=(ScriptedCore&&) = delete;

    /// A new resource, or what the script says.
    Result<resource, OpenError> open(Deadline by) {
        detail::Book& b = book();
        std::size_t number = 0;
        const Action todo = [&] {
            const std::lock_guard lock{b.m};
            if (b.live + ++b.opening > b.limit) b.blame(Hook::open, nullptr, "more resources than are allowed");
            number = b.forgotten + b.calls.size();
            return b.begin(Hook::open, 0, by);
        }();
        Opening opening{b};
        todo.run();
        if (todo.throws()) raise(todo);
        if (todo.end() == Action::End::fail) return todo.error();
        const std::lock_guard lock{b.m};
        detail::Life& life = b.lives.emplace_back();
        life.id = static_cast<std::uint32_t>(b.lives.size());
        b.name_call(number, life.id);
        b.max_live = b.max_live < ++b.live ? b.live : b.max_live;
        opening.ends();  // in the same step, or one resource would count twice for a moment
        return resource{script_.book(), life};
    }
    /// The end of a resource, dead or alive; it counts as live until this is over.
    void close(resource& r) noexcept {
        play(Hook::close, r, {}, false, [this](Action::End, detail::Life& life) { return book().gone(life), true; });
    }

    /// The script it follows.
    [[nodiscard]] const Script& script() const noexcept { return script_; }

protected:
    [[nodiscard]] detail::Book& book() const noexcept { return *script_.book(); }

    /// One call of a hook on a resource: recorded, judged, played; `answer` runs under the book's mutex. What breaks
    /// the contract is recorded and answered with `refusal`, nothing else happens.
    template <class T, class F>
    T play(Hook hook, resource& r, Deadline by, T refusal, F answer) {
        detail::Book& b = book();
        detail::Life* const life = r.life_;
        bool allowed = false;
        const Action todo = [&] {
            const std::lock_guard lock{b.m};
            allowed = b.enter(hook, life);
            return b.begin(hook, life == nullptr ? 0 : life->id, by);
        }();
        const Playing playing{b, hook, allowed ? life : nullptr};
        if (!allowed) return refusal;
        todo.run();
        if (todo.throws()) raise(todo);
        if (todo.end() == Action::End::fail) said_no(todo);
        const std::lock_guard lock{b.m};
        return answer(todo.end(), *life);
    }
    /// A hook that answers whether the resource is alive.
    bool ask(Hook hook, resource& r, Deadline by) {
        return play(hook, r, by, false, [](Action::End end, detail::Life& life) {
            return end != Action::End::fail && !life.broken;
        });
    }

private:
    /// One that is being opened; `ends` with the book's mutex held.
    struct Opening {
        detail::Book& b;
        bool over = false;
        void ends() noexcept {
            --b.opening;
            b.finish(Hook::open);
            over = true;
        }
        ~Opening() {
            if (over) return;
            const std::lock_guard lock{b.m};
            ends();
        }
    };
    struct Playing {
        detail::Book& b;
        Hook hook;
        detail::Life* life;
        ~Playing() {
            const std::lock_guard lock{b.m};
            if (life != nullptr) detail::Book::leave(hook, *life);
            b.finish(hook);
        }
    };
    void said_no(const Action& todo) const {
        const std::lock_guard lock{book().m};
        book().last_fault = todo.error();
    }
    static void raise(const Action& todo) {
        switch (todo.end()) {
            case Action::End::throw_open_error: DEWPOND_THROW(OpenError{todo.error()});
            case Action::End::throw_runtime_error: DEWPOND_THROW(std::runtime_error{todo.error().text()});
#if defined(__cpp_exceptions)
            case Action::End::throw_int: throw 42;
#endif
            default: break;
        }
    }

    Script script_;
};

}  // namespace dewpond::inline v0::testing
