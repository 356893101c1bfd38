// SPDX-License-Identifier: BSL-1.0
// What the service is told by its environment; a value that cannot work ends it with one sentence.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

namespace service {

inline const char* text(const char* name, const char* otherwise) {
    const char* value = std::getenv(name);
    return value != nullptr ? value : otherwise;
}

inline int number(const char* name, int otherwise, int low, int high) {
    const char* value = std::getenv(name);
    if (value == nullptr) return otherwise;
    int n = 0;
    const char* const end = value + std::strlen(value);
    const auto [stopped, error] = std::from_chars(value, end, n);
    if (error == std::errc{} && stopped == end && n >= low && n <= high) return n;
    throw std::runtime_error{std::string{name} + "=" + value + ": it must be a whole number from " + std::to_string(low) + " to " +
                             std::to_string(high)};
}

struct Settings {
    std::string conninfo = text("DEWPOND_PG_CONNINFO", "");  ///< empty: libpq's own variables
    int port = number("SERVICE_PORT", 8080, 0, 65535);       ///< of 127.0.0.1; 0: any that is free
    int threads = number("SERVICE_THREADS", 16, 2, 1024);    ///< more than slots, or nobody ever waits
    /// How long it goes on serving while /ready says no already, so that the balancer has looked away when it stops.
    std::chrono::milliseconds drain{number("SERVICE_DRAIN_MS", 2000, 0, 600'000)};
    bool trouble = number("SERVICE_TROUBLE", 0, 0, 1) == 1;  ///< /trouble exists: never where strangers come by
};

}  // namespace service
