#include "proxy/relay/echo_message.hpp"

#include <cstddef>
#include <optional>

namespace tandem::relay {

namespace {

constexpr std::size_t kHeaderSize = 8;
constexpr std::size_t kIpHeaderSize = 20;
constexpr unsigned kIcmp = 1;

unsigned byte_at(std::string_view bytes, std::size_t at) {
    return static_cast<unsigned char>(bytes[at]);
}

unsigned number_at(std::string_view bytes, std::size_t at) {
    return byte_at(bytes, at) << 8U | byte_at(bytes, at + 1);
}

void put(std::string& message, unsigned number) {
    message += static_cast<char>(number >> 8U & 0xffU);
    message += static_cast<char>(number & 0xffU);
}

/// RFC 1071. Zero over a message that has the right one.
unsigned checksum(std::string_view message) {
    std::uint64_t sum = 0;
    for (std::size_t at = 0; at < message.size(); at += 2) {
        sum += at + 1 < message.size() ? number_at(message, at) : byte_at(message, at) << 8U;
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffffU) + (sum >> 16U);
    }
    return ~static_cast<unsigned>(sum) & 0xffffU;
}

/// What is behind the IPv4 header; nothing: it does not carry ICMP.
std::optional<std::string_view> without_ip_header(std::string_view datagram) {
    if (datagram.size() < kIpHeaderSize) {
        return std::nullopt;
    }
    const std::size_t size = std::size_t{4} * (byte_at(datagram, 0) & 0x0fU);
    const bool is_usable = byte_at(datagram, 0) >> 4U == 4 && size >= kIpHeaderSize &&
                           size <= datagram.size() && byte_at(datagram, 9) == kIcmp;
    return is_usable ? std::optional(datagram.substr(size)) : std::nullopt;
}

}  // namespace

std::string make_echo_request(const EchoRequest& request) {
    std::string message;
    put(message, request.is_v4 ? 0x0800 : 0x8000);
    put(message, 0);
    put(message, request.identifier);
    put(message, request.sequence);
    message += request.payload;
    if (request.is_v4) {
        const unsigned sum = checksum(message);
        message[2] = static_cast<char>(sum >> 8U);
        message[3] = static_cast<char>(sum & 0xffU);
    }
    return message;
}

DatagramVerdict judge_echo(const EchoRequest& request, bool has_ip_header,
                           std::string_view datagram) {
    const auto message = has_ip_header ? without_ip_header(datagram) : std::optional(datagram);
    const unsigned reply = request.is_v4 ? 0x0000 : 0x8100;
    const bool is_ours = message && message->size() >= kHeaderSize &&
                         number_at(*message, 0) == reply &&
                         number_at(*message, 4) == request.identifier &&
                         number_at(*message, 6) == request.sequence &&
                         message->substr(kHeaderSize) == request.payload &&
                         // The kernel has looked at that of IPv6, which covers addresses too.
                         (!request.is_v4 || checksum(*message) == 0);
    return is_ours ? DatagramVerdict::passed("echo reply") : DatagramVerdict::foreign();
}

}  // namespace tandem::relay
