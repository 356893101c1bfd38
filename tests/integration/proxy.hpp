// SPDX-License-Identifier: BSL-1.0
// ChaosProxy: stands between a client and a server on loopback and misbehaves on command, as networks do.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <deque>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace pq_test {

/// One thread with poll(2); a free port of 127.0.0.1. A mode holds for every link, old and new, until the next one.
/// Members may be called from any thread. What a client closes is closed at the server, too, in every mode: a server
/// that never hears of it would be the network's fault, and its sessions nobody's to count.
class ChaosProxy {
public:
    enum class Mode {
        pass,
        hold,     ///< what the server says waits here and leaves in one packet; what the client says goes through
        no_end,   ///< all goes through but the end of a stream, which waits: last words and end do come ms apart
        stall,    ///< nothing is read from anybody; it goes on where it was when the mode ends
        black,    ///< old and new links swallow everything and stay mute for ever, also when the mode has ended
        slice,    ///< byte by byte, in packets of their own
        delay,    ///< each packet 10 ms later, both ways
        corrupt,  ///< the first byte of each packet of the server's is another; the end of the packet comes 5 ms later
    };

    explicit ChaosProxy(int server_port) : server_{address(server_port)} {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        sockaddr_in a = address(0);
        socklen_t size = sizeof a;
        wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (wake_ < 0 || ::bind(listener_, reinterpret_cast<sockaddr*>(&a), size) != 0 ||
            ::listen(listener_, 64) != 0 || ::getsockname(listener_, reinterpret_cast<sockaddr*>(&a), &size) != 0) {
            throw std::runtime_error("the proxy finds no port");
        }
        port_ = ntohs(a.sin_port);
        thread_ = std::thread{[this] { run(); }};
    }
    ChaosProxy(const ChaosProxy&) = delete;
    /// Closes every link.
    ~ChaosProxy() {
        stop_ = true;
        wake();
        thread_.join();
        for (Link& l : links_) end(l, false);
        ::close(listener_);
        ::close(wake_);
    }

    [[nodiscard]] int port() const { return port_; }

    void set(Mode mode) {
        {
            const std::lock_guard lock{mutex_};
            mode_ = mode;
            for (Link& l : links_) {
                l.mute = l.mute || mode == Mode::black;
                // What waited here leaves in the new manner, now.
                for (Way* way : {&l.up, &l.down}) {
                    std::deque<Piece> waited;
                    waited.swap(way->pieces);
                    for (std::size_t i = 1; i < waited.size();) {
                        if (waited[i].bytes.empty()) break;
                        waited[0].bytes += waited[i].bytes;
                        waited.erase(waited.begin() + 1);
                    }
                    for (Piece& p : waited) add(*way, std::move(p), way == &l.down);
                }
            }
        }
        wake();
    }

    /// Ends every link that exists, once: by a reset (what is under way is lost), or in order.
    void cut(bool reset) {
        const std::lock_guard lock{mutex_};
        for (Link& l : links_) end(l, reset);
        wake();
    }

    /// Bytes of the server's that wait here.
    [[nodiscard]] std::size_t held() {
        const std::lock_guard lock{mutex_};
        std::size_t n = 0;
        for (const Link& l : links_) {
            for (const Piece& p : l.down.pieces) n += p.bytes.size();
        }
        return n;
    }

    /// Links whose server has not ended the stream.
    [[nodiscard]] std::size_t running() {
        const std::lock_guard lock{mutex_};
        return static_cast<std::size_t>(
            std::count_if(links_.begin(), links_.end(), [](const Link& l) { return l.client >= 0 && !l.down.ended; }));
    }

private:
    using Clock = std::chrono::steady_clock;

    struct Piece {
        std::string bytes;  ///< none: the end of the stream
        Clock::time_point due{};
    };
    /// One direction of a link.
    struct Way {
        std::deque<Piece> pieces;
        bool ended = false;  ///< nothing more is read
    };
    struct Link {
        int client = -1, server = -1;
        Way up, down;
        bool mute = false;
    };

    static sockaddr_in address(int port) {
        sockaddr_in a{};
        a.sin_family = AF_INET;
        a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        a.sin_port = htons(static_cast<in_port_t>(port));
        return a;
    }
    void wake() const {
        const std::uint64_t one = 1;
        static_cast<void>(::write(wake_, &one, sizeof one));
    }
    static void prepare(int fd) {
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    }

    static void end(Link& l, bool reset) {
        for (int* fd : {&l.client, &l.server}) {
            if (*fd < 0) continue;
            const linger hard{1, 0};
            if (reset) ::setsockopt(*fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
            // The other side may hold a second descriptor; the stream ends all the same.
            else ::shutdown(*fd, SHUT_RDWR);
            ::close(std::exchange(*fd, -1));
        }
    }

    /// Queues what was read, in the manner of the mode.
    void add(Way& way, Piece p, bool of_the_server) {
        using namespace std::chrono_literals;
        const auto now = Clock::now();
        p.due = mode_ == Mode::delay ? now + 10ms : now;
        if (p.bytes.empty()) {
            if (!way.pieces.empty()) p.due = (std::max)(p.due, way.pieces.back().due);
            way.pieces.push_back(std::move(p));
        } else if (mode_ == Mode::slice) {
            auto due = way.pieces.empty() ? now : (std::max)(now, way.pieces.back().due);
            for (const char c : p.bytes) way.pieces.push_back({std::string(1, c), due += 10us});
        } else if (mode_ == Mode::corrupt && of_the_server) {
            p.bytes.front() = static_cast<char>(~p.bytes.front());
            Piece rest{p.bytes.substr(p.bytes.size() / 2), now + 5ms};
            p.bytes.resize(p.bytes.size() - rest.bytes.size());
            if (!p.bytes.empty()) way.pieces.push_back(std::move(p));
            way.pieces.push_back(std::move(rest));
        } else {
            way.pieces.push_back(std::move(p));
        }
    }

    [[nodiscard]] bool reads(const Link& l, const Way& way) const {
        return !way.ended && (l.mute || (mode_ != Mode::stall && way.pieces.size() < 100'000));
    }
    [[nodiscard]] bool sends(const Link& l, const Way& way) const {
        if (l.mute || way.pieces.empty() || mode_ == Mode::stall) return false;
        if (mode_ == Mode::no_end && way.pieces.front().bytes.empty()) return false;
        return mode_ != Mode::hold || &way == &l.up;
    }

    void read(Link& l, int from, Way& way) {
        std::array<char, 16'384> room;
        const ssize_t n = ::recv(from, room.data(), room.size(), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (n <= 0) {
            way.ended = true;
            if (l.mute || &way == &l.up) return end(l, false);  // a client that has gone wants nothing more
            return add(way, {}, true);
        }
        if (!l.mute) add(way, {std::string(room.data(), static_cast<std::size_t>(n)), {}}, &way == &l.down);
    }

    /// Sends what is due; a piece that does not fit goes on later.
    void send(Link& l, int to, Way& way) {
        const auto now = Clock::now();
        while (to >= 0 && sends(l, way) && way.pieces.front().due <= now) {
            Piece& p = way.pieces.front();
            if (p.bytes.empty()) return end(l, false);
            const ssize_t n = ::send(to, p.bytes.data(), p.bytes.size(), MSG_NOSIGNAL);
            if (n < 0) {
                if (errno != EAGAIN && errno != EINTR) end(l, false);
                return;
            }
            if (static_cast<std::size_t>(n) == p.bytes.size()) way.pieces.pop_front();
            else p.bytes.erase(0, static_cast<std::size_t>(n));
        }
    }

    void accept_one() {
        const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (client < 0) return;
        prepare(client);
        Link l;
        l.client = client;
        l.mute = mode_ == Mode::black;
        if (!l.mute) {
            l.server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            if (::connect(l.server, reinterpret_cast<const sockaddr*>(&server_), sizeof server_) != 0)
                return end(l, true);
            prepare(l.server);
        }
        links_.push_back(std::move(l));
    }

    void run() {
        std::vector<pollfd> fds;
        std::vector<Link*> who;
        while (!stop_) {
            fds.clear();
            who.clear();
            auto next = Clock::now() + std::chrono::seconds{1};
            {
                const std::lock_guard lock{mutex_};
                fds.push_back({wake_, POLLIN, 0});
                // While everything stands still nobody comes in either: the kernel answers for us.
                fds.push_back({listener_, static_cast<short>(mode_ == Mode::stall ? 0 : POLLIN), 0});
                std::erase_if(links_, [](const Link& l) { return l.client < 0; });
                const auto now = Clock::now();
                for (Link& l : links_) {
                    short client = reads(l, l.up) ? POLLIN : 0, server = reads(l, l.down) ? POLLIN : 0;
                    for (const Way* way : {&l.up, &l.down}) {
                        if (!sends(l, *way)) continue;
                        short& events = way == &l.up ? server : client;
                        if (way->pieces.front().due <= now) events = static_cast<short>(events | POLLOUT);
                        else next = (std::min)(next, way->pieces.front().due);
                    }
                    // Where nothing is wanted a hang-up must not spin.
                    fds.push_back({client != 0 ? l.client : -1, client, 0});
                    fds.push_back({server != 0 ? l.server : -1, server, 0});
                    who.push_back(&l);
                }
            }
            const auto left = (std::max)(next - Clock::now(), Clock::duration{});
            const timespec wait{std::chrono::duration_cast<std::chrono::seconds>(left).count(),
                                (std::chrono::nanoseconds{left} % std::chrono::seconds{1}).count()};
            if (::ppoll(fds.data(), fds.size(), &wait, nullptr) < 0) continue;
            const std::lock_guard lock{mutex_};
            std::uint64_t woken = 0;
            static_cast<void>(::read(wake_, &woken, sizeof woken));
            for (std::size_t i = 0; i < who.size(); ++i) {
                Link& l = *who[i];
                const short client = fds[2 + 2 * i].revents, server = fds[3 + 2 * i].revents;
                if (l.client >= 0 && (client & ~POLLOUT) != 0 && reads(l, l.up)) read(l, l.client, l.up);
                if (l.server >= 0 && (server & ~POLLOUT) != 0 && reads(l, l.down)) read(l, l.server, l.down);
                if (l.client >= 0) send(l, l.server, l.up);
                if (l.client >= 0) send(l, l.client, l.down);
            }
            if ((fds[1].revents & POLLIN) != 0 && mode_ != Mode::stall) accept_one();
        }
    }

    const sockaddr_in server_;
    int listener_ = -1, wake_ = -1, port_ = 0;
    std::mutex mutex_;
    Mode mode_ = Mode::pass;
    std::list<Link> links_;  // erased by the proxy's own thread only
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

}  // namespace pq_test
