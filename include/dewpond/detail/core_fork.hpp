// SPDX-License-Identifier: BSL-1.0
// The core in the child of a fork: the pool belongs to the parent. Nothing is lent, what was lent or idle is forgotten
// without a word to the other side, no lock is taken, and the block itself is never freed.
#pragma once

#include <dewpond/detail/core.hpp>

namespace dewpond::inline v0::detail {

template <class S>
void Core<S>::orphan(void* pool) noexcept {
    Core& self = *static_cast<Core*>(pool);
    self.forked_.store(1, std::memory_order_relaxed);
    self.exchange_.idle().orphan();
    self.exchange_.hub().orphan([&self](std::uint32_t slot) { self.exchange_.idle().orphan_too(slot); });
}

/// The slot is the caller's and is not used again.
template <class S>
DEWPOND_COLD void Core<S>::abandon(Slot& s) noexcept {
    if constexpr (Abandons<Driver>) driver_.abandon(s.resource);
    else static_cast<void>(s);
}

template <class S>
DEWPOND_COLD void Core<S>::abandon_idle() noexcept {
    for (std::uint32_t i; (i = exchange_.idle().take_orphan()) != nil;) abandon(slots_[i]);
}

}  // namespace dewpond::inline v0::detail
