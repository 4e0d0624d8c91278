// Raw socket of one virtual router: sends and receives advertisements on one interface.
#pragma once

#include "vrrp/packet.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/system/error_code.hpp>

namespace tandem::vrrp {

/// One raw socket of IP protocol 112, for IPv4 or IPv6, multicast or unicast.
///
/// Drive it: open(), then async_wait_readable(), and in its handler receive() until WouldBlock;
/// repeat. open() again replaces the socket. Needs CAP_NET_RAW. Not thread-safe; all calls and the
/// handler are on the context's thread. Nothing throws except std::bad_alloc; receive() and send()
/// allocate nothing.
///
/// Sent packets have TTL (hop limit) 255 for multicast, TOS 0xC0 (network control), the priority of
/// interactive traffic in this host's queues, and exactly the given source address. The kernel
/// computes no VRRP checksum: for IPv6 it does so only after IPV6_CHECKSUM, which is left unset
/// because set_checksum() fills it in.
///
/// A filter in the kernel drops what is for another virtual router, and what carries our own
/// source address, before it takes up buffer space or wakes this process.
class AdvertSocket {
  public:
    struct Options {
        Family family = Family::Ipv4;
        /// Everything is sent and received here only (SO_BINDTODEVICE, and group membership).
        std::string interface;
        unsigned interface_index = 0;
        /// Source address of what is sent.
        IpAddress source;
        /// Group to join; unset for an instance with unicast peers.
        std::optional<IpAddress> multicast_group;
        /// TTL (hop limit) of what is sent to unicast addresses; 1..255.
        std::uint8_t unicast_ttl = kTimeToLive;
        /// What is received; 0: every virtual router.
        std::uint8_t virtual_router_id = 0;
    };

    enum class ReceiveStatus : std::uint8_t {
        Packet,      ///< `datagram` is valid until the next receive()
        Malformed,   ///< a packet with a broken IP header or one that is too long was taken off
        WouldBlock,  ///< nothing more now
        Failed,      ///< see `error`; the socket stays open
    };
    struct Received {
        ReceiveStatus status = ReceiveStatus::WouldBlock;
        Datagram datagram;
        boost::system::error_code error;
    };

    explicit AdvertSocket(boost::asio::io_context& context);

    /// On failure the socket is closed.
    boost::system::error_code open(const Options& options);
    void close();
    [[nodiscard]] bool is_open() const;
    /// The kernel sends from the source address also when this host has it no longer (needs
    /// CAP_NET_ADMIN): for the last word of a router whose address was taken away.
    void allow_lost_source();

    /// Runs `handler` once when there may be something to receive; with operation_aborted when
    /// the socket is closed or destroyed first.
    void async_wait_readable(std::function<void(boost::system::error_code)> handler);
    Received receive();

    /// Sends one packet. Never blocks: a full queue is an error like ENETDOWN or ENOBUFS.
    boost::system::error_code send(std::span<const std::uint8_t> packet,
                                   const IpAddress& destination);

    /// Packets that the kernel dropped since open() because the receive buffer was full.
    [[nodiscard]] std::uint32_t overflow_drops() const;

  private:
    boost::asio::posix::stream_descriptor descriptor_;
    Options options_;
    std::array<std::uint8_t, kMaxIpv4HeaderSize + kMaxPacketSize> buffer_{};
};

}  // namespace tandem::vrrp
