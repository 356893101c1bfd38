// SPDX-License-Identifier: BSL-1.0
// What a pool made of its driver and pack: the core behind a lease, its slot, and the answer to each question.
#pragma once

#include <dewpond/pool.hpp>

namespace dewpond_test {

template <class Lease>
struct core_behind;
template <class Core>
struct core_behind<dewpond::Lease<Core>> {
    using type = Core;
};
template <class Core>
struct setup_behind;
template <class Setup>
struct setup_behind<dewpond::detail::Core<Setup>> {
    using type = Setup;
};

template <class... DriverAndPolicies>
using core_of = typename core_behind<typename dewpond::Pool<DriverAndPolicies...>::Lease>::type;
template <class... DriverAndPolicies>
using slot_of = typename core_of<DriverAndPolicies...>::Slot;
template <class... DriverAndPolicies>
using setup_of = typename setup_behind<core_of<DriverAndPolicies...>>::type;

}  // namespace dewpond_test
