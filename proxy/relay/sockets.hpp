// The system calls of the relay: each function is what one step needs and nothing more.
#pragma once

#include "proxy/relay/config.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace tandem::relay {

using boost::system::error_code;

/// Owns a file descriptor.
class Descriptor {
  public:
    Descriptor() = default;
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    Descriptor(Descriptor&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        close();
        descriptor_ = std::exchange(other.descriptor_, -1);
        return *this;
    }
    ~Descriptor() { close(); }
    [[nodiscard]] int get() const { return descriptor_; }
    [[nodiscard]] bool is_open() const { return descriptor_ != -1; }
    /// Gives it up without closing it.
    [[nodiscard]] int release() { return std::exchange(descriptor_, -1); }
    void close();

  private:
    int descriptor_ = -1;
};

/// An option whose value is a number, as setsockopt(2) takes it.
struct SocketOption {
    int level;
    int name;
    int value;
};
error_code set_option(const Descriptor& socket, const SocketOption& option);

/// Bound with IP_FREEBIND and SO_REUSEPORT, listening. The options that an accepted connection
/// needs (no delay, urgent data in line, `limits`) are set here: accept() inherits them.
boost::system::result<Descriptor> open_listener(const Endpoint& endpoint,
                                                const SocketLimits& limits = {});
/// Error when another process listens there already; SO_REUSEPORT would share its connections.
error_code check_not_listening(const Endpoint& endpoint);
boost::system::result<Endpoint> local_endpoint(const Descriptor& socket);
/// Error when the connection was reset.
boost::system::result<Endpoint> remote_endpoint(const Descriptor& socket);

/// For every `bound` here: a new descriptor with this number or a higher one is closed at once, and
/// the error is EMFILE.
constexpr int kNoBound = std::numeric_limits<int>::max();

/// @param client where it comes from, for nothing more than the same system call.
boost::system::result<Descriptor> accept_connection(const Descriptor& listener,
                                                    int bound = kNoBound,
                                                    Endpoint* client = nullptr);
/// What accept_connection() would say, without losing a connection to it: EAGAIN when none waits,
/// EMFILE when the lowest free descriptor is not below `bound`.
error_code accept_obstacle(const Descriptor& listener, int bound);

/// A connection attempt; its result arrives as an epoll event.
struct StartedConnect {
    Descriptor socket;
    error_code error;
    /// The source was bound: EADDRNOTAVAIL tells that this very connection exists already, not
    /// that the address is not of this host.
    bool bound = false;
};
/// @param source port zero: chosen by connect() for this destination (IP_BIND_ADDRESS_NO_PORT);
/// else a port that other sockets may have for other destinations (SO_REUSEADDR). Unset: the kernel
/// chooses both.
///
/// The acknowledgement that completes the connection is left to ride on the first bytes: whoever
/// has none to send when the connection is there calls acknowledge_at_once(), else the other side
/// learns of it only when the kernel's patience ends.
StartedConnect start_connect_from(const Endpoint& target, const std::optional<Endpoint>& source,
                                  int bound = kNoBound);
/// From any port of `source`, which is ignored when its family is not the target's. Acknowledges
/// the connection at once.
boost::system::result<Descriptor> start_connect(const Endpoint& target,
                                                const std::optional<IpAddress>& source,
                                                int bound = kNoBound);
void acknowledge_at_once(const Descriptor& socket);
/// TCP_NODELAY. The first write of a connection needs it not: Nagle's algorithm holds a small
/// segment back only while another one is not acknowledged.
void send_at_once(const Descriptor& socket);

/// What an epoll event says about a connection attempt.
struct ConnectVerdict {
    enum class Kind : std::uint8_t { Pending, Connected, ConnectedThenReset, Failed } kind;
    error_code error;
};
ConnectVerdict connect_verdict(const Descriptor& socket, std::uint32_t events);

/// Shortage of this node (ports, descriptors, memory), not a fault of the other side (I6).
bool is_local_shortage(const error_code& error);

/// Bytes and FIN that the other side has not acknowledged yet.
std::size_t unacknowledged(const Descriptor& socket);

/// One system call instead of two when their numbers follow each other, as those of two sockets
/// opened one after the other mostly do.
void close_both(Descriptor& one, Descriptor& other);
/// RST instead of FIN (SO_LINGER with zero time).
void close_with_reset(Descriptor& socket);
/// No packet at all (TCP_REPAIR, needs CAP_NET_ADMIN; without it as close_with_reset).
void close_silently(Descriptor& socket);

void put_urgent_data_in_line(const Descriptor& socket);
error_code last_error();

}  // namespace tandem::relay
