// SPDX-License-Identifier: BSL-1.0
// One run: a server's threads, a consumer and fire-and-forget writers against one side, and what came of it.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sides.hpp"
#include "traffic.hpp"

namespace incident {

/// What one run measured.
struct Outcome {
    std::size_t size = 0, offered = 0, begun = 0;
    std::size_t served = 0, no_connection = 0, bug = 0, spoilt = 0, other = 0;  // requests
    std::size_t written = 0, writer_no_connection = 0, writer_bug = 0, writer_spoilt = 0,
                writer_other = 0;                                  // fire-and-forget
    std::size_t batches = 0;                                       // of the consumer
    double longest_wait = 0, first_failure = -1, first_sign = -1;  // seconds; -1: never
    std::size_t lost_traffic_over = 0, lost_all_over = 0;          // slots
    std::size_t in_transaction_most = 0, in_transaction_end = 0;   // sessions
    std::size_t opened = 0, rolled_back = 0, unconfirmed = 0;
    std::string first_error{}, first_words{}, who_held{}, holding_at_end{}, other_error{};
};

/// A connection of its own, outside every pool: what the server says about the sessions.
class Watch {
public:
    explicit Watch(const std::string& conninfo) : c_{PQconnectdb(conninfo.c_str()), &PQfinish} {
        if (PQstatus(c_.get()) != CONNECTION_OK) throw std::runtime_error{PQerrorMessage(c_.get())};
    }
    PGconn* get() const { return c_.get(); }
    /// Sessions that have been idle in a transaction for a while; a handler between two statements is not meant.
    std::size_t in_transaction() const {
        return number("select count(*) from pg_stat_activity where application_name = 'incident' and state like 'idle "
                      "in transaction%' "
                      "and clock_timestamp() - state_change > interval '200 ms'");
    }
    std::size_t orders() const { return number("select count(*) from incident_orders"); }

private:
    std::size_t number(const char* statement) const {
        const auto answer = run(c_.get(), statement);
        return static_cast<std::size_t>(std::strtoull(PQgetvalue(answer.get(), 0, 0), nullptr, 10));
    }
    std::unique_ptr<PGconn, decltype(&PQfinish)> c_;
};

template <class Side>
class Replay {
public:
    Replay(Side& side, const Load& load, const Watch& watch)
        : side_{side}, load_{load}, watch_{watch}, all_{arrivals(load)} {}

    Outcome go(std::size_t size) {
        out_.size = size;
        out_.offered = all_.size();
        std::thread consumer{[this] { consume(); }};
        while (!consumer_up_.load()) std::this_thread::sleep_for(std::chrono::milliseconds{1});
        start_ = Time::now();
        std::atomic<bool> traffic_over{false};
        std::thread monitor{[&] { look_around(traffic_over); }};
        {
            std::vector<std::jthread> server;
            for (std::size_t i = 0; i < load_.threads; ++i) server.emplace_back([this] { serve(); });
        }
        for (auto& w : writers_) w.join();  // nobody adds one any more
        traffic_over = true;
        monitor.join();
        // Only the consumer is left.
        std::this_thread::sleep_for(std::chrono::milliseconds{300});
        out_.lost_traffic_over = settled();
        out_.in_transaction_end = watch_.in_transaction();
        out_.holding_at_end = in_use_lines(side_.inspect());
        over_ = true;
        consumer.join();
        out_.lost_all_over = settled();
        out_.opened = side_.opened();
        out_.rolled_back = side_.rolled_back();
        const std::size_t orders = watch_.orders();
        out_.unconfirmed = orders - std::min(orders, confirmed_);
        return std::move(out_);
    }

private:
    [[nodiscard]] double now() const { return std::chrono::duration<double>{Time::now() - start_}.count(); }

    /// Slots that do not come back although nobody works any more; what is just being closed gets a moment.
    std::size_t settled() {
        std::size_t away = side_.away();
        for (int calm = 0; calm < 10 && away != 0; ++calm) {
            std::this_thread::sleep_for(std::chrono::milliseconds{10});
            const std::size_t still = side_.away();
            if (still != away) calm = 0;
            away = still;
        }
        return away;
    }
    static std::string in_use_lines(const std::string& all) {
        std::string out;
        for (std::size_t at = 0, end = 0; (end = all.find('\n', at)) != all.npos; at = end + 1) {
            const std::string line = all.substr(at, end - at);
            if (line.find("in use") != line.npos) out += (out.empty() ? "" : "; ") + line;
        }
        return out;
    }

    /// One of the server's threads: takes whoever is next, late if it must.
    void serve() {
        for (;;) {
            const std::size_t i = next_.fetch_add(1);
            if (i >= all_.size()) return;
            const Arrival a = all_[i];
            std::this_thread::sleep_until(
                start_ + std::chrono::duration_cast<Time::duration>(std::chrono::duration<double>{a.at}));
            const double began = now();
            if (began >= load_.seconds) return;
            handle(a.kind, load_.work(began));
        }
    }

    void handle(Kind kind, double work) {
        const Failure f = attempt(Caller::request, [&](PGconn* c) {
            switch (kind) {
                case Kind::write:
                case Kind::throwing_write: return write_order(c, work, kind == Kind::throwing_write);
                case Kind::spoiler: return spoil(c);
                default: return read_order(c, work);
            }
        });
        const std::lock_guard lock{mutex_};
        ++out_.begun;
        switch (f) {
            case Failure::none: ++out_.served; break;
            case Failure::no_connection: ++out_.no_connection; break;
            case Failure::bug: ++out_.bug; break;
            case Failure::spoilt: ++out_.spoilt; break;
            case Failure::other: ++out_.other; break;
        }
        if (f == Failure::none && kind == Kind::write) ++confirmed_;
        if (f == Failure::none && (kind == Kind::writer || kind == Kind::throwing_writer)) {
            writers_.emplace_back([this, throws = kind == Kind::throwing_writer] { write(throws); });
        }
    }

    void write(bool throws) {
        const Failure f = attempt(Caller::fire_and_forget, [&](PGconn* c) { write_audit(c, throws); });
        const std::lock_guard lock{mutex_};
        switch (f) {
            case Failure::none: ++out_.written; break;
            case Failure::no_connection: ++out_.writer_no_connection; break;
            case Failure::bug: ++out_.writer_bug; break;
            case Failure::spoilt: ++out_.writer_spoilt; break;
            case Failure::other: ++out_.writer_other; break;
        }
    }

    void consume() {
        bool first = true;
        const auto goes_on = [&] {
            if (!first) std::this_thread::sleep_for(std::chrono::milliseconds{20});
            first = false;
            consumer_up_ = true;
            return !over_.load();
        };
        Time::time_point began{};
        while (!over_) {
            try {
                side_.consume([&] { began = Time::now(); }, [&] { waited(began); },
                              [&](PGconn* c) { consume_batch(c), ++batches_; }, goes_on);
            } catch (const std::exception&) {
                consumer_up_ = true;
                std::this_thread::sleep_for(std::chrono::milliseconds{20});
            }
        }
        const std::lock_guard lock{mutex_};
        out_.batches = batches_;
    }

    enum class Failure { none, no_connection, bug, spoilt, other };

    /// Takes, works, gives back in the side's own way; sorts what went wrong.
    template <class Work>
    Failure attempt(Caller who, Work work) {
        const auto began = Time::now();
        bool got = false;
        try {
            side_.use(
                who, [&] { got = true, waited(began); }, work);
            return Failure::none;
        } catch (const NoConnection& e) {
            if (!got) waited(began);
            const std::lock_guard lock{mutex_};
            if (out_.first_failure < 0) out_.first_failure = now(), out_.first_error = e.what();
            return Failure::no_connection;
        } catch (const Bug&) {
            return Failure::bug;
        } catch (const Refused& e) {
            if (e.state == "25006") return Failure::spoilt;  // read_only_sql_transaction
            note_other(e.what());
        } catch (const std::exception& e) {
            note_other(e.what());
        }
        return Failure::other;
    }
    void note_other(const char* what) {
        const std::lock_guard lock{mutex_};
        if (out_.other_error.empty()) out_.other_error = what;
    }
    void waited(Time::time_point since) {
        const double seconds = std::chrono::duration<double>{Time::now() - since}.count();
        const std::lock_guard lock{mutex_};
        out_.longest_wait = std::max(out_.longest_wait, seconds);
    }

    /// What an operator could see: the server's sessions, and what the pool says about itself. A sign of trouble is one
    /// that two looks in a row have found.
    void look_around(const std::atomic<bool>& traffic_over) {
        std::size_t most_held = 0;
        bool suspicious = false;
        while (!traffic_over) {
            const std::size_t sessions = watch_.in_transaction();
            const Sign sign = side_.sign();
            const double at = now();
            const Held held = load_.slow(at) ? side_.who_holds() : Held{};
            {
                const std::lock_guard lock{mutex_};
                out_.in_transaction_most = std::max(out_.in_transaction_most, sessions);
                if (sign.trouble && suspicious && out_.first_sign < 0)
                    out_.first_sign = at, out_.first_words = sign.words;
                if (held.slots > most_held) out_.who_held = held.words;
            }
            most_held = std::max(most_held, held.slots);
            suspicious = sign.trouble;
            std::this_thread::sleep_for(std::chrono::milliseconds{20});
        }
    }

    Side& side_;
    const Load& load_;
    const Watch& watch_;
    const std::vector<Arrival> all_;
    Time::time_point start_{};
    std::atomic<std::size_t> next_{0};
    std::atomic<bool> over_{false}, consumer_up_{false};
    std::mutex mutex_;  // the three below
    Outcome out_;
    std::size_t confirmed_ = 0;
    std::list<std::thread> writers_;
    std::size_t batches_ = 0;  // touched by the consumer only
};

}  // namespace incident
