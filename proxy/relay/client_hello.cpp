#include "proxy/relay/client_hello.hpp"

#include <optional>
#include <utility>

namespace tandem::relay {

namespace {

using Bytes = std::span<const std::byte>;
using Verdict = ClientHelloReader::Verdict;

constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMaxRecord = std::size_t{16} * 1024;
constexpr std::byte kHandshakeRecord{22};
constexpr std::byte kMajorVersion{3};
constexpr std::size_t kMessageHeader = 4;
constexpr std::byte kClientHelloMessage{1};
constexpr std::size_t kVersionAndRandom = 2 + 32;
constexpr std::size_t kServerNameExtension = 0;
constexpr std::size_t kProtocolsExtension = 16;
constexpr std::size_t kHostName = 0;
constexpr std::size_t kLongestName = 255;

/// Takes fields from the front; after the first that is not there, everything is missing.
class Fields {
  public:
    explicit Fields(Bytes bytes) : rest_(bytes) {}
    [[nodiscard]] bool at_end() const { return rest_.empty(); }
    [[nodiscard]] bool good() const { return good_; }

    Bytes take(std::size_t size) {
        if (!good_ || rest_.size() < size) {
            good_ = false;
            return {};
        }
        const Bytes field = rest_.first(size);
        rest_ = rest_.subspan(size);
        return field;
    }
    /// Big-endian. Zero when missing.
    std::size_t number(std::size_t size) {
        std::size_t value = 0;
        for (const std::byte byte : take(size)) {
            value = value << 8U | std::to_integer<std::size_t>(byte);
        }
        return value;
    }
    /// A vector with a length of so many bytes in front.
    Bytes vector(std::size_t length_size) { return take(number(length_size)); }

  private:
    Bytes rest_;
    bool good_ = true;
};

std::string to_string(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool read_server_name(Bytes data, ClientHello& hello) {
    Fields extension{data};
    Fields names{extension.vector(2)};
    while (extension.good() && names.good() && !names.at_end()) {
        const std::size_t type = names.number(1);
        const Bytes name = names.vector(2);
        if (type == kHostName && hello.server_name.empty() && name.size() <= kLongestName) {
            hello.server_name = to_string(name);
        }
    }
    return extension.good() && extension.at_end() && names.good();
}

bool read_protocols(Bytes data, ClientHello& hello) {
    Fields extension{data};
    Fields protocols{extension.vector(2)};
    while (extension.good() && protocols.good() && !protocols.at_end()) {
        hello.protocols.push_back(to_string(protocols.vector(1)));
    }
    return extension.good() && extension.at_end() && protocols.good();
}

/// @param body of the handshake message. @return nullopt: malformed.
std::optional<ClientHello> parse_hello(Bytes body) {
    Fields fields{body};
    fields.take(kVersionAndRandom);
    fields.vector(1);  // session id
    fields.vector(2);  // cipher suites
    fields.vector(1);  // compression methods
    ClientHello hello;
    if (fields.good() && fields.at_end()) {
        // Before there were extensions.
        return hello;
    }
    Fields extensions{fields.vector(2)};
    bool good = fields.good() && fields.at_end();
    while (good && !extensions.at_end()) {
        const std::size_t type = extensions.number(2);
        const Bytes data = extensions.vector(2);
        good = extensions.good();
        if (good && type == kServerNameExtension) {
            good = read_server_name(data, hello);
        } else if (good && type == kProtocolsExtension && hello.protocols.empty()) {
            good = read_protocols(data, hello);
        }
    }
    return good ? std::optional(std::move(hello)) : std::nullopt;
}

/// The beginning of a record header cannot belong to a hello.
bool is_foreign(Bytes record) {
    return record[0] != kHandshakeRecord || (record.size() > 1 && record[1] != kMajorVersion);
}

}  // namespace

Verdict ClientHelloReader::read(Bytes received) {
    while (received.size() > record_) {
        const Bytes record = received.subspan(record_);
        if (is_foreign(record)) {
            return Verdict::NotAHello;
        }
        if (record.size() < kRecordHeader) {
            return Verdict::NeedMore;
        }
        const std::size_t size = Fields{record.subspan(kRecordHeader - 2)}.number(2);
        // An empty fragment of a handshake message is forbidden.
        if (size == 0 || size > kMaxRecord || record_ + kRecordHeader + size > kMaxClientHello) {
            return Verdict::NotAHello;
        }
        const Bytes fragment = record.subspan(kRecordHeader);
        if (message_.empty() && !fragment.empty() && fragment[0] != kClientHelloMessage) {
            return Verdict::NotAHello;
        }
        if (fragment.size() < size) {
            return Verdict::NeedMore;
        }
        record_ += kRecordHeader + size;
        message_.insert(message_.end(), fragment.begin(),
                        fragment.begin() + static_cast<std::ptrdiff_t>(size));
        const Verdict verdict = read_message();
        if (verdict != Verdict::NeedMore) {
            return verdict;
        }
    }
    return Verdict::NeedMore;
}

Verdict ClientHelloReader::read_message() {
    if (message_.size() < kMessageHeader) {
        return Verdict::NeedMore;
    }
    const Bytes body = Bytes(message_).subspan(kMessageHeader);
    const std::size_t size = Fields{Bytes(message_).subspan(1)}.number(kMessageHeader - 1);
    if (size > kMaxClientHello) {
        return Verdict::NotAHello;
    }
    if (body.size() < size) {
        return Verdict::NeedMore;
    }
    auto hello = parse_hello(body.first(size));
    message_ = {};
    if (!hello) {
        return Verdict::NotAHello;
    }
    hello_ = std::move(*hello);
    return Verdict::Complete;
}

}  // namespace tandem::relay
