#include "netlink/announcer.hpp"

#include <algorithm>
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

error_code Announcer::send(const Link& link, std::span<const std::uint8_t> frame) {
    if (link.hardware_type != ARPHRD_ETHER) {
        return {};
    }
    sockaddr_ll target{};
    target.sll_family = AF_PACKET;
    target.sll_ifindex = static_cast<int>(link.index);
    const ssize_t sent = ::sendto(socket_.get(), frame.data(), frame.size(), 0,
                                  reinterpret_cast<const sockaddr*>(&target), sizeof(target));
    return {sent == -1 ? errno : 0, boost::system::system_category()};
}

error_code Announcer::send_arp(const Link& link, const boost::asio::ip::address_v4& address,
                               ArpForm form) {
    return send(link, gratuitous_arp(form, link.mac, address));
}

error_code Announcer::send_to(const Link& link, const IpAddress& address,
                              const MacAddress& neighbour, bool router) {
    const auto send_changed = [&](auto frame) {
        std::ranges::copy(neighbour, frame.begin());
        return send(link, frame);
    };
    return address.is_v4()
               ? send_changed(gratuitous_arp(ArpForm::Reply, link.mac, address.to_v4()))
               : send_changed(unsolicited_advertisement(link.mac, address.to_v6(), router));
}

error_code Announcer::send_probe(const Link& link, const IpAddress& address) {
    return address.is_v4() ? send(link, arp_probe(link.mac, address.to_v4()))
                           : send(link, neighbour_probe(link.mac, address.to_v6()));
}

error_code Announcer::send_advertisement(const Link& link,
                                         const boost::asio::ip::address_v6& address, bool router) {
    return send(link, unsolicited_advertisement(link.mac, address, router));
}

}  // namespace tandem::netlink
