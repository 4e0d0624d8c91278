#include "vrrp/release_sender.hpp"

#include "vrrp/packet.hpp"
#include "vrrp/send_packet.hpp"

#include <cerrno>

#include <boost/asio/error.hpp>

#include <linux/filter.h>
#include <linux/pkt_sched.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tandem::vrrp {
namespace {

using boost::system::error_code;

bool set_option(int socket, int level, int name, int value) {
    return ::setsockopt(socket, level, name, &value, sizeof value) == 0;
}

/// Nobody reads the socket: the kernel shall not queue anything in it.
bool receive_nothing(int socket) {
    sock_filter drop{BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog program{.len = 1, .filter = &drop};
    return ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/// The same marks on the packets as an advertisement has.
bool configure(int socket, int family) {
    const bool ipv4 = family == AF_INET;
    const int level = ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
    return receive_nothing(socket) &&
           set_option(socket, level, ipv4 ? IP_MULTICAST_LOOP : IPV6_MULTICAST_LOOP, 0) &&
           set_option(socket, level, ipv4 ? IP_TOS : IPV6_TCLASS, kTrafficClass) &&
           set_option(socket, level, ipv4 ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1) &&
           set_option(socket, SOL_SOCKET, SO_PRIORITY, TC_PRIO_INTERACTIVE);
}

error_code open_socket(int family, int& socket) {
    socket = ::socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, kIpProtocol);
    if (socket == -1 && errno == EAFNOSUPPORT) {
        return {};
    }
    if (socket == -1 || !configure(socket, family)) {
        return {errno, boost::system::system_category()};
    }
    return {};
}

}  // namespace

ReleaseSender::~ReleaseSender() {
    close();
}

error_code ReleaseSender::open() {
    close();
    error_code error = open_socket(AF_INET, ipv4_);
    if (!error) {
        error = open_socket(AF_INET6, ipv6_);
    }
    if (error) {
        close();
    }
    return error;
}

error_code ReleaseSender::send(const ReleaseAdvertisement& advert) const {
    const int socket = advert.source.is_v4() ? ipv4_ : ipv6_;
    if (socket == -1 || advert.source.is_v4() != advert.destination.is_v4()) {
        return boost::asio::error::address_family_not_supported;
    }
    return send_packet(
        socket, advert.packet,
        {advert.source, advert.destination, advert.interface_index, advert.hop_limit});
}

void ReleaseSender::close() {
    for (int* socket : {&ipv4_, &ipv6_}) {
        if (*socket != -1) {
            ::close(*socket);
            *socket = -1;
        }
    }
}

}  // namespace tandem::vrrp
