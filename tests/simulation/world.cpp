// SPDX-License-Identifier: BSL-1.0
#include "simulation/world.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include <boost/test/unit_test.hpp>

namespace simulation {

Figures& figures() {
    static Figures all;
    return all;
}

World::World(Plan plan) : server{clock, plan.seed * 2 + 1}, dice{plan.seed}, seed_{plan.seed}, turn_{plan.turn}, rest_{plan.rest}, start_{clock.now()}, next_ask_{start_}, next_turn_{start_} {
    plan.options.keeper_thread = false;
    server.meanwhile = [this](TimePoint until) {
        ++depth_;
        run_until(until);
        --depth_;
    };
    // Two worlds at a time are not foreseen: the second would lie where the first one does.
    const SameAddresses same{plan.seed};
    pool_ = std::make_unique<Pool>(Driver{server}, plan.options, plan.lifetime, dewpond::PingAfterIdle{plan.pinged_after}, clock);
}

World::~World() {
    if (pool_ != nullptr) finish();
    for (const std::string& rule : server.broken_rules) BOOST_ERROR("seed " << seed_ << ": a resource was " << rule);
    if (wrongs_ > 5) BOOST_ERROR("seed " << seed_ << ": and " << wrongs_ - 5 << " more");
    Figures& f = figures();
    f.virtual_hours += std::chrono::duration<double, std::ratio<3600>>(now() - start_).count();
    f.opens += server.opens;
    f.closes += server.closes;
    f.faults += server.faults;
    f.requests += asked_;
}

void World::wrong(const std::string& what) {
    if (++wrongs_ <= 5) BOOST_ERROR("seed " << seed_ << ", after " << std::chrono::duration<double>(now() - start_).count() << " s: " << what);
}

void World::run_until(TimePoint end) {
    while (now() < end) step(end);
}

void World::step(TimePoint end) {
    if (!asking_ && traffic.most_per_second > 0) next_ask_ = now() + dice.gap(traffic.most_per_second), asking_ = true;
    if (traffic.most_per_second <= 0) asking_ = false;
    TimePoint next = std::min(end, next_turn_);
    if (asking_) next = std::min(next, next_ask_);
    if (!held_.empty()) next = std::min(next, held_.front().until);
    clock.set(next);
    while (!held_.empty() && held_.front().until <= now()) give_next();
    if (asking_ && next_ask_ <= now()) {
        next_ask_ = now() + dice.gap(traffic.most_per_second);
        if (dice.chance(traffic.share(now()))) ask();
    }
    if (waiting_ != 0 && dice.chance(traffic.withdrawn)) {
        Request& r = *requests_[dice.below(requests_.size())];
        if (r.waiting) expect(pool_->withdraw(r), "a waiter could not be withdrawn");
    }
    if (waiting_ != 0) next_turn_ = std::min(next_turn_, now() + turn_.ns());
    if (next_turn_ <= now()) maintain();
    check();
}

void World::maintain() {
    next_turn_ = now() + rest_.ns();
    pool_->maintain();
    if (waiting_ != 0) next_turn_ = std::min(next_turn_, now() + turn_.ns());
}

void World::ask() {
    ++asked_;
    const Stats s = pool_->stats();
    if (dice.chance(traffic.tried_only)) {
        auto lease = pool_->try_checkout();
        if (lease) return take(std::move(*lease));
        expect(lease.error().code() == Code::none_idle, "try_checkout() was refused for another reason than that nothing is idle");
        ++tried_in_vain_;
        return;
    }
    // A caller that opens for itself must never have to wait: nobody else would run.
    if (depth_ == 0 && server.failures_in_row == 0 && s.waiting == 0 && s.opening == 0 && s.idle == 0 && s.size < s.max_size && dice.chance(traffic.opened_in_caller)) {
        const TimePoint asked = now();
        ++calling_;
        auto lease = pool_->try_checkout(1ms);
        --calling_;
        if (lease) take(std::move(*lease));
        return told(asked, lease ? std::nullopt : std::optional{lease.error().code()});
    }
    Request& r = a_request();
    r.asked = now();
    r.answers = 0;
    r.waiting = true;
    ++waiting_;
    pool_->enqueue(r, traffic.limit);
}

World::Request& World::a_request() {
    if (free_.empty()) {
        requests_.push_back(std::make_unique<Request>(*this));
        return *requests_.back();
    }
    Request& r = *free_.back();
    free_.pop_back();
    return r;
}

void World::Request::served(Waiter& me, dewpond::Result<Pool::Lease> r) noexcept {
    auto& request = static_cast<Request&>(me);
    World& w = *request.world;
    if (++request.answers != 1) return w.wrong("a waiter was told twice");
    request.waiting = false;
    --w.waiting_;
    w.free_.push_back(&request);
    const TimePoint asked = request.asked;
    if (r) {
        w.take(std::move(*r));
        return w.told(asked, {});
    }
    w.told(asked, r.error().code());
}

void World::told(TimePoint asked, std::optional<Code> refusal) {
    if (refusal) {
        const bool late = *refusal == Code::timed_out || *refusal == Code::open_failed;
        ++(late ? late_ : *refusal == Code::cancelled ? withdrawn_ : refused_);
        expect(late || *refusal == Code::cancelled || *refusal == Code::server_down || *refusal == Code::closed || *refusal == Code::too_many_waiting,
               "a refusal of an unknown kind");
    }
    fingerprint_ = (fingerprint_ ^ static_cast<std::uint64_t>((now() - asked).count()) ^ (refusal ? static_cast<std::uint64_t>(*refusal) + 1 : 0)) * 0x100000001B3u;
    answered(asked, refusal);
}

void World::take(Pool::Lease lease) {
    ++served_;
    Link& l = server.links[lease->number];
    expect(l.open, "a closed resource was handed out");
    expect(!l.broken, "a resource was handed out that is known to be broken");
    expect(!l.dirty, "a dirty resource was handed out");
    const bool for_long = dice.chance(traffic.held_long);
    const TimePoint until = now() + dice.between(traffic.hold_from, for_long ? Duration{1h} : traffic.hold_to);
    held_.push_back({until, order_++, std::move(lease)});
    std::push_heap(held_.begin(), held_.end());
}

void World::give_next() {
    std::pop_heap(held_.begin(), held_.end());
    Held h = std::move(held_.back());
    held_.pop_back();
    give(std::move(h));
}

void World::give(Held h) {
    Link& l = server.links[h.lease->number];
    expect(l.open, "a resource was closed under its holder");
    const auto befalls = [this](double share) { return server.fault(share); };
    if (befalls(traffic.left_dirty)) l.dirty = true;
    if (befalls(traffic.found_broken)) l.broken = true;
    if (l.broken && dice.chance(0.5)) h.lease.report(Fault::broken);
    if (befalls(traffic.reported)) h.lease.report(Fault::wrong_role);
    // Who waits is served inside the return, and takes notes.
    const bool alone = waiting_ == 0;
    const std::uint64_t before = allocations();
    end(h);
    if (alone) expect(allocations() == before, "a return allocated");
}

/// In one way or another.
void World::end(Held& h) {
    if (server.fault(traffic.discarded)) return h.lease.discard();
    if (server.fault(traffic.detached)) {
        Connection c = h.lease.detach();
        ++detached_;
        return Driver{server}.close(c);
    }
    if (dice.chance(0.5)) static_cast<void>(h.lease.give_back());
    else h.lease = {};
}

void World::return_all() {
    while (!held_.empty()) give_next();
}

void World::check() {
    const Stats s = pool_->stats();
    expect(s.idle + s.in_use + s.opening + s.retiring == s.size, "idle + in use + opening + retiring is not the size");
    expect(s.size <= s.max_size, "more than max_size");
    expect(s.size == server.live + server.opening, "pool and server disagree on how many there are");
    expect(s.in_use == held_.size(), "pool and users disagree on what is in use");
    expect(s.opening == server.opening, "pool and server disagree on how many are being opened");
    expect(s.waiting == waiting_, "pool and users disagree on who waits");
    expect(s.opened == server.opens, "pool and server disagree on how many were opened");
    std::uint64_t closed = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(CloseReason::count_); ++i) {
        expect(s.closed_by[i] >= before_.closed_by[i], "a counter of closes went back");
        closed += s.closed_by[i];
    }
    expect(closed + detached_ == server.closes, "pool and server disagree on how many were closed");
    expect(s.checkouts == served_, "pool and users disagree on how many were served");
    expect(s.timed_out == late_ && s.cancelled == withdrawn_ && s.refused == refused_, "pool and users disagree on how many were refused");
    expect(s.checkouts >= before_.checkouts && s.waited >= before_.waited && s.opened >= before_.opened && s.open_failures >= before_.open_failures &&
               s.dirty_returns >= before_.dirty_returns && s.timed_out >= before_.timed_out && s.refused >= before_.refused,
           "a counter went back");
    expect(asked_ == served_ + late_ + refused_ + withdrawn_ + tried_in_vain_ + waiting_ + calling_, "a request was lost");
    before_ = s;
    look(s);
}

void World::finish(bool leases_last) {
    traffic = {};
    // What the test looks with may be gone by now.
    look = [](const Stats&) {};
    answered = [](TimePoint, std::optional<Code>) {};
    server.on_close = [](const Link&) {};
    const auto out = static_cast<std::uint32_t>(held_.size());
    expect(pool_->close(0ms) == out, "close() does not say how many leases are left");
    expect(waiting_ == 0, "somebody waits at a closed pool");
    expect(server.live == out, "close() left something idle open");
    if (leases_last) pool_.reset();
    while (!held_.empty()) {
        std::pop_heap(held_.begin(), held_.end());
        held_.pop_back();
    }
    if (pool_ != nullptr) {
        const Stats s = pool_->stats();
        expect(s.size == 0 && s.checkouts == served_, "the books do not close");
        expect(asked_ == served_ + late_ + refused_ + withdrawn_ + tried_in_vain_, "a request was lost");
    }
    pool_.reset();
    expect(server.live == 0 && server.opens == server.closes, "a resource outlived the pool and its leases");
}

}  // namespace simulation
