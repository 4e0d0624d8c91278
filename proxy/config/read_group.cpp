// vrrp_sync_group.
#include "proxy/config/draft.hpp"
#include "proxy/config/keyword.hpp"
#include "proxy/config/keyword_lists.hpp"
#include "proxy/config/read_command.hpp"

namespace tandem::config {
namespace {

/// Every word is the name of an instance, several on a line or one per line.
void read_members(GroupDraft& group, const Value& value) {
    group.has_members = true;
    for (const Statement& line : value.statement.block) {
        if (line.ignored) {
            continue;
        }
        group.members.push_back({line.keyword.text, line.keyword.at});
        for (const Word& word : line.arguments) {
            group.members.push_back({word.text, word.at});
        }
    }
}

template <vrrp::TrackKind kind>
void read_tracked_of(GroupDraft& group, const Value& value) {
    read_tracked(group.tracked, kind, value.statement.block, value.reporter);
}

constexpr Keyword<GroupDraft> kKeywords[] = {
    {"group", block(), read_members},
    {"track_interface", block(), read_tracked_of<vrrp::TrackKind::Interface>},
    {"track_script", block(), read_tracked_of<vrrp::TrackKind::Script>},
    {"track_file", block(), read_tracked_of<vrrp::TrackKind::File>},
    {"track_process", block(), read_tracked_of<vrrp::TrackKind::Process>},
    {"notify", script(), apply_notify<GroupDraft>},
    {"notify_master", script(), apply_notify<GroupDraft>},
    {"notify_backup", script(), apply_notify<GroupDraft>},
    {"notify_fault", script(), apply_notify<GroupDraft>},
    {"notify_stop", script(), apply_notify<GroupDraft>},
    {"sync_group_tracking_weight", flag(),
     [](GroupDraft& g, const Value&) { g.tracking_weight = true; }},
    {"global_tracking", flag(), [](GroupDraft& g, const Value& v) { g.global_tracking = v.at; }},
};

constexpr Unused kUnused[] = {
    {Treatment::Note, "has no effect: a group has no priority of its own",
     "write it in vrrp_instance", "notify_priority_changes"},
    {Treatment::Note, "has no effect: tandem sends no mail in this version", "", "smtp_alert"},
    {Treatment::Warning, "is not applied: tandem has no BFD; it does not change who is active",
     "track a script or an interface", "track_bfd"},
};

}  // namespace

KeywordList group_keywords() {
    return list_keywords(kKeywords, kUnused);
}

void read_group(GroupDraft& draft, const std::vector<Statement>& block, Reporter& reporter) {
    read_block(draft, block, "in vrrp_sync_group", kKeywords, kUnused, reporter);
}

}  // namespace tandem::config
