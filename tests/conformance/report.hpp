// SPDX-License-Identifier: BSL-1.0
// Runs the conformance suite and keeps what was said, so that a test can ask which sentences were not true.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <utility>

#include <dewpond/testing/conformance.hpp>

/// What a run said: every sentence tried, and those that were false at least once.
struct Report {
    std::set<std::string> tried, untrue;
    bool tried_and_true(const std::string& sentence) const {
        return tried.contains(sentence) && !untrue.contains(sentence);
    }
};

template <class D>
Report report(D driver, std::function<void(typename D::resource&)> kill,
              const dewpond::testing::ConformanceOptions<D>& options = {}) {
    Report out;
    const std::function<void(bool, const char*)> check = [&out](bool ok, const char* sentence) {
        out.tried.insert(sentence);
        if (!ok) out.untrue.insert(sentence);
    };
    dewpond::testing::conformance(driver, check, std::move(kill), options);
    return out;
}
