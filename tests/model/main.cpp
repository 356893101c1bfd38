// The explorer's command line: `explorer help` says what it can do.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "model/catalogue.hpp"
#include "model/invariants.hpp"
#include "model/search.hpp"

namespace {

using namespace model;
using Count = unsigned long long;

int usage() {
    std::fputs(R"(usage: explorer COMMAND [option]...
  exhaust      every schedule of every scenario within its bounds
  walk         random schedules, and schedules by priority, of every scenario in turn
  planted      every planted bug must be found, within its number of schedules
  litmus       the explorer itself: small programs whose outcomes are known
  replay       one schedule again, with every step: --only SCENARIO --list DECISIONS|@FILE --places PLACES
  list         the scenarios
options
  --only NAME     this scenario alone
  --seconds S     in all; exhaust: at most so long, and what is not finished by then fails (default 600; walk: 10)
  --seed N        where random schedules begin (default 1)
  --report FILE   write what was done to this file, a line each: KEY VALUE
)",
               stderr);
    return 2;
}

struct Arguments {
    std::string command, only, list, places, report;
    double seconds = 0;
    std::uint64_t seed = 1;
};

bool parse(int argc, char** argv, Arguments& a) {
    if (argc < 2) return false;
    a.command = argv[1];
    for (int i = 2; i < argc; i += 2) {
        const std::string name = argv[i];
        if (i + 1 == argc) return false;
        const char* value = argv[i + 1];
        if (name == "--only") a.only = value;
        else if (name == "--list" && value[0] == '@') {
            std::FILE* f = std::fopen(value + 1, "r");
            if (f == nullptr) return false;
            for (int c; (c = std::fgetc(f)) != EOF;) a.list += static_cast<char>(c);
            std::fclose(f);
        } else if (name == "--list") a.list = value;
        else if (name == "--places") a.places = value;
        else if (name == "--report") a.report = value;
        else if (name == "--seconds") a.seconds = std::atof(value);
        else if (name == "--seed") a.seed = std::strtoull(value, nullptr, 10);
        else return false;
    }
    return true;
}

const std::vector<Scenario>& scenarios() {
    static const std::vector<Scenario> all = [] {
        std::vector<Scenario> v = basin_scenarios();
        v.insert(v.end(), recorder_scenarios().begin(), recorder_scenarios().end());
        v.insert(v.end(), pool_scenarios().begin(), pool_scenarios().end());
        return v;
    }();
    return all;
}

class Watch {
public:
    [[nodiscard]] double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count(); }

private:
    std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

void report(const Arguments& a, const char* key, Count value) {
    std::printf("%s %llu\n", key, value);
    if (a.report.empty()) return;
    static const char* mode = "w";
    if (std::FILE* f = std::fopen(a.report.c_str(), std::exchange(mode, "a"))) {
        std::fprintf(f, "%s %llu\n", key, value);
        std::fclose(f);
    }
}

/// What repeats the last run: its decisions, and the places that were known to need one.
struct Recipe {
    std::string list, places;
    explicit Recipe(const Outcome& o) {
        for (unsigned i = 0; i < o.decisions; ++i) list += Replay::letter(Engine::it().decisions()[i].chosen);
        if (list.empty()) list = "0";
        Engine::it().places([&](unsigned p) { places += (places.empty() ? "" : ",") + std::to_string(p); });
        if (places.empty()) places = "0";
    }
};

void prepare(const std::string& places = "") {
    dewpond::detail::Invariants::forget_pools();
    Engine::it().forget_places();
    static_cast<void>(Engine::it().learned());
    for (std::size_t at = 0; at < places.size(); at = places.find(',', at) == std::string::npos ? places.size() : places.find(',', at) + 1) {
        const unsigned place = static_cast<unsigned>(std::atoi(places.c_str() + at));
        if (place != 0) Engine::it().expect_place(place);
    }
}

void tell_failure(const Scenario& s, const Outcome& o) {
    Recipe again{o};
    if (again.list.size() > 400) {
        const std::string file = std::string{s.name} + ".replay";
        if (std::FILE* f = std::fopen(file.c_str(), "w")) {
            std::fputs(again.list.c_str(), f);
            std::fclose(f);
            again.list = "@" + file;
        }
    }
    std::printf("  FAILED: %s\n  again, with every step: explorer replay --only %s --list %s --places %s\n", o.failure, s.name, again.list.c_str(), again.places.c_str());
}

struct Tally {
    Count runs = 0, steps = 0;
    bool exhausted = false;
    Outcome last;
};

/// What went wrong, sorted by what it means to a user.
struct Failures {
    Count lost = 0, duplicated = 0, missed = 0, other = 0;
    void add(const char* failure) {
        const auto says = [failure](const char* words) { return std::strstr(failure, words) != nullptr; };
        if (says("lost") || says("never closed") || says("never freed") || says("on its way")) ++lost;
        else if (says("two holders") || says("twice") || says("more resources")) ++duplicated;
        else if (says("deadlock") || says("although") || says("not told") || says("parked beside") || says("livelock")) ++missed;
        else ++other;
    }
    void report_to(const Arguments& a) const {
        report(a, "lost", lost);
        report(a, "duplicated", duplicated);
        report(a, "missed", missed);
        report(a, "other_failures", other);
    }
};

Tally exhaust(const Scenario& s, double seconds) {
    const Watch watch;
    Tally t;
    Exhaustive all;
    prepare();
    for (;;) {
        t.last = Engine::it().run(s.run, s.bounds, all);
        ++t.runs, t.steps += t.last.steps;
        if (t.last.failure != nullptr) return t;
        if (Engine::it().learned()) {  // a place needs decisions that had none so far: from the beginning
            all.begin_again();
            t.runs = t.steps = 0;
        } else if (!all.next()) {
            t.exhausted = true;
            return t;
        }
        if (t.runs % 1024 == 0 && watch.seconds() > seconds) return t;
    }
}

/// Half of the schedules are walks, half go by priorities, with one to four changes.
Tally wander(const Scenario& s, double seconds, Count most, std::uint64_t seed, Distinct* distinct) {
    const Watch watch;
    Tally t;
    Bounds b = s.bounds;
    b.preemptions = ~0u;
    unsigned length = 50;
    prepare();
    while (t.runs < most) {
        const std::uint64_t n = seed * 1'000'003 + t.runs;
        if (t.runs % 2 == 0) {
            Walk w{n};
            t.last = Engine::it().run(s.run, b, w);
        } else {
            Priorities p{n, 1 + static_cast<unsigned>(t.runs / 2 % 4), length};
            t.last = Engine::it().run(s.run, b, p);
        }
        length = t.last.decisions;
        ++t.runs, t.steps += t.last.steps;
        if (distinct != nullptr) distinct->add(t.last.hash);
        if (t.last.failure != nullptr) return t;
        if (t.runs % 256 == 0 && watch.seconds() > seconds) return t;
    }
    return t;
}

void print(const char* name, const Tally& t, double seconds, const char* remark) {
    std::printf("%-32s %10llu schedules  %6.2f s  %6.1f steps each  %s\n", name, t.runs, seconds, static_cast<double>(t.steps) / static_cast<double>((std::max)(t.runs, Count{1})), remark);
    std::fflush(stdout);
}

int run_exhaust(const Arguments& a) {
    const Watch watch;
    const double limit = a.seconds > 0 ? a.seconds : 600;
    Count schedules = 0, exhausted = 0;
    int bad = 0;
    Failures failures;
    for (const Scenario& s : scenarios()) {
        if ((!a.only.empty() && a.only != s.name) || (a.only.empty() && !s.exhaustive)) continue;
        const Watch one;
        const Tally t = exhaust(s, limit - watch.seconds());
        schedules += t.runs;
        exhausted += t.exhausted ? 1 : 0;
        print(s.name, t, one.seconds(), t.exhausted ? "exhausted" : "");
        if (t.last.failure != nullptr) tell_failure(s, t.last), failures.add(t.last.failure);
        else if (!t.exhausted) std::printf("  FAILED: not exhausted in time\n");
        bad += t.exhausted ? 0 : 1;
    }
    report(a, "schedules", schedules);
    report(a, "distinct", schedules);  // no schedule is tried twice
    report(a, "exhausted", exhausted);
    failures.report_to(a);
    return bad == 0 ? 0 : 1;
}

int run_walk(const Arguments& a) {
    const double limit = a.seconds > 0 ? a.seconds : 10;
    Count schedules = 0, most = 0, distinct_in_all = 0;
    int bad = 0;
    Failures failures;
    std::size_t n = 0;
    for (const Scenario& s : scenarios()) n += a.only.empty() || a.only == s.name ? 1 : 0;
    for (const Scenario& s : scenarios()) {
        if (!a.only.empty() && a.only != s.name) continue;
        const Watch one;
        Distinct distinct;
        const Tally t = wander(s, limit / static_cast<double>(n), ~Count{0}, a.seed, &distinct);
        schedules += t.runs;
        most = (std::max)(most, t.runs);
        distinct_in_all += distinct.count();
        char remark[64];
        std::snprintf(remark, sizeof remark, "%llu distinct", static_cast<Count>(distinct.count()));
        print(s.name, t, one.seconds(), remark);
        if (t.last.failure != nullptr) tell_failure(s, t.last), failures.add(t.last.failure), ++bad;
    }
    report(a, "schedules", schedules);
    report(a, "distinct", distinct_in_all);
    report(a, "largest", most);
    failures.report_to(a);
    return bad == 0 ? 0 : 1;
}

int run_planted(const Arguments& a) {
    Count found = 0, all = 0;
    for (const Planted& p : planted()) {
        if (!a.only.empty() && a.only != p.flaw) continue;
        ++all;
        const Watch one;
        const Tally t = wander(p.scenario, 600, p.within, a.seed, nullptr);
        print(p.flaw, t, one.seconds(), t.last.failure != nullptr ? t.last.failure : "");
        if (t.last.failure != nullptr) ++found;
        else std::printf("  FAILED: a planted bug was not found by '%s' in %u schedules\n", p.scenario.name, p.within);
    }
    report(a, "planted", all);
    report(a, "found", found);
    return found == all ? 0 : 1;
}

int run_litmus(const Arguments& a) {
    int bad = 0;
    Count passed = 0;
    for (const Litmus& l : litmus()) {
        if (!a.only.empty() && a.only != l.scenario.name) continue;
        const Watch one;
        const Tally t = exhaust(l.scenario, 60);
        const bool right = l.fails ? t.last.failure != nullptr : t.exhausted;
        print(l.scenario.name, t, one.seconds(), t.last.failure != nullptr ? t.last.failure : "no failure");
        if (!right) {
            ++bad;
            std::printf("  FAILED: this program %s fail\n", l.fails ? "must" : "must not");
        } else {
            ++passed;
        }
        if (t.last.failure != nullptr) {  // the same decisions, the same end
            const Recipe recipe{t.last};
            prepare(recipe.places);
            Replay again{recipe.list};
            const Outcome o = Engine::it().run(l.scenario.run, l.scenario.bounds, again);
            if (o.failure == nullptr || std::strcmp(o.failure, t.last.failure) != 0 || o.hash != t.last.hash) {
                ++bad;
                std::printf("  FAILED: replayed, it ended otherwise: %s\n", o.failure != nullptr ? o.failure : "no failure");
            }
        }
    }
    report(a, "litmus", passed);
    return bad == 0 ? 0 : 1;
}

int run_replay(const Arguments& a) {
    const auto play = [&](const Scenario& s) {
        Engine::it().trace = true;
        Bounds b = s.bounds;
        b.preemptions = ~0u;
        Replay r{a.list};
        prepare(a.places);
        const Outcome o = Engine::it().run(s.run, b, r);
        std::printf("%s\n", o.failure != nullptr ? o.failure : "no failure");
        return o.failure != nullptr ? 1 : 0;
    };
    for (const Scenario& s : scenarios()) {
        if (a.only == s.name) return play(s);
    }
    for (const Planted& p : planted()) {
        if (a.only == p.flaw) return play(p.scenario);
    }
    std::fprintf(stderr, "explorer: no scenario is called '%s'; `explorer list` names them all\n", a.only.c_str());
    return 2;
}

int run(int argc, char** argv) {
    Arguments a;
    if (!parse(argc, argv, a)) return usage();
    if (a.command == "exhaust") return run_exhaust(a);
    if (a.command == "walk") return run_walk(a);
    if (a.command == "planted") return run_planted(a);
    if (a.command == "litmus") return run_litmus(a);
    if (a.command == "replay") return run_replay(a);
    if (a.command == "list") {
        for (const Scenario& s : scenarios()) std::printf("%s\n", s.name);
        return 0;
    }
    return usage();
}

}  // namespace

int main(int argc, char** argv) {
    const int status = run(argc, argv);
    std::fflush(stdout);
    std::_Exit(status);  // fibers that are stuck in a failed run cannot be unwound
}
