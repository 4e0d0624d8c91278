// Files, variables and interfaces from memory.
#pragma once

#include "proxy/config/environment.hpp"
#include "proxy/config/load_from.hpp"

#include <map>
#include <set>

namespace tandem::config::test {

class MemoryEnvironment final : public Environment {
  public:
    std::map<std::string, std::string> files;
    std::map<std::string, std::string> variables;
    std::set<std::string> interfaces{"eth0", "eth1"};
    std::vector<HostAddress> host_addresses{
        {"eth0", boost::asio::ip::make_address("198.51.100.11"), 24},
        {"eth0", boost::asio::ip::make_address("2001:db8::11"), 64},
        {"eth0", boost::asio::ip::make_address("fe80::11"), 64},
        {"eth1", boost::asio::ip::make_address("203.0.113.11"), 24}};
    /// How many files were read.
    unsigned reads = 0;

    FileContent read(const std::string& path) override;
    std::vector<std::string> match(const std::string& pattern) override;
    std::optional<std::string> variable(const std::string& name) override;
    std::string host_name() override { return "testhost"; }
    Interface interface(const std::string& name) override;
    std::vector<HostAddress> addresses() override { return host_addresses; }
};

inline constexpr const char* kMainFile = "/etc/tandem.conf";

/// Loads `text` as the main file with the ids "tandem" and "node1".
LoadResult load_text(const std::string& text);
LoadResult load_main(MemoryEnvironment& environment);

/// All diagnostics, one per line.
std::string messages(const LoadResult& result);

}  // namespace tandem::config::test
