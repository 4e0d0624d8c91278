#include "proxy/config/keyword.hpp"
#include "proxy/config/syntax.hpp"

#include <gtest/gtest.h>

namespace tandem::config {
namespace {

std::string show(const std::vector<Statement>& statements) {
    std::string out;
    for (const Statement& statement : statements) {
        out += statement.ignored ? "?" : "";
        out += '[' + statement.keyword.text + ']';
        for (const Word& word : statement.arguments) {
            out += '[' + word.text + ']';
        }
        if (statement.has_block) {
            out += "{" + show(statement.block) + "}";
        }
        out += ';';
    }
    return out;
}

struct Parsed {
    std::string tree;
    std::vector<Diagnostic> diagnostics;
};

Parsed parse(std::string_view text) {
    Reporter reporter;
    const std::uint32_t file = reporter.add_file("f");
    Parser parser(reporter);
    for (std::uint32_t line = 1; !text.empty(); ++line) {
        const std::size_t end = text.find('\n');
        parser.line(Text(text.substr(0, end), {file, line, 1}));
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    }
    Parsed result;
    result.tree = show(parser.finish());
    result.diagnostics = reporter.take();
    return result;
}

struct Row {
    const char* text;
    const char* tree;
    /// Expected in the only diagnostic; null: none.
    const char* message = nullptr;
};

TEST(Parser, BuildsTheTree) {
    const Row rows[] = {
        {"a b  c", "[a][b][c];"},
        {"a \"b c\" d", "[a][b c][d];"},
        {"ab\"cd\"ef", "[ab][cd][ef];"},
        {"a \"\"", "[a][];"},
        {"a 'b c'", "[a]['b][c'];"},
        {"a {\nb\n}", "[a]{[b];};"},
        {"a{b}c", "[a]{[b];};[c];"},
        {"a\n\n{\nb\n}", "[a]{[b];};"},
        {"a { b { c } }", "[a]{[b]{[c];};};"},
        {"a { b c d }", "[a]{[b][c][d];};"},
        {"a \"{\" {}", "[a][{]{};"},
        {"\"a b\" {}", "[a b]{};"},
        {"a ${B} c {d}", "[a][${B}][c]{[d];};"},
        {"a {} b {}", "[a]{};[b]{};"},
        {"}", "", "f:1:1: error: '}' closes nothing"},
        {"a\n }", "[a];", "f:2:2: error: '}' closes nothing"},
        {"{ a }", "?[]{[a];};", "f:1:1: error: '{' without a keyword"},
        {"a {} { b }", "[a]{};?[]{[b];};", "f:1:6: error: '{' without a keyword"},
        {"a {\nb {", "[a]{[b]{};};", "f:2:1: error: the block 'b' is not closed: 2 '}' missing"},
        {"a \"b\nc", "[c];", "f:1:1: error: a double quote is not closed"},
        {"x \"y {\n b\n}\nc", "?[x]{[b];};[c];", "f:1:1: error: a double quote is not closed"},
    };
    for (const Row& row : rows) {
        const Parsed result = parse(row.text);
        EXPECT_EQ(result.tree, row.tree) << row.text;
        ASSERT_EQ(result.diagnostics.size(), row.message == nullptr ? 0U : 1U) << row.text;
        if (row.message != nullptr) {
            EXPECT_EQ(to_string(result.diagnostics[0]).find(row.message), 0U)
                << to_string(result.diagnostics[0]);
        }
    }
}

TEST(Parser, SkipsWhatIsNestedTooDeep) {
    std::string text;
    for (int i = 0; i < 100; ++i) {
        text += "a {\n";
    }
    for (int i = 0; i < 100; ++i) {
        text += "}\n";
    }
    text += "b";
    const Parsed result = parse(text);
    ASSERT_EQ(result.diagnostics.size(), 1U);
    EXPECT_EQ(result.diagnostics[0].line, Parser::kMaxDepth + 1);
    EXPECT_EQ(result.tree.substr(result.tree.size() - 4), "[b];");
}

std::string script(std::string_view text) {
    const auto words = split_script_words(Text(text, {1, 1, 1}));
    if (!words) {
        return "unbalanced";
    }
    std::string out;
    for (const Word& word : *words) {
        out += '[' + word.text + ']';
    }
    return out;
}

TEST(ScriptWords, FollowShellQuoting) {
    EXPECT_EQ(script("/bin/x arg"), "[/bin/x][arg]");
    EXPECT_EQ(script("\"/bin/x arg\" user group"), "[/bin/x arg][user][group]");
    EXPECT_EQ(script("'/bin/x \"a b\"'"), "[/bin/x \"a b\"]");
    EXPECT_EQ(script("/bin/'x y'\" z\""), "[/bin/x y z]");
    EXPECT_EQ(script("\"a \\\"b\\\"\""), "[a \"b\"]");
    EXPECT_EQ(script("a\\ b"), "[a b]");
    EXPECT_EQ(script("\"\""), "[]");
    EXPECT_EQ(script("\"a"), "unbalanced");
    EXPECT_EQ(script("'a"), "unbalanced");
}

TEST(ScriptCommand, IsSplitAgainWithEscapes) {
    using Strings = std::vector<std::string>;
    EXPECT_EQ(split_command("/bin/x a  b"), (Strings{"/bin/x", "a", "b"}));
    EXPECT_EQ(split_command("x 'a b' \"c d\""), (Strings{"x", "a b", "c d"}));
    EXPECT_EQ(split_command("a\\tb\\n"), (Strings{"a\tb\n"}));
    EXPECT_EQ(split_command("\\x41\\101\\E\\cA"), (Strings{"AA\033\001"}));
    EXPECT_EQ(split_command("'\\n'"), (Strings{"\\n"}));
    EXPECT_EQ(split_command("\\q\\xzz"), (Strings{"qxzz"}));
    EXPECT_EQ(split_command("a\\"), (Strings{"a\\"}));
    EXPECT_EQ(split_command("a\\c"), (Strings{"ac"}));
}

TEST(Nearest, FindsTheMisspeltWord) {
    const std::vector<std::string_view> words{"priority", "virtual_router_id", "state"};
    EXPECT_EQ(nearest("prioritty", words), "priority");
    EXPECT_EQ(nearest("virtual_routerid", words), "virtual_router_id");
    EXPECT_EQ(nearest("State", words), "state");
    EXPECT_EQ(nearest("xyzzy", words), "");
    EXPECT_EQ(nearest("", words), "");
}

}  // namespace
}  // namespace tandem::config
