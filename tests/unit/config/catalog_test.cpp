// The catalogue of keywords: whole, and true.
#include "proxy/config/explain.hpp"
#include "proxy/config/keyword_catalog.hpp"
#include "proxy/config/keyword_lists.hpp"
#include "tests/unit/config/memory_environment.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tandem::config::test {
namespace {

using testing::HasSubstr;

const std::vector<CatalogBlock>& catalog() {
    static const std::vector<CatalogBlock> kCatalog = keyword_catalog();
    return kCatalog;
}

std::string place(const CatalogBlock& block, const CatalogEntry& entry) {
    return block.name + ": " + entry.name;
}

TEST(Catalog, EveryKeywordOfTheReaderIsDescribed) {
    for (const CatalogBlock& block : catalog()) {
        EXPECT_FALSE(block.entries.empty()) << block.name;
        std::set<std::string> seen;
        for (const CatalogEntry& entry : block.entries) {
            EXPECT_TRUE(entry.text.ends_with('.')) << place(block, entry) << ": " << entry.text;
            EXPECT_TRUE(seen.insert(entry.name).second) << place(block, entry) << " is there twice";
            EXPECT_NE(entry.value, "WORD") << place(block, entry) << ": say which";
        }
    }
}

TEST(Catalog, NothingIsDescribedThatTheReaderDoesNotKnow) {
    for (const auto texts :
         {general_texts(), vrrp_texts(), service_texts(), check_texts(), skipped_texts()}) {
        for (const BlockText& text : texts) {
            const auto block = std::ranges::find(catalog(), text.block, &CatalogBlock::name);
            ASSERT_NE(block, catalog().end()) << text.block;
            for (const KeywordText& keyword : text.keywords) {
                EXPECT_NE(std::ranges::find(block->entries, keyword.name, &CatalogEntry::name),
                          block->entries.end())
                    << text.block << ": " << keyword.name;
            }
        }
    }
}

TEST(Catalog, EveryValueThatMayBeLeftOutHasADefault) {
    for (const CatalogBlock& block : catalog()) {
        for (const CatalogEntry& entry : block.entries) {
            const bool needs = entry.standing == Standing::Honoured &&
                               (!entry.range.empty() || entry.value == "[on|off]");
            EXPECT_TRUE(!needs || !entry.usual.empty() ||
                        entry.text.find("Required") != std::string::npos)
                << place(block, entry);
        }
    }
}

TEST(Catalog, TextsCanBePrintedAsTheyAre) {
    for (const CatalogBlock& block : catalog()) {
        for (const CatalogEntry& entry : block.entries) {
            for (const std::string* text : {&entry.name, &entry.value, &entry.usual, &entry.text}) {
                EXPECT_TRUE(std::ranges::all_of(*text, [](char letter) {
                    return letter >= ' ' && letter <= '~';
                })) << place(block, entry);
                EXPECT_EQ(text->find("  "), std::string::npos) << place(block, entry);
            }
        }
    }
}

/// A configuration in which nothing but the keyword under test is missing.
struct Surroundings {
    std::string begin;
    std::string end;
};

constexpr const char* kInstance =
    "interface eth0\nvirtual_router_id 51\nvirtual_ipaddress {\n198.51.100.100/24\n}\n";
constexpr const char* kServer = "virtual_server 198.51.100.100 443 {\nprotocol TCP\n";
constexpr const char* kUpstream = "real_server 198.51.100.21 8443 {\n";

std::map<std::string, Surroundings> surroundings() {
    const std::string instance = std::string("vrrp_instance V {\n") + kInstance;
    const std::string server = std::string(kServer);
    const std::string upstream = server + kUpstream;
    const std::string rest = instance + "}\n" + upstream + "HTTP_GET {\n}\n}\n}\n";
    const auto tracked = [&](const std::string& keyword, const std::string& name) {
        return "}\n" + instance + keyword + " {\n" + name + "\n}\n}\n";
    };
    const std::string hmac =
        instance + "auth_hmac {\nkey 1 \"0123456789abcdef0123456789abcdef\"\nactive_key 1\n";
    std::map<std::string, Surroundings> result{
        {"global_defs", {"global_defs {\n", "}\n" + rest}},
        {"vrrp_instance", {instance, "}\n"}},
        {"auth_hmac", {hmac, "}\n}\n"}},
        {"vrrp_sync_group", {instance + "}\nvrrp_sync_group G {\ngroup {\nV\n}\n", "}\n"}},
        {"vrrp_script", {"vrrp_script S {\nscript \"/bin/true\"\n", tracked("track_script", "S")}},
        {"track_file, vrrp_track_file",
         {"track_file F {\nfile /run/f\n", tracked("track_file", "F")}},
        {"vrrp_track_process",
         {"vrrp_track_process P {\nprocess nginx\n", tracked("track_process", "P")}},
        {"virtual_server",
         {server + "accept_proxy 203.0.113.8\naccess_log /run/log\n",
          std::string(kUpstream) + "TCP_CHECK {\n}\n}\n}\n"}},
        {"real_server", {upstream, "TCP_CHECK {\n}\n}\n}\n"}},
        {"checks", {upstream + "TCP_CHECK {\n", "}\n}\n}\n"}},
        {"TCP_CHECK", {upstream + "TCP_CHECK {\n", "}\n}\n}\n"}},
        {"HTTP_GET, SSL_GET", {upstream + "HTTP_GET {\nurl {\n}\n", "}\n}\n}\n"}},
        {"url", {upstream + "HTTP_GET {\nurl {\nregex x\n", "}\n}\n}\n}\n"}},
        {"MISC_CHECK", {upstream + "MISC_CHECK {\nmisc_path /bin/true\n", "}\n}\n}\n"}},
    };
    return result;
}

/// Defaults that are no value: "none", "as retry", "the server's".
bool is_value(const CatalogEntry& entry) {
    const std::string& usual = entry.usual;
    if (usual.empty() || entry.value.find('{') != std::string::npos) {
        return false;
    }
    if (usual == "off" || usual == "on") {
        return entry.value == "[on|off]" || entry.value.find(usual) != std::string::npos;
    }
    if (usual.find_first_not_of("0123456789. -") == std::string::npos) {
        return true;
    }
    // One of the words that are possible.
    return ('|' + entry.value + '|').find('|' + usual + '|') != std::string::npos;
}

/// Not compared, and why.
const std::map<std::string, std::string> kUncompared{
    {"vrrp_track_process: fork_delay", "zero cannot be written: keepalived's range is above"},
    {"vrrp_track_process: terminate_delay", "zero cannot be written"},
    {"vrrp_track_process: delay", "zero cannot be written"},
    {"global_defs: vrrp_rt_priority", "the model leaves it to the daemon (realtime.hpp)"},
    {"global_defs: vrrp_mcast_group4", "the model leaves it to the protocol"},
    {"global_defs: vrrp_mcast_group6", "the model leaves it to the protocol"},
    {"url: status_code", "an empty list stands for it"},
};

bool same(const Model& left, const Model& right) {
    return left.global == right.global && left.scripts == right.scripts &&
           left.files == right.files && left.processes == right.processes &&
           left.instances == right.instances && left.groups == right.groups &&
           left.services == right.services;
}

/// Calls `check` for every default that can be written where it is.
template <class Check>
void for_each_default(Check check) {
    const auto around = surroundings();
    for (const CatalogBlock& block : catalog()) {
        const auto found = around.find(block.name);
        for (const CatalogEntry& entry : block.entries) {
            if (found != around.end() && entry.standing == Standing::Honoured && is_value(entry) &&
                !kUncompared.contains(place(block, entry))) {
                check(place(block, entry), entry, found->second);
            }
        }
    }
}

TEST(Catalog, DefaultsAreThoseOfTheModel) {
    std::size_t compared = 0;
    for_each_default(
        [&](const std::string& at, const CatalogEntry& entry, const Surroundings& around) {
            const LoadResult without = load_text(around.begin + around.end);
            const LoadResult with =
                load_text(around.begin + entry.name + ' ' + entry.usual + '\n' + around.end);
            EXPECT_TRUE(with.runnable()) << at << '\n' << messages(with);
            EXPECT_TRUE(same(with.model, without.model)) << at << " is not " << entry.usual;
            EXPECT_EQ(messages(with).find(entry.name + ": "), std::string::npos) << messages(with);
            ++compared;
        });
    EXPECT_GE(compared, 70U);
}

/// They count only together with other lines.
const std::set<std::string> kNeverAlone{"virtual_server: quorum", "virtual_server: hysteresis",
                                        "global_defs: vrrp_strict"};

/// Else the test above would compare nothing.
TEST(Catalog, AnotherValueThanTheDefaultShowsInTheModel) {
    for_each_default([&](const std::string& at, const CatalogEntry& entry,
                         const Surroundings& around) {
        const LoadResult without = load_text(around.begin + around.end);
        const std::vector<std::string> others{
            "",   "0.5", "2",      "3",       "100",       "off",        "v1",     "json",
            "rr", "1.1", "/run/x", "60 10 3", "monotonic", "permissive", "MASTER", "20000 29999"};
        const auto shows = [&](const std::string& other) {
            const std::string text = around.begin + entry.name + ' ' + other + '\n' + around.end;
            return !same(load_text(text).model, without.model);
        };
        EXPECT_TRUE(std::ranges::any_of(others, shows) || kNeverAlone.contains(at)) << at;
    });
}

TEST(Catalog, WhatHasNoEffectIsSaid) {
    const auto around = surroundings();
    for (const CatalogBlock& block : catalog()) {
        const auto found = around.find(block.name);
        for (const CatalogEntry& entry : block.entries) {
            if (found == around.end() || entry.standing == Standing::Honoured) {
                continue;
            }
            const std::string value = entry.value.starts_with('{')
                                          ? "{\n}"
                                          : entry.value.substr(0, entry.value.find('|'));
            EXPECT_THAT(messages(load_text(found->second.begin + entry.name + ' ' + value + '\n' +
                                           found->second.end)),
                        HasSubstr('\'' + entry.name))
                << block.name;
        }
    }
}

TEST(Explain, AKeywordInEveryBlockThatHasIt) {
    const std::string text = explain("weight").value();
    EXPECT_THAT(text, HasSubstr("In vrrp_script: weight NUMBER [reverse]\n"
                                "    range:   -253 to 253\n"
                                "    default: 0\n"));
    EXPECT_THAT(text, HasSubstr("In real_server: weight N\n"));
    EXPECT_THAT(text, HasSubstr("In virtual_server: weight N\n"));
}

TEST(Explain, WhatHasNoEffectAndWhatIsRefused) {
    EXPECT_THAT(
        explain("smtp_server").value(),
        HasSubstr("In global_defs: smtp_server\n    Accepted with a note: Has no effect: "));
    EXPECT_THAT(explain("nexthop").value(), HasSubstr("    Refused: "));
    EXPECT_THAT(explain("idle_timeout").value(), HasSubstr("write @tandem in front"));
}

TEST(Explain, ABlockHasALineForEachKeyword) {
    const std::string text = explain("url").value();
    EXPECT_THAT(text, HasSubstr("In HTTP_GET, SSL_GET: url { ... }\n"));
    EXPECT_THAT(text, HasSubstr("\nurl (9 honoured, 2 accepted with a note, 0 refused)\n"
                                "  path "));
    EXPECT_THAT(text, HasSubstr("\n  regex_stack       (noted) Has no effect: a search "));
}

TEST(Explain, LinesFitATerminal) {
    std::set<std::string> words{std::string(kExplainAll)};
    for (const CatalogBlock& block : catalog()) {
        for (const CatalogEntry& entry : block.entries) {
            words.insert(entry.name);
        }
    }
    for (const std::string& word : words) {
        std::istringstream lines(explain(word).value());
        for (std::string line; std::getline(lines, line);) {
            EXPECT_LE(line.size(), 80U) << line;
            EXPECT_FALSE(line.ends_with(' ')) << line;
        }
    }
}

TEST(Explain, AllIsEveryBlockAndTheNumbers) {
    const std::string text = explain(kExplainAll).value();
    std::size_t honoured = 0;
    for (const CatalogBlock& block : catalog()) {
        EXPECT_THAT(text, HasSubstr(block.name + " ("));
        honoured += count(block, Standing::Honoured);
    }
    EXPECT_THAT(text,
                HasSubstr("\nKeywords in all blocks: " + std::to_string(honoured) + " honoured, "));
}

TEST(Explain, UnknownWordsNameTheNearest) {
    EXPECT_EQ(explain("prioritty"), std::nullopt);
    EXPECT_EQ(explain_json("prioritty"), std::nullopt);
    EXPECT_EQ(explain_unknown("prioritty"), "no keyword 'prioritty'; did you mean priority?");
    EXPECT_EQ(explain_unknown("vip_le"), "no keyword 'vip_le'; did you mean vip_lease?");
    EXPECT_EQ(explain_unknown("preempt_"), "no keyword 'preempt_'; did you mean preempt_delay?");
    EXPECT_EQ(explain_unknown("vrrp_"), "no keyword 'vrrp_'; --explain all lists them");
    EXPECT_EQ(explain_unknown("\x1b[2J"), "no keyword '\\x1b[2J'; --explain all lists them");
    EXPECT_EQ(explain(""), std::nullopt);
    EXPECT_EQ(explain(std::string(100'000, 'x')), std::nullopt);
}

TEST(Explain, JsonHasTheSame) {
    const std::string text = explain_json("path").value();
    EXPECT_EQ(text,
              "[\n  {\"block\": \"url\", \"keywords\": [\n"
              "    {\"name\": \"path\", \"standing\": \"honoured\", \"tandem\": false, "
              "\"value\": \"PATH\", \"range\": \"\", \"default\": \"/\", "
              "\"text\": \"What is asked for.\"}]}\n]\n");
}

}  // namespace
}  // namespace tandem::config::test
