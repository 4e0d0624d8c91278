#include "tests/unit/vrrp/link_fixture.hpp"

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::vrrp {

namespace {

int open_current_namespace() {
    return ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
}

/// Fixed link-locals without duplicate address detection: usable at once.
void configure_end(LinkEnd& end, const std::string& number) {
    end.ipv4 = boost::asio::ip::make_address("198.51.100." + number);
    end.other_ipv4 = boost::asio::ip::make_address("203.0.113." + number);
    end.ipv6 = boost::asio::ip::make_address("fe80::" + number);
    const std::string device = " dev " + end.interface;
    run_command("ip link set lo up");
    run_command("ip link set" + device + " addrgenmode none");
    run_command("ip addr add " + end.ipv4.to_string() + "/24" + device);
    run_command("ip addr add " + end.other_ipv4.to_string() + "/24" + device);
    run_command("ip link set" + device + " up");
    run_command("ip addr add " + end.ipv6.to_string() + "/64 nodad" + device);
    end.index = ::if_nametoindex(end.interface.c_str());
}

/// The kernel lets packets through some time after a link went up, when it has noticed the
/// carrier; what is sent before is lost.
bool wait_until_running(const LinkEnd& end) {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    end.interface.copy(request.ifr_name, IFNAMSIZ - 1);
    const auto bound = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    bool running = false;
    while (!running && std::chrono::steady_clock::now() < bound) {
        running =
            ::ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) != 0;
        std::this_thread::yield();
    }
    ::close(fd);
    return running;
}

/// The kernel joins the group that neighbours ask for an address in a work queue, after the address
/// was added; a neighbour solicitation lost before that is repeated only a second later.
bool wait_until_neighbours_can_ask(const LinkEnd& end) {
    const std::string low_bytes = end.ipv6.to_string().substr(std::strlen("fe80::"));
    const std::string group =
        "ff0200000000000000000001ff" + std::string(6 - low_bytes.size(), '0') + low_bytes;
    const auto bound = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    bool joined = false;
    while (!joined && std::chrono::steady_clock::now() < bound) {
        std::ifstream file{"/proc/thread-self/net/igmp6"};
        std::stringstream groups;
        groups << file.rdbuf();
        joined = groups.str().find(group) != std::string::npos;
        std::this_thread::yield();
    }
    return joined;
}

}  // namespace

void run_command(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

bool FakeEnvironment::acquire_addresses(const std::string& /*instance*/) {
    log.emplace_back("acquire");
    return true;
}

void FakeEnvironment::release_addresses(const std::string& /*instance*/,
                                        std::function<void()> done) {
    log.emplace_back("release");
    if (hold_releases) {
        held_releases.push_back(std::move(done));
    } else {
        done();
    }
}

void FakeEnvironment::announce_addresses(const std::string& /*instance*/) {
    log.emplace_back("announce");
}

void FakeEnvironment::on_transition(const std::string& /*instance*/, const StateChanged& change) {
    log.push_back(std::string{to_string(change.to)} + " " + std::string{to_string(change.reason)});
    if (transition_hook) {
        transition_hook(change);
    }
}

void FakeEnvironment::on_lower_claim(const std::string& /*instance*/,
                                     const LowerClaimHeard& claim) {
    log.push_back("lower claim " + std::to_string(claim.priority));
}

void FakeEnvironment::on_concern(const std::string& /*instance*/, const Concern& concern) {
    concerns.push_back(std::string{to_string(concern)} + " " + concern.source.to_string());
}

void FakeEnvironment::on_group_event(const std::string& /*instance*/) {
    ++group_events;
}

void FakeEnvironment::on_replay_marks(const std::string& /*instance*/,
                                      const std::vector<ReplayMark>& replay_marks) {
    marks = replay_marks;
}

void FakeEnvironment::on_release_advertisements(const std::string& /*instance*/) {
    ++release_changes;
}

void FakeEnvironment::on_peer_advertisement(const std::string& /*instance*/,
                                            const ReceivedAdvertisement& advert) {
    adverts.push_back(advert);
}

void FakeEnvironment::on_send_error(const std::string& /*instance*/, const std::string& text) {
    errors.push_back(text);
}

void LinkFixture::SetUp() {
    home_fd_ = open_current_namespace();
    ASSERT_NE(home_fd_, -1);
    if (::unshare(CLONE_NEWNET) == -1) {
        GTEST_SKIP() << "network namespaces need root: " << std::strerror(errno);
    }
    a_.interface = "va";
    a_.namespace_fd = open_current_namespace();
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    b_.interface = "vb";
    b_.namespace_fd = open_current_namespace();
    run_command("ip link add vb type veth peer name va netns /proc/" + std::to_string(::getpid()) +
                "/fd/" + std::to_string(a_.namespace_fd));
    configure_end(b_, "12");
    ASSERT_EQ(::setns(a_.namespace_fd, CLONE_NEWNET), 0);
    configure_end(a_, "11");
    ASSERT_EQ(::setns(home_fd_, CLONE_NEWNET), 0);
    for (const LinkEnd* end : {&a_, &b_}) {
        inside(*end, [&] {
            ASSERT_TRUE(wait_until_running(*end));
            ASSERT_TRUE(wait_until_neighbours_can_ask(*end));
        });
    }
}

void LinkFixture::TearDown() {
    if (home_fd_ != -1) {
        EXPECT_EQ(::setns(home_fd_, CLONE_NEWNET), 0);
    }
    for (const int fd : {a_.namespace_fd, b_.namespace_fd, home_fd_}) {
        if (fd != -1) {
            ::close(fd);
        }
    }
}

void LinkFixture::inside(const LinkEnd& end, const std::function<void()>& action) const {
    ASSERT_EQ(::setns(end.namespace_fd, CLONE_NEWNET), 0);
    action();
    ASSERT_EQ(::setns(home_fd_, CLONE_NEWNET), 0);
}

bool LinkFixture::wait_for(const std::function<bool()>& condition,
                           std::chrono::milliseconds bound) {
    const auto end = std::chrono::steady_clock::now() + bound;
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= end) {
            return false;
        }
        context_.restart();
        context_.run_one_for(std::chrono::milliseconds{20});
    }
    return true;
}

void LinkFixture::run_for(std::chrono::milliseconds time) {
    context_.restart();
    context_.run_for(time);
}

}  // namespace tandem::vrrp
