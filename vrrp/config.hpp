// What one virtual router is configured to be. Plain data: filled by proxy/config, read by vrrp.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
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

/// keepalived's auth_hmac: every advertisement carries a trailer with a truncated HMAC-SHA256, a
/// time stamp and a sequence (draft-cassen-vrrp-auth-hmac-00). See auth_hmac.hpp.
struct AuthHmacConfig {
    /// How a replayed advertisement is told from a new one. Time: its stamp is within time_window
    /// of the clock and above the sender's last. Monotonic: above the sender's last, whatever the
    /// clock.
    enum class AntiReplay : std::uint8_t { Time, Monotonic };
    /// For a rollout without a gap. ReceiveOnly: sends no trailer, accepts both. Permissive: sends
    /// one, accepts advertisements without. Enforce: sends one and demands one. A trailer that is
    /// there must be right in every mode.
    enum class Mode : std::uint8_t { ReceiveOnly, Permissive, Enforce };

    /// Key id 1..255 → 32..64 bytes.
    std::map<std::uint8_t, std::vector<std::uint8_t>> keys;
    /// Signs what is sent; one of keys.
    std::uint8_t active_key = 0;
    AntiReplay anti_replay = AntiReplay::Time;
    /// 1..300 s.
    std::chrono::seconds time_window{5};
    Mode mode = Mode::Enforce;
    bool operator==(const AuthHmacConfig&) const = default;
};

/// One line of unicast_peer.
struct UnicastPeer {
    IpAddress address;
    /// Accepted range of the TTL (hop limit) of its advertisements. 255 proves that the sender is
    /// on the link; routed peers need a lower min_ttl.
    std::uint8_t min_ttl = 255;
    std::uint8_t max_ttl = 255;
    bool operator==(const UnicastPeer&) const = default;
};

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
    /// How long a lower priority stays active before this node preempts it; counted from the first
    /// such advertisement, again from zero after an equal or higher one. Zero: no delay. Not
    /// applied when nobody is active. 0..1000 s (keepalived).
    std::chrono::microseconds preempt_delay{0};
    /// After the start: advertisements are ignored and the first wait begins only then. Zero: none.
    std::chrono::microseconds startup_delay{0};
    /// Active: do not answer an advertisement of a lower priority with one's own (RFC 3768; RFC
    /// 9568 and keepalived's default answer).
    bool lower_priority_no_advert = false;
    /// Active: send one more advertisement before giving way to a higher priority, so that the
    /// winner sees the loser and announces the addresses once more.
    bool higher_priority_send_advert = false;
    /// Priority 255: ignore advertisements of others (RFC 9568 before erratum 8298).
    bool owner_ignores_adverts = false;
    /// The instance is a member of a vrrp_sync_group: it claims only when told so. See
    /// sync_group.hpp.
    bool in_sync_group = false;
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
    /// Destinations when not empty; otherwise the multicast group.
    std::vector<UnicastPeer> unicast_peers;
    /// TTL (hop limit) of what is sent to unicast peers. Multicast always uses 255.
    std::uint8_t unicast_ttl = 255;
    /// Unset: 224.0.0.18 / ff02::12.
    std::optional<IpAddress> multicast_group;
    std::optional<AuthHmacConfig> auth_hmac;
    bool operator==(const InstanceConfig&) const = default;
};

enum class TrackKind : std::uint8_t { Interface, Script, File, Process };

/// One line of track_*: an object and what it counts for this instance.
struct TrackedObject {
    TrackKind kind{};
    /// Of the interface, vrrp_script, track_file or vrrp_track_process.
    std::string name;
    /// -253..253; files -254..254.
    int weight = 0;
    bool reverse = false;
    friend bool operator==(const TrackedObject&, const TrackedObject&) = default;
};

}  // namespace tandem::vrrp
