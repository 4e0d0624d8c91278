#include "proxy/config/keyword_catalog.hpp"

#include "proxy/config/keyword_lists.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace tandem::config {
namespace {

struct Source {
    std::string_view block;
    /// Null: the reader skips the block whole; the texts alone know what may be in it.
    KeywordList (*list)() = nullptr;
};
constexpr Source kSources[] = {
    {"any line", include_keywords},
    {"top level", root_keywords},
    {"global_defs", global_keywords},
    {"vrrp_instance", instance_keywords},
    {"virtual_ipaddress, virtual_ipaddress_excluded", address_keywords},
    {"virtual_routes", route_keywords},
    {"authentication", authentication_keywords},
    {"auth_hmac", hmac_keywords},
    {"vrrp_sync_group", group_keywords},
    {"vrrp_script", script_keywords},
    {"track_file, vrrp_track_file", track_file_keywords},
    {"vrrp_track_process", track_process_keywords},
    {"virtual_server", service_keywords},
    {"real_server", upstream_keywords},
    {"checks", check_keywords},
    {"TCP_CHECK", tcp_check_keywords},
    {"HTTP_GET, SSL_GET", http_check_keywords},
    {"url", url_keywords},
    {"MISC_CHECK", program_check_keywords},
    {"SMTP_CHECK", smtp_check_keywords},
    {"host", smtp_host_keywords},
    {"DNS_CHECK", dns_check_keywords},
    {"UDP_CHECK", udp_check_keywords},
    {"FILE_CHECK", file_check_keywords},
    {"BFD_CHECK"},
    {"bfd_instance"},
    {"garp_group"},
    {"SSL"},
};

std::span<const KeywordText> texts_of(std::string_view block) {
    for (const auto texts :
         {general_texts(), vrrp_texts(), service_texts(), check_texts(), skipped_texts()}) {
        const auto found = std::ranges::find(texts, block, &BlockText::block);
        if (found != texts.end()) {
            return found->keywords;
        }
    }
    return {};
}

std::string usual_form(Kind kind) {
    switch (kind) {
        case Kind::Boolean:
            return "[on|off]";
        case Kind::Integer:
            return "N";
        case Kind::Duration:
            return "SECONDS";
        case Kind::Address:
            return "ADDRESS";
        case Kind::Script:
            return "\"PROGRAM ARGUMENTS\"";
        case Kind::Block:
            return "{ ... }";
        case Kind::Word:
            return "WORD";
        case Kind::Flag:
        case Kind::Any:
            return {};
    }
    return {};
}

CatalogEntry describe(const KeywordForm& form, const KeywordText& text) {
    CatalogEntry entry;
    entry.name = form.name;
    entry.standing = text.standing;
    entry.origin = text.origin;
    entry.value = text.value.empty() ? usual_form(form.value.kind) : std::string(text.value);
    if (form.value.kind == Kind::Integer || form.value.kind == Kind::Duration) {
        entry.range = format_range(form.value);
    }
    entry.usual = text.usual;
    entry.text = text.text;
    return entry;
}

/// The words of a diagnostic as a sentence.
std::string sentence(std::string_view text, std::string_view advice) {
    const auto upper = [](std::string_view words) {
        std::string result(words);
        if (result.front() >= 'a' && result.front() <= 'z') {
            result.front() = static_cast<char>(result.front() - 'a' + 'A');
        }
        return result + '.';
    };
    return advice.empty() ? upper(text) : upper(text) + ' ' + upper(advice);
}

void add_unused(CatalogBlock& block, const Unused& unused) {
    std::vector<std::string_view> names;
    collect_names(unused.names, names);
    for (const std::string_view name : names) {
        CatalogEntry entry;
        entry.name = name;
        entry.standing = unused.treatment == Treatment::Error ? Standing::Refused : Standing::Noted;
        entry.text = sentence(unused.text, unused.advice);
        block.entries.push_back(std::move(entry));
    }
}

CatalogBlock describe(const Source& source) {
    CatalogBlock block{std::string(source.block), {}};
    const std::span<const KeywordText> texts = texts_of(source.block);
    KeywordList list;
    if (source.list != nullptr) {
        list = source.list();
    } else {
        std::ranges::transform(texts, std::back_inserter(list.keywords), [](const auto& text) {
            return KeywordForm{text.name, any()};
        });
    }
    for (const KeywordForm& form : list.keywords) {
        const auto text = std::ranges::find(texts, form.name, &KeywordText::name);
        block.entries.push_back(describe(form, text == texts.end() ? KeywordText{} : *text));
    }
    const auto place = [&texts](const CatalogEntry& entry) {
        return std::ranges::find(texts, entry.name, &KeywordText::name) - texts.begin();
    };
    std::ranges::stable_sort(block.entries, {}, place);
    // Not of std::ranges: clang 14 does not compile a subrange of libstdc++ 12.
    std::stable_partition(
        block.entries.begin(), block.entries.end(),
        [](const CatalogEntry& entry) { return entry.standing == Standing::Honoured; });
    for (const Unused& unused : list.unused) {
        add_unused(block, unused);
    }
    return block;
}

}  // namespace

std::vector<CatalogBlock> keyword_catalog() {
    std::vector<CatalogBlock> blocks;
    for (const Source& source : kSources) {
        blocks.push_back(describe(source));
    }
    return blocks;
}

bool is_named(const CatalogBlock& block, std::string_view word) {
    std::string_view names = block.name;
    while (true) {
        const std::size_t end = names.find(", ");
        if (names.substr(0, end) == word) {
            return true;
        }
        if (end == std::string_view::npos) {
            return false;
        }
        names.remove_prefix(end + 2);
    }
}

std::size_t count(const CatalogBlock& block, Standing standing) {
    return static_cast<std::size_t>(
        std::ranges::count(block.entries, standing, &CatalogEntry::standing));
}

std::string_view to_string(Standing standing) {
    switch (standing) {
        case Standing::Honoured:
            return "honoured";
        case Standing::Noted:
            return "noted";
        case Standing::Refused:
            return "refused";
    }
    return "unknown";
}

}  // namespace tandem::config
