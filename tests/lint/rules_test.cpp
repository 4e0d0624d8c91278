// Each rule of the tree fails where it should.
#include "tests/lint/rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::lint {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

std::string include(std::string_view path) {
    return "#include \"" + std::string(path) + "\"\n";
}

TEST(LintRules, CodeOnlyBlanksCommentsAndLiterals) {
    EXPECT_EQ(code_only("a // b\nc"), "a     \nc");
    EXPECT_EQ(code_only("a /* b\n */ c"), "a     \n    c");
    EXPECT_EQ(code_only(R"(f("a\"b", 'c') + d)"), "f(      ,    ) + d");
    EXPECT_EQ(code_only("x = R\"y(\"now\")y\"; z"), "x =             ; z");
    EXPECT_EQ(code_only("1'000'000 + a"), "1'000'000 + a");
    EXPECT_EQ(code_only("\"never ended\nnext"), "            \nnext");
}

TEST(LintRules, FindsIncludes) {
    EXPECT_THAT(includes("#include <thread>\n  # include \"a/b.hpp\"  // why\n//#include <x>\n"),
                ElementsAre("<thread>", "\"a/b.hpp\""));
}

struct Edge {
    const char* from;
    const char* to;
};

TEST(LintRules, ForbiddenIncludesBetweenFolders) {
    for (const auto& [from, to] :
         std::initializer_list<Edge>{{"vrrp/a.cpp", "netlink/message.hpp"},
                                     {"vrrp/a.cpp", "netlink/config.hpp"},
                                     {"vrrp/a.cpp", "proxy/relay/config.hpp"},
                                     {"vrrp/a.cpp", "proxy/config/model.hpp"},
                                     {"netlink/a.hpp", "vrrp/packet.hpp"},
                                     {"proxy/relay/a.cpp", "vrrp/config.hpp"},
                                     {"proxy/relay/a.cpp", "proxy/control/event_log.hpp"},
                                     {"proxy/config/a.cpp", "vrrp/packet.hpp"},
                                     {"proxy/config/a.cpp", "proxy/relay/engine.hpp"},
                                     {"proxy/config/a.cpp", "proxy/control/server.hpp"},
                                     {"proxy/control/a.cpp", "vrrp/config.hpp"},
                                     {"proxy/control/a.cpp", "netlink/config.hpp"},
                                     {"proxy/control/a.cpp", "proxy/relay/config.hpp"},
                                     {"proxy/control/a.cpp", "proxy/config/model.hpp"},
                                     {"proxy/control/a.cpp", "proxy/daemon/node.hpp"},
                                     {"vrrp/a.cpp", "proxy/daemon/node.hpp"},
                                     {"proxy/daemon/a.cpp", "tests/support/x.hpp"}}) {
        EXPECT_THAT(check_includes(from, include(to)), ElementsAre(HasSubstr(to))) << from;
    }
}

TEST(LintRules, AllowedIncludesBetweenFolders) {
    for (const auto& [from, to] :
         std::initializer_list<Edge>{{"vrrp/a.cpp", "vrrp/packet.hpp"},
                                     {"proxy/config/a.hpp", "vrrp/config.hpp"},
                                     {"proxy/config/a.hpp", "netlink/config.hpp"},
                                     {"proxy/config/a.hpp", "proxy/relay/config.hpp"},
                                     {"proxy/control/a.hpp", "proxy/control/backend.hpp"},
                                     {"proxy/daemon/a.cpp", "vrrp/router.hpp"},
                                     {"proxy/daemon/a.cpp", "proxy/relay/engine.hpp"},
                                     {"tests/unit/vrrp/a.cpp", "netlink/message.hpp"}}) {
        EXPECT_THAT(check_includes(from, include(to)), IsEmpty()) << from << ' ' << to;
    }
}

TEST(LintRules, Purity) {
    for (const char* bad :
         {"#include <boost/asio/io_context.hpp>\n", "#include <boost/asio.hpp>\n",
          "#include <boost/asio/ip/udp.hpp>\n", "#include <boost/beast/http.hpp>\n",
          "#include <spdlog/spdlog.h>\n", "#include <thread>\n", "#include <mutex>\n",
          "auto t = std::chrono::steady_clock::now();\n", "auto t = Clock::now ();\n"}) {
        EXPECT_THAT(check_purity("a.cpp", bad), SizeIs(1)) << bad;
    }
    for (const char* good :
         {"#include <boost/asio/ip/address.hpp>\n", "#include <boost/asio/ip/address_v4.hpp>\n",
          "#include <boost/asio/ip/tcp.hpp>\n", "#include <boost/json/value.hpp>\n",
          "// never Clock::now()\n", "const char* t = \"Clock::now()\";\n", "run(now);\n"}) {
        EXPECT_THAT(check_purity("a.cpp", good), IsEmpty()) << good;
    }
}

TEST(LintRules, CoreSourcesComeFromTheBuildFiles) {
    EXPECT_THAT(core_sources("add_library(tandem_x_core STATIC\n  a.cpp # b.cpp\n  c.cpp)\n"
                             "add_library(tandem_x STATIC d.cpp)\n"
                             "add_library( tandem_y_core OBJECT e.cpp )\n"),
                ElementsAre("a.cpp", "c.cpp", "e.cpp"));
}

TEST(LintRules, PureFilesIncludeOnlyPureFiles) {
    const Sources sources{{"vrrp/core.cpp", include("vrrp/core.hpp")},
                          {"vrrp/core.hpp", include("vrrp/types.hpp")},
                          {"vrrp/types.hpp", ""},
                          {"vrrp/bad.cpp", include("vrrp/shell.hpp")},
                          {"vrrp/shell.cpp", ""},
                          {"vrrp/shell.hpp", ""}};
    Complaints complaints;
    EXPECT_THAT(pure_files(sources, {"vrrp/core.cpp"}, complaints),
                ElementsAre("vrrp/core.cpp", "vrrp/core.hpp", "vrrp/types.hpp"));
    EXPECT_THAT(complaints, IsEmpty());
    pure_files(sources, {"vrrp/bad.cpp"}, complaints);
    EXPECT_THAT(complaints, ElementsAre(HasSubstr("vrrp/shell.hpp")));
}

TEST(LintRules, OpenEnds) {
    EXPECT_THAT(check_open_ends("a", std::string("// TO") + "DO later"), SizeIs(1));
    EXPECT_THAT(check_open_ends("a", std::string("x; // FIX") + "ME: y"), SizeIs(1));
    EXPECT_THAT(check_open_ends("a", "// to do it all in one pass"), IsEmpty());
}

TEST(LintRules, Length) {
    EXPECT_THAT(check_length("a", std::string(600, '\n')), IsEmpty());
    EXPECT_THAT(check_length("a", std::string(601, '\n')), SizeIs(1));
}

TEST(LintRules, Headers) {
    EXPECT_THAT(check_header("a", "// What for.\n#pragma once\n"), IsEmpty());
    EXPECT_THAT(check_header("a", "#pragma once\n// late\n"), SizeIs(1));
    EXPECT_THAT(check_header("a", "// #pragma once\n"), SizeIs(1));
    EXPECT_THAT(check_header("a", ""), SizeIs(2));
}

TEST(LintRules, KeywordTables) {
    const std::string table = "constexpr Keyword<relay::UrlCheck> kUrls[] = {};\n";
    EXPECT_THAT(check_keyword_tables("a", table), ElementsAre(HasSubstr("kUrls")));
    EXPECT_THAT(check_keyword_tables("a", table + "list_keywords(kUrls, kUnused)"), IsEmpty());
    EXPECT_THAT(check_keyword_tables("a", "constexpr OptionKeyword kOptions[] = {"), SizeIs(1));
    EXPECT_THAT(check_keyword_tables("a", "constexpr KeywordForm kForms[] = {"), IsEmpty());
}

TEST(LintRules, TopLevel) {
    std::set<std::string> entries{"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md",
                                  "deploy",         "netlink",           "proxy",   "tests",
                                  "vrrp",           ".gitignore",        "build"};
    EXPECT_THAT(check_top_level(entries), IsEmpty());
    entries.insert("src");
    EXPECT_THAT(check_top_level(entries), ElementsAre(HasSubstr("src")));
    entries.erase("src");
    entries.erase("LICENSE");
    EXPECT_THAT(check_top_level(entries), ElementsAre(HasSubstr("LICENSE")));
}

}  // namespace
}  // namespace tandem::lint
