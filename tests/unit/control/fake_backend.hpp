// A node that answers from fields, and a server around it on its own thread.
#pragma once

#include "proxy/control/event_log.hpp"
#include "proxy/control/server.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <gtest/gtest.h>

#include <stdlib.h>

namespace tandem::control::test {

/// Answers `reply` at once, or keeps the handlers while `hold` is set.
class FakeBackend : public Backend {
  public:
    void status(ReplyHandler handler) override { answer("status", std::move(handler)); }
    void failover(const FailoverRequest& request, ReplyHandler handler) override {
        failover_request = request;
        answer("failover", std::move(handler));
    }
    void resume(const std::vector<std::string>& instances, const Caller& caller,
                ReplyHandler handler) override {
        resumed = instances;
        resume_caller = caller;
        answer("resume", std::move(handler));
    }
    void upstream(const UpstreamRequest& request, ReplyHandler handler) override {
        upstream_request = request;
        answer("upstream", std::move(handler));
    }
    void connections(const ConnectionsRequest& request, ReplyHandler handler) override {
        connections_request = request;
        answer("connections", std::move(handler));
    }
    void disconnect(const DisconnectRequest& request, ReplyHandler handler) override {
        disconnect_request = request;
        answer("disconnect", std::move(handler));
    }
    void check(const std::string& path, ReplyHandler handler) override {
        checked_path = path;
        answer("check", std::move(handler));
    }
    void reload(const Caller& caller, ReplyHandler handler) override {
        reload_caller = caller;
        answer("reload", std::move(handler));
    }
    void version(ReplyHandler handler) override { answer("version", std::move(handler)); }
    void events(const EventQuery& query, ReplyHandler handler) override {
        calls.emplace_back("events");
        event_query = query;
        boost::json::array list;
        for (const Event& event : log.query(query)) {
            list.push_back(to_json(event));
        }
        Reply answered;
        answered.body = {{"code", 0},
                         {"message", "ok"},
                         {"events", std::move(list)},
                         {"last_sequence", log.last_sequence()}};
        handler(std::move(answered));
    }

    Reply reply{ExitCode::Done, "done", {{"code", 0}, {"message", "done"}}};
    bool hold = false;
    std::vector<ReplyHandler> held;
    std::vector<std::string> calls;
    FailoverRequest failover_request;
    std::vector<std::string> resumed;
    Caller reload_caller;
    Caller resume_caller;
    UpstreamRequest upstream_request;
    ConnectionsRequest connections_request;
    DisconnectRequest disconnect_request;
    std::string checked_path;
    EventQuery event_query;
    EventLog log{1000};

  private:
    void answer(std::string name, ReplyHandler handler) {
        calls.push_back(std::move(name));
        if (hold) {
            held.push_back(std::move(handler));
        } else {
            handler(reply);
        }
    }
};

/// A directory that is gone with its contents at the end.
class TemporaryDirectory {
  public:
    TemporaryDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "tandem-XXXXXX").string();
        if (::mkdtemp(pattern.data()) != nullptr) {
            path_ = pattern;
        }
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

/// The control thread of a node: server and backend live on it, the test reaches them by on_thread.
class ServerThread {
  public:
    explicit ServerThread(const ServerLimits& limits = {}) {
        server_ = std::make_unique<Server>(context_, backend, limits);
        listen_error = server_->listen(socket_path());
        thread_ = std::thread([this] { context_.run(); });
    }
    ~ServerThread() {
        on_thread([this] { server_->stop(); });
        guard_.reset();
        thread_.join();
    }
    ServerThread(const ServerThread&) = delete;
    ServerThread& operator=(const ServerThread&) = delete;

    [[nodiscard]] std::string run_directory() const { return directory_.path().string(); }
    [[nodiscard]] std::string socket_path() const {
        return (directory_.path() / "control.sock").string();
    }
    Server& server() { return *server_; }

    void on_thread(const std::function<void()>& work) {
        std::promise<void> finished;
        boost::asio::post(context_, [&] {
            work();
            finished.set_value();
        });
        finished.get_future().wait();
    }

    /// Waits at most five seconds, looking on the control thread.
    bool eventually(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        bool met = false;
        while (!met && std::chrono::steady_clock::now() < deadline) {
            on_thread([&] { met = condition(); });
        }
        return met;
    }

    void add_event(std::string id, std::string text) {
        on_thread([&] {
            backend.log.append(std::chrono::system_clock::now(), std::move(id), std::move(text),
                               {{"instance", "VI_1"}});
            server_->notify_followers();
        });
    }

    FakeBackend backend;
    boost::system::error_code listen_error;

  private:
    TemporaryDirectory directory_;
    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
        context_.get_executor()};
    std::unique_ptr<Server> server_;
    std::thread thread_;
};

}  // namespace tandem::control::test
