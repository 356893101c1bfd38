// SPDX-License-Identifier: BSL-1.0
// A plugin that uses a pool: both ways of taking, a refusal with its text, the figures.
#include <dewpond/pool.hpp>

namespace {

struct Numbers {
    using resource = int;
    int last = 0;
    int open() { return ++last; }
    void close(int&) noexcept {}
};

}  // namespace

extern "C" int plugin_run() {
    dewpond::Pool<Numbers> pool{Numbers{}, dewpond::Options{.max_size = 1}};
    auto lease = pool.checkout();
    const auto refused = pool.try_checkout(std::chrono::milliseconds{1});
    const bool said_why = !refused && refused.error().what()[0] != '\0';
    (void)pool.stats();
    return *lease == 1 && said_why ? 0 : 1;
}
