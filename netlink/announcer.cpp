#include "netlink/announcer.hpp"

#include "netlink/arp.hpp"

#include <cerrno>

#include <linux/if_arp.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

namespace tandem::netlink {

using boost::system::error_code;

error_code Announcer::open() {
    socket_.reset(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return {socket_.is_open() ? 0 : errno, boost::system::system_category()};
}

error_code Announcer::send(unsigned index, std::span<const std::uint8_t> frame) {
    sockaddr_ll target{};
    target.sll_family = AF_PACKET;
    target.sll_ifindex = static_cast<int>(index);
    const ssize_t sent = ::sendto(socket_.get(), frame.data(), frame.size(), 0,
                                  reinterpret_cast<const sockaddr*>(&target), sizeof(target));
    return {sent == -1 ? errno : 0, boost::system::system_category()};
}

error_code Announcer::announce(const Link& link, const IpAddress& address, unsigned repeat) {
    if (link.hardware_type != ARPHRD_ETHER) {
        return {};
    }
    error_code error;
    for (unsigned i = 0; i < repeat && !error; ++i) {
        if (address.is_v4()) {
            error = send(link.index, gratuitous_arp(ArpForm::Request, link.mac, address.to_v4()));
            if (!error) {
                error = send(link.index, gratuitous_arp(ArpForm::Reply, link.mac, address.to_v4()));
            }
        } else {
            error = send(link.index, unsolicited_advertisement(link.mac, address.to_v6()));
        }
    }
    return error;
}

}  // namespace tandem::netlink
