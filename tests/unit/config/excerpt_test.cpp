// The line that a diagnostic is about.
#include "proxy/config/excerpt.hpp"

#include "proxy/config/print_diagnostics.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace tandem::config {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Excerpt, MarksTheWord) {
    EXPECT_EQ(excerpt("    prioritty 100", 12, 5),
              "   12 |     prioritty 100\n"
              "      |     ^~~~~~~~~\n");
    EXPECT_EQ(excerpt("priority 1000\r\n", 123456, 10),
              "123456 | priority 1000\n"
              "       |          ^~~~\n");
}

TEST(Excerpt, APlaceBehindTheLineIsItsEnd) {
    EXPECT_EQ(excerpt("a {", 1, 99), "    1 | a {\n      |    ^\n");
    EXPECT_EQ(excerpt("", 1, 1), "    1 | \n      | ^\n");
    EXPECT_EQ(excerpt("a", 1, 0), "    1 | a\n      | ^\n");
}

TEST(Excerpt, ControlCharactersReachNoTerminal) {
    EXPECT_EQ(excerpt("\tsta\x1b[2Jte \x9b\xc2\x9b", 3, 2),
              "    3 |  sta\\x1b[2Jte \\x9b\\u009b\n"
              "      |  ^~~~~~~~~~~~\n");
}

TEST(Excerpt, WhatIsNoUtf8ReachesNoTerminal) {
    EXPECT_EQ(excerpt("a \xf5\x80 \xe2\x82 b", 1, 1),
              "    1 | a \\xf5\\x80 \\xe2\\x82 b\n"
              "      | ^\n");
}

TEST(Excerpt, DirectionAndInvisibleCharactersAreEscaped) {
    EXPECT_EQ(excerpt("a\u202eb\u2066 c\u200b\u00a0\ufeff \U000e0041 d", 1, 25),
              "    1 | a\\u202eb\\u2066 c\\u200b\\u00a0\\ufeff \\U000e0041 d\n"
              "      |" +
                  std::string(47, ' ') + "^\n");
}

TEST(Excerpt, WideCharactersTakeTwoColumns) {
    EXPECT_EQ(excerpt("router_id \u6771\u4eac x y", 1, 18),
              "    1 | router_id \u6771\u4eac x y\n"
              "      |                ^\n");
    EXPECT_EQ(excerpt("a \u6771\u4eac \U0001f600 b", 1, 3),
              "    1 | a \u6771\u4eac \U0001f600 b\n"
              "      |   ^~~~\n");
    EXPECT_EQ(excerpt("\U0001f600 b", 1, 6),
              "    1 | \U0001f600 b\n"
              "      |    ^\n");
}

TEST(Excerpt, CombiningMarksTakeNone) {
    EXPECT_EQ(excerpt("na\u0308me x", 1, 8),
              "    1 | na\u0308me x\n"
              "      |      ^\n");
    EXPECT_EQ(excerpt("na\u0308me x", 1, 1),
              "    1 | na\u0308me x\n"
              "      | ^~~~\n");
    EXPECT_EQ(excerpt("\u0308", 1, 1), "    1 | \u0308\n      | ^\n");
}

TEST(Excerpt, ATabIsOneColumn) {
    EXPECT_EQ(excerpt("\t\tx\ty", 1, 5),
              "    1 |   x y\n"
              "      |     ^\n");
}

TEST(Excerpt, APlaceInsideACharacterIsTheCharacter) {
    for (const std::size_t column : {3U, 4U, 5U}) {
        EXPECT_EQ(excerpt("a \u6771 b", 1, column), "    1 | a \u6771 b\n      |   ^~\n");
    }
}

TEST(Excerpt, WideCharactersFitTheWindow) {
    std::string line;
    for (int i = 0; i < 1000; ++i) {
        line += "\u6771";
    }
    const SourceLine source = source_line(line, 1501);
    EXPECT_LE(source.indent + source.width, kExcerptWidth + 8);
    EXPECT_TRUE(source.text.starts_with("...\u6771"));
    EXPECT_TRUE(source.text.ends_with("\u6771..."));
    EXPECT_EQ(source.column, 3U + 37U + 1U);
}

TEST(SourceLine, CountsCharacters) {
    const SourceLine source = source_line("  n\u00e4me \u6771\u4eac", 9);
    EXPECT_EQ(source.text, "  n\u00e4me \u6771\u4eac");
    EXPECT_EQ(source.column, 8U);
    EXPECT_EQ(source.length, 2U);
    EXPECT_EQ(source.indent, 7U);
    EXPECT_EQ(source.width, 4U);
}

TEST(Excerpt, ACharacterOfSeveralBytesTakesOnePlace) {
    EXPECT_EQ(excerpt("n\xc3\xa4me \xe2\x82\xac x", 3, 11),
              "    3 | n\xc3\xa4me \xe2\x82\xac x\n"
              "      |        ^\n");
}

TEST(Excerpt, OfALongLineAWindowIsShown) {
    const std::string line = std::string(5'000'000, 'x') + " wrong " + std::string(5'000'000, 'y');
    const std::string shown = excerpt(line, 1, 5'000'002);
    EXPECT_LT(shown.size(), 300);
    EXPECT_THAT(shown, HasSubstr("x wrong y"));
    EXPECT_THAT(shown, HasSubstr("...x"));
    EXPECT_THAT(shown, HasSubstr("y...\n"));
    const std::size_t mark = shown.rfind('^') - shown.rfind('\n', shown.size() - 2) - 1;
    EXPECT_EQ(shown.find("wrong"), mark);
}

TEST(Excerpt, ASecretIsHidden) {
    for (const std::string line :
         {"        auth_pass geheim", "authentication { auth_type PASS auth_pass geheim }",
          "auth_pass\tgeheim extra"}) {
        for (std::size_t column = 1; column < line.size() + 3; ++column) {
            const std::string shown = excerpt(line, 1, column);
            EXPECT_THAT(shown, Not(HasSubstr("geheim")));
            EXPECT_THAT(shown, HasSubstr("...(hidden)"));
        }
    }
}

TEST(Excerpt, ASecretIsHiddenHoweverItIsWritten) {
    const std::string key = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2";
    for (const std::string line :
         {"auth_pas geheim", "Auth_Pass geheim", "auth_pass\"geheim\"", "$AUTH_PASS=geheim",
          "key 1 geheim", "active_key geheim", "{key \"geheim", "password geheim"}) {
        EXPECT_THAT(excerpt(line, 1, 1), Not(HasSubstr("geheim"))) << line;
    }
    for (const std::string before :
         {"key 1 hex:", "mode ", "", "time_window 1", "x hex:", "\"AB"}) {
        EXPECT_THAT(excerpt(before + key, 1, 1), Not(HasSubstr(key.substr(0, 16)))) << before;
    }
    EXPECT_THAT(excerpt("    interface eth0", 1, 5), HasSubstr("interface eth0"));
}

TEST(PrintDiagnostics, ShowsLinesOfEveryFileAndTheVerdict) {
    const std::string directory =
        std::filesystem::temp_directory_path() / ("excerpt-" + std::to_string(getpid()));
    std::filesystem::create_directory(directory);
    const std::string file = directory + "/a.conf";
    std::ofstream(file) << "\xef\xbb\xbfone\ntwo\n";
    LoadResult loaded;
    loaded.diagnostics = {{file, 1, 4, Severity::Error, "first", "advice"},
                          {file, 2, 1, Severity::Error, "second", ""},
                          {file, 3, 1, Severity::Note, "behind the end", ""},
                          {"/absent.conf", 1, 1, Severity::Warning, "gone", ""},
                          {"", 0, 0, Severity::Note, "of the host", ""}};
    std::ostringstream out;
    print_diagnostics(out, loaded);
    std::filesystem::remove_all(directory);
    EXPECT_EQ(out.str(), file +
                             ":1:4: error: first (advice)\n"
                             "    1 |    one\n"
                             "      |    ^~~\n" +
                             file +
                             ":2:1: error: second\n"
                             "    2 | two\n"
                             "      | ^~~\n" +
                             file +
                             ":3:1: note: behind the end\n"
                             "/absent.conf:1:1: warning: gone\n"
                             "note: of the host\n"
                             "2 errors, 1 warning, 2 notes: it would run without what the errors "
                             "name (exit code 5)\n");
}

TEST(AddSources, GivesJsonTheLineWithoutSecrets) {
    const std::string directory =
        std::filesystem::temp_directory_path() / ("sources-" + std::to_string(getpid()));
    std::filesystem::create_directory(directory);
    const std::string file = directory + "/a.conf";
    std::ofstream(file) << "  prioritty 100\nauth_pass geheim\n";
    std::vector<Diagnostic> diagnostics{{file, 1, 3, Severity::Error, "first", ""},
                                        {file, 2, 11, Severity::Error, "second", ""},
                                        {"", 0, 0, Severity::Note, "of the host", ""}};
    add_sources(diagnostics);
    std::filesystem::remove_all(directory);
    const std::string json = to_json(diagnostics);
    EXPECT_THAT(json, HasSubstr("\"source\": \"  prioritty 100\", \"source_column\": 3, "
                                "\"source_length\": 9}"));
    EXPECT_THAT(json, HasSubstr("\"source\": \"auth_pass ...(hidden)\", \"source_column\": 10, "
                                "\"source_length\": 1}"));
    EXPECT_THAT(json, HasSubstr("\"of the host\", \"advice\": \"\"}"));
    EXPECT_THAT(json, Not(HasSubstr("geheim")));
}

TEST(PrintDiagnostics, Verdicts) {
    LoadResult loaded;
    EXPECT_EQ(verdict(loaded), "no problems: it can be used (exit code 0)");
    loaded.diagnostics = {{"", 0, 0, Severity::Security, "", ""}};
    EXPECT_EQ(
        verdict(loaded),
        "1 security problem: it would run, but others could change what it runs (exit code 6)");
    loaded.diagnostics.push_back({"", 0, 0, Severity::Fatal, "", ""});
    EXPECT_THAT(verdict(loaded), HasSubstr("it cannot be used (exit code"));
}

}  // namespace
}  // namespace tandem::config
