// SPDX-License-Identifier: BSL-1.0
// The driver contract: what a type must offer to be pooled, and the abilities that unlock policies.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>

#include <dewpond/deadline.hpp>
#include <dewpond/error.hpp>
#include <dewpond/result.hpp>

namespace dewpond::inline v0 {

/// What a driver's `reset` says: `clean`, fit for the next borrower; `broken`, to be closed; `unfinished`, the
/// deadline came first and the same call may be made again later with a new one; `blank`, clean, and what was set up
/// after the opening may be gone as well: the pool runs the user's `OnOpen` again.
enum class ResetResult : std::uint8_t { clean, broken, unfinished, blank };

/// Policies a driver suggests for its kind of resource: `using suggests = Suggest<OpenInBackground, Lifetime>;`.
/// Each is default-constructed; the user's pack comes first.
template <class... Policies>
struct Suggest {};

namespace detail {

template <class D>
using resource_of = typename D::resource;

template <class D>
concept has_resource = requires { typename D::resource; } && std::is_object_v<typename D::resource> &&
                       std::is_nothrow_move_constructible_v<typename D::resource> &&
                       std::is_nothrow_destructible_v<typename D::resource>;

template <class T, class R>
concept opens_as = std::same_as<T, R> || std::same_as<T, Result<R, OpenError>>;

template <class D>
concept opens_by_deadline = requires(D& d, Deadline by) {
    { d.open(by) } -> opens_as<resource_of<D>>;
};
template <class D>
concept opens_plainly = requires(D& d) {
    { d.open() } -> opens_as<resource_of<D>>;
};
template <class D>
concept can_open = opens_by_deadline<D> || opens_plainly<D>;
template <class D>
concept can_close = requires(D& d, resource_of<D>& r) {
    { d.close(r) } noexcept;
};

}  // namespace detail

/// A type that can be pooled: `resource` (an object type, nothrow-movable), `open`, and a noexcept `close`.
template <class D>
concept Driver = std::is_class_v<D> && detail::has_resource<D> && detail::can_open<D> && detail::can_close<D> &&
                 std::is_nothrow_move_constructible_v<D>;

/// `bool status_ok(resource&) noexcept`: usable as far as local memory knows; no system call.
template <class D>
concept TellsStatus = requires(D& d, detail::resource_of<D>& r) {
    { d.status_ok(r) } noexcept -> std::same_as<bool>;
};
/// `bool probe(resource&) noexcept`: usable as far as this host knows; a system call, no round trip.
template <class D>
concept Probes = requires(D& d, detail::resource_of<D>& r) {
    { d.probe(r) } noexcept -> std::same_as<bool>;
};
/// `bool ping(resource&, Deadline) noexcept`: asks the other side.
template <class D>
concept Pings = requires(D& d, detail::resource_of<D>& r, Deadline by) {
    { d.ping(r, by) } noexcept -> std::same_as<bool>;
};
/// `bool dirty(resource&) noexcept`: does it need a reset? Local memory only.
template <class D>
concept KnowsDirty = requires(D& d, detail::resource_of<D>& r) {
    { d.dirty(r) } noexcept -> std::same_as<bool>;
};
/// `ResetResult reset(resource&, Deadline) noexcept`: as new for the next borrower.
template <class D>
concept Resets = requires(D& d, detail::resource_of<D>& r, Deadline by) {
    { d.reset(r, by) } noexcept -> std::same_as<ResetResult>;
};
/// `int poll_handle(resource&) noexcept`: a descriptor that becomes readable when something happened to an idle one.
template <class D>
concept HasPollHandle = requires(D& d, detail::resource_of<D>& r) {
    { d.poll_handle(r) } noexcept -> std::same_as<int>;
};
/// `void interrupt(resource&) noexcept`: stop what is running on it; called from another thread.
template <class D>
concept Interrupts = requires(D& d, detail::resource_of<D>& r) {
    { d.interrupt(r) } noexcept -> std::same_as<void>;
};
/// `void abandon(resource&) noexcept`: forget it without telling the other side (in a forked child).
template <class D>
concept Abandons = requires(D& d, detail::resource_of<D>& r) {
    { d.abandon(r) } noexcept -> std::same_as<void>;
};
/// `OpenError last_fault(resource&) noexcept`: why the last answer was no, without secrets.
template <class D>
concept TellsFault = requires(D& d, detail::resource_of<D>& r) {
    { d.last_fault(r) } noexcept -> std::same_as<OpenError>;
};
/// `std::string label(resource&)`: what to call it in `inspect()`.
template <class D>
concept HasLabel = requires(D& d, detail::resource_of<D>& r) {
    { d.label(r) } -> std::convertible_to<std::string>;
};

/// Names of abilities, for a policy to say what it needs: `using needs = Needs<ability::probe>;`.
namespace ability {
struct status_ok;
struct probe;
struct ping;
struct dirty;
struct reset;
}  // namespace ability

/// The abilities that a policy asks of the driver.
template <class... Abilities>
struct Needs {};

}  // namespace dewpond::inline v0
