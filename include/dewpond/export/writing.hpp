// SPDX-License-Identifier: BSL-1.0
// What the exporters write with: spans as seconds, names that are told apart, text that cannot break out of its quotes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <dewpond/deadline.hpp>
#include <dewpond/detail/text.hpp>
#include <dewpond/stats.hpp>

namespace dewpond::inline v0::detail {

/// Seconds as an exact decimal, without a floating-point number or a locale: `1.5`, `0.000000001`. `endless` is how the
/// format spells what never ends.
inline void append_seconds(std::string& out, Duration d, std::string_view endless) {
    if (d.is_never()) return append(out, endless);
    const std::int64_t ns = d.ns().count();
    if (ns < 0) out += '-';
    const std::uint64_t size = ns < 0 ? 0 - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
    append(out, size / 1'000'000'000);
    std::uint64_t rest = size % 1'000'000'000;
    if (rest == 0) return;
    out += '.';
    for (std::uint64_t unit = 100'000'000; rest != 0; rest %= unit, unit /= 10) out += static_cast<char>('0' + rest / unit);
}

/// For a label's value in the text format of Prometheus; a help text needs the same apart from the quote.
inline void append_label(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (c == '\\') out += "\\\\";
        else if (c == '"') out += "\\\"";
        else if (c == '\n') out += "\\n";
        else out += c;
    }
}

/// A JSON string with its quotes. Bytes above 127 go through as they are: names are UTF-8 already or not JSON's business.
inline void append_json(std::string& out, std::string_view text) {
    constexpr char hex[] = "0123456789abcdef";
    out += '"';
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') (out += '\\') += c;
        else if (byte < 0x20) ((out += "\\u00") += hex[byte >> 4]) += hex[byte & 15];
        else out += c;
    }
    out += '"';
}

/// A name that is not among those given already: `orders`, then `orders#2`. No pool can be called so by its options.
template <class Taken>
[[nodiscard]] std::string unlike_others(std::string_view name, Taken taken) {
    std::string out{name};
    for (std::uint64_t n = 2; taken(out); ++n) out = text(name, "#", n);
    return out;
}

/// The names of pools, each once: two series with the same labels would make Prometheus drop the whole scrape.
[[nodiscard]] inline std::vector<std::string> told_apart(const std::vector<Stats>& pools) {
    std::vector<std::string> out;
    out.reserve(pools.size());
    for (const Stats& s : pools) {
        out.push_back(unlike_others(s.name, [&out](const std::string& name) {
            for (const std::string& other : out) {
                if (other == name) return true;
            }
            return false;
        }));
    }
    return out;
}

}  // namespace dewpond::inline v0::detail
