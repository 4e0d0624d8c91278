// Keywords inside of blocks that have no effect as a whole, which the reader does not look at.
#include "proxy/config/keyword_texts.hpp"

namespace tandem::config {
namespace {

constexpr std::string_view kCheck = "Has no effect: the check is a TCP connect.";
constexpr std::string_view kBfd = "Has no effect: tandem has no BFD.";
constexpr std::string_view kGarp =
    "Has no effect: use vrrp_garp_interval and vrrp_gna_interval, which hold for each interface.";
constexpr std::string_view kTls = "Has no effect: SSL_GET shows no certificate of its own.";

constexpr KeywordText noted(std::string_view name, std::string_view text) {
    return {name, "", "", text, Origin::Keepalived, Standing::Noted};
}

constexpr KeywordText kBfdCheck[] = {noted("name", kCheck)};
constexpr KeywordText kBfdInstance[] = {
    noted("neighbor_ip", kBfd), noted("source_ip", kBfd), noted("min_rx", kBfd),
    noted("min_tx", kBfd),      noted("idle_tx", kBfd),   noted("multiplier", kBfd),
    noted("passive", kBfd),     noted("ttl", kBfd),       noted("max_hops", kBfd),
    noted("multihop", kBfd),    noted("weight", kBfd),    noted("vrrp", kBfd),
    noted("checker", kBfd)};
constexpr KeywordText kGarpGroup[] = {noted("garp_interval", kGarp), noted("gna_interval", kGarp),
                                      noted("interface", kGarp), noted("interfaces", kGarp)};
constexpr KeywordText kSsl[] = {noted("password", kTls), noted("ca", kTls),
                                noted("certificate", kTls), noted("key", kTls)};

constexpr BlockText kBlocks[] = {
    {"BFD_CHECK", kBfdCheck},
    {"bfd_instance", kBfdInstance},
    {"garp_group", kGarpGroup},
    {"SSL", kSsl},
};

}  // namespace

std::span<const BlockText> skipped_texts() {
    return kBlocks;
}

}  // namespace tandem::config
