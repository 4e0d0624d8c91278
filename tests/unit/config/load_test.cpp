#include "proxy/config/load.hpp"

#include "proxy/config/system_environment.hpp"
#include "tests/unit/config/memory_environment.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace tandem::config::test {
namespace {

using testing::HasSubstr;

constexpr const char* kInstance =
    "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n"
    " virtual_ipaddress {\n 198.51.100.100\n }\n}\n";

TEST(ExitCode, IsThatOfTheMostSevereDiagnostic) {
    const auto code = [](std::vector<Severity> severities) {
        LoadResult result;
        for (const Severity severity : severities) {
            result.diagnostics.push_back({"", 0, 0, severity, "", ""});
        }
        return result.exit_code();
    };
    EXPECT_EQ(code({}), 0);
    EXPECT_EQ(code({Severity::Note, Severity::Warning}), 0);
    EXPECT_EQ(code({Severity::Error, Severity::Note}), 5);
    EXPECT_EQ(code({Severity::Security, Severity::Error}), 6);
    EXPECT_EQ(code({Severity::Fatal, Severity::Security, Severity::Error}), 4);
}

TEST(ExitCode, IsFourWhenNothingCanRun) {
    EXPECT_EQ(load_text("").exit_code(), 4);
    EXPECT_FALSE(load_text("").runnable());
    EXPECT_EQ(load_text(kInstance).exit_code(), 0);
    EXPECT_EQ(load_text(std::string(kInstance) + "nonsense\n").exit_code(), 5);
    EXPECT_TRUE(load_text(std::string(kInstance) + "nonsense\n").runnable());
}

TEST(Load, MissingFileIsFatal) {
    MemoryEnvironment environment;
    const LoadResult result = load_main(environment);
    EXPECT_EQ(result.exit_code(), 4);
    EXPECT_THAT(messages(result), HasSubstr("cannot read the configuration"));
}

TEST(Load, ChecksInterfacesOnlyWhenAsked) {
    MemoryEnvironment environment;
    environment.interfaces.clear();
    environment.files[kMainFile] = kInstance;
    LoadOptions options;
    options.path = kMainFile;
    EXPECT_THAT(messages(load_from(options, environment)),
                HasSubstr(":2:12: warning: interface eth0 does not exist on this host"));
    options.check_host = false;
    EXPECT_EQ(messages(load_from(options, environment)), "");
}

/// What the checks say about an instance on eth0 with these lines.
std::string host_messages(const std::string& lines) {
    return messages(
        load_text("vrrp_instance A {\n interface eth0\n virtual_router_id 1\n" + lines + "\n}\n"));
}

std::string with_address(const std::string& address) {
    return " virtual_ipaddress {\n " + address + "\n }";
}

TEST(HostCheck, SourceMustBeOnThisHost) {
    const std::string address = with_address("198.51.100.100/24");
    EXPECT_EQ(host_messages(" mcast_src_ip 198.51.100.11\n" + address), "");
    for (const char* keyword : {"mcast_src_ip", "unicast_src_ip"}) {
        EXPECT_THAT(host_messages(std::string(keyword) + " 198.51.100.12\n" + address),
                    HasSubstr("error: 198.51.100.12 is not on this host (was it copied"));
    }
}

TEST(HostCheck, VirtualAddressIsNotTheHostsOwn) {
    EXPECT_THAT(host_messages(with_address("198.51.100.11")),
                HasSubstr("error: 198.51.100.11 is this host's own address: eth0 has it with "
                          "prefix length 24"));
    EXPECT_THAT(host_messages(with_address("203.0.113.11/32 dev eth0")),
                HasSubstr("error: 203.0.113.11 is this host's own address: eth1 has it"));
    EXPECT_THAT(host_messages(" version 3\n" + with_address("fe80::11\n2001:db8::11/128")),
                HasSubstr("error: 2001:db8::11 is this host's own address"));
    EXPECT_THAT(host_messages(with_address("198.51.100.11/24")),
                HasSubstr("warning: 198.51.100.11 is this host's own address: eth0 has it as its "
                          "first address"));
}

TEST(HostCheck, VirtualAddressThatIsHereNowIsNoProblem) {
    MemoryEnvironment environment;
    environment.host_addresses.push_back(
        {"eth0", boost::asio::ip::make_address("198.51.100.100"), 32});
    environment.files[kMainFile] = kInstance;
    EXPECT_EQ(messages(load_main(environment)), "");
}

TEST(HostCheck, OwnerHasItsVirtualAddress) {
    EXPECT_EQ(host_messages(" priority 255\n" + with_address("198.51.100.11")), "");
}

TEST(HostCheck, PeersBehindARouterNeedMinTtl) {
    const auto peer = [](const std::string& line) {
        return host_messages(" unicast_peer {\n " + line + "\n }\n" +
                             with_address("198.51.100.100/24"));
    };
    EXPECT_EQ(peer("198.51.100.255"), "");
    EXPECT_THAT(peer("198.51.101.0"),
                HasSubstr("warning: 198.51.101.0 is not on a network of eth0"));
    EXPECT_EQ(peer("198.51.101.0 min_ttl 254"), "");
}

TEST(HostCheck, MissingInterfacesSayWhatHappens) {
    EXPECT_THAT(host_messages(with_address("198.51.100.100 dev eth7")),
                HasSubstr("eth7 does not exist on this host (the address is added when"));
    EXPECT_THAT(host_messages(" track_interface {\n eth8\n }\n" + with_address("198.51.100.100")),
                HasSubstr("eth8 does not exist on this host (the instance is faulty until"));
}

TEST(SystemAddresses, HaveTheLoopbackAddress) {
    SystemEnvironment environment;
    const std::vector<HostAddress> addresses = environment.addresses();
    const auto loopback =
        std::find_if(addresses.begin(), addresses.end(), [](const HostAddress& own) {
            return own.address == boost::asio::ip::make_address("127.0.0.1");
        });
    ASSERT_NE(loopback, addresses.end());
    EXPECT_EQ(loopback->interface, "lo");
    EXPECT_EQ(loopback->prefix_length, 8);
}

TEST(Load, RouterIdIsTheHostName) {
    EXPECT_EQ(load_text(kInstance).model.global.router_id, "testhost");
}

TEST(Diagnostics, AreOrderedByPosition) {
    const LoadResult result = load_text(std::string("zzz {\n}\n") + kInstance + "yyy\n");
    ASSERT_EQ(result.diagnostics.size(), 2U);
    EXPECT_EQ(result.diagnostics[0].line, 1U);
    EXPECT_EQ(result.diagnostics[1].line, 10U);
}

TEST(Diagnostics, HaveOneTextForm) {
    EXPECT_EQ(to_string(Diagnostic{"a.conf", 3, 7, Severity::Error, "bad", "good"}),
              "a.conf:3:7: error: bad (good)");
    EXPECT_EQ(to_string(Diagnostic{"a.conf", 0, 0, Severity::Warning, "bad", ""}),
              "a.conf: warning: bad");
    EXPECT_EQ(to_string(Diagnostic{"", 0, 0, Severity::Fatal, "bad", ""}), "fatal: bad");
}

TEST(Diagnostics, HaveAJsonForm) {
    EXPECT_EQ(to_json({}), "[]\n");
    EXPECT_EQ(to_json({{"a\"\\.conf", 3, 7, Severity::Note, "x\ny \xc3\xa4 \xff", ""}}),
              "[\n  {\"file\": \"a\\\"\\\\.conf\", \"line\": 3, \"column\": 7, \"severity\": "
              "\"note\", \"text\": \"x\\u000ay \xc3\xa4 \\ufffd\", \"advice\": \"\"}\n]\n");
}

TEST(Diagnostics, ContainNoControlCharacters) {
    const LoadResult result = load_text(std::string(kInstance) + "\x1b[31mred\n");
    EXPECT_THAT(messages(result), HasSubstr("'\\x1b[31mred'"));
}

TEST(Diagnostics, AreLimitedButTheExitCodeStaysTrue) {
    std::string text = kInstance;
    for (int i = 0; i < 3000; ++i) {
        text += "nonsense\n";
    }
    text += "includer missing.conf\n";
    const LoadResult result = load_text(text);
    EXPECT_LE(result.diagnostics.size(), 1010U);
    EXPECT_EQ(result.exit_code(), 4);
    EXPECT_THAT(messages(result), HasSubstr("more problems are not shown"));
}

/// A folder that is removed at the end.
class Folder {
  public:
    Folder() : path_("/tmp/tandem-config-XXXXXX") {
        if (::mkdtemp(path_.data()) == nullptr) {
            path_.clear();
        }
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        for (const std::string& file : files_) {
            ::unlink(file.c_str());
        }
        ::rmdir(path_.c_str());
    }
    std::string write(const std::string& name, const std::string& text) {
        files_.push_back(path_ + '/' + name);
        std::ofstream(files_.back()) << text;
        return files_.back();
    }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
    std::vector<std::string> files_;
};

TEST(SystemFiles, AreReadWithTheirIncludes) {
    Folder folder;
    folder.write("b.inc", kInstance);
    LoadOptions options;
    options.path = folder.write("a.conf", "include *.inc\n");
    options.check_host = false;
    const LoadResult result = load(options);
    EXPECT_EQ(messages(result), "");
    EXPECT_EQ(result.model.instances.size(), 1U);
}

TEST(Examples, AreClean) {
    for (const char* name : {"node1", "node2", "dual1", "dual2"}) {
        LoadOptions options;
        options.path = std::string(CONFIG_EXAMPLES) + '/' + name + ".conf";
        options.config_ids = {"tandem", name};
        options.check_host = false;
        const LoadResult result = load(options);
        for (const Diagnostic& diagnostic : result.diagnostics) {
            EXPECT_EQ(diagnostic.severity, Severity::Note) << to_string(diagnostic);
        }
        EXPECT_FALSE(result.model.instances.empty()) << name;
    }
}

TEST(SystemFiles, ThatCannotBeReadAreFatal) {
    Folder folder;
    LoadOptions options;
    options.path = folder.path();
    EXPECT_THAT(messages(load(options)), HasSubstr("not a regular file"));
    options.path = folder.path() + "/none.conf";
    EXPECT_THAT(messages(load(options)), HasSubstr("No such file"));
    options.path = "/dev/zero";
    EXPECT_EQ(load(options).exit_code(), 4);
}

TEST(SystemInterfaces, LoopbackIsRefusedAndMissingOnesAreNamed) {
    Folder folder;
    LoadOptions options;
    options.path = folder.write(
        "a.conf",
        "vrrp_instance A {\n interface lo\n virtual_router_id 1\n virtual_ipaddress {\n"
        " 198.51.100.100 dev tandem-none\n }\n}\n");
    const LoadResult result = load(options);
    EXPECT_EQ(result.exit_code(), 4);
    EXPECT_THAT(messages(result), HasSubstr("loopback"));
    EXPECT_THAT(messages(result), HasSubstr("interface tandem-none does not exist"));
}

}  // namespace
}  // namespace tandem::config::test
