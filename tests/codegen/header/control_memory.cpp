// SPDX-License-Identifier: BSL-1.0
// Few lines and much work: what header.sh must refuse.
#include <utility>

#include <dewpond/pool.hpp>

template <std::size_t>
struct One {
    int value = 0;
    int get() { return value; }
};
template <std::size_t... N>
int all(std::index_sequence<N...>) {
    return (One<N>{}.get() + ...);
}
int many = all(std::make_index_sequence<4000>{});
