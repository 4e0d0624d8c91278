// Sockets and epoll of the load generator, with every error told. A failure that makes the run
// meaningless ends the program with a message; what a proxy can cause comes back as a value.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/epoll.h>

namespace tandem::bench {

/// Prints what failed with errno's text and exits with status 1.
[[noreturn]] void fail(const std::string& what);

/// An IPv4 address and port; ends the program when the text is none.
sockaddr_in parse_endpoint(const std::string& address, std::uint16_t port);

void set_option(int fd, int level, int name, int value);

/// The next close sends RST: no TIME_WAIT, and the proxy is rid of the connection at once.
void reset_on_close(int fd);

int listen_on(const sockaddr_in& endpoint);

/// Level-triggered, at most 256 events for each wait.
class Poller {
  public:
    Poller();
    ~Poller();
    Poller(const Poller&) = delete;
    Poller& operator=(const Poller&) = delete;

    void add(int fd, std::uint32_t events, std::uint64_t data);
    void change(int fd, std::uint32_t events, std::uint64_t data);
    /// Valid until the next wait.
    std::span<const epoll_event> wait(int timeout_ms);

  private:
    void control(int operation, int fd, std::uint32_t events, std::uint64_t data);
    int fd_;
    std::vector<epoll_event> events_;
};

}  // namespace tandem::bench
