// TLS hellos for tests, built from their fields.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::relay::test {

/// Big-endian, with so many bytes.
inline std::string number(std::size_t value, int bytes) {
    std::string result;
    for (int byte = bytes - 1; byte >= 0; --byte) {
        result += static_cast<char>(value >> (8U * static_cast<unsigned>(byte)));
    }
    return result;
}

inline std::string with_length(std::string_view content, int bytes) {
    return number(content.size(), bytes) + std::string(content);
}

inline std::string extension(unsigned type, std::string_view data) {
    return number(type, 2) + with_length(data, 2);
}

inline std::string server_name(std::string_view name) {
    return extension(0, with_length('\0' + with_length(name, 2), 2));
}

inline std::string protocols(const std::vector<std::string>& names) {
    std::string list;
    for (const std::string& name : names) {
        list += with_length(name, 1);
    }
    return extension(16, with_length(list, 2));
}

/// The handshake message.
inline std::string hello_message(std::string_view extensions) {
    const std::string body = "\x03\x03" + std::string(32, 'r') + with_length("session", 1) +
                             with_length("\x13\x01\x13\x02", 2) +
                             with_length(std::string(1, '\0'), 1) + with_length(extensions, 2);
    return '\x01' + with_length(body, 3);
}

/// In records of at most so many bytes.
inline std::string records(std::string_view message, std::size_t most = 16384) {
    std::string result;
    for (std::size_t at = 0; at < message.size(); at += most) {
        result += "\x16\x03\x01" + with_length(message.substr(at, most), 2);
    }
    return result;
}

inline std::string client_hello(std::string_view name) {
    return records(hello_message(server_name(name) + protocols({"h2", "http/1.1"})));
}

}  // namespace tandem::relay::test
