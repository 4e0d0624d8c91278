// A router against a real keepalived on the other end of the link: each hears the other.
#include "tests/unit/vrrp/link_fixture.hpp"

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::vrrp {
namespace {

using namespace std::chrono_literals;
using ::testing::IsEmpty;

constexpr const char* kKeepalived = "/usr/sbin/keepalived";

/// One keepalived process, VRRP only, in the caller's network namespace; files in a directory of
/// its own. Stopped with the object.
class Keepalived {
  public:
    explicit Keepalived(const std::string& config) {
        std::string name = (std::filesystem::temp_directory_path() / "vrrp-XXXXXX").string();
        directory_ = ::mkdtemp(name.data());
        std::ofstream{directory_ / "keepalived.conf"} << config;
        pid_ = ::fork();
        if (pid_ == 0) {
            const int log = ::open((directory_ / "log").c_str(), O_WRONLY | O_CREAT, 0600);
            ::dup2(log, STDOUT_FILENO);
            ::dup2(log, STDERR_FILENO);
            ::execl(kKeepalived, kKeepalived, "--vrrp", "-n", "-l", "-D", "-G", "-R", "-f",
                    (directory_ / "keepalived.conf").c_str(), "-p", (directory_ / "pid").c_str(),
                    "-r", (directory_ / "vrrp.pid").c_str(), nullptr);
            ::_exit(127);
        }
    }
    ~Keepalived() {
        if (pid_ > 0) {
            ::kill(pid_, SIGTERM);
            ::waitpid(pid_, nullptr, 0);
        }
        std::filesystem::remove_all(directory_);
    }
    Keepalived(const Keepalived&) = delete;
    Keepalived& operator=(const Keepalived&) = delete;

    [[nodiscard]] std::string log() const {
        std::ostringstream text;
        text << std::ifstream{directory_ / "log"}.rdbuf();
        return text.str();
    }
    [[nodiscard]] bool said(const std::string& phrase) const {
        return log().find(phrase) != std::string::npos;
    }

  private:
    std::filesystem::path directory_;
    pid_t pid_ = -1;
};

struct Mode {
    const char* name;
    Version version;
    Family family = Family::Ipv4;
    bool unicast = false;
    const char* password = "";
};

class RouterKeepalivedTest : public LinkFixture, public ::testing::WithParamInterface<Mode> {
  protected:
    void SetUp() override {
        if (::access(kKeepalived, X_OK) == -1) {
            GTEST_SKIP() << "no " << kKeepalived;
        }
        LinkFixture::SetUp();
    }

    static bool is_version2() { return GetParam().version == Version::V2; }
    static const char* virtual_address() {
        return GetParam().family == Family::Ipv4 ? "198.51.100.100" : "fe80::100";
    }

    InstanceConfig make_config(std::uint8_t priority) const {
        InstanceConfig config;
        config.name = "V";
        config.interface = a_.interface;
        config.version = GetParam().version;
        config.family = GetParam().family;
        config.virtual_router_id = 51;
        config.priority = priority;
        config.advertisement_interval = is_version2() ? Duration{1s} : 300ms;
        config.addresses = {boost::asio::ip::make_address(virtual_address())};
        config.password = GetParam().password;
        if (GetParam().unicast) {
            // keepalived sends IPv6 unicast with the kernel's hop limit, 64.
            const std::uint8_t min_ttl = config.family == Family::Ipv6 ? 0 : 255;
            config.unicast_peers = {{.address = b_.address(config.family), .min_ttl = min_ttl}};
        }
        return config;
    }

    std::string keepalived_config() const {
        const Mode& mode = GetParam();
        std::ostringstream text;
        text << "vrrp_instance V {\n state BACKUP\n interface vb\n virtual_router_id 51\n"
             << " priority 100\n version " << (is_version2() ? 2 : 3) << "\n advert_int "
             << (is_version2() ? "1" : "0.3") << "\n";
        if (*mode.password != '\0') {
            text << " authentication {\n  auth_type PASS\n  auth_pass " << mode.password
                 << "\n }\n";
        }
        if (mode.unicast) {
            text << " unicast_src_ip " << b_.address(mode.family).to_string()
                 << "\n unicast_peer {\n  " << a_.address(mode.family).to_string() << "\n }\n";
        }
        text << " virtual_ipaddress {\n  " << virtual_address() << "\n }\n}\n";
        return text.str();
    }

    std::unique_ptr<Router> start_router(std::uint8_t priority) {
        auto router = std::make_unique<Router>(context_, make_config(priority), environment_);
        inside(a_, [&] { router->interface_usable(a_.index, a_.address(GetParam().family)); });
        router->start();
        return router;
    }

    FakeEnvironment environment_;
};

INSTANTIATE_TEST_SUITE_P(
    Modes, RouterKeepalivedTest,
    ::testing::Values(Mode{.name = "V2", .version = Version::V2},
                      Mode{.name = "V2Password", .version = Version::V2, .password = "secret"},
                      Mode{.name = "V3", .version = Version::V3},
                      Mode{.name = "V3Ipv6", .version = Version::V3, .family = Family::Ipv6},
                      Mode{.name = "V3Unicast", .version = Version::V3, .unicast = true},
                      Mode{.name = "V3Ipv6Unicast",
                           .version = Version::V3,
                           .family = Family::Ipv6,
                           .unicast = true}),
    [](const auto& mode) { return std::string{mode.param.name}; });

TEST_P(RouterKeepalivedTest, EachHearsTheOther) {
    auto router = start_router(255);
    std::optional<Keepalived> keepalived;
    inside(b_, [&] { keepalived.emplace(keepalived_config()); });
    ASSERT_TRUE(wait_for([&] { return keepalived->said("Entering BACKUP STATE"); }))
        << keepalived->log();

    // It stays Backup for longer than its active down interval (3.6 intervals): it hears us.
    const auto sent = router->counters().adverts_sent;
    ASSERT_TRUE(wait_for([&] { return router->counters().adverts_sent >= sent + 5; }));
    EXPECT_FALSE(keepalived->said("Entering MASTER STATE")) << keepalived->log();

    bool stopped = false;
    router->shutdown([&] { stopped = true; });
    ASSERT_TRUE(stopped);
    ASSERT_TRUE(wait_for([&] { return keepalived->said("Entering MASTER STATE"); }))
        << keepalived->log();

    // And now we hear it.
    environment_.log.clear();
    router = start_router(50);
    ASSERT_TRUE(wait_for([&] { return router->counters().adverts_received >= 2; }))
        << keepalived->log();
    EXPECT_EQ(router->elector().state(), State::Backup);
    EXPECT_EQ(environment_.adverts.back().source, b_.address(GetParam().family));
    EXPECT_EQ(environment_.adverts.back().priority, 100);
    EXPECT_THAT(environment_.concerns, IsEmpty());
    EXPECT_THAT(environment_.errors, IsEmpty());
    EXPECT_EQ(router->counters().address_list_mismatches, 0U);
    EXPECT_EQ(router->counters().checksum_form_mismatches, 0U);
}

}  // namespace
}  // namespace tandem::vrrp
