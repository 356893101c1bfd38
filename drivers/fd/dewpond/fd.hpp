// SPDX-License-Identifier: BSL-1.0
// FdDriver: pools file descriptors: files, devices, pipes, sockets.
#pragma once

#include <cerrno>
#include <chrono>
#include <functional>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <dewpond/deadline.hpp>
#include <dewpond/driver.hpp>
#include <dewpond/error.hpp>
#include <dewpond/result.hpp>

namespace dewpond::inline v0 {

/// Opens a path, or whatever a function of the user's opens, as often as the pool asks.
///
///     Pool files{FdDriver{"/dev/net/tun", O_RDWR}};
///     Pool peers{FdDriver{[](Deadline by) { return connect_to_peer(by); }, "peer"}};
///
/// A borrower neither closes the descriptor nor keeps its number: another file may get the number at once. What lies
/// in the open file itself (its offset, its flags) stays as the last borrower left it.
class FdDriver {
public:
    using resource = int;
    /// Gives a descriptor with close-on-exec set, or -1 with `errno`; heeds the deadline if it can block.
    using Opener = std::function<int(Deadline)>;

    /// Opens `path` with these flags, always with O_CLOEXEC. Nothing is opened yet.
    explicit FdDriver(std::string path, int flags = O_RDONLY, mode_t mode = 0666)
        : what_{std::move(path)}, flags_{flags | O_CLOEXEC}, mode_{mode} {}
    /// Opens what `opener` opens. It may be called by several threads at once; `what` names it in messages.
    FdDriver(Opener opener, std::string what) : what_{std::move(what)}, opener_{std::move(opener)} {}

    /// A new descriptor. A path cannot be opened under a deadline: what blocks in `open(2)` blocks here.
    Result<resource, OpenError> open(Deadline by) {
        int fd = -1;
        do {
            fd = opener_ ? opener_(by) : ::open(what_.c_str(), flags_, mode_);
        } while (fd < 0 && errno == EINTR && !by.passed(std::chrono::steady_clock::now()));
        if (fd >= 0) return fd;
        const int error = errno;
        return OpenError{fault_of(error), what_ + ": " + std::generic_category().message(error)};
    }
    /// Not repeated when it is interrupted: the number is free by then, and may be somebody else's.
    void close(resource& fd) noexcept {
        ::close(fd);
        fd = -1;
    }
    /// One `poll`: no for a descriptor that is not open, in error, or whose other end has hung up. Blind to a peer
    /// that is silent. A regular file is always well.
    bool probe(resource& fd) noexcept { return trouble(fd) == 0; }
    /// What `probe` sees, in words.
    OpenError last_fault(resource& fd) noexcept {
        const int seen = trouble(fd);
        if (seen == 0) return {};
        return OpenError{Fault::broken, (seen & POLLNVAL) != 0 ? "the descriptor is not open"
                                        : (seen & POLLERR) != 0 ? "the descriptor is in error"
                                                                : "the other end has hung up"};
    }
    /// `fd 7`.
    std::string label(resource& fd) { return "fd " + std::to_string(fd); }

private:
    static int trouble(int fd) noexcept {
        pollfd p{fd, POLLRDHUP, 0};
        if (fd < 0) return POLLNVAL;  // poll would pass over it
        while (::poll(&p, 1, 0) < 0) {
            if (errno != EINTR) return POLLERR;
        }
        return p.revents & (POLLERR | POLLHUP | POLLNVAL | POLLRDHUP);
    }
    [[nodiscard]] Fault fault_of(int error) const noexcept {
        switch (error) {
            case ENOENT: return opener_ ? Fault::unreachable : Fault::configuration;  // a socket may yet appear
            case EACCES:
            case EINVAL:
            case EISDIR:
            case ELOOP:
            case ENAMETOOLONG:
            case ENOTDIR:
            case EPERM:
            case EROFS: return Fault::configuration;
            case EMFILE:
            case ENFILE:
            case ENOMEM:
            case ENOSPC: return Fault::full;
            case ECONNREFUSED:
            case EHOSTUNREACH:
            case ENETUNREACH:
            case ENODEV:
            case ENXIO: return Fault::unreachable;
            case EAGAIN:
            case EINTR:
            case ETIMEDOUT: return Fault::timed_out;
            default: return Fault::other;
        }
    }

    std::string what_;
    int flags_ = 0;
    mode_t mode_ = 0;
    Opener opener_;
};

static_assert(Driver<FdDriver> && Probes<FdDriver> && TellsFault<FdDriver> && HasLabel<FdDriver>);

}  // namespace dewpond::inline v0
