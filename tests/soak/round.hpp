// One round on one kind of pool: a few operations by each thread, then rest, or the end of the pool, and exact books.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <dewpond/pool.hpp>

#include <soak/team.hpp>

namespace soak {

using namespace std::chrono_literals;
using dewpond::Code;

/// Counts the cores that are still there. The last thing a core does is to end its driver; that count alone orders, since
/// what the driver used goes once it is 0.
class Driver : public stress::MoodyDriver {
public:
    Driver(stress::World& world, std::atomic<int>& alive) : MoodyDriver{world}, alive_{&alive} { alive.fetch_add(1, relaxed); }
    Driver(Driver&& other) noexcept : MoodyDriver{std::move(other)}, alive_{other.alive_} { alive_->fetch_add(1, relaxed); }
    ~Driver() { alive_->fetch_sub(1, std::memory_order_release); }

private:
    std::atomic<int>* alive_;
};

template <class P>
class Round {
    using Lease = typename P::Lease;

    /// A waiter without a thread. It uses and returns what it is served at once: a lease kept in here could be what its own
    /// thread waits for.
    struct Call : P::Waiter {
        Call() : P::Waiter{&Call::served} {}
        static void served(typename P::Waiter& w, dewpond::Result<Lease> r) noexcept {
            auto& me = static_cast<Call&>(w);
            me.got = r.has_value();
            if (r) {
                (**r).use(5);
                { const Lease mine = std::move(*r); }
            } else {
                me.code = r.error().code();
            }
            me.times.fetch_add(1, std::memory_order_release);  // its owner looks, and may free it
        }
        std::atomic<std::uint32_t> times{0};
        bool got = false;
        Code code{};
    };

public:
    Round(const Plan& plan, Team& team) : plan_{plan}, team_{team}, world_{plan.slots, plan.rates} {
        dewpond::Options o;
        o.name = "soak";
        o.max_size = plan.slots;
        o.backoff_min = 1us;
        o.backoff_max_waiting = 20us;
        o.backoff_max = 50us;
        o.outage_grace = dewpond::never;
        pool_ = std::make_unique<P>(Driver{world_, drivers_}, std::move(o));
    }

    Outcome play() {
        P* const pool = pool_.get();
        const bool ends = plan_.end == Plan::End::outlived;
        team_.dog.begin(plan_.text(), [this, pool, ends] { return (ends ? std::string{} : stress::to_text(pool->stats()) + "; ") + "live " + std::to_string(world_.live.load(relaxed)); });
        team_.begin(plan_.threads, [this](std::uint32_t me) { part(me); });
        Random random{plan_.seed ^ 0x50AC};
        if (plan_.end == Plan::End::closed) {
            stress::pause(random.below(random.once_in(2) ? 500 : 40'000));
            const std::uint32_t left = pool->close(random.once_in(2) ? 0us : std::chrono::microseconds{random.below(200)});
            if (left > plan_.slots) complaints_.add("close: more left than there are slots");
        }
        if (ends) {
            // All calls into the pool are over and ordered before its end; the leases that are out are not.
            while (out_.load(std::memory_order_acquire) != plan_.threads) std::this_thread::yield();
            stress::pause(random.below(2'000));
            pool_.reset();
        }
        team_.wait();
        std::uint64_t served = 0;
        Outcome result;
        for (const Tally& t : tallies_) served += t.served, result.operations += t.operations;
        if (plan_.end == Plan::End::rest) rest(served);
        pool_.reset();
        if (!stress::soon([this] { return drivers_.load(std::memory_order_acquire) == 0; })) complaints_.add("the core was not freed");
        const auto opened = world_.opened.load(relaxed), gone = world_.closed.load(relaxed), detached = world_.detached.load(relaxed);
        if (world_.live.load(relaxed) != 0 || opened != gone + detached) complaints_.add("a resource was not closed, or twice");
        if (world_.overlaps.load(relaxed) != 0) complaints_.add("two held one resource");
        if (world_.too_many.load(relaxed) != 0) complaints_.add("more resources than slots");
        team_.dog.end();
        result.wrong = complaints_.text();
        return result;
    }

private:
    struct alignas(64) Tally {
        std::uint64_t served = 0, operations = 0;
    };

    void part(std::uint32_t me) {
        Random random{plan_.seed * 16 + me};
        Tally tally;
        std::vector<std::unique_ptr<Call>> calls;
        const bool hasty = me < plan_.hasty;
        for (std::uint32_t n = 0; n < plan_.operations; ++n, ++tally.operations) {
            if (random.once_in(plan_.async)) {
                calls.push_back(std::make_unique<Call>());
                pool_->enqueue(*calls.back(), hasty ? dewpond::Limit{std::chrono::nanoseconds{random.below(60'000)}} : dewpond::Limit{stress::far_off});
                if (random.once_in(3)) {
                    stress::pause(random.below(300));
                    if (pool_->withdraw(*calls.back()) && calls.back()->times.load(relaxed) != 1) complaints_.add("withdrawn, but not told at once");
                }
            } else if (random.once_in(plan_.trials)) {
                use(pool_->try_checkout(), tally, random, {Code::none_idle, Code::none_idle});
            } else if (random.once_in(plan_.cancels)) {
                stops_[me] = std::stop_source{};
                ask_for(me, random);
                use(pool_->try_checkout(stress::far_off, stops_[me].get_token()), tally, random, {Code::cancelled, Code::cancelled});
            } else if (hasty) {
                use(pool_->try_checkout(std::chrono::nanoseconds{random.below(60'000)}), tally, random, {Code::timed_out, Code::open_failed});
            } else {
                use(pool_->try_checkout(stress::far_off), tally, random, {Code::closed, Code::closed});
            }
            team_.dog.beat();
        }
        // Nobody returns anything for whom nobody waits: a wake-up that was lost stays lost.
        for (const auto& c : calls) {
            while (c->times.load(std::memory_order_acquire) == 0) std::this_thread::yield();
            const bool fine = c->got || c->code == Code::cancelled || (hasty && (c->code == Code::timed_out || c->code == Code::open_failed)) || may_be_closed(c->code);
            if (!fine) complaints_.add(std::string{"a callback was refused: "} + to_string(c->code));
            tally.served += c->got ? 1 : 0;
        }
        std::optional<Lease> kept;
        if (plan_.end == Plan::End::outlived) {
            if (auto r = pool_->try_checkout()) kept = std::move(*r), (*kept)->use(5);
            out_.fetch_add(1, std::memory_order_release);
            stress::pause(random.below(4'000));
            if (kept && random.once_in(4)) kept->discard();
        }
        kept.reset();
        for (const auto& c : calls) {
            if (c->times.load(relaxed) != 1) complaints_.add("a callback was served twice");
        }
        tallies_[me] = tally;
    }
    /// Calls a checkout off: its own thread before it begins, or a thread of its own in the middle of it.
    void ask_for(std::uint32_t me, Random& random) {
        if (random.once_in(4)) return;  // nobody calls it off
        const std::uint32_t turns = random.below(3'000);
        cancellers_[me] = std::jthread{[stop = stops_[me], turns]() mutable {
            stress::pause(turns);
            stop.request_stop();
        }};
    }
    [[nodiscard]] bool may_be_closed(Code c) const { return plan_.end == Plan::End::closed && c == Code::closed; }

    void use(dewpond::Result<Lease> r, Tally& tally, Random& random, std::pair<Code, Code> may_fail) {
        if (!r) {
            const Code c = r.error().code();
            if (c != may_fail.first && c != may_fail.second && !may_be_closed(c)) complaints_.add(r.error().what());
            if (c == Code::closed && !may_be_closed(c)) complaints_.add("closed, although nobody closed it");
            return;
        }
        ++tally.served;
        Lease lease = std::move(*r);
        lease->use(random.below(plan_.longest));
        if (random.once_in(plan_.rates.comes_back_dirty)) lease->dirty = true;
        if (random.once_in(plan_.discards)) {
            lease.discard();
        } else if (random.once_in(plan_.detaches)) {
            world_.detached.fetch_add(1, relaxed);
            world_.live.fetch_sub(1, relaxed);  // before it is gone: the next may be open right after
            stress::Thing mine = lease.detach();
            mine.use(3);
        } else if (random.once_in(4)) {
            static_cast<void>(lease.give_back());
        }
    }

    /// Everybody has stopped: nobody waits, all is idle, the books are exact, as soon as the crew is done.
    void rest(std::uint64_t served) {
        dewpond::Stats s;
        const auto exact = [&] {
            s = pool_->stats();
            return s.waiting == 0 && s.in_use == 0 && s.opening == 0 && s.retiring == 0 && s.idle == s.size && s.size == static_cast<std::uint64_t>(world_.live.load(relaxed)) &&
                   s.checkouts == served && s.opened == static_cast<std::uint64_t>(world_.opened.load(relaxed));
        };
        if (!stress::soon(exact)) complaints_.add("not at rest: " + stress::to_text(s) + ", served " + std::to_string(served) + ", live " + std::to_string(world_.live.load(relaxed)));
        if (s.idle != 0 && plan_.rates.check_fails == 0 && !pool_->try_checkout()) complaints_.add("idle, but not to be had: " + stress::to_text(pool_->stats()));
    }

    const Plan& plan_;
    Team& team_;
    stress::World world_;
    std::atomic<int> drivers_{0};
    std::unique_ptr<P> pool_;
    std::atomic<std::uint32_t> out_{0};
    stress::Complaints complaints_;
    std::array<Tally, Team::most> tallies_{};
    std::array<std::stop_source, Team::most> stops_{std::stop_source{std::nostopstate}, std::stop_source{std::nostopstate}, std::stop_source{std::nostopstate}, std::stop_source{std::nostopstate},
                                                    std::stop_source{std::nostopstate}, std::stop_source{std::nostopstate}, std::stop_source{std::nostopstate}, std::stop_source{std::nostopstate}};
    std::array<std::jthread, Team::most> cancellers_;  // last: they are joined first
};

}  // namespace soak
