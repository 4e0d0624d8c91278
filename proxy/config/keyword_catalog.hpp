// Everything the configuration may contain, block by block: what `tandemd --explain` prints and the
// manual is made of. Names, kinds and ranges are those of the tables that the reader uses; the
// words come from keyword_texts.hpp. Pure.
#pragma once

#include "proxy/config/keyword_texts.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tandem::config {

struct CatalogEntry {
    std::string name;
    Standing standing{};
    Origin origin{};
    /// What is written behind the keyword; empty: nothing.
    std::string value;
    /// "1 to 255 seconds"; empty: the value has no range.
    std::string range;
    /// When the keyword is not written; empty: there is nothing to say.
    std::string usual;
    /// What it does, or why it does nothing.
    std::string text;
};

struct CatalogBlock {
    /// "vrrp_instance", "HTTP_GET, SSL_GET".
    std::string name;
    /// Honoured ones in the order of the texts, then the others in that of the reader's table.
    std::vector<CatalogEntry> entries;
};

/// In the order of the manual.
std::vector<CatalogBlock> keyword_catalog();

/// True when `word` is one of the names of the block.
bool is_named(const CatalogBlock& block, std::string_view word);

std::size_t count(const CatalogBlock& block, Standing standing);
/// "honoured", "noted", "refused".
std::string_view to_string(Standing standing);

}  // namespace tandem::config
