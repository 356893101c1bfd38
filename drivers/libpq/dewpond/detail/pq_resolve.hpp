// SPDX-License-Identifier: BSL-1.0
// From a host name to addresses within a deadline, although getaddrinfo knows none: it runs on a helper thread.
#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <dewpond/config.hpp>
#include <dewpond/deadline.hpp>
#include <dewpond/detail/pq_helpers.hpp>
#include <dewpond/detail/pq_question.hpp>
#include <dewpond/error.hpp>
#include <dewpond/result.hpp>

namespace dewpond::inline v0::detail {

/// Does `host=` have to be looked up? Not so a folder of sockets, an abstract socket (`@`) and an address.
inline bool pq_is_name(const std::string& host) noexcept {
    if (host.empty() || host.front() == '/' || host.front() == '@') return false;
    std::array<unsigned char, sizeof(in6_addr)> any;
    if (::inet_pton(AF_INET, host.c_str(), any.data()) == 1) return false;
    if (host.find(':') == std::string::npos) return true;
    std::array<char, INET6_ADDRSTRLEN> address{};  // without a scope, such as %eth0
    const std::size_t end = (std::min)(host.find('%'), host.size());
    if (end >= address.size()) return true;
    host.copy(address.data(), end);
    return ::inet_pton(AF_INET6, address.data(), any.data()) != 1;
}

using PqAddresses = std::vector<std::string>;

/// One call of getaddrinfo.
class PqLookup final : public PqQuestion {
public:
    explicit PqLookup(std::string name) noexcept : name_{std::move(name)} {}

    /// Those who ask for the same name share a call: so one name that hangs occupies one helper.
    [[nodiscard]] bool serves(const PqJob& other) const noexcept override {
        return static_cast<const PqLookup&>(other).name_ == name_;  // resolvers have no other jobs
    }

    /// In the order of getaddrinfo, which is the one in which to try them.
    [[nodiscard]] const PqAddresses& addresses() const noexcept { return addresses_; }
    [[nodiscard]] OpenError error() const {
        std::string text{"the host name cannot be resolved: "};
        text += failure_ == EAI_SYSTEM ? std::generic_category().message(errno_) : std::string{gai_strerror(failure_)};
        return OpenError{Fault::unreachable, std::move(text)};
    }

private:
    void answer() noexcept override {
        addrinfo wanted{};
        wanted.ai_family = AF_UNSPEC;
        wanted.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        failure_ = ::getaddrinfo(name_.c_str(), nullptr, &wanted, &found);
        if (failure_ == EAI_SYSTEM) errno_ = errno;
        if (failure_ != 0) return;
        DEWPOND_TRY {
            for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
                std::array<char, NI_MAXHOST> text{};
                if (::getnameinfo(a->ai_addr, a->ai_addrlen, text.data(), text.size(), nullptr, 0, NI_NUMERICHOST) != 0)
                    continue;
                std::string address{text.data()};
                if (std::find(addresses_.begin(), addresses_.end(), address) == addresses_.end()) {
                    addresses_.push_back(std::move(address));
                }
            }
        }
        DEWPOND_CATCH_ALL { failure_ = EAI_MEMORY; }
        ::freeaddrinfo(found);
        if (addresses_.empty()) failure_ = EAI_NONAME;
    }

    const std::string name_;
    PqAddresses addresses_;
    int failure_ = 0;
    int errno_ = 0;
};

/// The helpers of this process (of this shared object, as the variable is hidden) that resolve: two. One set for all
/// pools, as the name service is one, and so that pools which are made and unmade while it hangs leave no threads
/// behind. As each name is looked up once at a time, it takes two different names that hang to hold up a third.
DEWPOND_HIDDEN inline PqHelpers* pq_resolvers() noexcept {
    static constinit PqHelpersSeat seat{
        {.thread = "dewpond-resolve", .max_threads = 2, .max_queued = static_cast<std::size_t>(-1)}};
    return seat.get();
}

/// The addresses of a name, one at least, or why there is none. Waits until the deadline and no longer.
inline Result<PqAddresses, OpenError> pq_resolve(const std::string& name, Deadline by) {
    PqHelpers* helpers = pq_resolvers();
    if (helpers == nullptr) return OpenError{Fault::other, "no memory"};
    const auto job = helpers->post(std::shared_ptr<PqJob>{new PqLookup{name}});
    if (job == nullptr) return OpenError{Fault::other, "this process cannot start a thread to resolve the host name"};
    auto& lookup = static_cast<PqLookup&>(*job);
    switch (lookup.wait(by)) {
        case PqQuestion::Stage::queued:
            return OpenError{Fault::timed_out,
                             "the host name is still being resolved at the deadline: it waits for others that hang"};
        case PqQuestion::Stage::at_work:
            return OpenError{Fault::timed_out, "the host name is still being resolved at the deadline"};
        case PqQuestion::Stage::answered: break;
    }
    if (lookup.addresses().empty()) return lookup.error();
    return PqAddresses{lookup.addresses()};
}

}  // namespace dewpond::inline v0::detail
