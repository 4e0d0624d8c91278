// A blocking unix socket for tests that need to see the bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace tandem::control::test {

class RawClient {
  public:
    /// Every read is bounded to five seconds.
    explicit RawClient(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
        const timeval bound{5, 0};
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(static_cast<char*>(address.sun_path), sizeof(address.sun_path) - 1);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
        connected_ =
            ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    }
    ~RawClient() { close(); }
    RawClient(const RawClient&) = delete;
    RawClient& operator=(const RawClient&) = delete;

    [[nodiscard]] bool connected() const { return connected_; }
    bool send(std::string_view bytes) const {
        return ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
               static_cast<ssize_t>(bytes.size());
    }
    void shutdown_send() const { ::shutdown(socket_, SHUT_WR); }
    void close() {
        if (socket_ != -1) {
            ::close(socket_);
        }
        socket_ = -1;
    }

    /// Until `ending` has been received, the end of the stream, or the bound.
    std::string read_until(std::string_view ending) {
        while (received_.find(ending) == std::string::npos && receive()) {
        }
        return received_;
    }
    /// Everything up to the end of the stream; `ended()` tells whether it came.
    std::string read_all() {
        while (receive()) {
        }
        return received_;
    }
    [[nodiscard]] bool ended() const { return ended_; }

  private:
    bool receive() {
        std::array<char, 65536> buffer{};
        const ssize_t count = ::recv(socket_, buffer.data(), buffer.size(), 0);
        if (count > 0) {
            received_.append(buffer.data(), static_cast<std::size_t>(count));
        }
        ended_ = count == 0 || (count == -1 && errno == ECONNRESET);
        return count > 0;
    }

    int socket_;
    bool connected_ = false;
    bool ended_ = false;
    std::string received_;
};

inline std::string http_get(std::string_view target) {
    return "GET " + std::string(target) + " HTTP/1.1\r\nHost: tandem\r\nConnection: close\r\n\r\n";
}

inline std::string http_post(std::string_view target, std::string_view body) {
    return "POST " + std::string(target) + " HTTP/1.1\r\nHost: tandem\r\nConnection: close\r\n" +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

}  // namespace tandem::control::test
