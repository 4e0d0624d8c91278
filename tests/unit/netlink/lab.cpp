#include "tests/unit/netlink/lab.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::netlink {

void Lab::SetUp() {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs root: makes a network namespace";
    }
    original_namespace_.reset(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(original_namespace_.is_open());
    if (::unshare(CLONE_NEWNET) == -1) {
        original_namespace_.reset();
        GTEST_SKIP() << "cannot make a network namespace: " << std::strerror(errno);
    }
    // No detection delay for the link-local address of vip0.
    ASSERT_TRUE(
        run("echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad &&"
            "ip link set lo up && ip link add vip0 type veth peer name vip1 &&"
            "ip link set vip0 up && ip link set vip1 up && ip addr add 198.51.100.11/24 dev vip0"));
}

void Lab::TearDown() {
    if (original_namespace_.is_open()) {
        // Back first: the namespace ends with its last user.
        EXPECT_NE(::setns(original_namespace_.get(), CLONE_NEWNET), -1);
    }
}

bool Lab::run(const std::string& command) {
    return std::system(command.c_str()) == 0;
}

std::string Lab::output(const std::string& command) {
    std::array<char, 512> line{};
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) {
        return {};
    }
    std::string text;
    if (std::fgets(line.data(), static_cast<int>(line.size()), pipe) != nullptr) {
        text = line.data();
    }
    ::pclose(pipe);
    return text;
}

bool Lab::has_address(const std::string& address, const std::string& interface) {
    return !output("ip -o addr show dev " + interface + " to " + address + " 2>/dev/null").empty();
}

bool Lab::run_until(const std::function<bool()>& condition, std::chrono::milliseconds bound) {
    const auto deadline = std::chrono::steady_clock::now() + bound;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) {
            return false;
        }
        context_.restart();
        context_.run_one_for(std::chrono::milliseconds{5});
    }
    return true;
}

void Lab::run_for(std::chrono::milliseconds duration) {
    context_.restart();
    context_.run_for(duration);
}

Capture::Capture(const std::string& interface, std::uint16_t ether_type)
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ether_type))) {
    sockaddr_ll local{};
    local.sll_family = AF_PACKET;
    local.sll_protocol = htons(ether_type);
    local.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    EXPECT_NE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&local), sizeof(local)), -1);
}

std::vector<std::vector<std::uint8_t>> Capture::frames() {
    std::vector<std::vector<std::uint8_t>> frames;
    std::vector<std::uint8_t> buffer(2048);
    sockaddr_ll sender{};
    socklen_t length = sizeof(sender);
    ssize_t size = 0;
    while ((size = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0,
                              reinterpret_cast<sockaddr*>(&sender), &length)) != -1) {
        if (sender.sll_pkttype != PACKET_OUTGOING) {
            frames.emplace_back(buffer.begin(), buffer.begin() + size);
        }
    }
    return frames;
}

}  // namespace tandem::netlink
