// keepalived.md section 1: from files to lines.
#include "proxy/config/expander.hpp"

#include "tests/unit/config/memory_environment.hpp"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

struct Expanded {
    std::vector<std::string> lines;
    std::vector<Position> positions;
    std::vector<Diagnostic> diagnostics;
};

Expanded expand(MemoryEnvironment& environment) {
    Expanded result;
    Reporter reporter;
    Expander expander(environment, reporter, {"tandem", "node1"}, [&](const Text& line) {
        result.lines.push_back(line.chars());
        result.positions.push_back(line.position(0));
    });
    expander.read(kMainFile);
    result.diagnostics = reporter.take();
    return result;
}

Expanded expand(const std::string& text) {
    MemoryEnvironment environment;
    environment.files[kMainFile] = text;
    environment.variables["COLOUR"] = "blue";
    return expand(environment);
}

struct Row {
    const char* name;
    std::string text;
    std::vector<std::string> lines;
};

void PrintTo(const Row& row, std::ostream* out) {
    *out << row.name;
}

class Lines : public testing::TestWithParam<Row> {};

TEST_P(Lines, AreExpanded) {
    const Expanded result = expand(GetParam().text);
    EXPECT_EQ(result.lines, GetParam().lines);
    for (const Diagnostic& diagnostic : result.diagnostics) {
        ADD_FAILURE() << to_string(diagnostic);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Grammar, Lines,
    testing::Values(
        Row{"comments", "a # b\n! c\nd!e\n#\n", {"a", "d"}},
        Row{"escaped_comment", "a \\# b \\! c # d\n", {"a # b ! c"}},
        Row{"quoted_comment", "a \"# !\" b ! c\n", {"a \"# !\" b"}},
        Row{"backslash_stays_in_quotes", "a \"\\#\"\n", {"a \"\\#\""}},
        Row{"crlf", "a\r\nb \r\n", {"a", "b"}}, Row{"no_end_of_line", "a", {"a"}},
        Row{"byte_order_mark",
            "\xef\xbb\xbf"
            "a\n",
            {"a"}},
        Row{"blanks", " \t\v\f\r a \t b \n", {"a \t b"}},
        Row{"no_continuation", "a \\\nb\n", {"a \\", "b"}},
        Row{"definition", "$A=1\nx $A ${A} y${A}z\n", {"x 1 1 y1z"}},
        Row{"definition_ends", "$A=1\n$A,($A) $A\n", {"1,(1) 1"}},
        Row{"bare_name_needs_an_end", "$A=1\nx $A/24 $A.\n", {"x $A/24 $A."}},
        Row{"before_a_parenthesis", "$A=1\nf(x, $A)\n", {"f(x, 1)"}},
        Row{"in_quotes", "$A=1\n\"$A ${A}\"\n", {"\"1 1\""}},
        Row{"undefined_stays", "x $NO ${NO} $ ${ $1\n", {"x $NO ${NO} $ ${ $1"}},
        Row{"late_binding", "$A=${B}\n$B=1\nx ${A}\n$B=2\nx ${A}\n", {"x 1", "x 2"}},
        Row{"empty_definition", "$A=\nx ${A}y\n", {"x y"}},
        Row{"no_blank_before_equals", "$A =1\n", {"$A =1"}},
        Row{"several_lines", "$A=\\\n one \\\n two\nx\n$A\ny\n", {"x", "one", "two", "y"}},
        Row{"several_lines_nested", "$A=a1 \\\na2\n$B=b \\\n$A\n$B\n", {"b", "a1", "a2"}},
        Row{"predefined",
            "${_PWD} ${_INSTANCE} ${_HASH}${_BANG} ${_ENV COLOUR} ${_ENV NO}\n",
            {"/etc node1 #! blue ${_ENV NO}"}},
        Row{"predefined_overridden", "$_PWD=x\n${_PWD}\n", {"x"}},
        Row{"random_in_range", "${_RANDOM 7 7}\n", {"7"}},
        Row{"condition_holds", "@node1 a\n@tandem b\n@node2 c\n", {"a", "b"}},
        Row{"condition_negated", "@^node1 a\n@^node2 b\n", {"b"}},
        Row{"conditions_stack", "@tandem @^node2 a\n@tandem @node2 b\n", {"a"}},
        Row{"condition_on_definition", "$A=1\n@node1 $A=2\nx ${A}\n", {"x 2"}},
        Row{"condition_on_brace", "@tandem }\n", {"}"}},
        Row{"sequence", "~SEQ(i, 2, 4) x${i}\n", {"x2", "x3", "x4"}},
        Row{"sequence_step", "~SEQ(i,10,-4,1) $i\n", {"10", "6", "2"}},
        Row{"sequence_default_start", "~SEQ(i,2) $i\n~SEQ(i,-2) $i\n", {"1", "2", "-1", "-2"}},
        Row{"sequence_downwards", "~SEQ(i,3,2) $i\n", {"3", "2"}},
        Row{"sequence_hexadecimal", "~SEQx(i,0x9,0x1,11) ${i}\n", {"9", "a", "b"}},
        Row{"sequences_stack", "~SEQ(i,1,2) ~SEQ(j,${i},2) ${i}${j}\n", {"11", "12", "22"}},
        Row{"sequence_of_definition",
            "$D=\\\na ${i}\\\nb\n~SEQ(i,1,2) $D\n",
            {"a 1", "b", "a 2", "b"}},
        Row{"sequence_in_definition", "$D=\\\n~SEQ(i,1,2) ${i}\\\nb\n$D\n", {"1", "2", "b"}},
        Row{"sequence_variable_ends", "~SEQ(i,1,1) ${i}\n${i}\n", {"1", "${i}"}},
        Row{"list", "~LST(v, a, b) <${v}>\n", {"<a>", "<b>"}},
        Row{"list_of_pairs", "~LST({a,b},{1,2},{3,4}) ${a}-${b}\n", {"1-2", "3-4"}}),
    [](const auto& param) { return std::string(param.param.name); });

struct BadRow {
    const char* name;
    std::string text;
    std::string message;
};

void PrintTo(const BadRow& row, std::ostream* out) {
    *out << row.name;
}

class BadLines : public testing::TestWithParam<BadRow> {};

TEST_P(BadLines, AreReportedWithTheirPosition) {
    const Expanded result = expand(GetParam().text);
    ASSERT_EQ(result.diagnostics.size(), 1U);
    EXPECT_THAT(to_string(result.diagnostics.front()), testing::HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(
    Grammar, BadLines,
    testing::Values(
        BadRow{"nul", std::string("ab\n") + std::string("x\0y", 3), ":2:2: error: NUL byte"},
        BadRow{"condition_without_name", " @ x\n", ":1:2: error: '@' without a name"},
        BadRow{"unfinished_definition", "x\n$A=1 \\\n2 \\\n", ":2:1: error: the definition of $A"},
        BadRow{"self_reference", "$A=x${A}\n${A}\n", ":2:1: error: definitions refer"},
        BadRow{"self_reference_in_lines", "$A=\\\n$A\n$A\n", "deep"},
        BadRow{"sequence_without_end", "~SEQ(i,1,2 x\n", ":1:1: error: malformed sequence"},
        BadRow{"sequence_step_zero", "~SEQ(i,1,0,2) x\n", ":1:5: error: malformed ~SEQ"},
        BadRow{"sequence_not_a_number", "~SEQ(i,a) x\n", "malformed ~SEQ"},
        BadRow{"list_of_wrong_length", "~LST({a,b},{1}) x\n", "needs 2 values"},
        BadRow{"include_nothing", "include\n", ":1:1: error: include without"},
        BadRow{"include_missing", "include x.conf\n", ":1:1: warning: cannot read /etc/x.conf"},
        BadRow{"include_no_match", "include x*.conf\n", ":1:1: note: nothing matches x*.conf"},
        BadRow{"includer", "includer x.conf\n", ":1:1: fatal: cannot read /etc/x.conf"},
        BadRow{"includem", "includem x.conf\n", ":1:1: fatal: nothing matches x.conf"},
        BadRow{"includew", "includew x*.conf\n", ":1:1: fatal: nothing matches /etc/x*.conf"},
        BadRow{"includea", "includea x.conf\n", ":1:1: fatal: nothing matches /etc/x.conf"},
        BadRow{"include_itself", "include tandem.conf\n", "includes itself"},
        BadRow{"include_itself_otherwise", "include .//./tandem.conf\n", "includes itself"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(Include, IsRelativeToTheIncludingFileAndKeepsItsPositions) {
    MemoryEnvironment environment;
    environment.files[kMainFile] = "a\n  include conf.d/*.conf\nb ${_PWD}\n";
    environment.files["/etc/conf.d/1.conf"] = "c\ninclude more/x.inc\nd ${_PWD}\n";
    environment.files["/etc/conf.d/2.conf"] = "e";
    environment.files["/etc/conf.d/more/x.inc"] = "\n f";
    const Expanded result = expand(environment);
    EXPECT_EQ(result.lines,
              (std::vector<std::string>{"a", "c", "f", "d /etc/conf.d", "e", "b /etc"}));
    EXPECT_EQ(result.positions[2].line, 2U);
    EXPECT_EQ(result.positions[2].column, 2U);
    EXPECT_EQ(result.positions[5].line, 3U);
    EXPECT_TRUE(result.diagnostics.empty());
}

TEST(Include, BracesAreAlternatives) {
    MemoryEnvironment environment;
    environment.files[kMainFile] =
        "includeb {a,b}.conf\ninclude \"a.conf\"\n$F=a\ninclude ${F}.conf";
    environment.files["/etc/a.conf"] = "in a";
    const Expanded result = expand(environment);
    EXPECT_EQ(result.lines, (std::vector<std::string>{"in a", "in a", "in a"}));
    ASSERT_EQ(result.diagnostics.size(), 1U);
    EXPECT_EQ(to_string(result.diagnostics[0]),
              "/etc/tandem.conf:1:1: fatal: nothing matches /etc/b.conf (create the file or use "
              "plain include)");
}

TEST(Include, DepthAndNumberOfFilesAreBounded) {
    MemoryEnvironment environment;
    // Every level includes the next one twice: 2^16 reads if only the depth were bounded.
    environment.files[kMainFile] = "include 0.conf\ninclude 0.conf\n";
    for (int i = 0; i < 40; ++i) {
        const std::string next = "include " + std::to_string(i + 1) + ".conf\n";
        environment.files["/etc/" + std::to_string(i) + ".conf"] = next + next;
    }
    const Expanded result = expand(environment);
    EXPECT_FALSE(result.diagnostics.empty());
    EXPECT_LE(environment.reads, Expander::kMaxFiles + 1);
}

TEST(Braces, ExpandToAlternatives) {
    using Strings = std::vector<std::string>;
    const auto sorted = [](Strings strings) {
        std::sort(strings.begin(), strings.end());
        return strings;
    };
    EXPECT_EQ(sorted(expand_braces("a{b,c}d", 100)), (Strings{"abd", "acd"}));
    EXPECT_EQ(sorted(expand_braces("{a,b}{1,2}", 100)), (Strings{"a1", "a2", "b1", "b2"}));
    EXPECT_EQ(sorted(expand_braces("{a,b{1,2}}", 100)), (Strings{"a", "a", "b1", "b2"}));
    EXPECT_EQ(expand_braces("a{b", 100), Strings{"a{b"});
    EXPECT_EQ(expand_braces("a}b", 100), Strings{"a}b"});
    EXPECT_EQ(sorted(expand_braces("{,x}", 100)), (Strings{"", "x"}));
    EXPECT_LE(expand_braces("{1,2}{1,2}{1,2}{1,2}{1,2}{1,2}{1,2}{1,2}", 100).size(), 100U);
}

TEST(Positions, PointIntoTheFileAfterCommentsAndSubstitution) {
    Reporter reporter;
    MemoryEnvironment environment;
    environment.files[kMainFile] = "$A=a long value\n  x\\#y ${A} z\n";
    std::vector<Position> at;
    Expander expander(environment, reporter, {}, [&](const Text& line) {
        EXPECT_EQ(line.chars(), "x#y a long value z");
        for (const char c : {'x', 'y', 'v', 'z'}) {
            at.push_back(line.position(line.chars().find(c)));
        }
    });
    expander.read(kMainFile);
    ASSERT_EQ(at.size(), 4U);
    EXPECT_EQ(at[0].column, 3U);
    EXPECT_EQ(at[1].column, 6U);
    EXPECT_EQ(at[2].column, 8U) << "a substituted value stands where it is used";
    EXPECT_EQ(at[3].column, 13U);
    EXPECT_EQ(at[3].line, 2U);
}

TEST(MainFile, MayBeAPattern) {
    MemoryEnvironment environment;
    environment.files["/etc/a.conf"] = "a";
    environment.files["/etc/b.conf"] = "b";
    Reporter reporter;
    std::string lines;
    Expander expander(environment, reporter, {}, [&](const Text& line) { lines += line.chars(); });
    expander.read("/etc/?.conf");
    EXPECT_EQ(lines, "ab");
    EXPECT_EQ(reporter.take().size(), 1U);
}

}  // namespace
}  // namespace tandem::config::test
