// SPDX-License-Identifier: BSL-1.0
// Compiler attributes and the few macros of the library. No layout depends on anything in here but the compiler family.
#pragma once

#include <cstddef>

#include <dewpond/version.hpp>

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "dewpond needs C++20: compile with -std=c++20 or later."
#endif

/// Keeps a variable, or a function that owns a static, out of the dynamic symbol table, so that a plugin using a
/// pool can be unloaded (a unique symbol would pin it).
#define DEWPOND_HIDDEN __attribute__((visibility("hidden")))
/// A path that is taken rarely: kept out of line and away from the hot code.
#define DEWPOND_COLD __attribute__((noinline, cold))
#define DEWPOND_INLINE __attribute__((always_inline)) inline
/// Out of line, so that what calls it stays small, and not cold: g++ moves whatever leads to a cold call out of the way, be it
/// ever so likely.
#define DEWPOND_OUTLINE __attribute__((noinline))

#if defined(__cpp_exceptions)
#define DEWPOND_TRY try
#define DEWPOND_CATCH_ALL catch (...)
#define DEWPOND_THROW(...) throw __VA_ARGS__
#else
#define DEWPOND_TRY if constexpr (true)
#define DEWPOND_CATCH_ALL if constexpr (false)
#define DEWPOND_THROW(...) ::dewpond::detail::die_of((__VA_ARGS__).what())
#endif

namespace dewpond::inline v0::detail {

/// Bytes that two threads should not share. A constant of our own: the standard one is absent in some libraries
/// and would make the layout depend on compiler flags.
constexpr std::size_t cache_line = 64;

/// Where exceptions are switched off, a call that would throw ends the program with its message.
[[noreturn]] DEWPOND_COLD inline void die_of(const char* what) noexcept {
    __builtin_printf("dewpond: %s\n", what);
    __builtin_trap();
}

}  // namespace dewpond::inline v0::detail
