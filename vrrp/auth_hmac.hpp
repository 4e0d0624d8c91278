// Authentication of advertisements by keepalived's auth_hmac (2.4): trailer, signature, replay
// marks. Pure; the wall clock is an argument.
//
// Trailer, 28 bytes after the VRRP message (after the authentication data of version 2), counted by
// the IP length, not covered by the VRRP checksum of IPv4:
//
//    0               1               2               3
//    +---------------+---------------+-------------------------------+
//    | extension (1) |  key id       |          reserved (0)         |
//    +---------------+---------------+-------------------------------+
//    |                   seconds since 1970, UTC                     |
//    +-------------------------------+-------------------------------+
//    |     1/65536 seconds           |           counter             |
//    +-------------------------------+-------------------------------+
//    |        first 16 bytes of HMAC-SHA256(key, input)              |
//    +---------------------------------------------------------------+
//
// input = family (4 or 6), version, VRID, 0, source address padded with zeros to 16 bytes; the
// message with a checksum of zero; the first 12 bytes of the trailer; 16 zero bytes.
#pragma once

#include "vrrp/config.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace tandem::vrrp {

using WallTime = std::chrono::system_clock::time_point;

inline constexpr std::size_t kTrailerSize = 28;
using Trailer = std::array<std::uint8_t, kTrailerSize>;

/// What a signature covers beside key and sequence.
struct SignedMessage {
    /// The VRRP message without trailer; its checksum field may hold anything.
    std::span<const std::uint8_t> message;
    /// Address of the IP header; selects the family.
    IpAddress source;
};

/// Clock of the sender minus ours, by the stamp of its trailer. Proves nothing before verify().
std::chrono::milliseconds clock_skew(std::span<const std::uint8_t, kTrailerSize> trailer,
                                     WallTime now);

/// Seconds (32 bits), fraction (16), counter (16), from the top: grows with every advertisement.
using Sequence = std::uint64_t;

/// Signs one virtual router's advertisements. The sequence is the clock's, or the last one + 1 when
/// the clock stands still or ran back by no more than the time window (a larger step back follows
/// the clock in AntiReplay::Time). Not thread-safe.
class HmacSigner {
  public:
    /// @pre config.active_key is one of config.keys, otherwise sign() throws std::out_of_range.
    explicit HmacSigner(AuthHmacConfig config);
    /// Once per advertisement; the same trailer goes to every unicast peer. In every mode:
    /// encode() leaves the trailer out in Mode::ReceiveOnly.
    /// @pre the message has kMinMessageSize to kMaxMessageSize bytes.
    Trailer sign(const SignedMessage& signed_message, WallTime now);

  private:
    AuthHmacConfig config_;
    Sequence last_ = 0;
};

/// Why a trailer was not accepted; keepalived's six counters.
enum class HmacFailure : std::uint8_t { Missing, Malformed, UnknownKey, Invalid, Stale, Replay };

/// The highest sequence accepted from a sender: what a replay must not repeat.
struct ReplayMark {
    IpAddress sender;
    Sequence sequence = 0;
    friend bool operator==(const ReplayMark&, const ReplayMark&) = default;
};

/// Verifies what one virtual router receives. Marks are kept per configured unicast peer, or for
/// the four senders heard last with a right signature. Not thread-safe.
///
/// Priority 0 from a sender without a mark counts as a replay, and leaves no mark: a node that just
/// started cannot tell a captured one from a new one.
class HmacVerifier {
  public:
    static constexpr std::size_t kMulticastSenders = 4;

    /// @param unicast_peers whom decode() lets through; empty for multicast.
    /// @param marks of an earlier life, the latest last: a restarted node would otherwise take what
    /// was captured before. Those of unknown peers are dropped.
    HmacVerifier(AuthHmacConfig config, const std::vector<IpAddress>& unicast_peers,
                 const std::vector<ReplayMark>& marks);

    /// @param trailer what follows the message: empty when the datagram ends with it.
    /// @return nullopt: accepted (and marked). Order of checks: missing, malformed, stale, key,
    /// signature (constant time), replay.
    std::optional<HmacFailure> verify(const SignedMessage& signed_message,
                                      std::span<const std::uint8_t> trailer, WallTime now);

    /// The sender heard last is the last one.
    [[nodiscard]] const std::vector<ReplayMark>& marks() const;
    /// Clock of the sender minus ours, of the last verify(); alarms when above half the window.
    /// nullopt: it had no trailer, or one that was not accepted.
    [[nodiscard]] std::optional<std::chrono::milliseconds> last_skew() const;

  private:
    [[nodiscard]] bool is_replay(const IpAddress& sender, Sequence sequence, Sequence clock,
                                 std::uint8_t priority) const;
    void remember(const IpAddress& sender, Sequence sequence);

    AuthHmacConfig config_;
    std::size_t max_marks_;
    std::vector<ReplayMark> marks_;
    std::optional<std::chrono::milliseconds> last_skew_;
};

}  // namespace tandem::vrrp
