// What reading a configuration needs from outside. The pure code sees only this; tests answer from
// memory, system_environment.cpp answers from the host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/asio/ip/address.hpp>

namespace tandem::config {

struct FileContent {
    /// Unset: not readable, `reason` says why.
    std::optional<std::string> text;
    std::string reason;
    /// Worth a warning though the file was read (execute permission); may be empty.
    std::string remark;
};

struct HostAddress {
    std::string interface;
    boost::asio::ip::address address;  ///< without scope
    std::uint8_t prefix_length = 0;
};

class Environment {
  public:
    virtual ~Environment() = default;

    virtual FileContent read(const std::string& path) = 0;
    /// Files that match a pattern with * ? [ ] (braces are expanded before), sorted.
    virtual std::vector<std::string> match(const std::string& pattern) = 0;
    virtual std::optional<std::string> variable(const std::string& name) = 0;
    /// Name of this host up to the first dot.
    virtual std::string host_name() = 0;

    enum class Interface { Missing, Loopback, Usable };
    virtual Interface interface(const std::string& name) = 0;
    /// Those of this host, per interface in the kernel's order. Virtual addresses that are here
    /// at the moment are among them.
    virtual std::vector<HostAddress> addresses() = 0;
};

}  // namespace tandem::config
