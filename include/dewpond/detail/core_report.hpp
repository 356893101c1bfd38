// SPDX-License-Identifier: BSL-1.0
// The core: what it says about itself. Stats without a lock; errors, inspect() and describe() off the hit path.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <dewpond/detail/core.hpp>
#include <dewpond/detail/text.hpp>

namespace dewpond::inline v0::detail {

// ---- what is remembered ----

template <class S>
DEWPOND_COLD void Core<S>::remember(const Event& e, TimePoint now, Code code) noexcept {
    recorder_.note({0, e.kind, {}, e.place, about_a_slot(e.kind) ? e.slot : PastEvent::no_slot, e.age, e.fault, e.reason, code}, now);
}
/// A checkout of this place was served after a wait (`slot` is what it got) or failed.
template <class S>
DEWPOND_COLD void Core<S>::remember_call(EventKind kind, Place place, std::uint32_t slot, Duration age, TimePoint now, Code code) noexcept {
    Event e;
    e.kind = kind;
    if constexpr (S::holders) e.place = place;
    else static_cast<void>(place);
    e.slot = slot;
    e.age = age;
    remember(e, now, code);
}
/// Of the pool as a whole.
template <class S>
void Core<S>::remember_change(EventKind kind, std::uint32_t size) noexcept {
    Event e;
    e.kind = kind;
    e.slot = size;
    remember(e, exchange_.sync().now());
}
/// A checkout that had queued was served. A wait shorter than a millisecond is no news.
template <class S>
void Core<S>::waited(Place place, const Slot& s, TimePoint since) noexcept {
    const TimePoint now = exchange_.sync().now();
    const Duration d{now - since};
    if constexpr (requires { metrics_.waited(d); }) metrics_.waited(d);
    if (d >= std::chrono::milliseconds{1}) remember_call(EventKind::waited, place, s.index, d, now);
}

// ---- what is told ----

/// As many events are enough for a message.
constexpr std::size_t last_few = 32;
std::string lines_of(const std::vector<PastEvent>& past);

/// What a pool runs with, in numbers.
template <class S>
Settings Core<S>::settings() const noexcept {
    Settings s;
    s.max_size = exchange_.max_size();
    s.capacity = exchange_.plan().capacity;
    s.min_idle = exchange_.plan().min_idle;
    s.max_waiting = exchange_.plan().max_waiting;
    s.opens_at_once = exchange_.plan().opens_at_once;
    s.checkout_timeout = options_.checkout_timeout;
    s.open_timeout = options_.open_timeout;
    s.backoff_min = options_.backoff_min;
    s.backoff_max_waiting = options_.backoff_max_waiting;
    s.backoff_max = options_.backoff_max;
    s.outage_grace = options_.outage_grace;
    s.reset_timeout = options_.reset_timeout;
    s.return_budget = options_.return_budget;
    if constexpr (requires { life_.read(s); }) life_.read(s);
    if constexpr (S::warns) s.warn_after = watch_.warn_after();
    return s;
}

/// How many are in use or wait now, and `more` who are about to; kept as a peak.
template <class S>
std::uint32_t Core<S>::note_demand(std::uint32_t more, TimePoint now) noexcept {
    const auto c = exchange_.census();
    const std::uint32_t live = c.counted - (std::min)(c.opening + c.retiring, c.counted);
    // Whoever opens for himself is neither in use nor waiting, and wants a slot all the same; what the crew opens is for
    // somebody who waits, or for nobody.
    const std::uint32_t demand = live - (std::min)(exchange_.count_idle(), live) + c.openers + c.waiting + more;
    demand_.note(demand, now);
    return demand;
}

/// Conserving by construction: idle is clamped to what may be idle, in use is the rest.
template <class S>
Stats Core<S>::stats() {
    Stats out;
    out.name = options_.name;
    out.settings = settings();
    out.max_size = out.settings.max_size;
    out.min_idle = out.settings.min_idle;
    out.checkout_timeout = options_.checkout_timeout;
    const TimePoint at = exchange_.sync().now();
    if (!forked()) look_if_free(at);
    const auto c = exchange_.census();
    out.size = c.counted;
    out.opening = (std::min)(c.opening, c.counted);
    out.retiring = (std::min)(c.retiring, c.counted - out.opening);
    const std::uint32_t rest = c.counted - out.opening - out.retiring;
    out.idle = (std::min)(exchange_.count_idle(), rest);
    out.in_use = rest - out.idle;
    out.waiting = c.waiting;
    const std::int64_t now = ticks(at), head = exchange_.head_since(), down = exchange_.down_since();
    const std::int64_t last_open = last_open_.load(std::memory_order_relaxed), last_tick = last_tick_.load(std::memory_order_relaxed);
    const auto since = [now](std::int64_t then) -> Duration { return std::chrono::nanoseconds{now > then ? now - then : 0}; };
    if (head != 0) out.oldest_wait = since(head);
    if (down != 0) out.down_for = since(down);
    if (last_open != 0) out.last_open = since(last_open);
    if (last_tick != 0) out.keeper_age = since(last_tick);
    out.keeper_period = period_;
    out.age = since(ticks(born_));
    out.demand = note_demand(0, at);
    out.demand_peak = demand_.ever();
    out.demand_peak_minute = demand_.last_minute(at);
    out.oldest_lease = std::chrono::nanoseconds{oldest_lease_.load(std::memory_order_relaxed)};
    out.ready = exchange_.ready();
    out.down = down != 0;
    out.closed = exchange_.closed();
    const OutageWord outage = exchange_.outage();
    out.open_fault = outage.fault();
    out.failures_in_row = outage.failures();
    out.backoff = outage.backoff(at);
    out.overdue = overdue_.load(std::memory_order_relaxed);
    out.leaks_suspected = leaks_.load(std::memory_order_relaxed);
    out.stalls = stalls_.load(std::memory_order_relaxed);
    if constexpr (S::counts) {
        for (std::uint32_t i = 0; i < exchange_.plan().capacity; ++i) out.checkouts += uses_of(slots_[i]);
    }
    if constexpr (requires { metrics_.read(out); }) metrics_.read(out);
    if constexpr (S::times) {
        for (std::uint32_t i = 0; i < exchange_.plan().capacity; ++i) metrics_.read(out, slots_[i].meter);
    }
    return out;
}

/// Takes the details that make the message useful. If memory is short, the code alone has to do.
template <class S>
DEWPOND_COLD PoolError Core<S>::error(Code code, Duration waited, bool tried_to_open) noexcept {
    if (forked()) return not_ours();
    Fault fault = Fault::none;
    std::uint32_t mine = 0;
    exchange_.recall();  // what a thread keeps is nobody's lease
    DEWPOND_TRY {
        const std::shared_ptr<ErrorDetails> d{new ErrorDetails};
        d->pool = options_.name;
        d->waited = waited;
        const std::uint32_t capacity = exchange_.plan().capacity;
        std::vector<SlotPhase> phases(capacity);
        const TimePoint now = exchange_.sync().now();
        std::uint32_t retiring = 0, counted = 0;
        const Outage outage = exchange_.locked([&] {
            const Ledger& l = exchange_.ledger();
            for (std::uint32_t i = 0; i < capacity; ++i) phases[i] = l.phase(i);
            d->max_size = l.max_size();
            d->opening = l.opening();
            retiring = l.retiring();
            counted = l.counted();
            return l.outage;
        });
        d->resetting = retiring;
        d->idle = (std::min)(exchange_.count_idle(), counted - d->opening - retiring);
        d->in_use = counted - d->opening - retiring - d->idle;
        d->waiting = exchange_.census().waiting;
        fault = outage.fault;
        // A wait that ended with nothing alive was not for want of slots.
        if (code == Code::timed_out && (outage.failures != 0 || tried_to_open) && counted == d->opening) code = Code::open_failed;
        d->code = code;
        if (outage.down) {
            d->down_for = Duration{now - outage.down_since};
            d->retry_after = outage.gate > now ? Duration{outage.gate - now} : Duration{};
        }
        if (code == Code::timed_out || code == Code::open_failed) {
            d->past = std::shared_ptr<const void>{new std::vector<PastEvent>(recorder_.read(now, last_few)), [](const void* p) { delete static_cast<const std::vector<PastEvent>*>(p); }};
            d->tell_past = [](const void* p) { return lines_of(*static_cast<const std::vector<PastEvent>*>(p)); };
        }
        const bool about_slots = code == Code::timed_out || code == Code::too_many_waiting;
        Locked lock{notes_mutex_};
        if (outage.failures != 0 || code == Code::open_failed || !exchange_.ready()) d->open_error = open_note_;
        if constexpr (S::holders) {
            for (std::uint32_t i = 0; about_slots && i < capacity; ++i) {
                const Slot& s = slots_[i];
                if (phases[i] != SlotPhase::live || exchange_.idle().is_idle(i)) continue;
                mine += s.watch.by_this_thread() ? 1 : 0;
                const dewpond::Place place = s.watch.place();
                const auto same = [&](const HeldPlace& h) { return h.place == place; };
                auto at = std::find_if(d->holders.begin(), d->holders.end(), same);
                if (at == d->holders.end()) at = d->holders.insert(at, HeldPlace{place, 0, {}});
                ++at->count;
                at->oldest = (std::max)(at->oldest, notes_[i].sample.out_for(now));
            }
            std::sort(d->holders.data(), d->holders.data() + d->holders.size(), [](const HeldPlace& a, const HeldPlace& b) {
                return a.count != b.count ? a.count > b.count : a.oldest > b.oldest;
            });
            if (d->holders.size() > 5) d->holders.resize(5);
            d->held_by_this_thread = mine;
        }
        lock.unlock();
        if (mine != 0 && code == Code::timed_out) {
            Event e;
            e.kind = EventKind::nested_wait;
            e.age = waited;
            tell(e);
        }
        return PoolError{code, d};
    }
    DEWPOND_CATCH_ALL { return PoolError{code, fault}; }
}

/// A line for each.
inline std::string lines_of(const std::vector<PastEvent>& past) {
    std::string out;
    for (const PastEvent& e : past) append(out, text("  ", to_string(e), "\n"));
    return out;
}

/// A line per slot that counts: number, state, age, uses, place, label; then the last few events.
template <class S>
std::string Core<S>::inspect() {
    std::string out;
    if (forked()) return out;
    const TimePoint now = exchange_.sync().now();
    look_at_all(now);
    exchange_.recall();
    for (std::uint32_t i = 0; i < exchange_.plan().capacity; ++i) {
        const SlotPhase phase = exchange_.locked([&] { return exchange_.ledger().phase(i); });
        if (phase == SlotPhase::vacant) continue;
        Sample sample;
        [[maybe_unused]] std::string label;
        {
            Locked lock{notes_mutex_};
            sample = notes_[i].sample;
            if constexpr (HasLabel<Driver>) label = labels_[i];
        }
        const bool idle = exchange_.idle().is_idle(i);
        append(out, text("slot ", i, ": "));
        if (phase == SlotPhase::opening) append(out, "opening");
        else if (phase == SlotPhase::retiring) append(out, "retiring");
        else append(out, idle ? "idle" : "in use");
        if (phase == SlotPhase::live) {
            append(out, text(", opened ", Duration{now - sample.born}, " ago"));
            if constexpr (S::keeps_uses) append(out, text(", ", uses_of(slots_[i]), " uses"));
            if constexpr (S::holders) {
                if (!idle) append(out, text(", at ", slots_[i].watch.place(), " for ", sample.out_for(now)));
            }
            if constexpr (HasLabel<Driver>) {
                // A resource is asked while nobody uses it only, so taken for the moment; one that is out is called what it
                // was called when it was opened.
                if (exchange_.idle().claim(i)) {
                    DEWPOND_TRY { label = driver_.label(slots_[i].resource); }
                    DEWPOND_CATCH_ALL {}
                    offer(slots_[i]);
                }
                if (!label.empty()) append(out, text(", ", label));
            }
        }
        out += '\n';
    }
    if (const auto past = recorder_.read(now, last_few); !past.empty()) append(out, text("events:\n", lines_of(past)));
    return out;
}

/// Every choice with its value and where it came from.
template <class S>
std::string Core<S>::describe() const {
    std::string out = text("pool '", options_.name, "'\n");
    const auto option = [&out](std::string_view field, auto value) { append(out, text("  ", field, " = ", value, "\n")); };
    option("max_size", std::uint64_t{exchange_.max_size()});
    option("capacity", std::uint64_t{exchange_.plan().capacity});
    option("min_idle", std::uint64_t{options_.min_idle.value_or(0)});
    option("checkout_timeout", options_.checkout_timeout);
    option("max_waiting", std::uint64_t{options_.max_waiting});
    option("open_timeout", options_.open_timeout);
    option("opens_at_once", std::uint64_t{options_.opens_at_once});
    option("backoff_min", options_.backoff_min);
    option("backoff_max_waiting", options_.backoff_max_waiting);
    option("backoff_max", options_.backoff_max);
    option("outage_grace", options_.outage_grace);
    option("reset_timeout", options_.reset_timeout);
    option("return_budget", options_.return_budget);
    append(out, text("  keeper_thread = ", options_.keeper_thread ? "true" : "false", "\n"));
    std::size_t n = 0;
    const auto answer = [&]<class P>(std::string_view question, const P& p) {
        append(out, text("  ", question, ": "));
        if constexpr (requires { std::string_view{P::name}; }) append(out, std::string_view{P::name});
        else append(out, "a policy of your own");
        static_cast<void>(p);
        if constexpr (requires { p.describe(); }) append(out, text("{", p.describe(), "}"));
        const char origin = origins_[n++];
        append(out, origin == 'u' ? " (chosen)\n" : origin == 'd' ? " (the driver suggests it)\n" : " (default)\n");
    };
    answer("liveness", live_);
    answer("reset", reset_);
    answer("lifetime", life_);
    answer("metrics", metrics_);
    answer("waiting", exchange_.waiting_rule());
    answer("opening", exchange_.opening_rule());
    answer("watch", watch_);
    answer("cells", typename S::cells{});
    const std::uint32_t peak = demand_.ever(), most = exchange_.max_size();
    append(out, text("  demand: ", peak, " at once at the most since the start, in use or waiting: max_size ",
                     peak > most ? text("is ", peak - most, " short of it\n") : std::string{"is enough for it\n"}));
    append(out, text("  threads: ", crew_on_.load(std::memory_order_relaxed) != 0 ? std::uint64_t{crew_.size()} : std::uint64_t{0}, "\n"));
    return out;
}

}  // namespace dewpond::inline v0::detail
