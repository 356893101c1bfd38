// SPDX-License-Identifier: BSL-1.0
// The web server: requests of one method and one shape, answered by a function. civetweb does the rest.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CivetServer.h>

#include <dewpond/export/http.hpp>

namespace service {

/// A GET request.
struct Request {
    std::string path;
    std::string query;

    /// A parameter of the query as a number, from 0 to `most`.
    [[nodiscard]] int number(const char* name, int otherwise, int most) const {
        std::string value;
        if (!CivetServer::getParam(query, name, value)) return otherwise;
        const long n = std::strtol(value.c_str(), nullptr, 10);
        return n < 0 ? 0 : n > most ? most : static_cast<int>(n);
    }
};

inline dewpond::HttpAnswer plain(int status, std::string body) {
    dewpond::HttpAnswer out;
    out.status = status;
    out.headers.push_back({"Content-Type", "text/plain; charset=utf-8"});
    out.headers.push_back({"Cache-Control", "no-store"});
    out.body = std::move(body);
    return out;
}

/// Serves on the loopback until it is destroyed, which waits for the requests that are being answered (10 s at most:
/// civetweb itself would cut them off).
class Server : CivetHandler {
public:
    using Answer = std::function<dewpond::HttpAnswer(const Request&)>;

    Server(int port, int threads, Answer answer) : answer_{std::move(answer)}, server_{options(port, threads)} {
        server_.addHandler("", this);
    }
    Server(const Server&) = delete;
    ~Server() override {
        const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        std::unique_lock lock{mutex_};
        none_.wait_until(lock, until, [this] { return answering_ == 0; });
        lock.unlock();
        server_.close();
    }

    [[nodiscard]] int port() {
        const std::vector<int> all = server_.getListeningPorts();
        return all.empty() ? 0 : all.front();
    }

private:
    static std::vector<std::string> options(int port, int threads) {
        return {"listening_ports", "127.0.0.1:" + std::to_string(port), "num_threads", std::to_string(threads), "request_timeout_ms", "10000"};
    }
    bool handleGet(CivetServer*, mg_connection* c) override {
        const Answering counted{*this};
        const mg_request_info* info = mg_get_request_info(c);
        dewpond::HttpAnswer a;
        try {
            a = answer_({info->local_uri, info->query_string != nullptr ? info->query_string : ""});
        } catch (const std::exception&) {  // what() of a stranger may hold anything
            a = plain(500, "an error of this service's own\n");
        }
        std::string head = "HTTP/1.1 " + std::to_string(a.status) + " " + mg_get_response_code_text(c, a.status) + "\r\n";
        for (const dewpond::HttpHeader& h : a.headers) (((head += h.name) += ": ") += h.value) += "\r\n";
        head += "Content-Length: " + std::to_string(a.body.size()) + "\r\nConnection: close\r\n\r\n";
        mg_write(c, head.data(), head.size());
        mg_write(c, a.body.data(), a.body.size());
        return true;
    }

    struct Answering {
        explicit Answering(Server& s) : server{s} {
            const std::lock_guard lock{server.mutex_};
            ++server.answering_;
        }
        Answering(const Answering&) = delete;
        ~Answering() {
            const std::lock_guard lock{server.mutex_};
            if (--server.answering_ == 0) server.none_.notify_all();
        }
        Server& server;
    };

    Answer answer_;
    std::mutex mutex_;
    std::condition_variable none_;
    int answering_ = 0;
    CivetServer server_;  // the last: its threads use the others
};

}  // namespace service
