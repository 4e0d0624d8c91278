// What reading a configuration needs from outside. The pure code sees only this; tests answer from
// memory, system_environment.cpp answers from the host.
#pragma once

#include <chrono>
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
    /// Group or others may read it: no place for a secret.
    bool exposed = false;
    /// Permission bits.
    unsigned mode = 0;
};

struct Account {
    unsigned uid = 0;
    /// Of the user's own group.
    unsigned gid = 0;
};

/// A program file and what could go wrong with running it.
struct Program {
    enum class State : std::uint8_t {
        Missing,
        NotExecutable,  ///< by the account that is to run it
        NoInterpreter,  ///< neither a binary nor a script that begins with #!
        Usable,
    };
    State state = State::Missing;
    /// Why it is missing or not executable.
    std::string reason;
    /// Someone who is not root can change what is run: the part of the path, and how. Empty: only
    /// root can.
    std::string insecure;
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

    /// By name or number.
    virtual std::optional<Account> user(const std::string& name) = 0;
    virtual std::optional<unsigned> group(const std::string& name) = 0;
    /// Of this process.
    virtual Account own_account() = 0;
    /// The program that a name without a slash means; unset: none on PATH.
    virtual std::optional<std::string> find_program(const std::string& name) = 0;
    virtual Program program(const std::string& path, const Account& account) = 0;
    /// Since the host was started.
    virtual std::chrono::microseconds uptime() = 0;
};

}  // namespace tandem::config
