// SPDX-License-Identifier: BSL-1.0
// What a return found.
#pragma once

#include <cstdint>

#include <dewpond/config.hpp>

namespace dewpond::inline v0 {

/// The answer of `Lease::give_back()`.
enum class ReturnReport : std::uint8_t {
    clean,     ///< nothing had to be done
    reset,     ///< it was dirty and was made clean, e.g. an open transaction rolled back: often a lost COMMIT
    deferred,  ///< it was dirty and the keeper finishes the reset; the slot counts until then
    closed,    ///< it was closed: broken, doomed, retired, or the pool is closed
};

}  // namespace dewpond::inline v0
