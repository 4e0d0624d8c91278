// Content that is meant to hurt: load() must come back, quickly, without throwing.
#include "tests/unit/config/memory_environment.hpp"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

using testing::HasSubstr;
/// Of processor time, so that a busy machine changes nothing; generous because of sanitizers.
constexpr double kQuickSeconds = 15;

double processor_seconds() {
    return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

std::string repeated(const std::string& piece, std::size_t count) {
    std::string text;
    text.reserve(piece.size() * count);
    for (std::size_t i = 0; i < count; ++i) {
        text += piece;
    }
    return text;
}

struct Row {
    const char* name;
    /// Made when its test runs: every other test of this program would wait for it.
    std::string (*text)();
    const char* message;
};

void PrintTo(const Row& row, std::ostream* out) {
    *out << row.name;
}

class Hostile : public testing::TestWithParam<Row> {};

TEST_P(Hostile, FinishesQuicklyAndSaysWhy) {
    const double start = processor_seconds();
    const LoadResult result = load_text(GetParam().text());
    EXPECT_LT(processor_seconds() - start, kQuickSeconds);
    EXPECT_THAT(messages(result), HasSubstr(GetParam().message));
}

std::string billion_laughs() {
    std::string text = "$A0=ha\n";
    for (int i = 1; i < 30; ++i) {
        const std::string inner = "${A" + std::to_string(i - 1) + "}";
        text += "$A" + std::to_string(i) + "=" + inner + inner + inner + inner + "\n";
    }
    return text + "${A29}\n";
}

std::string empty_laughs() {
    std::string text = "$A0=\n";
    for (int i = 1; i < 30; ++i) {
        const std::string inner = "${A" + std::to_string(i - 1) + "}";
        text += "$A" + std::to_string(i) + "=" + inner + inner + "\n";
    }
    return text + "x ${A29}\n";
}

constexpr std::size_t kTenMegabytes = 10'000'000;

INSTANTIATE_TEST_SUITE_P(
    Content, Hostile,
    testing::Values(
        Row{"line_of_10_MB", [] { return repeated("x", kTenMegabytes); }, "unknown keyword"},
        Row{"words_of_10_MB", [] { return repeated("x ", kTenMegabytes / 2); },
            "more than 4096 words"},
        Row{"quotes_of_10_MB", [] { return repeated("\"", kTenMegabytes); },
            "more than 4096 words"},
        Row{"dollars_of_10_MB", [] { return repeated("${", kTenMegabytes / 2); }, ""},
        Row{"escapes_of_1_MB", [] { return repeated("\\#", 500'000); }, "unknown keyword"},
        Row{"opening_braces", [] { return repeated("a {", 1'000'000); },
            "nested more than 64 deep"},
        Row{"closing_braces", [] { return repeated("}", 1'000'000); }, "'}' closes nothing"},
        Row{"many_statements", [] { return repeated("a {}\n", 500'000); },
            "more than 200000 statements"},
        Row{"billion_laughs", [] { return billion_laughs(); },
            "everything from here on is ignored"},
        Row{"billion_laughs_of_nothing", [] { return empty_laughs(); },
            "everything from here on is ignored"},
        Row{"endless_sequence", [] { return std::string{"~SEQ(i,1,4000000000) x\n"}; },
            "everything from here on is ignored"},
        Row{"stacked_sequences", [] { return repeated("~SEQ(i,1,1000)", 5) + " x\n"; },
            "everything from here on is ignored"},
        Row{"deep_sequences", [] { return repeated("~SEQ(i,1,1)", 1000) + " x\n"; },
            "nested more than 32 deep"},
        Row{"deep_conditions", [] { return repeated("@tandem ", 100'000) + "x\n"; },
            "nested more than 32 deep"},
        Row{"brace_bomb", [] { return "include " + repeated("{a,b}", 60) + "\n"; }, ""},
        Row{"long_misspelling", [] { return repeated("vrrp_instanc", 1000) + "\n"; },
            "unknown keyword"}),
    [](const auto& param) { return std::string(param.param.name); });

std::string mutated(std::string text, std::mt19937& random) {
    constexpr std::string_view kPieces[] = {"{",  "}",        "\"", "\n", "$A=${A}", "~SEQ(i,9) ",
                                            "@",  "include ", "\\", "#",  "-1",      "999999",
                                            "::", "/",        "'",  " ",  "0.0001",  "${_ENV X}"};
    const auto below = [&](std::size_t limit) {
        return std::uniform_int_distribution<std::size_t>(0, limit)(random);
    };
    const std::size_t changes = 1 + below(8);
    for (std::size_t i = 0; i < changes; ++i) {
        const std::size_t at = below(text.size());
        switch (below(3)) {
            case 0:
                text.insert(at, kPieces[below(std::size(kPieces) - 1)]);
                break;
            case 1:
                text.erase(at, below(20));
                break;
            case 2:
                text.insert(at, text.substr(below(text.size()), below(60)));
                break;
            default:
                text.insert(at, 1, static_cast<char>(below(255)));
                break;
        }
    }
    return text;
}

TEST(Mutations, OfTheCasesNeverThrow) {
    std::vector<std::string> cases;
    for (const auto& entry : std::filesystem::directory_iterator(CONFIG_CASES)) {
        if (entry.path().extension() == ".conf") {
            std::ostringstream text;
            text << std::ifstream(entry.path()).rdbuf();
            cases.push_back(text.str());
        }
    }
    ASSERT_FALSE(cases.empty());
    constexpr unsigned kSeed = 20260101;
    std::mt19937 random(kSeed);
    for (int round = 0; round < 2000; ++round) {
        const std::string text =
            mutated(cases[static_cast<std::size_t>(round) % cases.size()], random);
        LoadResult result;
        ASSERT_NO_THROW(result = load_text(text)) << text;
        for (const InstanceSettings& instance : result.model.instances) {
            ASSERT_GE(instance.election.priority, 1) << text;
            ASSERT_GT(instance.election.advertisement_interval.count(), 0) << text;
        }
        for (const relay::ServiceConfig& service : result.model.services) {
            ASSERT_NE(service.listen.port(), 0) << text;
        }
    }
}

}  // namespace
}  // namespace tandem::config::test
