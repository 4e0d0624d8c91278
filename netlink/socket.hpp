// rtnetlink sockets: one that asks and waits for the answer, one that follows changes. Shell.
#pragma once

#include "netlink/file_descriptor.hpp"
#include "netlink/message.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>

namespace tandem::netlink {

/// Synchronous requests.
///
/// rtnetlink does the work inside send() and has queued the answer when send() returns, so a
/// request costs two system calls and no waiting. The receive timeout only bounds the case of an
/// answer that never comes. send() itself may wait for the kernel's RTNL lock; nothing in user
/// space can bound that.
/// Not thread-safe.
class RequestSocket {
  public:
    /// Longest wait for one answer.
    static constexpr std::chrono::seconds kAnswerTimeout{1};
    /// A dump that was interrupted by changes is repeated until it was made this many times.
    static constexpr int kDumpAttempts = 4;

    struct Answer {
        boost::system::error_code error;
        /// The kernel's own words, often empty.
        std::string text;
    };
    struct Dump {
        boost::system::error_code error;
        std::vector<Message> messages;
        /// False: every attempt was interrupted; entries may be missing. Ask again a little later.
        bool consistent = true;
    };

    boost::system::error_code open();
    void close() { socket_.reset(); }

    /// Adds the address or renews its lease. An address that exists already is success.
    Answer add_address(unsigned index, const VirtualAddress& address, std::chrono::seconds lease);
    /// An address, or an interface, that does not exist is success.
    Answer remove_address(unsigned index, const IpAddress& address, std::uint8_t prefix_length);
    /// EEXIST with RouteRequest::Renew is success.
    Answer add_route(const Route& route, std::chrono::seconds lease,
                     RouteRequest request = RouteRequest::Add);
    /// A route, or an interface, that does not exist is success.
    Answer remove_route(const Route& route);
    /// Sends a request that was built before, such as one of VipManager::removal_requests(). What
    /// is to be removed and does not exist is success.
    Answer repeat(Bytes request);
    Dump dump(DumpKind kind);

  private:
    boost::system::error_code send(const Bytes& request);
    boost::system::error_code receive(Batch& batch);
    Answer execute(const Bytes& request, std::uint32_t sequence);
    boost::system::error_code dump_once(DumpKind kind, Dump& dump);

    FileDescriptor socket_;
    std::uint32_t sequence_ = 0;
};

/// Follows links and addresses (groups LINK, IPV4_IFADDR, IPV6_IFADDR) and, when asked, own routes
/// (IPV4_ROUTE, IPV6_ROUTE). A filter in the kernel drops the notifications of other routes, so a
/// routing daemon beside this one with a million of them is not noticed.
///
/// The kernel queues a notification before it answers the request that caused it, with one
/// exception: a new IPv6 address is announced by the work queue of duplicate address detection
/// (NODAD or not), a moment after the answer.
/// Not thread-safe.
class MonitorSocket {
  public:
    enum class Outcome : std::uint8_t {
        Drained,   ///< everything queued was read
        MoreLeft,  ///< the bound was reached; call again
        Overrun,   ///< the kernel dropped notifications or sent nonsense: read the tables again
    };
    /// Datagrams read by one drain(), so that a storm of changes cannot hold the thread.
    static constexpr int kDrainLimit = 256;

    explicit MonitorSocket(boost::asio::io_context& context) : descriptor_(context) {}

    /// @param receive_buffer bytes of socket buffer (the kernel doubles it and has a minimum).
    boost::system::error_code open(int receive_buffer, bool with_routes = false);
    void close();

    /// Reads what is queued, without waiting, and hands over each message.
    Outcome drain(const std::function<void(const Message&)>& on_message);
    /// Calls `on_readable` once when there is something to drain (or with an error).
    void async_wait(std::function<void(const boost::system::error_code&)> on_readable);

  private:
    boost::asio::posix::stream_descriptor descriptor_;
};

}  // namespace tandem::netlink
