// SPDX-License-Identifier: BSL-1.0
// What PostgreSQL trouble means for a pool: from SQLSTATE or libpq's message to a Fault and a harmless sentence. Pure.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <netdb.h>

#include <dewpond/config.hpp>
#include <dewpond/error.hpp>

namespace dewpond::inline v0::detail {

/// The five characters of an SQLSTATE, or nothing.
struct PqSqlState {
    std::array<char, 6> text{};

    [[nodiscard]] std::string_view view() const noexcept { return text.data(); }
    [[nodiscard]] bool known() const noexcept { return text[0] != '\0'; }
    /// Anything that is not five capitals or digits is no SQLSTATE and is not kept.
    void set(std::string_view s) noexcept {
        text = {};
        if (s.size() != 5) return;
        for (const char c : s) {
            if ((c < '0' || c > '9') && (c < 'A' || c > 'Z')) return;
        }
        std::memcpy(text.data(), s.data(), 5);
    }
};

/// How far a connection attempt had come; libpq's status before the step that failed.
enum class PqPhase : std::uint8_t {
    options,  ///< inside PQconnectStart: options, name resolution, the first connect(2)
    reaching,
    encrypting,
    logging_in,
    checking_role,
};

/// What an SQLSTATE reported while connecting means, and in words.
struct PqMeaning {
    Fault fault;
    const char* words;
};

inline PqMeaning pq_meaning(std::string_view s) noexcept {
    if (s == "53300") return {Fault::full, "too many connections"};
    if (s == "57P03") return {Fault::starting, "the server is starting up, stopping or recovering"};
    if (s == "57P01" || s == "57P02") return {Fault::starting, "the server is stopping"};
    if (s == "28P01") return {Fault::configuration, "the password was refused"};
    if (s.starts_with("28")) return {Fault::configuration, "the role was refused"};
    if (s == "3D000") return {Fault::configuration, "there is no such database"};
    if (s == "42501") return {Fault::configuration, "the role may not connect to this database"};
    if (s == "42704" || s == "22023") return {Fault::configuration, "a setting in the options is refused"};
    if (s == "0A000") return {Fault::configuration, "the server does not support what the options ask for"};
    if (s.starts_with("53")) return {Fault::other, "the server is short of something"};
    if (s.starts_with("08")) return {Fault::other, "the other side speaks of a connection failure"};
    return {Fault::other, "the server refused"};
}

/// Everything that is looked at after a failed attempt.
struct PqOpenFailure {
    std::string_view message;  ///< libpq's own, made with PQERRORS_SQLSTATE; read here, never passed on
    PqPhase phase = PqPhase::options;
    bool needs_password = false;  ///< PQconnectionNeedsPassword
    bool role_asked = false;      ///< target_session_attrs asks for something
};

/// The last SQLSTATE in a message. With PQERRORS_SQLSTATE libpq writes "severity:  state\n" in place of the server's
/// text (with two blanks, in every language), so no translated word has to be read.
inline PqSqlState pq_sqlstate_in(std::string_view message) noexcept {
    PqSqlState found;
    for (std::size_t at = message.find(":  "); at != std::string_view::npos; at = message.find(":  ", at + 1)) {
        const std::string_view rest = message.substr(at + 3);
        if (rest.size() == 5 || (rest.size() > 5 && rest[5] == '\n')) {
            PqSqlState one;
            one.set(rest.substr(0, 5));
            if (one.known()) found = one;
        }
    }
    return found;
}

/// Would other credentials help? The server refused the role or the password, or asked for one where there is none.
inline bool pq_login_refused(const PqOpenFailure& f) noexcept {
    return f.needs_password || pq_sqlstate_in(f.message).view().starts_with("28");
}

/// The text of a system or resolver error that ends a line of the message, "" if there is none. libpq takes those
/// texts from strerror and gai_strerror in the program's language, so the same calls find them again.
struct PqSystemError {
    int code = 0;           ///< errno, 0 for a resolver's
    std::string text = {};  ///< the system's own words, never libpq's
};

inline PqSystemError pq_system_error_in(std::string_view message) {
    const auto ends_a_line = [message](std::string_view text) {
        if (text.empty()) return false;
        for (std::size_t at = message.find(text); at != std::string_view::npos; at = message.find(text, at + 1)) {
            const std::size_t end = at + text.size();
            if (at >= 2 && message.substr(at - 2, 2) == ": " && (end == message.size() || message[end] == '\n')) {
                return true;
            }
        }
        return false;
    };
    for (int code = 1; code < 134; ++code) {
        std::string text = std::generic_category().message(code);
        if (ends_a_line(text)) return {code, std::move(text)};
    }
    for (const int code : {EAI_NONAME, EAI_AGAIN, EAI_FAIL, EAI_FAMILY, EAI_SERVICE, EAI_MEMORY, EAI_SOCKTYPE}) {
        std::string text = gai_strerror(code);
        if (ends_a_line(text)) return {0, std::move(text)};
    }
#if defined(EAI_NODATA)
    if (std::string text = gai_strerror(EAI_NODATA); ends_a_line(text)) return {0, std::move(text)};
#endif
    return {};
}

/// The verdict on a failed attempt. libpq's message is not quoted, as parts of a mistyped connection string (in a URI
/// with an unescaped `@`, the rest of the password) appear in it as host names.
inline OpenError pq_explain(const PqOpenFailure& f) {
    const PqSqlState state = pq_sqlstate_in(f.message);
    const PqSystemError system = pq_system_error_in(f.message);
    if (state.known()) {
        const PqMeaning m = pq_meaning(state.view());
        // Of several addresses one refused for good and another could not be reached: that may pass.
        const Fault fault = m.fault == Fault::configuration && system.code != 0 ? Fault::unreachable : m.fault;
        std::string text{m.words};
        text.append(" (SQLSTATE ").append(state.view()).append(")");
        return OpenError{fault, std::move(text)};
    }
    if (!system.text.empty()) {
        const int e = system.code;
        const bool ours = e == EMFILE || e == ENFILE || e == ENOMEM || e == ENOBUFS;
        const char* head = ours               ? "this process cannot make a socket: "
                           : system.code == 0 ? "the host name cannot be resolved: "
                                              : "the server cannot be reached: ";
        return OpenError{ours ? Fault::other : Fault::unreachable, head + system.text};
    }
    if (f.needs_password) return OpenError{Fault::configuration, "the server asks for a password and there is none"};
    switch (f.phase) {
        case PqPhase::options: return OpenError{Fault::configuration, "libpq refuses the connection options"};
        case PqPhase::reaching: return OpenError{Fault::unreachable, "the server cannot be reached"};
        case PqPhase::encrypting:
            return OpenError{Fault::other, "no encrypted connection came about (sslmode, certificates, gssencmode)"};
        case PqPhase::logging_in:
        case PqPhase::checking_role:
            if (f.role_asked && f.phase == PqPhase::checking_role) {
                return OpenError{Fault::wrong_role, "the server has not the role that is asked for"};
            }
            return OpenError{Fault::other, "the connection broke, or could not be agreed on, while logging in"};
    }
    return OpenError{Fault::other, "no connection came about"};
}

/// What was last wrong with one connection: literals and an SQLSTATE only, so that noting it cannot fail.
struct PqNote {
    Fault fault = Fault::none;
    const char* sentence = "";
    PqSqlState state{};

    [[nodiscard]] OpenError error() const noexcept {
        DEWPOND_TRY {
            std::string text{sentence};
            if (state.known()) text.append(" (SQLSTATE ").append(state.view()).append(")");
            return OpenError{fault, std::move(text)};
        }
        DEWPOND_CATCH_ALL { return OpenError{fault}; }
    }
};

}  // namespace dewpond::inline v0::detail
