#include "proxy/relay/proxy_protocol.hpp"

#include "proxy/relay/address_bits.hpp"

#include <algorithm>
#include <charconv>
#include <string>

namespace tandem::relay {

namespace {

using boost::asio::ip::address;
using Bytes = std::span<const std::byte>;
using Endpoint = boost::asio::ip::tcp::endpoint;

constexpr std::string_view kV1Prefix = "PROXY ";
constexpr std::size_t kV1Longest = 107;

constexpr std::string_view kV2Signature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr std::size_t kV2Fixed = 16;
constexpr unsigned kV2Version = 2;
constexpr std::size_t kTlvHead = 3;
constexpr unsigned kChecksumType = 0x03;
constexpr std::size_t kChecksumSize = 4;

enum class Command : std::uint8_t { Local = 0, Proxy = 1 };
enum class Family : std::uint8_t { Unspecified = 0, Ipv4 = 1, Ipv6 = 2, Unix = 3 };
enum class Transport : std::uint8_t { Unspecified = 0, Stream = 1, Datagram = 2 };

constexpr std::array<std::size_t, 4> kAddressBlockSizes{0, 12, 36, 216};

std::string_view characters(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

unsigned to_unsigned(std::byte byte) {
    return std::to_integer<unsigned>(byte);
}

std::uint16_t read_u16(Bytes bytes) {
    return static_cast<std::uint16_t>(to_unsigned(bytes[0]) << 8U | to_unsigned(bytes[1]));
}

std::uint32_t read_u32(Bytes bytes) {
    return std::uint32_t{read_u16(bytes)} << 16U | read_u16(bytes.subspan(2));
}

/// One begins with the other.
bool agree(Bytes received, std::string_view expected) {
    const std::size_t common = std::min(received.size(), expected.size());
    return characters(received.first(common)) == expected.substr(0, common);
}

// ---- version 1

/// The next word of a line, without the space behind it.
std::optional<std::string_view> take_word(std::string_view& line) {
    const std::size_t space = line.find(' ');
    const std::string_view word = line.substr(0, space);
    if (word.empty()) {
        return std::nullopt;
    }
    // A space at the very end leaves an empty word, which the next call refuses.
    line = space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
    return word;
}

std::optional<address> parse_host(std::string_view word, bool v4) {
    // A zone would make the parser ask the host for an interface.
    if (word.find('%') != std::string_view::npos) {
        return std::nullopt;
    }
    boost::system::error_code error;
    const address host = boost::asio::ip::make_address(std::string(word), error);
    return error || host.is_v4() != v4 ? std::nullopt : std::optional(host);
}

std::optional<std::uint16_t> parse_port(std::string_view word) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), port);
    const bool leading_zero = word.size() > 1 && word.front() == '0';
    if (error != std::errc{} || end != word.data() + word.size() || leading_zero) {
        return std::nullopt;
    }
    return port;
}

std::optional<ConnectionAddresses> parse_v1_addresses(std::string_view words, bool v4) {
    // With five spaces there are six words; the last one must not be followed by a space.
    if (!words.empty() && words.back() == ' ') {
        return std::nullopt;
    }
    const auto word = [&] { return take_word(words).value_or(std::string_view()); };
    const auto source = parse_host(word(), v4);
    const auto destination = parse_host(word(), v4);
    const auto source_port = parse_port(word());
    const auto destination_port = parse_port(word());
    if (!source || !destination || !source_port || !destination_port || !words.empty()) {
        return std::nullopt;
    }
    return ConnectionAddresses{{unmapped(*source), *source_port},
                               {unmapped(*destination), *destination_port}};
}

ProxyHeaderResult parse_v1_line(std::string_view line) {
    ProxyHeader header{.consumed = line.size() + 2, .addresses = {}, .local = false};
    std::string_view rest = line.substr(kV1Prefix.size());
    const auto protocol = take_word(rest);
    if (protocol == "UNKNOWN") {
        // Whatever follows is to be ignored.
        return header;
    }
    if (protocol != "TCP4" && protocol != "TCP6") {
        return ProxyHeaderError::BadLine;
    }
    header.addresses = parse_v1_addresses(rest, protocol == "TCP4");
    if (!header.addresses) {
        return ProxyHeaderError::BadLine;
    }
    return header;
}

ProxyHeaderResult decode_v1(Bytes received) {
    const std::string_view seen = characters(received.first(std::min(received.size(), kV1Longest)));
    const std::size_t end = seen.find_first_of("\r\n");
    if (end == std::string_view::npos) {
        return seen.size() < kV1Longest ? ProxyHeaderResult(ProxyHeaderNeedsMore{})
                                        : ProxyHeaderResult(ProxyHeaderError::TooLong);
    }
    if (seen[end] == '\n') {
        return ProxyHeaderError::BadLine;
    }
    if (end + 1 == seen.size()) {
        return seen.size() < kV1Longest ? ProxyHeaderResult(ProxyHeaderNeedsMore{})
                                        : ProxyHeaderResult(ProxyHeaderError::TooLong);
    }
    if (seen[end + 1] != '\n') {
        return ProxyHeaderError::BadLine;
    }
    return parse_v1_line(seen.substr(0, end));
}

// ---- version 2

/// The checksum covers the whole header with its own four bytes as zeros (section 2.2.3).
bool checksum_is_right(Bytes header, std::size_t at) {
    constexpr std::array<std::byte, kChecksumSize> kZeros{};
    std::uint32_t sum = crc32c(header.first(at));
    sum = crc32c(kZeros, sum);
    sum = crc32c(header.subspan(at + kChecksumSize), sum);
    return sum == read_u32(header.subspan(at));
}

std::optional<ProxyHeaderError> check_tlvs(Bytes header, std::size_t at) {
    while (at < header.size()) {
        if (header.size() - at < kTlvHead) {
            return ProxyHeaderError::BadLength;
        }
        const unsigned type = to_unsigned(header[at]);
        const std::size_t length = read_u16(header.subspan(at + 1));
        at += kTlvHead;
        if (header.size() - at < length) {
            return ProxyHeaderError::BadLength;
        }
        if (type == kChecksumType) {
            if (length != kChecksumSize) {
                return ProxyHeaderError::BadLength;
            }
            if (!checksum_is_right(header, at)) {
                return ProxyHeaderError::BadChecksum;
            }
        }
        at += length;
    }
    return std::nullopt;
}

template <class AddressType>
AddressType read_host(Bytes bytes) {
    typename AddressType::bytes_type host{};
    std::transform(bytes.begin(), bytes.begin() + host.size(), host.begin(),
                   [](std::byte byte) { return std::to_integer<unsigned char>(byte); });
    return AddressType(host);
}

template <class AddressType>
ConnectionAddresses read_addresses(Bytes block) {
    constexpr std::size_t kSize = std::tuple_size_v<typename AddressType::bytes_type>;
    const Bytes ports = block.subspan(2 * kSize);
    return {{unmapped(read_host<AddressType>(block)), read_u16(ports)},
            {unmapped(read_host<AddressType>(block.subspan(kSize))), read_u16(ports.subspan(2))}};
}

/// @param header all of it, with command PROXY.
ProxyHeaderResult decode_v2_addresses(Bytes header, Family family, Transport transport) {
    ProxyHeader result{.consumed = header.size(), .addresses = {}, .local = false};
    if (family == Family::Unspecified) {
        // Nothing says where TLVs would begin.
        return result;
    }
    const Bytes block = header.subspan(kV2Fixed);
    const std::size_t size = kAddressBlockSizes[static_cast<std::size_t>(family)];
    if (block.size() < size) {
        return ProxyHeaderError::BadLength;
    }
    if (const auto error = check_tlvs(header, kV2Fixed + size)) {
        return *error;
    }
    if (transport == Transport::Stream && family == Family::Ipv4) {
        result.addresses = read_addresses<boost::asio::ip::address_v4>(block);
    } else if (transport == Transport::Stream && family == Family::Ipv6) {
        result.addresses = read_addresses<boost::asio::ip::address_v6>(block);
    }
    return result;
}

/// @pre the signature has been seen, whole or in part.
ProxyHeaderResult decode_v2(Bytes received) {
    constexpr std::size_t kCommandAt = kV2Signature.size();
    if (received.size() <= kCommandAt) {
        return ProxyHeaderNeedsMore{};
    }
    const unsigned version_and_command = to_unsigned(received[kCommandAt]);
    if (version_and_command >> 4U != kV2Version) {
        return ProxyHeaderError::BadVersion;
    }
    const auto command = static_cast<Command>(version_and_command & 0x0fU);
    if (command > Command::Proxy) {
        return ProxyHeaderError::BadCommand;
    }
    if (received.size() <= kCommandAt + 1) {
        return ProxyHeaderNeedsMore{};
    }
    const unsigned family_and_transport = to_unsigned(received[kCommandAt + 1]);
    const auto family = static_cast<Family>(family_and_transport >> 4U);
    const auto transport = static_cast<Transport>(family_and_transport & 0x0fU);
    // LOCAL: the family does not count.
    if (command == Command::Proxy && (family > Family::Unix || transport > Transport::Datagram)) {
        return ProxyHeaderError::BadFamily;
    }
    if (received.size() < kV2Fixed) {
        return ProxyHeaderNeedsMore{};
    }
    const std::size_t size = kV2Fixed + read_u16(received.subspan(kCommandAt + 2));
    if (size > kMaxProxyHeader) {
        return ProxyHeaderError::TooLong;
    }
    if (received.size() < size) {
        return ProxyHeaderNeedsMore{};
    }
    if (command == Command::Local) {
        return ProxyHeader{.consumed = size, .addresses = {}, .local = true};
    }
    return decode_v2_addresses(received.first(size), family, transport);
}

// ---- encoding

boost::asio::ip::address_v6 mapped(const address& host) {
    return host.is_v6()
               ? host.to_v6()
               : boost::asio::ip::make_address_v6(boost::asio::ip::v4_mapped, host.to_v4());
}

/// Both IPv4 or both IPv6.
ConnectionAddresses of_one_family(const ConnectionAddresses& addresses) {
    const address source = unmapped(addresses.source.address());
    const address destination = unmapped(addresses.destination.address());
    const std::uint16_t source_port = addresses.source.port();
    const std::uint16_t destination_port = addresses.destination.port();
    if (source.is_v4() == destination.is_v4()) {
        return {{source, source_port}, {destination, destination_port}};
    }
    return {{mapped(source), source_port}, {mapped(destination), destination_port}};
}

/// Without a zone, which means nothing to another host.
std::string host_text(const address& host) {
    return host.is_v4() ? host.to_string()
                        : boost::asio::ip::address_v6(host.to_v6().to_bytes()).to_string();
}

void append_host(EncodedProxyHeader& header, const address& host) {
    if (host.is_v4()) {
        const auto bytes = host.to_v4().to_bytes();
        header.append(std::as_bytes(std::span(bytes)));
    } else {
        const auto bytes = host.to_v6().to_bytes();
        header.append(std::as_bytes(std::span(bytes)));
    }
}

void append_u16(EncodedProxyHeader& header, std::size_t value) {
    const std::array<std::byte, 2> bytes{static_cast<std::byte>(value >> 8U),
                                         static_cast<std::byte>(value)};
    header.append(bytes);
}

constexpr std::array<std::uint32_t, 256> make_crc_table() {
    constexpr std::uint32_t kReversedPolynomial = 0x82f63b78;
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t byte = 0; byte < table.size(); ++byte) {
        std::uint32_t value = byte;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value & 1U) != 0 ? value >> 1U ^ kReversedPolynomial : value >> 1U;
        }
        table[byte] = value;
    }
    return table;
}

constexpr std::array<std::uint32_t, 256> kCrcTable = make_crc_table();

}  // namespace

std::string_view text(ProxyHeaderError error) {
    switch (error) {
        case ProxyHeaderError::NoHeader:
            return "no PROXY header";
        case ProxyHeaderError::TooLong:
            return "PROXY header too long";
        case ProxyHeaderError::BadLine:
            return "PROXY line malformed";
        case ProxyHeaderError::BadVersion:
            return "PROXY header of an unknown version";
        case ProxyHeaderError::BadCommand:
            return "PROXY header with an unknown command";
        case ProxyHeaderError::BadFamily:
            return "PROXY header with an unknown address family";
        case ProxyHeaderError::BadLength:
            return "PROXY header with contents longer than itself";
        case ProxyHeaderError::BadChecksum:
            return "PROXY header with a wrong checksum";
    }
    return "PROXY header invalid";
}

ProxyHeaderResult decode_proxy_header(Bytes received) {
    if (agree(received, kV1Prefix)) {
        // An empty stream agrees with everything.
        return received.size() < kV1Prefix.size() ? ProxyHeaderNeedsMore{} : decode_v1(received);
    }
    if (agree(received, kV2Signature)) {
        return decode_v2(received);
    }
    return ProxyHeaderError::NoHeader;
}

void EncodedProxyHeader::append(Bytes bytes) {
    std::ranges::copy(bytes, data_.begin() + static_cast<std::ptrdiff_t>(size_));
    size_ += bytes.size();
}

EncodedProxyHeader encode_proxy_header(ProxyProtocol version,
                                       const ConnectionAddresses& addresses) {
    const auto [source, destination] = of_one_family(addresses);
    const bool v4 = source.address().is_v4();
    EncodedProxyHeader header;
    if (version == ProxyProtocol::V1) {
        header.append(kV1Prefix);
        header.append(v4 ? "TCP4 " : "TCP6 ");
        header.append(host_text(source.address()) + ' ' + host_text(destination.address()) + ' ' +
                      std::to_string(source.port()) + ' ' + std::to_string(destination.port()) +
                      "\r\n");
        return header;
    }
    const auto family = static_cast<std::size_t>(v4 ? Family::Ipv4 : Family::Ipv6);
    header.append(kV2Signature);
    append_u16(header, kV2Version << 12U | static_cast<std::size_t>(Command::Proxy) << 8U |
                           family << 4U | static_cast<std::size_t>(Transport::Stream));
    append_u16(header, kAddressBlockSizes[family]);
    append_host(header, source.address());
    append_host(header, destination.address());
    append_u16(header, source.port());
    append_u16(header, destination.port());
    return header;
}

std::uint32_t crc32c(Bytes bytes, std::uint32_t before) {
    std::uint32_t value = ~before;
    for (const std::byte byte : bytes) {
        value = kCrcTable[(value ^ to_unsigned(byte)) & 0xffU] ^ value >> 8U;
    }
    return ~value;
}

}  // namespace tandem::relay
