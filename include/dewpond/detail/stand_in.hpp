// SPDX-License-Identifier: BSL-1.0
// What a pool is checked with after a driver was refused at compile time, so that one mistake gives one error.
#pragma once

#include <type_traits>

#include <dewpond/driver.hpp>

namespace dewpond::inline v0::detail {

/// Any resource will do for checking the code that uses it.
struct AnyResource {};

template <class D>
struct StandInDriver {
    template <class T>
    static auto resource_or_any(int) -> typename T::resource;
    template <class T>
    static auto resource_or_any(...) -> AnyResource;
    using resource = std::conditional_t<has_resource<D>, decltype(resource_or_any<D>(0)), AnyResource>;
    resource open();
    void close(resource&) noexcept;
};

}  // namespace dewpond::inline v0::detail
