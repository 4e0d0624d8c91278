#include "vrrp/auth_hmac.hpp"

#include "vrrp/packet.hpp"

#include <algorithm>
#include <cstdlib>
#include <new>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace tandem::vrrp {

namespace {

using Bytes = std::span<const std::uint8_t>;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint8_t kExtensionType = 1;
constexpr std::size_t kSequenceOffset = 4;
constexpr std::size_t kSignatureOffset = 12;
constexpr std::size_t kSignatureSize = kTrailerSize - kSignatureOffset;
constexpr std::size_t kPseudoHeaderSize = 20;
constexpr std::size_t kChecksumOffset = 6;

using Signature = std::array<std::uint8_t, kSignatureSize>;

/// The clock's part of a sequence; the counter is zero.
Sequence to_sequence(WallTime now) {
    const auto since_epoch = now.time_since_epoch();
    const auto whole = std::chrono::floor<seconds>(since_epoch);
    const auto rest = std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch - whole);
    const auto fraction = static_cast<Sequence>(rest.count()) * 65536U / 1'000'000'000U;
    return Sequence{static_cast<std::uint32_t>(whole.count())} << 32U | fraction << 16U;
}

/// How far `left` is after `right`; negative when before. Serial arithmetic: right across the end
/// of the 32 bits of seconds (2106).
std::int64_t distance(Sequence left, Sequence right) {
    return static_cast<std::int64_t>(left - right);
}

/// The same in whole seconds of the stamps, which is what keepalived compares with the window.
std::int64_t seconds_between(Sequence left, Sequence right) {
    const auto left_seconds = static_cast<std::uint32_t>(left >> 32U);
    const auto right_seconds = static_cast<std::uint32_t>(right >> 32U);
    return static_cast<std::int32_t>(left_seconds - right_seconds);
}

Sequence read_sequence(Bytes trailer) {
    Sequence sequence = 0;
    for (const std::uint8_t byte :
         trailer.subspan(kSequenceOffset, kSignatureOffset - kSequenceOffset)) {
        sequence = sequence << 8U | byte;
    }
    return sequence;
}

void write_sequence(Trailer& trailer, Sequence sequence) {
    for (std::size_t i = kSignatureOffset; i > kSequenceOffset; --i) {
        trailer[i - 1] = static_cast<std::uint8_t>(sequence & 0xffU);
        sequence >>= 8U;
    }
}

/// @param trailer of which the part before the signature counts.
Signature compute_signature(const std::vector<std::uint8_t>& key,
                            const SignedMessage& signed_message, Bytes trailer) {
    const Bytes message = signed_message.message;
    std::array<std::uint8_t, kPseudoHeaderSize + kMaxMessageSize + kTrailerSize> input{};
    const bool ipv4 = signed_message.source.is_v4();
    input[0] = ipv4 ? 4 : 6;
    input[1] = static_cast<std::uint8_t>(message[0] >> 4U);
    input[2] = message[1];
    if (ipv4) {
        std::ranges::copy(signed_message.source.to_v4().to_bytes(), input.begin() + 4);
    } else {
        std::ranges::copy(signed_message.source.to_v6().to_bytes(), input.begin() + 4);
    }
    std::ranges::copy(message, input.begin() + kPseudoHeaderSize);
    input[kPseudoHeaderSize + kChecksumOffset] = 0;
    input[kPseudoHeaderSize + kChecksumOffset + 1] = 0;
    std::ranges::copy(trailer.first(kSignatureOffset),
                      input.begin() + kPseudoHeaderSize + message.size());

    std::array<std::uint8_t, EVP_MAX_MD_SIZE> digest{};
    const std::size_t size = kPseudoHeaderSize + message.size() + kTrailerSize;
    if (::HMAC(::EVP_sha256(), key.data(), static_cast<int>(key.size()), input.data(), size,
               digest.data(), nullptr) == nullptr) {
        throw std::bad_alloc{};  // its only way to fail
    }
    Signature signature{};
    std::copy_n(digest.begin(), signature.size(), signature.begin());
    return signature;
}

bool is_possible_message(Bytes message) {
    return message.size() >= kMinMessageSize && message.size() <= kMaxMessageSize;
}

}  // namespace

milliseconds clock_skew(std::span<const std::uint8_t, kTrailerSize> trailer, WallTime now) {
    const std::int64_t difference = distance(read_sequence(trailer), to_sequence(now));
    return milliseconds{(difference >> 16) * 1000 / 65536};
}

HmacSigner::HmacSigner(AuthHmacConfig config) : config_{std::move(config)} {}

Trailer HmacSigner::sign(const SignedMessage& signed_message, WallTime now) {
    const Sequence clock = to_sequence(now);
    const bool ran_back = config_.anti_replay == AuthHmacConfig::AntiReplay::Time &&
                          seconds_between(last_, clock) > config_.time_window.count();
    const bool follow_clock = last_ == 0 || distance(clock, last_) > 0 || ran_back;
    last_ = follow_clock ? clock : last_ + 1;

    Trailer trailer{kExtensionType, config_.active_key};
    write_sequence(trailer, last_);
    const Signature signature =
        compute_signature(config_.keys.at(config_.active_key), signed_message, trailer);
    std::ranges::copy(signature, trailer.begin() + kSignatureOffset);
    return trailer;
}

HmacVerifier::HmacVerifier(AuthHmacConfig config, const std::vector<IpAddress>& unicast_peers,
                           const std::vector<ReplayMark>& marks)
    : config_{std::move(config)},
      max_marks_{unicast_peers.empty() ? kMulticastSenders : unicast_peers.size()} {
    marks_.reserve(max_marks_);
    for (const ReplayMark& mark : marks) {
        const auto is_sender = [&mark](const IpAddress& peer) {
            return without_zone(peer) == without_zone(mark.sender);
        };
        if (unicast_peers.empty() || std::ranges::any_of(unicast_peers, is_sender)) {
            remember(without_zone(mark.sender), mark.sequence);
        }
    }
}

std::optional<HmacFailure> HmacVerifier::verify(const SignedMessage& signed_message,
                                                std::span<const std::uint8_t> trailer,
                                                WallTime now) {
    last_skew_.reset();
    if (trailer.empty()) {
        const bool needed = config_.mode == AuthHmacConfig::Mode::Enforce;
        return needed ? std::optional{HmacFailure::Missing} : std::nullopt;
    }
    if (trailer.size() != kTrailerSize || trailer[0] != kExtensionType || trailer[2] != 0 ||
        trailer[3] != 0 || !is_possible_message(signed_message.message)) {
        return HmacFailure::Malformed;
    }
    const Sequence sequence = read_sequence(trailer);
    const Sequence clock = to_sequence(now);
    const bool timed = config_.anti_replay == AuthHmacConfig::AntiReplay::Time;
    if (timed && std::abs(seconds_between(sequence, clock)) > config_.time_window.count()) {
        return HmacFailure::Stale;
    }
    const auto key = config_.keys.find(trailer[1]);
    if (key == config_.keys.end()) {
        return HmacFailure::UnknownKey;
    }
    const Signature signature = compute_signature(key->second, signed_message, trailer);
    if (::CRYPTO_memcmp(signature.data(), &trailer[kSignatureOffset], signature.size()) != 0) {
        return HmacFailure::Invalid;
    }
    const IpAddress sender = without_zone(signed_message.source);
    if (is_replay(sender, sequence, clock, signed_message.message[2])) {
        return HmacFailure::Replay;
    }
    remember(sender, sequence);
    last_skew_ = clock_skew(trailer.first<kTrailerSize>(), now);
    return std::nullopt;
}

bool HmacVerifier::is_replay(const IpAddress& sender, Sequence sequence, Sequence clock,
                             std::uint8_t priority) const {
    const auto mark = std::ranges::find(marks_, sender, &ReplayMark::sender);
    // A mark from ahead of the window was made before a clock ran back; nothing that the window
    // lets through could be above it.
    const bool usable = mark != marks_.end() &&
                        (config_.anti_replay == AuthHmacConfig::AntiReplay::Monotonic ||
                         seconds_between(mark->sequence, clock) <= config_.time_window.count());
    if (usable) {
        return distance(sequence, mark->sequence) <= 0;
    }
    // Nothing tells a captured priority 0 from a new one. Refusing a true one costs the wait for
    // the active down interval; taking a captured one would make two active nodes.
    return priority == kReleasePriority;
}

void HmacVerifier::remember(const IpAddress& sender, Sequence sequence) {
    std::erase_if(marks_, [&sender](const ReplayMark& mark) { return mark.sender == sender; });
    if (marks_.size() == max_marks_) {
        marks_.erase(marks_.begin());
    }
    marks_.push_back({sender, sequence});
}

const std::vector<ReplayMark>& HmacVerifier::marks() const {
    return marks_;
}

std::optional<milliseconds> HmacVerifier::last_skew() const {
    return last_skew_;
}

}  // namespace tandem::vrrp
