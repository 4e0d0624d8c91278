#include "netlink/socket.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <sys/time.h>

namespace tandem::netlink {

namespace {

using boost::system::error_code;

error_code from_errno(int error) {
    return {error, boost::system::system_category()};
}

/// Largest datagram the kernel makes for a dump (it uses up to 32 KiB).
constexpr std::size_t kDatagramLimit = 32768;

struct alignas(nlmsghdr) Buffer {
    std::array<std::byte, kDatagramLimit> bytes;
};

/// Receives one datagram from the kernel. Other processes may send to our port; what they send is
/// read and ignored (an empty batch).
error_code receive_batch(int socket, int flags, Batch& batch) {
    static thread_local Buffer buffer;
    sockaddr_nl sender{};
    iovec vector{buffer.bytes.data(), buffer.bytes.size()};
    msghdr header{};
    header.msg_name = &sender;
    header.msg_namelen = sizeof(sender);
    header.msg_iov = &vector;
    header.msg_iovlen = 1;
    const ssize_t length = ::recvmsg(socket, &header, flags);
    if (length == -1) {
        return from_errno(errno);
    }
    if (sender.nl_pid != 0) {
        batch = {};
        return {};
    }
    batch = parse_messages(std::span{buffer.bytes}.first(static_cast<std::size_t>(length)));
    // A datagram that did not fit has lost its end.
    batch.malformed = batch.malformed || (header.msg_flags & MSG_TRUNC) != 0;
    return {};
}

error_code open_route_socket(FileDescriptor& socket, int flags, std::uint32_t groups) {
    socket.reset(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE));
    if (!socket.is_open()) {
        return from_errno(errno);
    }
    sockaddr_nl local{};
    local.nl_family = AF_NETLINK;
    local.nl_groups = groups;
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&local), sizeof(local)) == -1) {
        const error_code error = from_errno(errno);
        socket.reset();
        return error;
    }
    return {};
}

/// The codec skips foreign routes as well: without the filter all is right and only slower.
void drop_foreign_routes(int socket) {
    // A half word is loaded as if it were in network order.
    const std::uint32_t new_route = htons(RTM_NEWROUTE);
    const std::uint32_t delete_route = htons(RTM_DELROUTE);
    constexpr std::uint32_t kPassed = 0xffffffff;
    std::array<sock_filter, 7> program{{
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, new_route, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, delete_route, 0, 2),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, sizeof(nlmsghdr) + offsetof(rtmsg, rtm_protocol)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kRouteProtocol, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, kPassed),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
}

bool is_one_of(const error_code& error, std::initializer_list<int> numbers) {
    for (const int number : numbers) {
        if (error == from_errno(number)) {
            return true;
        }
    }
    return false;
}

}  // namespace

error_code RequestSocket::open() {
    if (const error_code error = open_route_socket(socket_, 0, 0)) {
        return error;
    }
    const timeval timeout{.tv_sec = kAnswerTimeout.count(), .tv_usec = 0};
    if (::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) == -1) {
        const error_code error = from_errno(errno);
        close();
        return error;
    }
    // Short answers with the kernel's explanation; a kernel without them (before 4.12) is fine.
    const int on = 1;
    ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
    ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
    // The kernel heeds the filter of a route dump; before 4.20 it sends all and the codec filters.
    ::setsockopt(socket_.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof(on));
    return {};
}

error_code RequestSocket::send(const Bytes& request) {
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    while (::sendto(socket_.get(), request.data(), request.size(), 0,
                    reinterpret_cast<const sockaddr*>(&kernel), sizeof(kernel)) == -1) {
        if (errno != EINTR) {
            return from_errno(errno);
        }
    }
    return {};
}

error_code RequestSocket::receive(Batch& batch) {
    while (true) {
        const error_code error = receive_batch(socket_.get(), 0, batch);
        if (is_one_of(error, {EINTR})) {
            continue;
        }
        if (is_one_of(error, {EAGAIN})) {
            return from_errno(ETIMEDOUT);
        }
        if (!error && batch.malformed) {
            return from_errno(EBADMSG);
        }
        return error;
    }
}

RequestSocket::Answer RequestSocket::execute(const Bytes& request, std::uint32_t sequence) {
    if (const error_code error = send(request)) {
        return {.error = error, .text = {}};
    }
    // Answers to requests that timed out earlier may still be queued: look for our number.
    const auto deadline = std::chrono::steady_clock::now() + kAnswerTimeout;
    while (std::chrono::steady_clock::now() < deadline) {
        Batch batch;
        if (const error_code error = receive(batch)) {
            return {.error = error, .text = {}};
        }
        for (Message& message : batch.messages) {
            auto* answer = std::get_if<Acknowledgement>(&message.body);
            if (answer != nullptr && message.sequence == sequence) {
                return {.error = from_errno(answer->error), .text = std::move(answer->text)};
            }
        }
    }
    return {.error = from_errno(ETIMEDOUT), .text = {}};
}

RequestSocket::Answer RequestSocket::add_address(unsigned index, const VirtualAddress& address,
                                                 std::chrono::seconds lease) {
    const std::uint32_t sequence = ++sequence_;
    Answer answer = execute(build_add_address(sequence, index, address, lease), sequence);
    if (is_one_of(answer.error, {EEXIST})) {
        return {};
    }
    return answer;
}

RequestSocket::Answer RequestSocket::remove_address(unsigned index, const IpAddress& address,
                                                    std::uint8_t prefix_length) {
    const std::uint32_t sequence = ++sequence_;
    Answer answer =
        execute(build_remove_address(sequence, index, address, prefix_length), sequence);
    if (is_one_of(answer.error, {EADDRNOTAVAIL, ENODEV})) {
        return {};
    }
    return answer;
}

RequestSocket::Answer RequestSocket::add_route(const Route& route, std::chrono::seconds lease,
                                               RouteRequest request) {
    const std::uint32_t sequence = ++sequence_;
    Answer answer = execute(build_add_route(sequence, route, lease, request), sequence);
    if (request == RouteRequest::Renew && is_one_of(answer.error, {EEXIST})) {
        return {};
    }
    return answer;
}

RequestSocket::Answer RequestSocket::remove_route(const Route& route) {
    const std::uint32_t sequence = ++sequence_;
    Answer answer = execute(build_remove_route(sequence, route), sequence);
    if (is_one_of(answer.error, {ESRCH, ENODEV})) {
        return {};
    }
    return answer;
}

RequestSocket::Answer RequestSocket::repeat(Bytes request) {
    if (request.size() < sizeof(nlmsghdr)) {
        return {.error = from_errno(EBADMSG), .text = {}};
    }
    const std::uint32_t sequence = ++sequence_;
    std::memcpy(request.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
    Answer answer = execute(request, sequence);
    if (is_one_of(answer.error, {EADDRNOTAVAIL, ESRCH, ENODEV})) {
        return {};
    }
    return answer;
}

error_code RequestSocket::dump_once(DumpKind kind, Dump& dump) {
    dump.messages.clear();
    dump.consistent = true;
    const std::uint32_t sequence = ++sequence_;
    if (const error_code error = send(build_dump(sequence, kind))) {
        return error;
    }
    while (true) {
        Batch batch;
        if (const error_code error = receive(batch)) {
            return error;
        }
        for (Message& message : batch.messages) {
            if (message.sequence != sequence) {
                continue;
            }
            dump.consistent = dump.consistent && !message.dump_interrupted;
            if (const auto* end = std::get_if<DumpEnd>(&message.body)) {
                return from_errno(end->error);
            }
            if (const auto* refusal = std::get_if<Acknowledgement>(&message.body)) {
                return from_errno(refusal->error);
            }
            dump.messages.push_back(std::move(message));
        }
    }
}

RequestSocket::Dump RequestSocket::dump(DumpKind kind) {
    Dump dump;
    for (int attempt = 0; attempt < kDumpAttempts; ++attempt) {
        dump.error = dump_once(kind, dump);
        if (dump.error || dump.consistent) {
            break;
        }
    }
    return dump;
}

error_code MonitorSocket::open(int receive_buffer, bool with_routes) {
    constexpr std::uint32_t kGroups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    constexpr std::uint32_t kRouteGroups = RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE;
    FileDescriptor socket;
    if (const error_code error = open_route_socket(
            socket, SOCK_NONBLOCK, with_routes ? kGroups | kRouteGroups : kGroups)) {
        return error;
    }
    if (with_routes) {
        drop_foreign_routes(socket.get());
    }
    // FORCE passes net.core.rmem_max and needs CAP_NET_ADMIN, which adding addresses needs too.
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receive_buffer,
                     sizeof(receive_buffer)) == -1) {
        ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    error_code error;
    descriptor_.assign(socket.get(), error);
    if (!error) {
        socket.release();
    }
    return error;
}

void MonitorSocket::close() {
    error_code ignored;
    descriptor_.close(ignored);
}

MonitorSocket::Outcome MonitorSocket::drain(const std::function<void(const Message&)>& on_message) {
    bool overrun = false;
    for (int datagram = 0; datagram < kDrainLimit; ++datagram) {
        Batch batch;
        const error_code error = receive_batch(descriptor_.native_handle(), 0, batch);
        if (is_one_of(error, {EAGAIN})) {
            return overrun ? Outcome::Overrun : Outcome::Drained;
        }
        if (error && !is_one_of(error, {ENOBUFS, EINTR})) {
            return Outcome::Overrun;
        }
        overrun = overrun || is_one_of(error, {ENOBUFS}) || batch.malformed;
        for (const Message& message : batch.messages) {
            on_message(message);
        }
    }
    return overrun ? Outcome::Overrun : Outcome::MoreLeft;
}

void MonitorSocket::async_wait(std::function<void(const error_code&)> on_readable) {
    descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                           std::move(on_readable));
}

}  // namespace tandem::netlink
