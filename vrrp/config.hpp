// What one virtual router is configured to be. Plain data: filled by proxy/config, read by vrrp.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace tandem::vrrp {

using IpAddress = boost::asio::ip::address;

/// Protocol version: 2 is RFC 3768 (IPv4 only), 3 is RFC 9568 (IPv4 and IPv6).
enum class Version : std::uint8_t { V2 = 2, V3 = 3 };

enum class Family : std::uint8_t { Ipv4, Ipv6 };

/// Checksum of a version 3 packet over IPv4. Both forms exist in the field and both are accepted
/// on receive; this selects the form that is sent (keepalived's default is PseudoHeader, its
/// v3_checksum_as_v2 is MessageOnly). Version 2 is always message only, IPv6 always with
/// pseudo-header.
enum class ChecksumForm : std::uint8_t { PseudoHeader, MessageOnly };

/// A priority of 255 means that this node owns the addresses (RFC 9568 section 5.2.4).
inline constexpr std::uint8_t kOwnerPriority = 255;
inline constexpr std::uint8_t kDefaultPriority = 100;
/// Priority 0 on the wire: the sender gives the addresses up.
inline constexpr std::uint8_t kReleasePriority = 0;

/// One vrrp_instance: the election part. The addresses it moves are configured in netlink.
struct InstanceConfig {
    /// Name of the vrrp_instance; unique in a configuration.
    std::string name;
    /// Interface that carries the advertisements.
    std::string interface;
    Version version = Version::V2;
    Family family = Family::Ipv4;
    /// 1..255.
    std::uint8_t virtual_router_id = 0;
    /// 1..255; 255 only for the address owner.
    std::uint8_t priority = kDefaultPriority;
    /// Version 2: whole seconds, 1..255. Version 3: multiples of 10 ms, 10 ms..40.95 s.
    std::chrono::microseconds advertisement_interval = std::chrono::seconds{1};
    /// keepalived's `state MASTER`: only shortens the first wait to one interval plus skew time.
    bool start_as_active = false;
    /// False: a node that comes back leaves the addresses with the node that has them.
    bool preempt = true;
    /// How many intervals without an advertisement before the active node counts as down.
    unsigned down_timer_adverts = 3;
    /// Addresses listed in the advertisement, in configuration order (no more than 255).
    std::vector<IpAddress> addresses;
    ChecksumForm checksum_form = ChecksumForm::PseudoHeader;
    /// Version 2 simple text authentication (auth_type PASS), at most 8 bytes. Empty: none.
    std::string password;
    /// Source address of advertisements; unset: the interface's primary address (IPv4) or
    /// link-local address (IPv6).
    std::optional<IpAddress> source_address;
    /// Destinations when not empty; otherwise the multicast group 224.0.0.18 / ff02::12.
    std::vector<IpAddress> unicast_peers;
};

}  // namespace tandem::vrrp
