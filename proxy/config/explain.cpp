#include "proxy/config/explain.hpp"

#include "proxy/config/keyword.hpp"
#include "proxy/config/keyword_catalog.hpp"
#include "proxy/config/visible.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <iterator>
#include <set>
#include <utility>
#include <vector>

namespace tandem::config {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::array kStandings{Standing::Honoured, Standing::Noted, Standing::Refused};

/// Words of `text` in lines of at most kColumns behind `indent` blanks; `first` begins the first
/// line instead of blanks. A word that is longer has a line of its own.
void append_wrapped(std::string& out, std::string first, std::size_t indent,
                    std::string_view text) {
    first.resize(std::max(first.size(), indent), ' ');
    std::string line = std::move(first);
    bool empty = true;
    std::vector<std::string_view> words;
    collect_names(text, words);
    for (const std::string_view word : words) {
        if (!empty && line.size() + 1 + word.size() > kColumns) {
            out += line + '\n';
            line.assign(indent, ' ');
            empty = true;
        }
        line += (empty ? "" : " ") + std::string(word);
        empty = false;
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
}

std::string written(const CatalogEntry& entry) {
    return entry.name + (entry.value.empty() ? "" : ' ' + entry.value);
}

std::string_view mark(const CatalogEntry& entry) {
    switch (entry.standing) {
        case Standing::Honoured:
            return "";
        case Standing::Noted:
            return "Accepted with a note: ";
        case Standing::Refused:
            return "Refused: ";
    }
    return "";
}

void append_entry(std::string& out, const CatalogBlock& block, const CatalogEntry& entry) {
    constexpr std::size_t kIndent = 4;
    constexpr std::size_t kValueIndent = 13;
    append_wrapped(out, "", 0, "In " + block.name + ": " + written(entry));
    if (!entry.range.empty()) {
        append_wrapped(out, "    range:", kValueIndent, entry.range);
    }
    if (!entry.usual.empty()) {
        append_wrapped(out, "    default:", kValueIndent, entry.usual);
    }
    append_wrapped(out, "", kIndent, std::string(mark(entry)) + entry.text);
    if (entry.origin == Origin::Tandem) {
        append_wrapped(out, "", kIndent,
                       "Of tandem alone: write @tandem in front, and keepalived skips the line.");
    }
    out += '\n';
}

std::string numbers(const std::array<std::size_t, kStandings.size()>& counts) {
    return std::to_string(counts[0]) + " honoured, " + std::to_string(counts[1]) +
           " accepted with a note, " + std::to_string(counts[2]) + " refused";
}

std::array<std::size_t, kStandings.size()> counts_of(const CatalogBlock& block) {
    std::array<std::size_t, kStandings.size()> counts{};
    std::ranges::transform(kStandings, counts.begin(),
                           [&](Standing standing) { return count(block, standing); });
    return counts;
}

/// Up to the end of the first sentence.
std::string first_sentence(const std::string& text) {
    return text.substr(0, std::min(text.find(". "), text.size() - 1));
}

void append_block(std::string& out, const CatalogBlock& block) {
    append_wrapped(out, "", 0, block.name + " (" + numbers(counts_of(block)) + ")");
    std::size_t longest = 0;
    for (const CatalogEntry& entry : block.entries) {
        longest = std::max(longest, entry.name.size());
    }
    for (const CatalogEntry& entry : block.entries) {
        std::string line = "  " + entry.name;
        line.resize(longest + 4, ' ');
        if (entry.standing != Standing::Honoured) {
            line += '(' + std::string(to_string(entry.standing)) + ") ";
        }
        line += first_sentence(entry.text);
        // One line each: the whole text is that of the keyword.
        if (line.size() > kColumns) {
            line = line.substr(0, line.find_last_of(' ', kColumns - 3)) + "...";
        }
        out += line + '\n';
    }
    out += '\n';
}

std::string explain_all(const std::vector<CatalogBlock>& blocks) {
    std::string out;
    std::array<std::size_t, kStandings.size()> totals{};
    for (const CatalogBlock& block : blocks) {
        append_block(out, block);
        const auto counts = counts_of(block);
        std::ranges::transform(totals, counts, totals.begin(), std::plus<>());
    }
    return out + "Keywords in all blocks: " + numbers(totals) + '\n';
}

/// Only the blocks and keywords that have this name.
std::vector<CatalogBlock> select(std::string_view word) {
    std::vector<CatalogBlock> blocks = keyword_catalog();
    if (word == kExplainAll) {
        return blocks;
    }
    for (CatalogBlock& block : blocks) {
        if (!is_named(block, word)) {
            std::erase_if(block.entries, [&](const auto& entry) { return entry.name != word; });
        }
    }
    std::erase_if(blocks, [](const CatalogBlock& block) { return block.entries.empty(); });
    return blocks;
}

/// The texts have no control characters; a test holds that.
std::string json(std::string_view text) {
    std::string out = "\"";
    for (const char letter : text) {
        if (letter == '"' || letter == '\\') {
            out += '\\';
        }
        out += letter;
    }
    return out + '"';
}

std::string json(const CatalogEntry& entry) {
    return "    {\"name\": " + json(entry.name) +
           ", \"standing\": " + json(to_string(entry.standing)) +
           ", \"tandem\": " + (entry.origin == Origin::Tandem ? "true" : "false") +
           ", \"value\": " + json(entry.value) + ", \"range\": " + json(entry.range) +
           ", \"default\": " + json(entry.usual) + ", \"text\": " + json(entry.text) + '}';
}

}  // namespace

std::optional<std::string> explain(std::string_view word) {
    const std::vector<CatalogBlock> blocks = select(word);
    if (blocks.empty()) {
        return std::nullopt;
    }
    if (word == kExplainAll) {
        return explain_all(blocks);
    }
    std::string out;
    std::string lists;
    for (const CatalogBlock& block : blocks) {
        if (is_named(block, word)) {
            append_block(lists, block);
            continue;
        }
        for (const CatalogEntry& entry : block.entries) {
            append_entry(out, block, entry);
        }
    }
    out += lists;
    out.pop_back();
    return out;
}

std::optional<std::string> explain_json(std::string_view word) {
    const std::vector<CatalogBlock> blocks = select(word);
    if (blocks.empty()) {
        return std::nullopt;
    }
    std::string out = "[";
    for (const CatalogBlock& block : blocks) {
        out += (out.size() == 1 ? "\n" : ",\n") + std::string("  {\"block\": ") + json(block.name) +
               ", \"keywords\": [";
        for (const CatalogEntry& entry : block.entries) {
            out += (&entry == &block.entries.front() ? "\n" : ",\n") + json(entry);
        }
        out += "]}";
    }
    return out + "\n]\n";
}

std::string explain_unknown(std::string_view word) {
    constexpr std::size_t kMostNamed = 8;
    const std::vector<CatalogBlock> blocks = keyword_catalog();
    std::set<std::string_view> names;
    for (const CatalogBlock& block : blocks) {
        for (const CatalogEntry& entry : block.entries) {
            names.insert(entry.name);
        }
    }
    std::vector<std::string_view> near;
    std::ranges::copy_if(names, std::back_inserter(near), [word](std::string_view name) {
        return !word.empty() && name.find(word) != std::string_view::npos;
    });
    if (near.empty()) {
        const auto best = nearest(word, {names.begin(), names.end()});
        near.assign(best.empty() ? 0 : 1, best);
    }
    std::string out = "no keyword '" + visible(word) + '\'';
    if (near.empty() || near.size() > kMostNamed) {
        return out + "; --explain all lists them";
    }
    for (const std::string_view name : near) {
        out += (name == near.front() ? "; did you mean " : ", ") + std::string(name);
    }
    return out + '?';
}

}  // namespace tandem::config
