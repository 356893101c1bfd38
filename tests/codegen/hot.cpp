// SPDX-License-Identifier: BSL-1.0
// The hit path of some pools, each in one function. Every spelling of a pack is used once: a compiler that sees two uses
// may divide the work otherwise.
#include "numbers.hpp"

extern "C" {

// One pack in three spellings: the answers that are there by default need not be said.
void checkout_return_bare_ab(Pool<Numbers, NoCheck, NoReset, NoExpiry, NoMetrics, NoHolders>& pool) { auto lease = pool.checkout(); }
void checkout_return_bare_ba(Pool<Numbers, NoHolders, NoMetrics, NoExpiry, NoReset, NoCheck>& pool) { auto lease = pool.checkout(); }
void checkout_return_bare_unsaid(Pool<Numbers, NoMetrics, NoHolders>& pool) { auto lease = pool.checkout(); }

void checkout_return_default(Pool<Numbers>& pool) { auto lease = pool.checkout(); }
void checkout_return_default_said(Pool<Numbers, Holders, Counters, NoCheck>& pool) { auto lease = pool.checkout(); }

// A watch that warns leaves it to the keeper.
void checkout_return_warned(Pool<Numbers, WarnAfter>& pool) { auto lease = pool.checkout(); }

void checkout_return_counted(Pool<Numbers, NoHolders>& pool) { auto lease = pool.checkout(); }
void checkout_return_ageing(Pool<Numbers, Lifetime>& pool) { auto lease = pool.checkout(); }

// A limit costs nothing before it is needed; neither does a driver that answers from memory.
void checkout_return_limit(Pool<Tagged<1>>& pool) { auto lease = pool.checkout(std::chrono::milliseconds{200}); }
void try_checkout_return_limit(Pool<Tagged<2>>& pool) { auto maybe = pool.try_checkout(std::chrono::milliseconds{200}); }
void checkout_return_watched(Pool<Numbers, NoMetrics>& pool) { auto lease = pool.checkout(); }
void checkout_return_strict(Pool<Numbers, StrictFifo>& pool) { auto lease = pool.checkout(); }
void checkout_return_background(Pool<Numbers, OpenInBackground>& pool) { auto lease = pool.checkout(); }
void checkout_return_hooks(Pool<Numbers, OnCheckout<Touch>, OnReturn<Touch>>& pool) { auto lease = pool.checkout(); }
void checkout_return_probe(Pool<Able>& pool) { auto lease = pool.checkout(); }
void checkout_return_ping_after_idle(Pool<Able, PingAfterIdle>& pool) { auto lease = pool.checkout(); }
void checkout_return_everything(Pool<Able, PingAfterIdle, Lifetime, StrictFifo, OpenInBackground, OnCheckout<Touch>, OnReturn<Touch>>& pool) {
    auto lease = pool.checkout();
}

// These are told a deadline each time, so that they ask the clock.
void checkout_return_ping_always(Pool<Able, PingAlways>& pool) { auto lease = pool.checkout(); }
void checkout_return_reset_always(Pool<Able, NoCheck, ResetAlways>& pool) { auto lease = pool.checkout(); }

// What the thread keeps itself needs no locked instruction.
void checkout_return_bare_cells(Pool<Numbers, NoMetrics, NoHolders, ThreadCells>& pool) { auto lease = pool.checkout(); }
void checkout_return_default_cells(Pool<Numbers, ThreadCells>& pool) { auto lease = pool.checkout(); }
// One that says it keeps nothing is one that says nothing.
void checkout_return_no_cells(Pool<Numbers, NoCells>& pool) { auto lease = pool.checkout(); }

void checkout_return_status_and_dirty(Pool<Clean>& pool) { auto lease = pool.checkout(); }

}  // extern "C"
