// Real programs in a folder of their own, run as nobody when the test is root.
#pragma once

#include "proxy/config/model.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <sys/types.h>

namespace tandem::daemon {

class ProgramTest : public ::testing::Test {
  protected:
    ProgramTest();
    ~ProgramTest() override;

    /// @return the full path of a name in the test's folder, which everybody may write to.
    [[nodiscard]] std::string path(const std::string& name) const { return folder_ + "/" + name; }
    /// A program of the shell; `arguments` follow its path.
    config::Command script(const std::string& name, const std::string& body,
                           const std::vector<std::string>& arguments = {}) const;
    [[nodiscard]] config::Command command(std::vector<std::string> words) const;

    void write(const std::string& name, const std::string& text) const;
    /// Empty when there is no such file.
    [[nodiscard]] std::string read(const std::string& name) const;
    [[nodiscard]] std::vector<std::string> read_lines(const std::string& name) const;

    /// Runs the io_context until the condition holds. @return false after ten seconds.
    bool run_until(const std::function<bool()>& condition);

    boost::asio::io_context context_{1};
    uid_t uid_;
    gid_t gid_;

  private:
    std::string folder_;
};

/// Empty when there is no such file.
std::string read_whole(const std::string& path);
/// Runs or is a zombie of this process. Zombies of others do not count.
bool alive(pid_t pid);
bool has_children();
std::size_t open_descriptors();

}  // namespace tandem::daemon
