// A network namespace with one veth pair for tests against the real kernel.
#pragma once

#include "netlink/file_descriptor.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace tandem::netlink {

/// Each test runs in its own namespace: vip0 (up, 198.51.100.11/24) ── vip1 (up, the neighbour).
/// The namespace goes with the test. Skipped without the right to make one.
class Lab : public testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    /// Runs a shell command in the namespace. @return true: exit status 0.
    static bool run(const std::string& command);
    /// First line that the command prints.
    static std::string output(const std::string& command);
    static bool has_address(const std::string& address, const std::string& interface = "vip0");

    /// Runs the io_context until the condition holds. @return false: not within `bound`.
    bool run_until(const std::function<bool()>& condition, std::chrono::milliseconds bound);
    /// Runs the io_context for this long: for showing that something does not happen.
    void run_for(std::chrono::milliseconds duration);

    boost::asio::io_context context_;

  private:
    FileDescriptor original_namespace_;
};

/// Receives every frame of one ether type that arrives at an interface.
class Capture {
  public:
    Capture(const std::string& interface, std::uint16_t ether_type);
    /// Frames that have arrived by now and were not read before.
    std::vector<std::vector<std::uint8_t>> frames();

  private:
    FileDescriptor socket_;
};

}  // namespace tandem::netlink
