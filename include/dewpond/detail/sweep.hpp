// SPDX-License-Identifier: BSL-1.0
// One poll(2) for the handles of everything that rests: which of them have something to say.
#pragma once

#include <cstdint>
#include <memory>

#include <poll.h>

#include <dewpond/config.hpp>

namespace dewpond::inline v0::detail {

/// Used by one thread at a time. A handle may have been closed, and its number given to something else, since it was
/// noted: what is told here is a reason to look, never a verdict.
class Sweep {
public:
    explicit Sweep(std::uint32_t most) : polled_{std::make_unique<pollfd[]>(most)}, slots_{std::make_unique<std::uint32_t[]>(most)} {}

    /// At most `most` of them; a negative handle is none.
    void add(std::uint32_t slot, int handle) noexcept {
        if (handle < 0) return;
        slots_[count_] = slot;
        polled_[count_++] = {handle, POLLIN | hang_up, 0};
    }
    /// Calls `f` with the slot of each handle that is readable, hung up, in error or not open. One system call, without
    /// waiting; none if nothing was added. Forgets what was added.
    template <class F>
    void look(F f) noexcept {
        const std::uint32_t n = count_;
        count_ = 0;
        if (n == 0 || ::poll(polled_.get(), n, 0) <= 0) return;
        for (std::uint32_t i = 0; i < n; ++i) {
            if (polled_[i].revents != 0) f(slots_[i]);
        }
    }

private:
#if defined(POLLRDHUP)
    static constexpr short hang_up = POLLRDHUP;
#else
    static constexpr short hang_up = 0;
#endif
    std::unique_ptr<pollfd[]> polled_;
    std::unique_ptr<std::uint32_t[]> slots_;
    std::uint32_t count_ = 0;
};

}  // namespace dewpond::inline v0::detail
