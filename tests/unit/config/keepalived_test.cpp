// Files that are meant for both programs stay clean under the real `keepalived -t`, tandem's own
// words behind @tandem included. keepalived wants the interfaces: a network namespace has them.
#include <array>
#include <cstdio>
#include <cstdlib>

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

namespace tandem::config {
namespace {

struct Outcome {
    int exit_code = -1;
    std::string output;
};

Outcome run(const std::string& command) {
    Outcome outcome;
    FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    if (pipe == nullptr) {
        return outcome;
    }
    std::array<char, 4096> buffer{};
    while (::fgets(buffer.data(), static_cast<int>(buffer.size()), pipe) != nullptr) {
        outcome.output += buffer.data();
    }
    const int status = ::pclose(pipe);
    outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return outcome;
}

class Keepalived : public testing::TestWithParam<const char*> {};

TEST_P(Keepalived, AcceptsTheSharedFile) {
    if (run("command -v keepalived ip unshare").exit_code != 0 ||
        run("unshare -n ip link add eth0 type veth peer name eth1").exit_code != 0) {
        GTEST_SKIP() << "needs keepalived and the right to make a network namespace";
    }
    const std::string file = std::string(CONFIG_CASES) + '/' + GetParam() + ".conf";
    const Outcome outcome =
        run("unshare -n sh -c 'ip link add eth0 type veth peer name eth1 && "
            "exec keepalived --config-test -i node1 -f " +
            file + "'");
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
}

INSTANTIATE_TEST_SUITE_P(Shared, Keepalived,
                         testing::Values("two-node-pair", "shared-with-keepalived", "sync-group",
                                         "election-shared"),
                         [](const auto& param) {
                             std::string name = param.param;
                             for (char& c : name) {
                                 c = c == '-' ? '_' : c;
                             }
                             return name;
                         });

}  // namespace
}  // namespace tandem::config
