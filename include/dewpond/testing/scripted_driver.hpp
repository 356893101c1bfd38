// SPDX-License-Identifier: BSL-1.0
// ScriptedDriver: a driver with every ability that does what a Script says; Scripted<...>: the same with fewer.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <dewpond/deadline.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/error.hpp>
#include <dewpond/testing/action.hpp>
#include <dewpond/testing/book.hpp>
#include <dewpond/testing/plain_driver.hpp>
#include <dewpond/testing/script.hpp>
#include <dewpond/testing/scripted_core.hpp>

namespace dewpond::inline v0::testing {

/// The optional rows, each a layer that adds one member: a driver without the layer does not have the name at all.
namespace can {

template <class Base>
class StatusOk : public Base {
public:
    using Base::Base;
    bool status_ok(ScriptedResource& r) noexcept { return this->ask(Hook::status_ok, r, {}); }
};
template <class Base>
class Probe : public Base {
public:
    using Base::Base;
    bool probe(ScriptedResource& r) noexcept { return this->ask(Hook::probe, r, {}); }
};
template <class Base>
class Ping : public Base {
public:
    using Base::Base;
    bool ping(ScriptedResource& r, Deadline by) noexcept { return this->ask(Hook::ping, r, by); }
};
template <class Base>
class Dirty : public Base {
public:
    using Base::Base;
    bool dirty(ScriptedResource& r) noexcept {
        return this->play(Hook::dirty, r, {}, false, [](Action::End end, detail::Life& life) {
            return end == Action::End::fail || life.dirty;
        });
    }
};
template <class Base>
class Reset : public Base {
public:
    using Base::Base;
    ResetResult reset(ScriptedResource& r, Deadline by) noexcept {
        return this->play(Hook::reset, r, by, ResetResult::broken, [](Action::End end, detail::Life& life) {
            if (end == Action::End::unfinished) return ResetResult::unfinished;
            if (end == Action::End::fail || life.broken) return ResetResult::broken;
            life.dirty = false;
            return end == Action::End::blank ? ResetResult::blank : ResetResult::clean;
        });
    }
};
template <class Base>
class PollHandle : public Base {
public:
    using Base::Base;
    int poll_handle(ScriptedResource& r) noexcept {
        return this->play(Hook::poll_handle, r, {}, -1, [](Action::End end, detail::Life& life) {
            return end == Action::End::fail ? -1 : life.poll_handle;
        });
    }
};
template <class Base>
class Interrupt : public Base {
public:
    using Base::Base;
    void interrupt(ScriptedResource& r) noexcept {
        this->play(Hook::interrupt, r, {}, false, [](Action::End, detail::Life&) { return true; });
    }
};
template <class Base>
class Abandon : public Base {
public:
    using Base::Base;
    void abandon(ScriptedResource& r) noexcept {
        this->play(Hook::abandon, r, {}, false, [this](Action::End, detail::Life& life) {
            return this->book().gone(life), true;
        });
    }
};
template <class Base>
class LastFault : public Base {
public:
    using Base::Base;
    OpenError last_fault(ScriptedResource& r) noexcept {
        return this->play(Hook::last_fault, r, {}, OpenError{}, [this](Action::End, detail::Life& life) {
            return life.broken ? OpenError{Fault::broken, "scripted break"} : this->book().last_fault;
        });
    }
};
template <class Base>
class Label : public Base {
public:
    using Base::Base;
    std::string label(ScriptedResource& r) {
        return this->play(Hook::label, r, {}, std::string{}, [](Action::End, detail::Life& life) {
            return "r" + std::to_string(life.id);
        });
    }
};
template <class Base>
class Named : public Base {
public:
    using Base::Base;
    void pool_named(std::string_view name) noexcept {
        detail::Book& b = this->book();
        const std::lock_guard lock{b.m};
        if (b.track(Hook::pool_named).started != 0) b.blame(Hook::pool_named, nullptr, "called twice");
        if (b.track(Hook::open).started != 0) b.blame(Hook::pool_named, nullptr, "called after open");
        b.pool_name = name;
        (void)b.begin(Hook::pool_named, 0, {});
        b.finish(Hook::pool_named);
    }
};

}  // namespace can

namespace detail {
template <class Base, template <class> class... Abilities>
struct Stack {
    using type = Base;
};
template <class Base, template <class> class First, template <class> class... Rest>
struct Stack<Base, First, Rest...> : Stack<First<Base>, Rest...> {};
}  // namespace detail

/// A scripted driver with these abilities only: `Scripted<can::StatusOk, can::Ping>`.
template <template <class> class... Abilities>
class Scripted : public detail::Stack<ScriptedCore, Abilities...>::type {
public:
    explicit Scripted(Script script) noexcept : detail::Stack<ScriptedCore, Abilities...>::type{std::move(script)} {}
};

/// Every ability there is.
class ScriptedDriver : public Scripted<can::StatusOk, can::Probe, can::Ping, can::Dirty, can::Reset, can::PollHandle,
                                       can::Interrupt, can::Abandon, can::LastFault, can::Label, can::Named> {
public:
    using Scripted::Scripted;
};

using PlainScripted = Scripted<>;                                ///< `open` and `close`
using StatusScripted = Scripted<can::StatusOk>;                  ///< knows its state by memory
using ProbeScripted = Scripted<can::StatusOk, can::Probe>;       ///< and by asking the host
using PingScripted = Scripted<can::Ping>;                        ///< by asking the other side only
using ResetScripted = Scripted<can::Dirty, can::Reset>;          ///< can be made clean, cannot be checked
using BlindResetScripted = Scripted<can::Reset>;                 ///< can be made clean, does not know when it must

}  // namespace dewpond::inline v0::testing
