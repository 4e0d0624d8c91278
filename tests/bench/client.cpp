#include "tests/bench/client.hpp"

#include "tests/bench/histogram.hpp"
#include "tests/bench/measured_interval.hpp"
#include "tests/bench/protocol.hpp"
#include "tests/bench/socket.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::bench {
namespace {

using Clock = MeasuredInterval::Clock;

constexpr std::chrono::seconds kGrace{10};
constexpr int kTick = 20;
/// How many connections are opened at the same time while connections are collected.
constexpr std::size_t kOpening = 128;
/// Event data of standard input; every other value is the number of a connection.
constexpr std::uint64_t kStandardInput = ~std::uint64_t{0};

struct Connection {
    int fd = -1;
    bool connected = false;
    std::size_t received = 0;
    Clock::time_point started;
};

class Client {
  public:
    explicit Client(const ClientOptions& options)
        : options_(options),
          interval_(options.watched),
          connections_(options.connections),
          buffer_(kBulkSize, 'x'),
          next_port_(options.first_port) {
        buffer_.front() = first_byte();
    }

    int run();

  private:
    char first_byte() const {
        switch (options_.workload) {
            case Workload::Upload:
                return kSink;
            case Workload::Download:
                return kSource;
            case Workload::Connect:
            case Workload::Ping:
            case Workload::Hold:
                break;
        }
        return kEcho;
    }
    bool bulk() const {
        return options_.workload == Workload::Upload || options_.workload == Workload::Download;
    }

    void open(std::size_t number);
    int make_socket();
    bool bind_next_port(int fd);
    void close_one(Connection& connection);
    void on_ready(std::size_t number, std::uint32_t events);
    void on_connected(std::size_t number);
    void send_message(std::size_t number);
    void receive_answer(std::size_t number);
    void on_answer(std::size_t number);
    void upload(std::size_t number);
    void download(std::size_t number);
    void lost(std::size_t number, int error);
    void count_bytes(ssize_t size);
    void pass_time();
    bool started_enough() const { return options_.count != 0 && started_ >= options_.count; }
    void print() const;

    const ClientOptions& options_;
    Poller poller_;
    MeasuredInterval interval_;
    Histogram latency_;
    std::vector<Connection> connections_;
    std::vector<char> buffer_;
    std::array<char, kMessageSize> answer_{};
    std::uint16_t next_port_;
    Clock::time_point begin_ = Clock::now();
    Clock::time_point now_ = begin_;
    std::size_t opened_ = 0;
    std::size_t held_ = 0;
    std::uint64_t started_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint64_t errors_ = 0;
    std::string first_error_;
    bool measured_ = false;
    bool done_ = false;
};

/// In turn: every port rests as long as possible, and the kernel does not have to look for a free
/// one.
bool Client::bind_next_port(int fd) {
    const int ports = options_.last_port - options_.first_port + 1;
    for (int tried = 0; tried < ports; ++tried) {
        sockaddr_in source = options_.source;
        source.sin_port = htons(next_port_);
        next_port_ = next_port_ == options_.last_port ? options_.first_port
                                                      : static_cast<std::uint16_t>(next_port_ + 1);
        if (bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0) {
            return true;
        }
    }
    return false;
}

int Client::make_socket() {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        fail("socket");
    }
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (options_.workload != Workload::Connect) {
        reset_on_close(fd);
    } else if (options_.source.sin_family == AF_INET) {
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (!bind_next_port(fd)) {
            fail("no free port");
        }
    }
    return fd;
}

void Client::open(std::size_t number) {
    if (options_.workload == Workload::Connect) {
        if (started_enough()) {
            return;
        }
        ++started_;
    }
    Connection& connection = connections_[number];
    connection = {};
    connection.started = Clock::now();
    connection.fd = make_socket();
    const auto* target = reinterpret_cast<const sockaddr*>(&options_.target);
    if (connect(connection.fd, target, sizeof options_.target) == -1 && errno != EINPROGRESS) {
        fail("connect");
    }
    poller_.add(connection.fd, EPOLLOUT, number);
}

void Client::close_one(Connection& connection) {
    close(connection.fd);
    connection.fd = -1;
}

void Client::lost(std::size_t number, int error) {
    Connection& connection = connections_[number];
    ++errors_;
    if (first_error_.empty()) {
        first_error_ = error == 0 ? "closed by the other side" : std::strerror(error);
    }
    close_one(connection);
    // Without this bound a proxy that refuses would only be asked again and again.
    if (options_.workload != Workload::Connect || errors_ > options_.connections * 16) {
        done_ = true;
        return;
    }
    open(number);
}

void Client::on_ready(std::size_t number, std::uint32_t events) {
    Connection& connection = connections_[number];
    if (connection.fd == -1) {
        return;
    }
    if (!connection.connected) {
        on_connected(number);
    } else if (options_.workload == Workload::Upload) {
        upload(number);
    } else if (options_.workload == Workload::Download) {
        download(number);
    } else if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
        receive_answer(number);
    }
}

void Client::on_connected(std::size_t number) {
    Connection& connection = connections_[number];
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(connection.fd, SOL_SOCKET, SO_ERROR, &error, &size) == -1 || error != 0) {
        lost(number, error);
        return;
    }
    connection.connected = true;
    if (options_.workload != Workload::Upload) {
        poller_.change(connection.fd, EPOLLIN, number);
    }
    send_message(number);
}

void Client::send_message(std::size_t number) {
    Connection& connection = connections_[number];
    if (options_.workload == Workload::Ping) {
        if (started_enough()) {
            return;
        }
        ++started_;
        connection.started = Clock::now();
    }
    connection.received = 0;
    const ssize_t size = send(connection.fd, buffer_.data(), kMessageSize, MSG_NOSIGNAL);
    if (size != static_cast<ssize_t>(kMessageSize)) {
        lost(number, size == -1 ? errno : EMSGSIZE);
    }
}

void Client::receive_answer(std::size_t number) {
    Connection& connection = connections_[number];
    const ssize_t size = recv(connection.fd, answer_.data(), answer_.size(), 0);
    if (size <= 0) {
        if (size == 0 || errno != EAGAIN) {
            lost(number, size == 0 ? 0 : errno);
        }
        return;
    }
    connection.received += static_cast<std::size_t>(size);
    if (connection.received >= kMessageSize) {
        on_answer(number);
    }
}

void Client::on_answer(std::size_t number) {
    Connection& connection = connections_[number];
    if (interval_.running()) {
        latency_.add(Clock::now() - connection.started);
    }
    if (options_.workload == Workload::Connect) {
        close_one(connection);
        open(number);
    } else if (options_.workload == Workload::Ping) {
        send_message(number);
    } else {
        ++held_;
        if (opened_ < connections_.size()) {
            open(opened_++);
        }
    }
    if (options_.count != 0 && !bulk() && latency_.size() >= options_.count) {
        done_ = true;
    }
}

void Client::count_bytes(ssize_t size) {
    if (interval_.running()) {
        bytes_ += static_cast<std::uint64_t>(size);
        done_ = done_ || (options_.count != 0 && bytes_ >= options_.count << 20);
    }
}

void Client::upload(std::size_t number) {
    const ssize_t size =
        send(connections_[number].fd, buffer_.data(), buffer_.size(), MSG_NOSIGNAL);
    if (size > 0) {
        count_bytes(size);
    } else if (errno != EAGAIN) {
        lost(number, errno);
    }
}

/// MSG_TRUNC: the kernel drops the bytes without a copy, which leaves more of the machine to the
/// proxy.
void Client::download(std::size_t number) {
    const ssize_t size = recv(connections_[number].fd, buffer_.data(), buffer_.size(), MSG_TRUNC);
    if (size > 0) {
        count_bytes(size);
    } else if (size == 0 || errno != EAGAIN) {
        lost(number, size == 0 ? 0 : errno);
    }
}

/// Begins and ends the timed part, and everything that takes too long.
void Client::pass_time() {
    now_ = Clock::now();
    const auto since = now_ - begin_;
    if (options_.workload == Workload::Hold) {
        if (held_ == connections_.size() && !measured_) {
            measured_ = true;
            std::printf("held %zu\n", held_);
            std::fflush(stdout);
        }
        if (!measured_ && since > options_.duration + kGrace) {
            errno = ETIMEDOUT;
            fail("only " + std::to_string(held_) + " connections");
        }
        return;
    }
    if (!measured_ && (options_.count != 0 || since >= options_.warmup)) {
        measured_ = true;
        interval_.begin(now_);
    }
    const bool in_time = since < options_.warmup + options_.duration;
    done_ = done_ || (options_.count == 0 && !in_time) ||
            since > options_.warmup + options_.duration + kGrace;
}

int Client::run() {
    if (options_.workload == Workload::Hold) {
        poller_.add(STDIN_FILENO, EPOLLIN, kStandardInput);
    }
    const std::size_t first = options_.workload == Workload::Hold
                                  ? std::min(kOpening, connections_.size())
                                  : connections_.size();
    pass_time();
    while (opened_ < first) {
        open(opened_++);
    }
    while (!done_) {
        for (const epoll_event& event : poller_.wait(kTick)) {
            if (event.data.u64 == kStandardInput) {
                done_ = true;
                break;
            }
            on_ready(static_cast<std::size_t>(event.data.u64), event.events);
        }
        pass_time();
    }
    if (interval_.running()) {
        interval_.end(now_);
    }
    for (Connection& connection : connections_) {
        if (connection.fd != -1) {
            close_one(connection);
        }
    }
    print();
    const bool idle = !bulk() && options_.workload != Workload::Hold && latency_.size() == 0;
    if (idle || (bulk() && bytes_ == 0) ||
        (errors_ != 0 && options_.workload != Workload::Connect)) {
        std::fprintf(stderr, "load: nothing measured, or connections lost: %s\n",
                     first_error_.empty() ? "no answer in time" : first_error_.c_str());
        return 1;
    }
    return 0;
}

void Client::print() const {
    const auto microseconds = [](std::chrono::nanoseconds value) {
        return static_cast<double>(value.count()) / 1000;
    };
    std::printf(
        R"({"seconds":%.6f,"operations":%llu,"bytes":%llu,"errors":%llu,"first_error":"%s",)",
        interval_.seconds(), static_cast<unsigned long long>(latency_.size()),
        static_cast<unsigned long long>(bytes_), static_cast<unsigned long long>(errors_),
        first_error_.c_str());
    std::printf(R"("latency_us":{"p50":%.3f,"p90":%.3f,"p99":%.3f,"p999":%.3f,"max":%.3f},)",
                microseconds(latency_.percentile(0.5)), microseconds(latency_.percentile(0.9)),
                microseconds(latency_.percentile(0.99)), microseconds(latency_.percentile(0.999)),
                microseconds(latency_.max()));
    std::printf(R"("cpu_seconds":{)");
    const char* separator = "";
    for (const auto& [name, seconds] : interval_.processor_time()) {
        std::printf(R"(%s"%s":%.6f)", separator, name.c_str(), seconds);
        separator = ",";
    }
    std::puts("}}");
    std::fflush(stdout);
}

}  // namespace

int run_client(const ClientOptions& options) {
    Client client(options);
    return client.run();
}

}  // namespace tandem::bench
