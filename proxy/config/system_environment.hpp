// The host as environment: files, host name, interfaces.
#pragma once

#include "proxy/config/environment.hpp"

namespace tandem::config {

/// Blocking file I/O. Not thread-safe.
class SystemEnvironment final : public Environment {
  public:
    FileContent read(const std::string& path) override;
    std::vector<std::string> match(const std::string& pattern) override;
    std::optional<std::string> variable(const std::string& name) override;
    std::string host_name() override;
    Interface interface(const std::string& name) override;
    std::vector<HostAddress> addresses() override;
    std::optional<Account> user(const std::string& name) override;
    std::optional<unsigned> group(const std::string& name) override;
    Account own_account() override;
    std::optional<std::string> find_program(const std::string& name) override;
    Program program(const std::string& path, const Account& account) override;
    std::chrono::microseconds uptime() override;
};

}  // namespace tandem::config
