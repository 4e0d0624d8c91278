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
    /// Those of them that others can read.
    std::set<std::string> exposed;
    std::map<std::string, std::string> variables;
    std::set<std::string> interfaces{"eth0", "eth1"};
    std::vector<HostAddress> host_addresses{
        {"eth0", boost::asio::ip::make_address("198.51.100.11"), 24},
        {"eth0", boost::asio::ip::make_address("2001:db8::11"), 64},
        {"eth0", boost::asio::ip::make_address("fe80::11"), 64},
        {"eth1", boost::asio::ip::make_address("203.0.113.11"), 24}};
    Account account{0, 0};
    /// How many files were read.
    unsigned reads = 0;

    FileContent read(const std::string& path) override;
    std::vector<std::string> match(const std::string& pattern) override;
    std::optional<std::string> variable(const std::string& name) override;
    std::string host_name() override { return "testhost"; }
    Interface interface(const std::string& name) override;
    std::vector<HostAddress> addresses() override { return host_addresses; }
    /// root, nobody and haproxy.
    std::optional<Account> user(const std::string& name) override;
    std::optional<unsigned> group(const std::string& name) override;
    Account own_account() override { return account; }
    /// Everything is in /usr/bin, except names that begin with "missing".
    std::optional<std::string> find_program(const std::string& name) override;
    /// The first directory tells: /missing, /closed, /text and /open (to others); else usable.
    Program program(const std::string& path, const Account& account) override;
    std::chrono::microseconds uptime() override { return std::chrono::seconds{20}; }
};

inline constexpr const char* kMainFile = "/etc/tandem.conf";

/// Loads `text` as the main file with the ids "tandem" and "node1".
LoadResult load_text(const std::string& text);
LoadResult load_main(MemoryEnvironment& environment);

/// All diagnostics, one per line.
std::string messages(const LoadResult& result);

}  // namespace tandem::config::test
