#include "tests/unit/relay/support.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::relay::test {

namespace {

void set_patience(int socket) {
    const timeval patience{.tv_sec = kPatience.count(), .tv_usec = 0};
    ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

}  // namespace

Endpoint loopback(std::uint16_t port, const char* address) {
    return {boost::asio::ip::make_address(address), port};
}

bool eventually(const std::function<bool()>& condition, std::chrono::milliseconds patience) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return true;
}

Stream::Stream(Descriptor socket) : socket_(std::move(socket)) {
    if (socket_.is_open()) {
        const int flags = ::fcntl(native(), F_GETFL);
        ::fcntl(native(), F_SETFL, flags & ~O_NONBLOCK);
        set_patience(native());
    }
}

bool Stream::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::send(native(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (count == -1) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

std::string Stream::receive(std::size_t count) {
    std::string result(count, '\0');
    std::size_t received = 0;
    while (received < count) {
        const ssize_t got = ::recv(native(), result.data() + received, count - received, 0);
        if (got <= 0) {
            ending_ = got == 0 ? Ending::Fin : errno == ECONNRESET ? Ending::Reset : Ending::None;
            break;
        }
        received += static_cast<std::size_t>(got);
    }
    result.resize(received);
    return result;
}

std::string Stream::receive_all() {
    std::string result;
    while (true) {
        const std::string part = receive(std::size_t{64} * 1024);
        result += part;
        if (part.size() < std::size_t{64} * 1024) {
            return result;
        }
    }
}

void Stream::finish() {
    ::shutdown(native(), SHUT_WR);
}
void Stream::reset() {
    close_with_reset(socket_);
}

Endpoint Stream::local() const {
    return local_endpoint(socket_).value();
}

Endpoint Stream::remote() const {
    Endpoint endpoint;
    auto size = static_cast<socklen_t>(endpoint.capacity());
    EXPECT_EQ(::getpeername(native(), endpoint.data(), &size), 0);
    endpoint.resize(size);
    return endpoint;
}

void Stream::set_buffers(int bytes) {
    ::setsockopt(native(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
    ::setsockopt(native(), SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

Stream connect_to(const Endpoint& endpoint, const std::optional<IpAddress>& source) {
    auto socket = start_connect(endpoint, source);
    if (!socket.has_value()) {
        return {};
    }
    pollfd wait{.fd = socket->get(), .events = POLLOUT, .revents = 0};
    const int milliseconds = static_cast<int>(std::chrono::milliseconds{kPatience}.count());
    if (::poll(&wait, 1, milliseconds) != 1 || (wait.revents & POLLOUT) == 0) {
        return {};
    }
    return Stream{std::move(*socket)};
}

Upstream::Upstream(const char* address, int backlog) : endpoint_(loopback(0, address)) {
    socket_ = Descriptor{
        ::socket(endpoint_.protocol().family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    EXPECT_EQ(::bind(socket_.get(), endpoint_.data(), static_cast<socklen_t>(endpoint_.size())), 0);
    EXPECT_EQ(::listen(socket_.get(), backlog), 0);
    endpoint_ = local_endpoint(socket_).value();
}

Stream Upstream::accept(std::chrono::milliseconds patience) {
    pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, static_cast<int>(patience.count())) != 1) {
        return {};
    }
    auto socket = accept_connection(socket_);
    return socket.has_value() ? Stream{std::move(*socket)} : Stream{};
}

Endpoint refusing_endpoint() {
    return Upstream{}.endpoint();
}

Blackhole::Blackhole() {
    for (int count = 0; count < 4; ++count) {
        fillers_.push_back(std::move(start_connect(endpoint(), {}).value()));
    }
}

void RecordingObserver::on_accept_paused(std::string_view service, std::string_view reason) {
    add("paused " + std::string{service} + ": " + std::string{reason});
}

void RecordingObserver::on_accept_resumed(std::string_view service) {
    add("resumed " + std::string{service});
}

void RecordingObserver::on_no_upstream(std::string_view service, std::string_view last_error) {
    add("no upstream " + std::string{service} + ": " + std::string{last_error});
}

void RecordingObserver::on_buffers_short(std::string_view service) {
    add("buffers short " + std::string{service});
}

void RecordingObserver::add(std::string line) {
    const std::lock_guard lock{mutex_};
    lines_.push_back(std::move(line));
}

std::vector<std::string> RecordingObserver::take() {
    const std::lock_guard lock{mutex_};
    return std::exchange(lines_, {});
}

ServiceConfig Relay::service_to(const std::vector<Endpoint>& upstreams) {
    ServiceConfig service;
    service.name = "service";
    service.listen = loopback();
    for (std::size_t index = 0; index < upstreams.size(); ++index) {
        UpstreamConfig upstream;
        upstream.name = "upstream" + std::to_string(index);
        upstream.endpoint = upstreams[index];
        service.upstreams.push_back(upstream);
    }
    return service;
}

Relay::Relay(ServiceConfig service, unsigned workers, unsigned max_connections,
             std::size_t buffer_memory)
    : engine_(EngineConfig{.services = {std::move(service)},
                           .workers = workers,
                           .max_connections = max_connections,
                           .buffer_memory = buffer_memory},
              observer_) {
    for (const std::string& error : engine_.start()) {
        ADD_FAILURE() << error;
    }
}

std::optional<std::uint64_t> Relay::deactivate(const std::string& instance) {
    struct Result {
        std::mutex mutex;
        std::condition_variable changed;
        std::optional<std::uint64_t> count;
    };
    const auto result = std::make_shared<Result>();
    engine_.deactivate(instance, [result](std::uint64_t count) {
        const std::lock_guard lock{result->mutex};
        result->count = count;
        result->changed.notify_all();
    });
    std::unique_lock lock{result->mutex};
    result->changed.wait_for(lock, kPatience, [&result] { return result->count.has_value(); });
    return result->count;
}

void BlockingObserver::on_no_upstream(std::string_view service, std::string_view /*error*/) {
    std::unique_lock lock{mutex_};
    const std::string name{service};
    held_.push_back(name);
    changed_.notify_all();
    changed_.wait(lock, [&] {
        return open_ || std::find(released_.begin(), released_.end(), name) != released_.end();
    });
}

bool BlockingObserver::wait_for(const std::string& service) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, kPatience, [&] {
        return std::find(held_.begin(), held_.end(), service) != held_.end();
    });
}

void BlockingObserver::release(const std::string& service) {
    const std::lock_guard lock{mutex_};
    open_ = open_ || service.empty();
    released_.push_back(service);
    changed_.notify_all();
}

void add_to_loopback(const std::string& address) {
    const bool v6 = address.find(':') != std::string::npos;
    run("ip link set lo up && ip addr add " + address + " dev lo" + (v6 ? " nodad" : ""));
    if (v6) {
        // A work queue of the kernel inserts the route; before that, packets to it are unreachable.
        const std::string route = "ip -6 route show table local | grep -q '^local " +
                                  address.substr(0, address.find('/')) + " '";
        EXPECT_TRUE(eventually([&route] {
            return std::system(route.c_str()) == 0;  // NOLINT(cert-env33-c): fixed text
        })) << address;
    }
}

void run(const std::string& command) {
    EXPECT_EQ(std::system(command.c_str()), 0) << command;  // NOLINT(cert-env33-c): fixed text
}

namespace {

bool source_is(const std::array<unsigned char, 2048>& packet, const IpAddress& address) {
    if (address.is_v4()) {
        const auto bytes = address.to_v4().to_bytes();
        return packet[0] >> 4U == 4 && std::equal(bytes.begin(), bytes.end(), &packet[12]);
    }
    const auto bytes = address.to_v6().to_bytes();
    return packet[0] >> 4U == 6 && std::equal(bytes.begin(), bytes.end(), &packet[8]);
}

}  // namespace

Capture::Capture()
    : socket_(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, htons(ETH_P_ALL))) {
    EXPECT_TRUE(socket_.is_open());
}

std::size_t Capture::sent_from(const IpAddress& address) {
    std::size_t count = 0;
    std::array<unsigned char, 2048> packet{};
    while (true) {
        sockaddr_ll from{};
        socklen_t size = sizeof from;
        const ssize_t got = ::recvfrom(socket_.get(), packet.data(), packet.size(), 0,
                                       reinterpret_cast<sockaddr*>(&from), &size);
        if (got < 20) {
            return count;
        }
        if (from.sll_pkttype == PACKET_OUTGOING && source_is(packet, address)) {
            ++count;
        }
    }
}

std::string pattern(std::size_t size, std::uint64_t seed) {
    std::string result(size, '\0');
    std::uint64_t state = seed * 0x9E3779B97F4A7C15U + 1;
    for (char& byte : result) {
        state = state * 6364136223846793005U + 1442695040888963407U;
        byte = static_cast<char>(state >> 56U);
    }
    return result;
}

}  // namespace tandem::relay::test
