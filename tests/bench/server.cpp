#include "tests/bench/server.hpp"

#include "tests/bench/protocol.hpp"
#include "tests/bench/socket.hpp"

#include <cerrno>
#include <cstdio>
#include <vector>

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::bench {
namespace {

class Server {
  public:
    explicit Server(const sockaddr_in& endpoint)
        : listener_(listen_on(endpoint)), modes_(kMostDescriptors), buffer_(kBulkSize) {
        // Accepted sockets inherit it.
        set_option(listener_, IPPROTO_TCP, TCP_NODELAY, 1);
        poller_.add(listener_, EPOLLIN, static_cast<std::uint64_t>(listener_));
    }

    void step() {
        for (const epoll_event& event : poller_.wait(-1)) {
            const int fd = static_cast<int>(event.data.u64);
            if (fd == listener_) {
                accept_some();
            } else {
                on_ready(fd);
            }
        }
    }

  private:
    static constexpr std::size_t kMostDescriptors = 1U << 20;
    static constexpr int kAcceptBatch = 16;

    void accept_some() {
        for (int count = 0; count < kAcceptBatch; ++count) {
            const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd == -1) {
                // Without descriptors the client's own bound ends the run, with a message.
                if (errno != EAGAIN && errno != ECONNABORTED && errno != EMFILE) {
                    fail("accept4");
                }
                return;
            }
            mode(fd) = 0;
            poller_.add(fd, EPOLLIN, static_cast<std::uint64_t>(fd));
        }
    }

    void on_ready(int fd) {
        switch (mode(fd)) {
            case kSink:
                discard(fd);
                break;
            case kSource:
                send_bulk(fd);
                break;
            default:
                answer(fd);
        }
    }

    void answer(int fd) {
        const ssize_t size = recv(fd, buffer_.data(), buffer_.size(), 0);
        if (size <= 0) {
            close_unless_retry(fd, size);
            return;
        }
        if (mode(fd) == 0) {
            mode(fd) = buffer_.front();
            if (mode(fd) == kSource) {
                poller_.change(fd, EPOLLOUT, static_cast<std::uint64_t>(fd));
                return;
            }
        }
        // Answers are small and wait for the next question: they always fit the socket's buffer.
        if (mode(fd) == kEcho &&
            send(fd, buffer_.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL) != size) {
            close(fd);
        }
    }

    /// MSG_TRUNC: the kernel drops the bytes without a copy, which leaves more of the machine to
    /// the proxy.
    void discard(int fd) {
        const ssize_t size = recv(fd, buffer_.data(), buffer_.size(), MSG_TRUNC);
        if (size <= 0) {
            close_unless_retry(fd, size);
        }
    }

    void send_bulk(int fd) {
        const ssize_t size = send(fd, buffer_.data(), buffer_.size(), MSG_NOSIGNAL);
        if (size <= 0) {
            close_unless_retry(fd, size);
        }
    }

    static void close_unless_retry(int fd, ssize_t size) {
        if (size == 0 || errno != EAGAIN) {
            close(fd);
        }
    }

    char& mode(int fd) { return modes_.at(static_cast<std::size_t>(fd)); }

    int listener_;
    Poller poller_;
    std::vector<char> modes_;
    std::vector<char> buffer_;
};

}  // namespace

void serve(const sockaddr_in& endpoint) {
    Server server(endpoint);
    std::puts("serving");
    std::fflush(stdout);
    for (;;) {
        server.step();
    }
}

}  // namespace tandem::bench
