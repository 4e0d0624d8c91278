// Commands on this host: users, programs and who else can change them.
#include "proxy/config/system_environment.hpp"
#include "tests/unit/config/memory_environment.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

namespace tandem::config::test {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

/// A folder of its own below /tmp, which is sticky and so allowed; removed at the end.
class Folder {
  public:
    Folder() {
        if (::mkdtemp(path_.data()) == nullptr) {
            path_.clear();
        }
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    [[nodiscard]] std::string write(const std::string& name, const std::string& text,
                                    mode_t mode) const {
        const std::string file = path_ + '/' + name;
        std::ofstream(file) << text;
        ::chmod(file.c_str(), mode);
        return file;
    }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_ = "/tmp/tandem-command-XXXXXX";
};

constexpr Account kRoot{0, 0};
constexpr Account kNobody{65534, 65534};
constexpr const char* kShell = "#!/bin/sh\n";

TEST(SystemProgram, SaysWhyItCannotRun) {
    SystemEnvironment environment;
    const Folder folder;
    using State = Program::State;
    EXPECT_EQ(environment.program("/bin/sh", kRoot).state, State::Usable);
    EXPECT_EQ(environment.program(folder.path() + "/none", kRoot).state, State::Missing);
    EXPECT_THAT(environment.program(folder.path() + "/none", kRoot).reason, HasSubstr("No such"));
    EXPECT_EQ(environment.program(folder.path(), kRoot).state, State::Missing);
    EXPECT_EQ(environment.program("/dev/null", kRoot).state, State::Missing);
    EXPECT_EQ(environment.program(folder.write("plain", kShell, 0600), kRoot).state,
              State::NotExecutable);
    EXPECT_EQ(environment.program(folder.write("text", "echo x\n", 0700), kRoot).state,
              State::NoInterpreter);
    EXPECT_EQ(environment.program(folder.write("empty", "", 0700), kRoot).state,
              State::NoInterpreter);
    EXPECT_EQ(environment.program(folder.write("script", kShell, 0700), kRoot).state,
              State::Usable);
}

TEST(SystemProgram, MustBeReachableForItsUser) {
    SystemEnvironment environment;
    const Folder folder;
    const std::string script = folder.write("script", kShell, 0755);
    // mkdtemp made the folder for its owner only.
    EXPECT_EQ(environment.program(script, kNobody).state, Program::State::NotExecutable);
    EXPECT_THAT(environment.program(script, kNobody).reason, HasSubstr("is closed to it"));
    ::chmod(folder.path().c_str(), 0755);
    EXPECT_EQ(environment.program(script, kNobody).state, Program::State::Usable);
}

TEST(SystemProgram, KnowsWhoElseCanChangeIt) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs files of root";
    }
    SystemEnvironment environment;
    const Folder folder;
    const std::string script = folder.write("script", kShell, 0755);
    const auto insecure = [&] { return environment.program(script, kRoot).insecure; };
    EXPECT_EQ(insecure(), "");
    ::chmod(script.c_str(), 0757);
    EXPECT_EQ(insecure(), script + " is writable by everybody");
    ::chmod(script.c_str(), 0775);
    EXPECT_EQ(insecure(), "") << "the group is root";
    ASSERT_EQ(::chown(script.c_str(), 0, 65534), 0);
    EXPECT_EQ(insecure(), script + " is writable by group 65534");
    ASSERT_EQ(::chown(script.c_str(), 65534, 0), 0);
    EXPECT_EQ(insecure(), script + " belongs to user 65534");
    ASSERT_EQ(::chown(script.c_str(), 0, 0), 0);
    ::chmod(folder.path().c_str(), 0777);
    EXPECT_EQ(insecure(), folder.path() + " is writable by everybody");
    ::chmod(folder.path().c_str(), 01777);
    EXPECT_EQ(insecure(), "") << "a sticky directory is allowed";
}

TEST(SystemProgram, IsLookedAtBehindSymbolicLinks) {
    if (::geteuid() != 0) {
        GTEST_SKIP() << "needs files of root";
    }
    SystemEnvironment environment;
    const Folder folder;
    const std::string script = folder.write("script", kShell, 0757);
    const std::string link = folder.path() + "/link";
    ASSERT_EQ(::symlink(script.c_str(), link.c_str()), 0);
    EXPECT_THAT(environment.program(link, kRoot).insecure, HasSubstr("writable by everybody"));
}

TEST(SystemFile, SaysWhetherOthersCanReadIt) {
    SystemEnvironment environment;
    const Folder folder;
    EXPECT_FALSE(environment.read(folder.write("own", "x", 0600)).exposed);
    EXPECT_TRUE(environment.read(folder.write("group", "x", 0640)).exposed);
    EXPECT_TRUE(environment.read(folder.write("all", "x", 0604)).exposed);
}

TEST(SystemAccounts, AreFoundByNameAndNumber) {
    SystemEnvironment environment;
    ASSERT_TRUE(environment.user("root"));
    EXPECT_EQ(environment.user("root")->uid, 0U);
    ASSERT_TRUE(environment.user("0"));
    EXPECT_EQ(environment.user("0")->gid, 0U);
    EXPECT_FALSE(environment.user("tandem-none"));
    EXPECT_FALSE(environment.user("-1"));
    EXPECT_EQ(environment.group("root"), 0U);
    EXPECT_EQ(environment.group("4711"), 4711U);
    EXPECT_FALSE(environment.group("tandem-none"));
    EXPECT_EQ(environment.own_account().uid, ::geteuid());
    EXPECT_GT(environment.uptime().count(), 0);
}

TEST(SystemPath, FindsPrograms) {
    SystemEnvironment environment;
    const auto shell = environment.find_program("sh");
    ASSERT_TRUE(shell);
    EXPECT_TRUE(shell->ends_with("/sh"));
    EXPECT_FALSE(environment.find_program("tandem-none"));
}

TEST(Commands, AreNotCheckedWithoutTheHost) {
    MemoryEnvironment environment;
    environment.files[kMainFile] =
        "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n "
        "198.51.100.100\n }\n notify_master /missing/x nouser\n notify_backup missing-y\n}\n";
    LoadOptions options;
    options.path = kMainFile;
    options.check_host = false;
    const LoadResult result = load_from(options, environment);
    EXPECT_EQ(messages(result), "");
    const NotifySettings& notify = result.model.instances.at(0).notify;
    ASSERT_TRUE(notify.master);
    EXPECT_EQ(notify.master->arguments, std::vector<std::string>{"/missing/x"});
    EXPECT_EQ(notify.master->user, "nouser");
    ASSERT_TRUE(notify.backup);
}

}  // namespace
}  // namespace tandem::config::test
