// SPDX-License-Identifier: BSL-1.0
// The core: waiters without a thread. A caller-owned node is served exactly once, outside every lock: on the caller's
// thread if something is idle, else on the thread that frees a slot, notices the deadline, or closes the pool.
#pragma once

#include <utility>

#include <dewpond/detail/core.hpp>
#include <dewpond/lease.hpp>

namespace dewpond::inline v0::detail {

template <class S>
template <class Waiter>
void Core<S>::enqueue(Waiter& w, Limit limit, Place place) noexcept {
    Call call{limit, exchange_.sync()};
    if (forked()) return w.deliver(not_ours());
    if (Slot* s = hit(place, &call)) return w.deliver(Result<Lease<Core>>{Lease<Core>{*this, *s}});
    if (call.hook_threw) {
        if constexpr (requires { metrics_.failed(Code{}); }) metrics_.failed(Code::hook_failed);
        return w.deliver(error(Code::hook_failed, {}));
    }
    w.core_ = this;
    w.place_ = place;
    const TimePoint arrived = exchange_.sync().now();
    call.anchor(arrived);
    w.since = call.began();
    if (!exchange_.closed()) note_demand(1, arrived);
    w.deadline = call.deadline();
    w.in_vain_ = 0;
    w.at_once_ = true;
    w.run = [](Deferred& d) noexcept {
        auto& self = static_cast<Waiter&>(d);
        self.core_->serve(self);
    };
    if (options_.keeper_thread && !launch_crew()) {  // somebody has to watch its deadline
        exchange_.visit();
        return refuse(w, Code::no_thread);
    }
    w.at_once_ = false;
    const Grant g = exchange_.begin(w, true);
    if (g.what == Standing::waiting) return;  // it may have been served already
    w.set(g.what);
    w.slot = g.slot;
    w.failure = g.failure;
    w.at_once_ = true;
    serve(w);
}

/// The node was granted a slot or refused; from here on it is ours until its owner is told.
template <class S>
template <class Waiter>
void Core<S>::serve(Waiter& w) noexcept {
    if (w.standing() == Standing::failed) return refuse(w, w.failure);
    Slot& s = slots_[w.slot];
    Call call{Limit{w.deadline.at()}, exchange_.sync()};
    const Admission a = admit(s, &call);
    if (a == Admission::fit) {
        lent(s, w.place_);
        if (!w.at_once_) waited(w.place_, s, w.since);
        else if constexpr (requires { metrics_.served_late(Duration{}); }) metrics_.served_late(Duration{exchange_.sync().now() - w.since});
        return w.deliver(Result<Lease<Core>>{Lease<Core>{*this, s}});
    }
    // Not fit: it keeps its place by the moment it began to wait.
    exchange_.visit();
    count_in_vain(s, w.since, w.in_vain_);
    turn_away(s, a, &call);
    if (call.hook_threw) return refuse(w, Code::hook_failed);
    const bool at_once = std::exchange(w.at_once_, false);  // before: once queued it may be gone any moment
    const Grant g = exchange_.begin(w, true);
    if (g.what == Standing::failed) {
        static_cast<void>(exchange_.leave());  // the refusal counts, too
        return refuse(w, g.failure);
    }
    if (g.what == Standing::slot) {
        w.at_once_ = at_once;
        w.set(g.what);
        w.slot = g.slot;
        static_cast<void>(exchange_.leave());
        return serve(w);
    }
    free_if(exchange_.leave());
}

/// Served here and now, not behind a callback that may be running on this thread: its owner may free it on return.
template <class S>
template <class Waiter>
bool Core<S>::withdraw(Waiter& w) noexcept {
    if (forked() || !exchange_.withdraw(w)) return false;
    refuse(w, Code::cancelled);
    return true;
}

/// The caller is a visitor.
template <class S>
template <class Waiter>
void Core<S>::refuse(Waiter& w, Code code) noexcept {
    const TimePoint now = exchange_.sync().now();
    const Duration took{now - w.since};
    PoolError e = error(code, took);
    remember_call(EventKind::failed, w.place_, PastEvent::no_slot, took, now, e.code());
    if constexpr (requires { metrics_.failed(code); }) metrics_.failed(e.code());
    if constexpr (requires { metrics_.gave_up(code, took); }) {
        if (!w.at_once_) metrics_.gave_up(e.code(), took);
    }
    w.deliver(std::move(e));
    free_if(exchange_.leave());
}

}  // namespace dewpond::inline v0::detail
