// The reference: what a pool used by one thread must do, written from the documents and not from the code. Slots, a queue
// of callbacks, the rules of an outage; no atomic, no control bit, no node. It logs what the driver and the waiters see.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include <fuzz/books.hpp>

namespace fuzz {

using dewpond::ReturnReport;

struct Reference : Books {
    using Books::Books;

    // ---- what may be asked of a pool ----

    /// An answer: a slot, or why not.
    struct Answer {
        std::optional<std::size_t> slot;
        Code code{};
    };

    /// What is idle and fit; never waits, opens or pings.
    Answer try_idle() {
        for (int i; (i = lowest(idle)) != nobody;) {
            const Fit fit = admit(i);
            if (fit == Fit::yes) return lend(i);
            turn_away(i, fit);
            if (fit == Fit::hook_threw) return {{}, Code::hook_failed};
        }
        const Code why = closed ? Code::closed : Code::none_idle;
        count_failure(why);
        return {{}, why};
    }

    /// The whole way. Nobody else runs: whoever waits, waits for the back-off or the deadline.
    Answer checkout(std::int64_t limit) {
        if (const int i = lowest(idle); i != nobody) {
            const Fit fit = admit(i);
            if (fit == Fit::yes) return lend(i);
            turn_away(i, fit);
            if (fit == Fit::hook_threw) return {{}, Code::hook_failed};
        }
        const std::int64_t since = now, deadline = now + limit;
        bool queued = false, tried = false;
        std::uint32_t in_vain = 0;
        const auto ended = [&](Code code) -> Answer {
            count_failure(code);
            return {{}, spoken(code, tried)};
        };
        for (;;) {
            int slot = nobody;
            bool is_new = false;
            if (closed) return ended(Code::closed);
            if (slot = lowest(idle); slot == nobody) {
                const bool may_open = setting.in_caller && vacancy() != nobody;
                if (may_open && now < deadline && now >= gate) {
                    slot = vacancy();
                } else {
                    if (const std::optional<Code> why = turned_down()) return ended(*why);
                    if (now >= deadline) return ended(Code::timed_out);
                    if (queue.size() >= setting.max_waiting) return ended(Code::too_many_waiting);
                    queued = true;
                    const bool first = std::none_of(queue.begin(), queue.end(), [since](const Waiting& w) { return w.since <= since; });
                    if (!(first && may_open && gate < deadline)) {  // only the first looks again when the back-off ends
                        now = deadline;
                        return ended(Code::timed_out);
                    }
                    now = (std::max)(now, gate);
                    slot = vacancy();
                }
                is_new = true;
                if (!open_into(static_cast<std::size_t>(slot))) {
                    tried = true;
                    run_calls();
                    continue;
                }
            }
            const Fit fit = is_new ? asked_by_hook(static_cast<std::size_t>(slot)) : admit(slot);
            if (fit == Fit::yes) {
                if (queued) ++waited;
                return lend(slot);
            }
            count_in_vain(static_cast<std::size_t>(slot), since, in_vain);
            turn_away(slot, fit);
            if (fit == Fit::hook_threw) return ended(Code::hook_failed);
        }
    }

    int enqueue(Manner manner, std::int64_t limit) {
        Waiting w{next_waiter++, manner, now, now + limit, limit};
        if (const int i = lowest(idle); i != nobody) {
            const Fit fit = admit(i);
            if (fit == Fit::yes) return lend(i), serve(w, static_cast<std::size_t>(i)), w.who;
            turn_away(i, fit);
            if (fit == Fit::hook_threw) return refuse(w, Code::hook_failed, false), w.who;
        }
        begin(w, false);
        run_calls();
        return w.who;
    }
    /// True: it was queued, and has been served as cancelled.
    bool withdraw(int who) {
        const auto at = std::find_if(queue.begin(), queue.end(), [who](const Waiting& w) { return w.who == who; });
        if (at == queue.end()) return false;
        const Waiting w = *at;
        queue.erase(at);
        refuse(w, Code::cancelled);
        return true;
    }

    ReturnReport give_back(std::size_t n) {
        const std::size_t slot = forget(n);
        const ReturnReport report = come_back(slot);
        run_calls();
        return report;
    }
    void discard(std::size_t n) {
        retire(forget(n), CloseReason::discarded);
        run_calls();
    }
    /// Whose it is now: the resource's number.
    std::int64_t detach(std::size_t n) {
        const std::size_t slot = forget(n);
        const std::int64_t id = slots[slot].id;
        slots[slot] = Slot{};
        return id;
    }

    /// What is idle and too many goes at once, the lowest first; what is out goes when it comes back.
    void resize(std::size_t max_size) {
        setting.max_size = max_size;
        while (!closed && excess() && lowest(idle) != nobody) retire(static_cast<std::size_t>(lowest(idle)), CloseReason::excess);
    }

    void maintain() {
        fail_those([this](const Waiting& w) { return w.deadline <= now; }, Code::timed_out);
        run_calls();
        work();
    }
    std::size_t close() {
        if (!closed) {
            closed = true;
            fail_those([](const Waiting&) { return true; }, Code::closed);
            run_calls();
        }
        for (int i; (i = lowest(idle)) != nobody;) retire(static_cast<std::size_t>(i), CloseReason::pool_closed);
        work();
        return size();
    }

private:
    enum class Fit : std::uint8_t { yes, dead, left_dirty, hook_threw };

    Fit admit(int i) {
        const auto slot = static_cast<std::size_t>(i);
        if (setting.checks && traits(slot).dead) return Fit::dead;
        return asked_by_hook(slot);
    }
    Fit asked_by_hook(std::size_t slot) {
        if (!setting.hooks) return Fit::yes;
        Traits& t = traits(slot);
        if (t.as == Opening::ok_but_refused) return Fit::left_dirty;
        if (t.as == Opening::ok_but_hook_throws) return Fit::hook_threw;
        if (t.as == Opening::ok_but_hook_dirties) t.dirty = true;
        return clean_after(t) ? Fit::yes : Fit::left_dirty;
    }
    static bool clean_after(Traits& t) { return !t.dirty || play_reset(t) == dewpond::ResetResult::clean; }
    void turn_away(int i, Fit fit) { retire(static_cast<std::size_t>(i), fit == Fit::dead ? CloseReason::check_failed : CloseReason::hook_left_dirty); }

    Answer lend(int i) {
        const auto slot = static_cast<std::size_t>(i);
        slots[slot].phase = leased;
        ++slots[slot].uses;
        ++checkouts;
        return {slot, {}};
    }

    /// Code::timed_out with nothing alive, after openings that failed, was not for want of slots.
    [[nodiscard]] Code spoken(Code code, bool tried) const {
        return code == Code::timed_out && (failures != 0 || tried) && size() == 0 ? Code::open_failed : code;
    }
    void count_failure(Code code) {
        if (code == Code::timed_out || code == Code::open_failed) ++timed_out;
        if (code == Code::cancelled) ++cancelled;
        if (code == Code::server_down || code == Code::closed || code == Code::too_many_waiting) ++refused;
    }

    // ---- callbacks ----

    /// An idle slot goes to one who asks at once; else it queues, or is refused. Nothing is opened for it here.
    void begin(Waiting w, bool waited_before) {
        for (;;) {
            if (closed) return refuse(w, Code::closed);
            if (const int i = lowest(idle); i != nobody) {
                const Fit fit = admit(i);
                if (fit == Fit::yes) {
                    lend(i);
                    if (waited_before) ++waited;
                    return serve(w, static_cast<std::size_t>(i));
                }
                count_in_vain(static_cast<std::size_t>(i), w.since, w.in_vain);
                turn_away(i, fit);
                if (fit == Fit::hook_threw) return refuse(w, Code::hook_failed);
                continue;
            }
            if (const std::optional<Code> why = turned_down()) return refuse(w, *why);
            if (now >= w.deadline) return refuse(w, Code::timed_out);
            if (queue.size() >= setting.max_waiting) return refuse(w, Code::too_many_waiting);
            queue.insert(std::find_if(queue.begin(), queue.end(), [&w](const Waiting& other) { return other.since > w.since; }), w);
            return;
        }
    }
    /// Calls are made one after the other, never one inside another, once the pool's own work is done.
    void run_calls() {
        if (calling) return;
        calling = true;
        while (!calls.empty()) {
            Call c = calls.front();
            calls.pop_front();
            if (!c.slot) {
                refuse(c.w, c.code);
                continue;
            }
            const int i = static_cast<int>(*c.slot);
            const Fit fit = admit(i);
            if (fit == Fit::yes) {
                lend(i);
                ++waited;
                serve(c.w, *c.slot);
                continue;
            }
            count_in_vain(*c.slot, c.w.since, c.w.in_vain);
            turn_away(i, fit);
            if (fit == Fit::hook_threw) refuse(c.w, Code::hook_failed);
            else begin(c.w, true);
        }
        calling = false;
    }
    void serve(const Waiting& w, std::size_t slot) {
        log.push_back({Entry::served, w.who, slots[slot].id});
        leases.push_back(slot);
        if (w.manner == Manner::drops) give_back(leases.size() - 1);
        if (w.manner == Manner::discards) discard(leases.size() - 1);
        if (w.manner == Manner::asks_again && !handle_gone) enqueue(Manner::keeps, w.limit);
    }
    void refuse(const Waiting& w, Code code, bool counts = true) {
        const Code said = spoken(code, false);
        if (counts) count_failure(code);
        log.push_back({Entry::refused, w.who, static_cast<std::int64_t>(said)});
        if (w.manner == Manner::asks_again && !handle_gone) enqueue(Manner::keeps, w.limit);
    }
    template <class Which>
    void fail_those(Which which, Code code) {
        for (auto at = queue.begin(); at != queue.end();) {
            if (!which(*at)) {
                ++at;
                continue;
            }
            calls.push_back({*at, {}, code});
            at = queue.erase(at);
        }
    }

    // ---- slots ----

    std::size_t forget(std::size_t n) {
        const std::size_t slot = leases[n];
        leases.erase(leases.begin() + static_cast<std::ptrdiff_t>(n));
        return slot;
    }
    void retire(std::size_t slot, CloseReason why) {
        ++closed_by[static_cast<std::size_t>(why)];
        log.push_back({Entry::closed, slots[slot].id, 0});
        live.erase(slots[slot].id);
        slots[slot] = Slot{};
    }
    ReturnReport come_back(std::size_t slot) {
        if (slots[slot].uses >= setting.max_uses) return retire(slot, CloseReason::max_uses), ReturnReport::closed;
        if (slots[slot].doomed) return retire(slot, CloseReason::discarded), ReturnReport::closed;
        Traits& t = traits(slot);
        if (!setting.checks || closed || !t.dirty) return after_reset(slot, ReturnReport::clean);
        ++dirty_returns;
        const dewpond::ResetResult r = setting.resets_here ? play_reset(t) : dewpond::ResetResult::unfinished;
        if (r == dewpond::ResetResult::unfinished) {
            slots[slot].phase = retiring;
            jobs.push_back(slot);
            return ReturnReport::deferred;
        }
        if (r == dewpond::ResetResult::broken) return retire(slot, CloseReason::reset_failed), ReturnReport::closed;
        return after_reset(slot, ReturnReport::reset);
    }
    ReturnReport after_reset(std::size_t slot, ReturnReport so_far) {
        if (setting.hooks && !closed) {
            Traits& t = traits(slot);
            if (t.no_return || !clean_after(t)) return retire(slot, CloseReason::hook_left_dirty), ReturnReport::closed;
        }
        return offer(slot) ? so_far : ReturnReport::closed;
    }
    /// To the first who waits, else idle.
    bool offer(std::size_t slot) {
        if (closed) return retire(slot, CloseReason::pool_closed), false;
        if (excess()) return retire(slot, CloseReason::excess), false;
        if (queue.empty()) {
            slots[slot].phase = idle;
            return true;
        }
        slots[slot].phase = leased;  // claimed for it, until its callback runs
        calls.push_back({queue.front(), slot, {}});
        queue.pop_front();
        return true;
    }

    // ---- opening ----

    bool open_into(std::size_t slot) {
        Opening how = Opening::ok;
        if (!script.empty()) {
            how = script.front();
            script.pop_front();
        }
        if (const Fault f = fault_of(how); f != Fault::none) {
            log.push_back({Entry::not_opened, static_cast<std::int64_t>(f), 0});
            ++open_failures;
            note_failure(f);
            return false;
        }
        slots[slot] = {leased, ++ids, false, 0, now};
        live[ids].as = how;
        log.push_back({Entry::opened, ids, 0});
        ++opened;
        ready = true;
        failures = 0;
        down = false;
        fault = Fault::none;
        gate = 0;
        return true;
    }
    [[nodiscard]] std::int64_t backed_off(std::int64_t most) const {
        std::int64_t span = setting.backoff_min;
        for (std::uint32_t i = 1; i < failures && span < most; ++i) span *= 2;
        return now + (std::min)(span, most) / 10;
    }
    void note_failure(Fault f) {
        if (failures++ == 0) failing_since = now;
        fault = f;
        gate = backed_off(queue.empty() ? setting.backoff_max : setting.backoff_waiting);
        if (size() != 0) return;
        Code code = Code::server_down;
        if (f == Fault::configuration) code = Code::open_failed;
        else if (!down) {
            if (now - failing_since < setting.grace) return;
            down = true;
            down_since = now;
        }
        fail_those([](const Waiting&) { return true; }, code);
    }
    /// Opened since the one who turns it away began to ask, and nobody ever had it: the second time opening has to wait.
    void count_in_vain(std::size_t slot, std::int64_t began, std::uint32_t& in_vain) {
        if (slots[slot].born < began || slots[slot].uses != 0) return;
        if (++in_vain > 1) opened_in_vain(in_vain - 1);
    }
    void opened_in_vain(std::uint32_t times) {
        if (failures == 0) failing_since = now;
        failures = (std::max)(failures, times);
        fault = Fault::other;
        gate = backed_off(setting.backoff_waiting);
    }
    /// Whoever asks brings the next attempt nearer; while nothing is alive and opening is hopeless it is refused.
    std::optional<Code> turned_down() {
        if (failures == 0) return {};
        gate = (std::min)(gate, now + setting.backoff_waiting);
        if (size() != 0) return {};
        if (down) return Code::server_down;
        if (fault == Fault::configuration && now < gate) return Code::open_failed;
        return {};
    }
    /// The keeper: resets that were put off, then openings for whoever waits, and to keep enough idle.
    void work() {
        for (;;) {
            if (!jobs.empty()) {
                const std::size_t slot = jobs.front();
                jobs.pop_front();
                if (closed) {
                    retire(slot, CloseReason::pool_closed);
                } else if (play_reset(traits(slot)) == dewpond::ResetResult::clean) {
                    slots[slot].phase = leased;
                    after_reset(slot, ReturnReport::reset);
                } else {
                    retire(slot, CloseReason::reset_failed);
                }
                run_calls();
                continue;
            }
            const std::size_t lacking = setting.min_idle - (std::min)(setting.min_idle, count(idle));
            const int slot = vacancy();
            if (closed || (queue.size() + lacking == 0 && !down) || slot == nobody || now < gate) return;
            if (open_into(static_cast<std::size_t>(slot))) offer(static_cast<std::size_t>(slot));
            run_calls();
        }
    }

    std::deque<Call> calls;
    bool calling = false;
};

}  // namespace fuzz
