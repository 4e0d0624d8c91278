#include "tests/bench/socket.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::bench {
namespace {

constexpr int kBacklog = 4096;
constexpr std::size_t kMostEvents = 256;

}  // namespace

void fail(const std::string& what) {
    std::fprintf(stderr, "load: %s: %s\n", what.c_str(), std::strerror(errno));
    std::exit(1);
}

sockaddr_in parse_endpoint(const std::string& address, std::uint16_t port) {
    sockaddr_in endpoint{};
    endpoint.sin_family = AF_INET;
    endpoint.sin_port = htons(port);
    if (inet_pton(AF_INET, address.c_str(), &endpoint.sin_addr) != 1) {
        errno = EINVAL;
        fail("address " + address);
    }
    return endpoint;
}

void set_option(int fd, int level, int name, int value) {
    if (setsockopt(fd, level, name, &value, sizeof value) == -1) {
        fail("setsockopt");
    }
}

void reset_on_close(int fd) {
    const linger reset{1, 0};
    if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == -1) {
        fail("SO_LINGER");
    }
}

int listen_on(const sockaddr_in& endpoint) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1) {
        fail("socket");
    }
    set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&endpoint), sizeof endpoint) == -1 ||
        listen(fd, kBacklog) == -1) {
        fail("listen");
    }
    return fd;
}

Poller::Poller() : fd_(epoll_create1(EPOLL_CLOEXEC)), events_(kMostEvents) {
    if (fd_ == -1) {
        fail("epoll_create1");
    }
}

Poller::~Poller() {
    close(fd_);
}

void Poller::control(int operation, int fd, std::uint32_t events, std::uint64_t data) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = data;
    if (epoll_ctl(fd_, operation, fd, &event) == -1) {
        fail(operation == EPOLL_CTL_ADD ? "epoll_ctl ADD" : "epoll_ctl MOD");
    }
}

void Poller::add(int fd, std::uint32_t events, std::uint64_t data) {
    control(EPOLL_CTL_ADD, fd, events, data);
}

void Poller::change(int fd, std::uint32_t events, std::uint64_t data) {
    control(EPOLL_CTL_MOD, fd, events, data);
}

std::span<const epoll_event> Poller::wait(int timeout_ms) {
    const int count = epoll_wait(fd_, events_.data(), static_cast<int>(events_.size()), timeout_ms);
    if (count == -1 && errno != EINTR) {
        fail("epoll_wait");
    }
    return {events_.data(), count == -1 ? 0U : static_cast<std::size_t>(count)};
}

}  // namespace tandem::bench
