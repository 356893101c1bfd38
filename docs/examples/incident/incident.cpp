// SPDX-License-Identifier: BSL-1.0
// The incident, replayed: the same traffic against a real PostgreSQL, first through the pool that took a web service
// down, then through dewpond; and what each of its faults costs alone. README.md tells the story.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "replay.hpp"

namespace incident {
namespace {

struct Settings {
    double seconds = 20, ablation = 2;
    std::size_t threads = 40, size = 30;
    std::uint64_t seed = 1;
    std::string conninfo{}, json{};
};

[[noreturn]] void usage(std::FILE* to, int status) {
    std::fputs("usage: incident [--seconds S] [--ablation S] [--threads N] [--size N] [--seed N]\n"
               "                [--conninfo STRING] [--json FILE] [--quick]\n\n"
               "Replays the same traffic through a naive pool and through dewpond, against a real PostgreSQL.\n\n"
               "  --seconds S        length of each half (20)\n"
               "  --ablation S       length of each row with one fault alone (2); 0: none\n"
               "  --threads N        the server's threads (40)\n"
               "  --size N           connections of either pool (30)\n"
               "  --seed N           of the traffic (1)\n"
               "  --conninfo STRING  the server; else DEWPOND_PG_CONNINFO, else libpq's own environment\n"
               "  --json FILE        write every figure to FILE\n"
               "  --quick            short halves and rows: a look, not the story\n",
               to);
    std::exit(status);
}

Settings read(int argc, char** argv) {
    Settings s;
    if (const char* c = std::getenv("DEWPOND_PG_CONNINFO")) s.conninfo = c;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--help" || word == "-h") usage(stdout, 0);
        if (word == "--quick") {
            s.seconds = 3, s.ablation = 0.5;
            continue;
        }
        if (i + 1 >= argc) usage(stderr, 2);
        const char* const value = argv[++i];
        const auto number = [&](double least, double most) {
            char* end = nullptr;
            const double x = std::strtod(value, &end);
            if (end != value && *end == '\0' && x >= least && x <= most) return x;
            std::fprintf(stderr, "incident: %s is %s: it must be %g to %g\n", argv[i - 1], value, least, most);
            std::exit(2);
        };
        if (word == "--seconds") s.seconds = number(1, 600);
        else if (word == "--ablation") s.ablation = number(0, 60);
        else if (word == "--threads") s.threads = static_cast<std::size_t>(number(1, 500));
        else if (word == "--size") s.size = static_cast<std::size_t>(number(1, 90));
        else if (word == "--seed") s.seed = static_cast<std::uint64_t>(number(0, 1e15));
        else if (word == "--conninfo") s.conninfo = value;
        else if (word == "--json") s.json = value;
        else usage(stderr, 2);
    }
    return s;
}

struct Fault {
    const char* name;
    bool Faults::*on;
};
constexpr Fault faults[] = {
    {"close_does_nothing", &Faults::close_does_nothing},
    {"check_opens_transaction", &Faults::check_opens_transaction},
    {"no_limits", &Faults::no_limits},
    {"throwing_handler_leaks", &Faults::throwing_handler_leaks},
    {"throwing_thread_leaks", &Faults::throwing_thread_leaks},
    {"consumer_keeps_connection", &Faults::consumer_keeps_connection},
    {"smaller_than_threads", &Faults::smaller_than_threads},
    {"blind", &Faults::blind},
};
Faults every_fault() {
    Faults f;
    for (const Fault& one : faults) f.*one.on = true;
    return f;
}

/// The incident's limits in the time of a run, the same for both sides.
Limits limits_of(double seconds) {
    const auto at_least = [](double s, int ms) {
        return std::max(std::chrono::milliseconds{static_cast<int>(s * 1000)}, std::chrono::milliseconds{ms});
    };
    return {at_least(seconds / 20, 250), at_least(seconds / 20, 100), at_least(seconds / 10, 200)};
}

Load load_of(const Settings& s, double seconds) { return {.seconds = seconds, .threads = s.threads, .seed = s.seed}; }

Outcome naive(const Settings& s, double seconds, Faults f) {
    const Watch watch{s.conninfo};
    run(watch.get(), tables);
    Outcome out;
    {
        const std::size_t size = f.smaller_than_threads ? s.size : std::max(s.size, s.threads + s.threads / 4);
        NaiveSide side{s.conninfo, size, limits_of(seconds), f};
        const Load load = load_of(s, seconds);
        out = Replay{side, load, watch}.go(size);
    }
    run(watch.get(), no_tables);
    return out;
}

Outcome ours(const Settings& s, double seconds) {
    const Watch watch{s.conninfo};
    run(watch.get(), tables);
    Outcome out;
    {
        DewpondSide side{s.conninfo, s.size, limits_of(seconds)};
        const Load load = load_of(s, seconds);
        out = Replay{side, load, watch}.go(s.size);
    }
    run(watch.get(), no_tables);
    return out;
}

// ---- what is printed, and the same as JSON ----

std::string ms(double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, seconds < 0.01 ? "%.1f ms" : "%.0f ms", seconds * 1000);
    return text;
}
std::string when(double seconds) {
    char text[32];
    std::snprintf(text, sizeof text, "after %.2f s", seconds);
    return seconds < 0 ? "never" : text;
}

void side_by_side(const Outcome& a, const Outcome& b) {
    const auto line = [](const char* what, const std::string& left, const std::string& right) {
        std::printf("  %-58s %14s %14s\n", what, left.c_str(), right.c_str());
    };
    const auto count = [&line](const char* what, std::size_t left, std::size_t right) {
        line(what, std::to_string(left), std::to_string(right));
    };
    line("", "naive pool", "dewpond");
    count("connections", a.size, b.size);
    count("requests that arrived", a.offered, b.offered);
    count("  served", a.served, b.served);
    count("  failed: no connection", a.no_connection, b.no_connection);
    count("  failed: the handler has a bug and threw", a.bug, b.bug);
    count("  failed: the session had been left read-only", a.spoilt, b.spoilt);
    count("  failed: anything else", a.other, b.other);
    count("  not even begun when the time was up", a.offered - a.begun, b.offered - b.begun);
    count("fire-and-forget writers that wrote", a.written, b.written);
    count("  failed: no connection", a.writer_no_connection, b.writer_no_connection);
    count("  failed: has a bug and threw", a.writer_bug, b.writer_bug);
    count("  failed: the session had been left read-only", a.writer_spoilt, b.writer_spoilt);
    count("  failed: anything else", a.writer_other, b.writer_other);
    count("batches of the background consumer", a.batches, b.batches);
    line("longest wait for a connection", ms(a.longest_wait), ms(b.longest_wait));
    count("slots away, the traffic over and the consumer still there", a.lost_traffic_over, b.lost_traffic_over);
    count("slots away, the consumer gone as well: lost", a.lost_all_over, b.lost_all_over);
    count("sessions idle in transaction, most at once", a.in_transaction_most, b.in_transaction_most);
    count("sessions idle in transaction at the end", a.in_transaction_end, b.in_transaction_end);
    count("orders in the table that no request confirmed", a.unconfirmed, b.unconfirmed);
    line("first request refused for want of a connection", when(a.first_failure), when(b.first_failure));
    line("first sign of it in the pool's own numbers", when(a.first_sign), when(b.first_sign));
    count("connections opened", a.opened, b.opened);
    count("transactions that the return rolled back", a.rolled_back, b.rolled_back);
    for (const auto* o : {&a, &b}) {
        if (!o->other_error.empty()) std::printf("  anything else, the first: %s\n", o->other_error.c_str());
    }
}

void say(const char* what, const std::string& words) {
    if (!words.empty()) std::printf("  %s:\n    %s\n", what, words.c_str());
}

std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        char code[8];
        std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        if (c == '"' || c == '\\') (out += '\\') += c;
        else if (static_cast<unsigned char>(c) < 0x20) out += code;
        else out += c;
    }
    return out + '"';
}

std::string json_of(const Outcome& o) {
    std::string out = "{";
    const auto add = [&out](const char* name, const std::string& value) {
        out += (out.size() > 1 ? ", " : "") + quoted(name) + ": " + value;
    };
    const auto count = [&add](const char* name, std::size_t n) { add(name, std::to_string(n)); };
    const auto seconds = [&add](const char* name, double s) { add(name, s < 0 ? "null" : std::to_string(s)); };
    count("size", o.size), count("offered", o.offered), count("begun", o.begun), count("served", o.served);
    count("no_connection", o.no_connection), count("bug", o.bug), count("spoilt", o.spoilt), count("other", o.other);
    count("writer_written", o.written), count("writer_no_connection", o.writer_no_connection);
    count("writer_bug", o.writer_bug), count("writer_spoilt", o.writer_spoilt), count("writer_other", o.writer_other),
        count("consumer_batches", o.batches);
    seconds("longest_wait_s", o.longest_wait), seconds("first_failure_s", o.first_failure),
        seconds("first_sign_s", o.first_sign);
    count("slots_away_traffic_over", o.lost_traffic_over), count("slots_lost", o.lost_all_over);
    count("idle_in_transaction_most", o.in_transaction_most), count("idle_in_transaction_end", o.in_transaction_end);
    count("unconfirmed_orders", o.unconfirmed), count("opened", o.opened), count("rolled_back", o.rolled_back);
    add("first_error", quoted(o.first_error)), add("first_sign", quoted(o.first_words));
    add("who_held", quoted(o.who_held)), add("holding_at_end", quoted(o.holding_at_end));
    return out + "}";
}

int replay(const Settings& s) {
    const Limits limits = limits_of(s.seconds);
    const Load load = load_of(s, s.seconds);
    std::printf("incident: %zu threads, %zu connections, %.0f requests a second for %g s, seed %llu\n", s.threads,
                s.size, load.per_second, s.seconds, static_cast<unsigned long long>(s.seed));
    std::printf("scaled to the length of the run, the same on both sides: wait 30 s -> %s, idle limit 300 s -> %s, "
                "lifetime 1800 s -> %s\n",
                in_words(limits.wait).c_str(), in_words(limits.idle).c_str(), in_words(limits.lifetime).c_str());
    std::printf("a slow spell from %g to %g s: statements take 120 ms instead of 3\n\n", 0.45 * s.seconds,
                0.55 * s.seconds);
    std::fflush(stdout);

    const Outcome before = naive(s, s.seconds, every_fault());
    const Outcome after = ours(s, s.seconds);
    side_by_side(before, after);
    std::printf("\n");
    say("what the naive pool said", before.first_error);
    say("what dewpond said when it refused", after.first_error);
    say("what dewpond's monitor saw first", after.first_words);
    say("who held dewpond's slots in the slow spell", after.who_held);
    say("who held them when the traffic was over", after.holding_at_end);

    std::string rows;
    if (s.ablation > 0) {
        std::printf("\none fault alone, the others mended (naive pool, %g s each, %s wait)\n", s.ablation,
                    in_words(limits_of(s.ablation).wait).c_str());
        std::printf("  %-26s %7s %7s %7s %7s %6s %7s %11s %8s %13s\n", "fault", "served", "refused", "stuck", "unbegun",
                    "lost", "in txn", "unconfirmed", "longest", "first sign");
        const auto row = [&](const char* name, Faults f) {
            const Outcome o = naive(s, s.ablation, f);
            std::printf("  %-26s %7zu %7zu %7zu %7zu %6zu %7zu %11zu %8s %13s\n", name, o.served,
                        o.no_connection + o.writer_no_connection, o.spoilt + o.writer_spoilt, o.offered - o.begun,
                        o.lost_all_over, o.in_transaction_end, o.unconfirmed, ms(o.longest_wait).c_str(),
                        when(o.first_sign).c_str());
            std::fflush(stdout);
            rows += (rows.empty() ? "\n  " : ",\n  ") + ("{\"fault\": " + quoted(name)) +
                    ", \"outcome\": " + json_of(o) + "}";
        };
        row("none", {});
        for (const Fault& one : faults) {
            Faults f;
            f.*one.on = true;
            row(one.name, f);
        }
    }

    if (s.json.empty()) return 0;
    std::ofstream file{s.json};
    file << "{\"program\": \"incident\", \"seconds\": " << s.seconds << ", \"threads\": " << s.threads
         << ", \"size\": " << s.size << ", \"seed\": " << s.seed << ", \"requests_per_second\": " << load.per_second
         << ", \"wait_ms\": " << limits.wait.count() << ", \"max_idle_ms\": " << limits.idle.count()
         << ", \"max_lifetime_ms\": " << limits.lifetime.count() << ",\n\"naive\": " << json_of(before)
         << ",\n\"dewpond\": " << json_of(after) << ",\n\"ablation_seconds\": " << s.ablation << ", \"ablation\": ["
         << rows << "\n]}\n";
    file.flush();
    if (!file) throw std::runtime_error{"cannot write " + s.json};
    return 0;
}

}  // namespace
}  // namespace incident

int main(int argc, char** argv) {
    const incident::Settings settings = incident::read(argc, argv);
    try {
        return incident::replay(settings);
    } catch (const std::exception& e) {
        std::fprintf(stderr, "incident: %s\n", e.what());
        return 1;
    }
}
