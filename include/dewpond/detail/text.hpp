// SPDX-License-Identifier: BSL-1.0
// Builds the library's sentences: text, numbers and spans with their unit, without iostreams or locale.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <dewpond/deadline.hpp>
#include <dewpond/place.hpp>

namespace dewpond::inline v0::detail {

inline void append(std::string& out, std::string_view text) { out.append(text); }

inline void append(std::string& out, std::uint64_t n) {
    char digits[20];
    char* at = digits + sizeof digits;
    do {
        *--at = static_cast<char>('0' + n % 10);
        n /= 10;
    } while (n != 0);
    out.append(at, static_cast<std::size_t>(digits + sizeof digits - at));
}
inline void append(std::string& out, std::uint32_t n) { append(out, std::uint64_t{n}); }

/// The largest unit in which the span has at most one decimal that matters: `41.2 s`, `200 ms`, `never`.
inline void append(std::string& out, Duration d) {
    if (d.is_never()) return append(out, "never");
    std::int64_t ns = d.ns().count();
    if (ns < 0) {
        out += '-';
        ns = ns == INT64_MIN ? INT64_MAX : -ns;
    }
    struct Unit {
        std::int64_t ns;
        const char* text;
    };
    constexpr Unit units[] = {{1'000'000'000, " s"}, {1'000'000, " ms"}, {1'000, " us"}, {1, " ns"}};
    for (const Unit& u : units) {
        if (ns < u.ns && u.ns != 1) continue;
        append(out, static_cast<std::uint64_t>(ns / u.ns));
        if (const auto tenth = ns % u.ns * 10 / u.ns; tenth != 0) {
            out += '.';
            out += static_cast<char>('0' + tenth);
        }
        return append(out, u.text);
    }
}

inline void append(std::string& out, Place p) {
    if (const char* name = p.name()) return append(out, std::string_view{name});
    if (p.empty()) return append(out, "an unknown place");
    append(out, std::string_view{p.file()});
    out += ':';
    append(out, std::uint64_t{p.line()});
}

template <class... Parts>
std::string text(Parts&&... parts) {
    std::string out;
    (append(out, parts), ...);
    return out;
}

}  // namespace dewpond::inline v0::detail
