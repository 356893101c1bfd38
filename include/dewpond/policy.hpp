// SPDX-License-Identifier: BSL-1.0
// The policy contract: the questions a pool asks, and what a type must be to answer one.
#pragma once

#include <concepts>
#include <cstdint>
#include <type_traits>

#include <dewpond/deadline.hpp>

namespace dewpond::inline v0 {

/// The closed list of questions. A policy answers exactly one: `using answers = dewpond::question::liveness;`.
namespace question {
struct liveness {};  ///< may this idle resource be handed out?
struct reset {};     ///< what happens to it on return?
struct lifetime {};  ///< when is a healthy one retired?
struct metrics {};   ///< what is recorded?
struct waiting {};   ///< who is served first?
struct opening {};   ///< who opens?
struct watch {};     ///< who holds what, since when?
struct cells {};     ///< where does a thread look first?
struct sync {};      ///< what time and waiting are made of; answered by test types only
struct on_open {};      ///< user hook: a resource was opened
struct on_checkout {};  ///< user hook: a resource is about to be handed out
struct on_return {};    ///< user hook: a resource came back
}  // namespace question

namespace detail {
template <class Q>
inline constexpr bool is_question = false;
template <>
inline constexpr bool is_question<question::liveness> = true;
template <>
inline constexpr bool is_question<question::reset> = true;
template <>
inline constexpr bool is_question<question::lifetime> = true;
template <>
inline constexpr bool is_question<question::metrics> = true;
template <>
inline constexpr bool is_question<question::waiting> = true;
template <>
inline constexpr bool is_question<question::opening> = true;
template <>
inline constexpr bool is_question<question::watch> = true;
template <>
inline constexpr bool is_question<question::cells> = true;
template <>
inline constexpr bool is_question<question::sync> = true;
template <>
inline constexpr bool is_question<question::on_open> = true;
template <>
inline constexpr bool is_question<question::on_checkout> = true;
template <>
inline constexpr bool is_question<question::on_return> = true;
}  // namespace detail

/// A small movable type that answers one question. The hooks of each question are listed in docs/policies.md; they
/// are noexcept, run outside every lock, and possibly by many threads at once.
template <class P>
concept Policy = requires { typename P::answers; } && detail::is_question<typename P::answers> &&
                 std::is_nothrow_move_constructible_v<P>;

/// How old a resource is, as the keeper's samples know it: errs by one tick, and never upwards.
struct Ages {
    Duration idle{};  ///< unbroken time in the pool
    Duration life{};  ///< since it was opened
};

/// Why a resource was closed; every close has exactly one reason.
enum class CloseReason : std::uint8_t {
    max_idle,         ///< rested too long
    max_lifetime,     ///< lived too long
    max_uses,         ///< was lent as often as it may be
    renewed,          ///< opened before the last `renew()`
    check_failed,     ///< the liveness answer said no
    reset_failed,     ///< could not be made clean
    wrong_role,       ///< a check or reset found that its server is no longer of the kind asked for
    hook_left_dirty,  ///< a hook or check left it dirty and a reset did not help, or a hook refused it
    discarded,        ///< the borrower asked for it, or reported a fault
    excess,           ///< more exist than are allowed
    pool_closed,      ///< the pool was closed
    count_            ///< how many reasons there are
};

/// What a `waiting` answer may look at; all values, no pointers.
struct WaitingView {
    Duration head_waited{};  ///< since the first waiter began to wait
};

/// What an `opening` answer may look at.
struct OpeningView {
    std::uint32_t waiting = 0;   ///< waiters that the pool's own threads have to open for
    std::uint32_t on_way = 0;    ///< of them, told to come and look at something idle
    std::uint32_t idle = 0;
    std::uint32_t min_idle = 0;
    std::uint32_t vacant = 0;    ///< slots that may still be opened
};

}  // namespace dewpond::inline v0
