#include "proxy/daemon/options.hpp"

#include <gtest/gtest.h>

namespace tandem::daemon {
namespace {

TEST(Options, Defaults) {
    const auto parsed = parse_options({});
    EXPECT_EQ(parsed.error, "");
    EXPECT_EQ(parsed.options.config_path, "/etc/tandem/tandem.conf");
    EXPECT_EQ(parsed.options.run_directory, "/run/tandem");
    EXPECT_FALSE(parsed.options.foreground);
    EXPECT_FALSE(parsed.options.log_json);
}

TEST(Options, KeepalivedsLetters) {
    const auto parsed = parse_options({"-f", "a.conf", "-t", "-i", "node1", "-nlD", "--run-dir",
                                       "/tmp/x", "--log-format", "json"});
    EXPECT_EQ(parsed.error, "");
    EXPECT_EQ(parsed.options.config_path, "a.conf");
    EXPECT_TRUE(parsed.options.check_only);
    EXPECT_EQ(parsed.options.config_id, "node1");
    EXPECT_TRUE(parsed.options.foreground);
    EXPECT_TRUE(parsed.options.log_to_console);
    EXPECT_TRUE(parsed.options.log_detail);
    EXPECT_EQ(parsed.options.run_directory, "/tmp/x");
    EXPECT_TRUE(parsed.options.log_json);
}

TEST(Options, ExplainTakesAKeywordWithOrWithoutTheCheck) {
    for (const auto& arguments :
         std::vector<std::vector<std::string>>{{"--explain", "priority"},
                                               {"-t", "--explain", "priority"},
                                               {"--explain=priority", "--check-format", "json"}}) {
        const auto parsed = parse_options(arguments);
        EXPECT_EQ(parsed.error, "");
        EXPECT_EQ(parsed.options.explain, "priority");
    }
    EXPECT_EQ(parse_options({"--explain", "-nodad"}).error, "") << "a keyword may begin so";
    EXPECT_NE(parse_options({"--explain"}).error, "");
    EXPECT_NE(parse_options({"--explain", ""}).error, "");
}

TEST(Options, WrongCommandLinesAreExplained) {
    for (const auto& arguments : std::vector<std::vector<std::string>>{{"--no-such-option"},
                                                                       {"-f"},
                                                                       {"stray"},
                                                                       {"--log-format", "xml"},
                                                                       {"--check-format", "yaml"},
                                                                       {"--run"}}) {
        EXPECT_NE(parse_options(arguments).error, "") << arguments.front();
    }
}

TEST(Options, UsageNamesEveryOption) {
    for (const char* option :
         {"-f", "-t", "-i", "-n", "-l", "-D", "--run-dir", "--log-format", "--check-format"}) {
        EXPECT_NE(usage().find(option), std::string::npos) << option;
    }
}

}  // namespace
}  // namespace tandem::daemon
