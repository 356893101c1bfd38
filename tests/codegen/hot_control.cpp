// SPDX-License-Identifier: BSL-1.0
// What a hit path may not be, for the scripts that judge it.
#include <atomic>

#include "numbers.hpp"

extern "C" {

void control_bare(Pool<Tagged<0>, NoMetrics, NoHolders>& pool) { auto lease = pool.checkout(); }
void control_reads_the_clock(Pool<Tagged<1>, NoMetrics, NoHolders>& pool) {
    auto lease = pool.checkout();
    if (std::chrono::steady_clock::now().time_since_epoch().count() == 0) *lease = 0;
}
void control_allocates(Pool<Tagged<2>, NoMetrics, NoHolders>& pool, int** out) {
    auto lease = pool.checkout();
    *out = new int{*lease};
}
void control_calls_whom_it_is_told(Pool<Tagged<3>, NoMetrics, NoHolders>& pool, void (*look)(int&)) {
    auto lease = pool.checkout();
    look(*lease);
}
void control_exchanges(Pool<Tagged<5>, NoMetrics, NoHolders>& pool, std::atomic<int>& word) {
    auto lease = pool.checkout();
    *lease = word.exchange(1, std::memory_order_relaxed);
}
#if defined(__x86_64__)
void control_counts_cycles(Pool<Tagged<6>, NoMetrics, NoHolders>& pool) {
    auto lease = pool.checkout();
    *lease = static_cast<int>(__builtin_ia32_rdtsc());
}
#endif
void control_twice(Pool<Tagged<4>, NoMetrics, NoHolders>& pool) {
    { auto lease = pool.checkout(); }
    { auto lease = pool.checkout(); }
}

}  // extern "C"
