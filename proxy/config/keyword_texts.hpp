// What each keyword does, in words. The keyword itself, the kind of its value and its range are in
// the tables of read_*.cpp, and so is what happens instead of a keyword without an effect.
// keyword_catalog.hpp puts both together; a test holds that neither has what the other lacks, and
// that a default that stands here is the one of the model.
#pragma once

#include <span>
#include <string_view>

namespace tandem::config {

/// Whose keyword it is.
enum class Origin : unsigned char {
    Keepalived,
    Tandem,  ///< stands behind @tandem, so that keepalived skips it
};

/// What becomes of a keyword.
enum class Standing : unsigned char {
    Honoured,
    Noted,    ///< accepted; a diagnostic says what happens instead
    Refused,  ///< an error
};

struct KeywordText {
    std::string_view name;
    /// As it is written behind the keyword; empty: as the kind of its value says.
    std::string_view value;
    /// When it is not written. Words of the value, where it can be written; empty: there is none.
    std::string_view usual;
    std::string_view text;
    Origin origin = Origin::Keepalived;
    Standing standing = Standing::Honoured;
};

/// The keywords of one block that the reader knows what to do with.
struct BlockText {
    /// "vrrp_instance"; several that have the same keywords: "HTTP_GET, SSL_GET".
    std::string_view block;
    std::span<const KeywordText> keywords;
};

std::span<const BlockText> general_texts();  ///< top level, global_defs, what is tracked
std::span<const BlockText> vrrp_texts();     ///< vrrp_instance, vrrp_sync_group
std::span<const BlockText> service_texts();  ///< virtual_server, real_server
std::span<const BlockText> check_texts();    ///< the checks
std::span<const BlockText> skipped_texts();  ///< blocks that are skipped whole

}  // namespace tandem::config
