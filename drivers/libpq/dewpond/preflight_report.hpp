// SPDX-License-Identifier: BSL-1.0
// What a preflight asks and answers: the plan, the lines, the report. Plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dewpond/deadline.hpp>

namespace dewpond::inline v0 {

/// What a preflight cannot know by itself: who else uses the server, and how long it may ask.
struct PreflightPlan {
    std::uint32_t replicas = 1;  ///< processes with such a pool, this one included
    std::uint32_t surge = 0;     ///< more of them while a new version is rolled out
    std::uint32_t other = 0;     ///< connections of everybody else
    Duration limit = std::chrono::seconds{10};  ///< for all of it, the checkout included
};

/// ok: as it should be. warn: works, and will hurt some day. fail: will not work as it is set up.
enum class PreflightVerdict : std::uint8_t { ok, warn, fail };

[[nodiscard]] constexpr const char* to_string(PreflightVerdict v) noexcept {
    return v == PreflightVerdict::ok ? "ok" : v == PreflightVerdict::warn ? "warn" : "fail";
}

/// One thing that was looked at.
struct PreflightLine {
    const char* topic = "";  ///< for programs: one of the words in docs/preflight.md
    std::string fact{};      ///< for people; no host, no name, no text of the server's
    PreflightVerdict verdict = PreflightVerdict::ok;
    std::string remedy{};    ///< empty when all is well
};

/// What was found, in the order of docs/preflight.md.
struct PreflightReport {
    std::vector<PreflightLine> lines{};

    /// The worst verdict among the lines; `fail` if there are none.
    [[nodiscard]] PreflightVerdict verdict() const noexcept {
        if (lines.empty()) return PreflightVerdict::fail;
        PreflightVerdict worst = PreflightVerdict::ok;
        for (const PreflightLine& l : lines) worst = l.verdict > worst ? l.verdict : worst;
        return worst;
    }
    /// The line of a topic, null if it was not looked at.
    [[nodiscard]] const PreflightLine* find(std::string_view topic) const noexcept {
        for (const PreflightLine& l : lines) {
            if (topic == l.topic) return &l;
        }
        return nullptr;
    }
    /// One line each, the remedy below it.
    [[nodiscard]] std::string text() const {
        std::string out;
        for (const PreflightLine& l : lines) {
            out.append(to_string(l.verdict)).append(l.verdict == PreflightVerdict::ok ? "    " : "  ");
            out.append(l.topic).append(": ").append(l.fact).append("\n");
            if (!l.remedy.empty()) out.append("      -> ").append(l.remedy).append("\n");
        }
        return out;
    }
};

}  // namespace dewpond::inline v0
