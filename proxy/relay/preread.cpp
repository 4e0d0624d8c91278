#include "proxy/relay/preread.hpp"

#include <variant>

namespace tandem::relay {

Preread::Verdict Preread::on_bytes(std::span<const std::byte> bytes) {
    kept_.insert(kept_.end(), bytes.begin(), bytes.end());
    if (header_) {
        const Verdict verdict = read_header();
        if (verdict != Verdict::Complete) {
            return verdict;
        }
    }
    return read_hello();
}

Preread::Verdict Preread::read_header() {
    const ProxyHeaderResult result = decode_proxy_header(kept_);
    if (std::holds_alternative<ProxyHeaderNeedsMore>(result)) {
        return Verdict::NeedMore;
    }
    if (const auto* error = std::get_if<ProxyHeaderError>(&result)) {
        error_ = *error;
        return Verdict::BadHeader;
    }
    const auto& header = std::get<ProxyHeader>(result);
    addresses_ = header.addresses;
    kept_.erase(kept_.begin(), kept_.begin() + static_cast<std::ptrdiff_t>(header.consumed));
    header_ = false;
    return Verdict::Complete;
}

Preread::Verdict Preread::read_hello() {
    if (!hello_) {
        return Verdict::Complete;
    }
    // Not a hello: a connection without a name.
    return reader_.read(kept_) == ClientHelloReader::Verdict::NeedMore ? Verdict::NeedMore
                                                                       : Verdict::Complete;
}

}  // namespace tandem::relay
