// SPDX-License-Identifier: BSL-1.0
// Reads JSON, strictly, as far as these tests need it: what is no JSON throws.
#pragma once

#include <cstddef>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace exporting {

/// An object's members, an array's items, or the text of anything else (strings without their quotes).
struct Json {
    std::map<std::string, Json> members;
    std::vector<Json> items;
    std::string text;

    [[nodiscard]] const Json& at(const std::string& key) const {
        const auto found = members.find(key);
        if (found == members.end()) throw std::runtime_error{"no " + key};
        return found->second;
    }
    static Json parse(std::string_view in) {
        Json out;
        out.take(in);
        while (!in.empty() && in.front() == '\n') in.remove_prefix(1);
        if (!in.empty()) throw std::runtime_error{"more behind it: " + std::string{in}};
        return out;
    }

private:
    static void expect(std::string_view& in, char c) {
        if (in.empty() || in.front() != c) throw std::runtime_error{std::string{"no "} + c + " before: " + std::string{in}};
        in.remove_prefix(1);
    }
    static bool skip(std::string_view& in, char c) {
        if (in.empty() || in.front() != c) return false;
        in.remove_prefix(1);
        return true;
    }
    static std::string string(std::string_view& in) {
        std::string out;
        expect(in, '"');
        for (; !in.empty() && in.front() != '"'; in.remove_prefix(1)) {
            char c = in.front();
            if (static_cast<unsigned char>(c) < 0x20) throw std::runtime_error{"a control character in a string"};
            if (c == '\\') {
                in.remove_prefix(1);
                if (in.substr(0, 3) == "u00") {
                    c = static_cast<char>(std::stoi(std::string{in.substr(3, 2)}, nullptr, 16));
                    in.remove_prefix(4);
                } else if (in.empty() || (in.front() != '"' && in.front() != '\\')) {
                    throw std::runtime_error{"a strange escape"};
                } else {
                    c = in.front();
                }
            }
            out += c;
        }
        expect(in, '"');
        return out;
    }
    void take(std::string_view& in) {
        if (skip(in, '{')) {
            for (bool first = true; !skip(in, '}'); first = false) {
                if (!first) expect(in, ',');
                const std::string key = string(in);
                expect(in, ':');
                if (members.count(key) != 0) throw std::runtime_error{key + " twice"};
                members[key].take(in);
            }
        } else if (skip(in, '[')) {
            for (bool first = true; !skip(in, ']'); first = false) {
                if (!first) expect(in, ',');
                items.emplace_back().take(in);
            }
        } else if (!in.empty() && in.front() == '"') {
            text = string(in);
        } else {
            const std::size_t end = in.find_first_of(",]}");
            text = in.substr(0, end);
            std::size_t used = 0;
            if (text != "null") static_cast<void>(std::stod(text, &used));
            if (text != "null" && used != text.size()) throw std::runtime_error{"no number: " + text};
            in.remove_prefix(text.size());
        }
    }
};

}  // namespace exporting
