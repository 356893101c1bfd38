// SPDX-License-Identifier: BSL-1.0
// What every benchmark program shares: its command line, its tables, and the same figures as JSON.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <ios>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "figures.hpp"

namespace bench {

struct CommandLine {
    bool quick = false;
    std::string json{};
    std::string only{};

    /// Leaves the program when asked for help, or for what it does not know.
    CommandLine(int argc, char** argv, const char* about) {
        const auto usage = [&](std::FILE* to, int status) {
            std::fprintf(to,
                         "usage: %s [--quick] [--json FILE] [--only WORD]\n\n%s\n\n"
                         "  --quick      fewer and shorter rounds: a look, not a measurement\n"
                         "  --json FILE  write every figure with its spread to FILE\n"
                         "  --only WORD  only the tables whose title contains WORD\n",
                         argv[0], about);
            std::exit(status);
        };
        for (int i = 1; i < argc; ++i) {
            const std::string_view word = argv[i];
            if (word == "--help" || word == "-h") usage(stdout, 0);
            else if (word == "--quick") quick = true;
            else if (word == "--json" && i + 1 < argc) json = argv[++i];
            else if (word == "--only" && i + 1 < argc) only = argv[++i];
            else usage(stderr, 2);
        }
    }
    [[nodiscard]] bool wants(std::string_view title) const { return only.empty() || title.find(only) != title.npos; }
    [[nodiscard]] int rounds(int full, int few) const { return quick ? few : full; }
};

/// A number the way people read it: three or four significant digits, no exponent.
inline std::string figure(double x) {
    char text[32];
    const double size = x < 0 ? -x : x;
    std::snprintf(text, sizeof text, size >= 100 ? "%.0f" : size >= 10 ? "%.1f" : size >= 2 ? "%.2f" : "%.3f", x);
    return text;
}
inline std::string with_interval(const Summary& s) {
    return figure(s.median) + " [" + figure(s.low) + ".." + figure(s.high) + "]";
}
inline std::string bound(const Bound& b) { return (b.at_least ? ">= " : "<= ") + figure(b.value); }

inline std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        if (static_cast<unsigned char>(c) >= 0x20) {
            out += c;
        } else {
            char code[8];
            std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
            out += code;
        }
    }
    return out + '"';
}
inline std::string exact(double x) {
    char text[32];
    std::snprintf(text, sizeof text, "%.6g", x);
    return text == std::string_view{"nan"} || text == std::string_view{"-nan"} || text == std::string_view{"inf"}
               ? "null"
               : text;
}

class Report {
public:
    explicit Report(std::string program) : program_{std::move(program)} {
        std::printf("%s: %s, %u CPUs%s\n", program_.c_str(), compiler(), std::thread::hardware_concurrency(),
                    optimised());
        std::printf(
            "each figure: median of the rounds [95 %% interval of the median]; ratios are taken round by round\n");
    }

    /// Prints a table and keeps its figures.
    void table(const std::string& title, const std::vector<Row>& rows) {
        std::size_t first = title.size(), second = 0, third = 0;
        for (const Row& r : rows) {
            first = std::max(first, r.what.size() + 2);
            second = std::max(second, value_of(r).size());
            third = std::max(third, compared_of(r).size());
        }
        std::printf("\n%-*s  (%zu rounds)\n", static_cast<int>(first), title.c_str(),
                    rows.empty() ? 0 : rows.front().value.rounds);
        for (const Row& r : rows) {
            const std::string judged = judged_of(r);
            std::printf("  %-*s  %-*s", static_cast<int>(first - 2), r.what.c_str(), static_cast<int>(second),
                        value_of(r).c_str());
            if (r.compared || !judged.empty()) std::printf("  %-*s", static_cast<int>(third), compared_of(r).c_str());
            if (!judged.empty()) std::printf("  %s", judged.c_str());
            std::printf("\n");
            keep(title, r);
        }
        std::fflush(stdout);
    }

    /// Keeps a figure for the file.
    void keep(const std::string& title, const Row& r) {
        rows_ += rows_.empty() ? "\n  " : ",\n  ";
        rows_ += "{\"table\": " + bench::quoted(title) + ", \"what\": " + bench::quoted(r.what) +
                 ", \"unit\": " + bench::quoted(r.unit) + ", \"value\": " + json_of(r.value);
        if (r.compared) rows_ += ", \"ratio\": " + json_of(*r.compared) + ", \"to\": " + bench::quoted(r.with);
        if (r.must) {
            const Summary& s = r.compared ? *r.compared : r.value;
            rows_ += ", \"must\": " + bench::quoted(bound(*r.must)) +
                     ", \"verdict\": " + bench::quoted(to_string(judge(s, *r.must)));
        }
        if (r.goal) {
            const Summary& s = r.compared ? *r.compared : r.value;
            rows_ += ", \"goal\": " + bench::quoted(bound(*r.goal)) +
                     ", \"goal_verdict\": " + bench::quoted(to_string(judge(s, *r.goal)));
        }
        rows_ += "}";
    }

    void note(const std::string& text) {
        std::printf("  %s\n", text.c_str());
        std::fflush(stdout);
    }

    /// Writes the figures, if a file was asked for. False: it could not be written.
    [[nodiscard]] bool write(const std::string& file) const {
        if (file.empty()) return true;
        std::ofstream out{file};
        out << "{\"program\": " << bench::quoted(program_) << ", \"compiler\": " << bench::quoted(compiler())
            << ", \"cpus\": " << std::thread::hardware_concurrency() << ", \"rows\": [" << rows_ << "\n]}\n";
        out.flush();
        if (!out) std::fprintf(stderr, "%s: cannot write %s\n", program_.c_str(), file.c_str());
        return static_cast<bool>(out);
    }

private:
    static const char* compiler() {
#if defined(__clang__)
        return "clang " __clang_version__;
#else
        return "g++ " __VERSION__;
#endif
    }
    static const char* optimised() {
#if defined(__OPTIMIZE__)
        return "";
#else
        return " (built without optimisation: figures mean nothing)";
#endif
    }
    static std::string value_of(const Row& r) { return with_interval(r.value) + ' ' + r.unit; }
    static std::string compared_of(const Row& r) {
        return r.compared ? "x" + with_interval(*r.compared) + ' ' + r.with : std::string{};
    }
    static std::string judged_of(const Row& r) {
        if (!r.must) return {};
        const Summary& s = r.compared ? *r.compared : r.value;
        std::string out = "must " + bound(*r.must) + ": " + to_string(judge(s, *r.must));
        if (r.goal) out += ", goal " + bound(*r.goal) + ": " + to_string(judge(s, *r.goal));
        return out;
    }
    static std::string list_of(const Series& s) {
        std::string out;
        for (const double x : s) (out += out.empty() ? "" : ", ") += exact(x);
        return out;
    }
    static std::string json_of(const Summary& s) {
        return "{\"median\": " + exact(s.median) + ", \"low\": " + exact(s.low) + ", \"high\": " + exact(s.high) +
               ", \"min\": " + exact(s.min) + ", \"max\": " + exact(s.max) +
               ", \"rounds\": " + std::to_string(s.rounds) + ", \"spread\": [" + list_of(s.spread) + "]}";
    }

    std::string program_;
    std::string rows_;
};

}  // namespace bench
