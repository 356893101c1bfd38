// SPDX-License-Identifier: BSL-1.0
// A scrape taken apart, and what promtool says of it.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <boost/test/unit_test.hpp>

#include <dewpond/export/http.hpp>
#include <dewpond/stats.hpp>

namespace exporting {

/// The samples of a scrape, `name{labels}` to the number's text, and how often each family was described.
struct Scrape {
    std::map<std::string, std::string> samples;
    std::map<std::string, int> helps, types;
    std::map<std::string, std::string> type_of;
    std::vector<std::string> twice;

    explicit Scrape(const std::string& text) {
        std::istringstream in{text};
        for (std::string line; std::getline(in, line);) {
            std::istringstream words{line};
            std::string hash, what, name, type;
            if (line.rfind("# ", 0) == 0) {
                words >> hash >> what >> name >> type;
                ++(what == "HELP" ? helps : types)[name];
                if (what == "TYPE") type_of[name] = type;
                continue;
            }
            const auto end = line.rfind(' ');
            if (!samples.emplace(line.substr(0, end), line.substr(end + 1)).second) twice.push_back(line);
        }
    }
    [[nodiscard]] std::string at(const std::string& sample) const {
        const auto found = samples.find(sample);
        return found == samples.end() ? "missing" : found->second;
    }
};

/// What `promtool check metrics` answers: 0 if it has nothing to say against it; what it says is shown.
inline int promtool(const std::string& text) {
    char file[] = "/tmp/dewpond-scrape-XXXXXX";
    const int fd = ::mkstemp(file);
    if (fd < 0) return -1;
    ::close(fd);
    std::ofstream{file} << text;
    const std::string command = std::string{DEWPOND_PROMTOOL} + " check metrics < " + file;
    const int status = std::system(command.c_str());
    ::unlink(file);
    return status;
}

inline dewpond::Stats named(std::string name) {
    dewpond::Stats s;
    s.name = std::move(name);
    return s;
}

}  // namespace exporting
