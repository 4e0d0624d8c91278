// What ties objects together: sync groups, tracked objects and notify commands → model.
#include "proxy/config/draft.hpp"
#include "proxy/config/resolve_command.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace tandem::config {
namespace {

using vrrp::TrackedObject;
using vrrp::TrackKind;

constexpr int kMostWeight = 253;

std::string name_of(TrackKind kind) {
    switch (kind) {
        case TrackKind::Interface:
            return "interface";
        case TrackKind::Script:
            return "script";
        case TrackKind::File:
            return "file";
        case TrackKind::Process:
            return "process";
    }
    return {};
}

std::string block_of(TrackKind kind) {
    switch (kind) {
        case TrackKind::Interface:
            return "interface";
        case TrackKind::Script:
            return "vrrp_script";
        case TrackKind::File:
            return "track_file";
        case TrackKind::Process:
            return "vrrp_track_process";
    }
    return {};
}

using ObjectKey = std::pair<TrackKind, std::string>;

/// An object that can be tracked, with its own weight.
struct Object {
    int weight = 0;
    bool reverse = false;
};

class RelationBuilder {
  public:
    RelationBuilder(Model& model, const BuildContext& context, CommandResolver& commands)
        : model_(model),
          drafts_(context.drafts),
          reporter_(context.reporter),
          commands_(commands) {}

    void build() {
        collect_objects();
        build_groups();
        for (std::size_t i = 0; i < model_.instances.size(); ++i) {
            build_tracking(drafts_.instances[i], model_.instances[i]);
        }
        add_scripts();
        add_files();
        add_processes();
        for (std::size_t i = 0; i < model_.instances.size(); ++i) {
            const InstanceDraft& draft = drafts_.instances[i];
            model_.instances[i].notify = notify_of(draft.notify, draft.name);
        }
        for (std::size_t i = 0; i < model_.groups.size(); ++i) {
            model_.groups[i].notify = notify_of(kept_groups_[i]->notify, model_.groups[i].name);
        }
    }

  private:
    void collect_objects() {
        const auto collect = [&](TrackKind kind, const auto& drafts) {
            for (const auto& draft : drafts) {
                objects_[{kind, draft.settings.name}] = {draft.settings.weight,
                                                         draft.settings.reverse};
            }
        };
        collect(TrackKind::Script, drafts_.scripts);
        collect(TrackKind::File, drafts_.files);
        collect(TrackKind::Process, drafts_.processes);
    }

    InstanceSettings* instance(const std::string& name) {
        for (InstanceSettings& settings : model_.instances) {
            if (settings.election.name == name) {
                return &settings;
            }
        }
        return nullptr;
    }

    void build_groups() {
        for (const GroupDraft& draft : drafts_.groups) {
            build_group(draft);
        }
    }

    void build_group(const GroupDraft& draft) {
        if (draft.global_tracking) {
            reporter_.note(*draft.global_tracking,
                           "'global_tracking' is not needed: what the group tracks holds for all "
                           "its members");
        }
        std::vector<std::string> members;
        for (const Located<std::string>& member : draft.members) {
            if (may_join(draft, member)) {
                group_of_[member.value] = &draft;
                members.push_back(member.value);
            }
        }
        report_small_group(draft, members.size());
        if (members.empty()) {
            return;
        }
        join(members, draft);
        model_.groups.push_back({draft.name, std::move(members), {}});
        kept_groups_.push_back(&draft);
    }

    bool may_join(const GroupDraft& group, const Located<std::string>& member) {
        if (instance(member.value) == nullptr) {
            reporter_.error(member.at,
                            "vrrp_sync_group " + group.name + ": there is no instance '" +
                                member.value + "'; it is ignored",
                            "check the names of the vrrp_instance blocks");
            return false;
        }
        if (const auto found = group_of_.find(member.value); found != group_of_.end()) {
            reporter_.error(member.at,
                            "vrrp_sync_group " + group.name + ": instance '" + member.value +
                                "' is in group " + found->second->name + " already",
                            "list each instance once, in one group");
            return false;
        }
        return true;
    }

    void report_small_group(const GroupDraft& draft, std::size_t members) {
        const std::string label = "vrrp_sync_group " + draft.name;
        if (members == 1) {
            reporter_.warning(draft.at,
                              label + " has only one instance: nothing has to move together",
                              "add the other instances, or move its lines to the instance");
        } else if (members == 0) {
            reporter_.error(draft.at, label + " has no instance; it is ignored",
                            "add group { NAME NAME }");
        }
    }

    void join(const std::vector<std::string>& members, const GroupDraft& draft) {
        const std::string label = "vrrp_sync_group " + draft.name;
        report_priorities(members, draft);
        std::size_t owners = 0;
        std::size_t starting_active = 0;
        for (const std::string& name : members) {
            vrrp::InstanceConfig& election = instance(name)->election;
            election.in_sync_group = true;
            owners += election.priority == vrrp::kOwnerPriority ? 1U : 0U;
            starting_active += election.start_as_active ? 1U : 0U;
        }
        if (owners != 0 && owners != members.size()) {
            reporter_.error(draft.at,
                            label +
                                ": some instances have priority 255 and some not; they will "
                                "not stay together",
                            "use priorities below 255 for all of them");
        }
        if (starting_active == 0 || starting_active == members.size()) {
            return;
        }
        for (const std::string& name : members) {
            vrrp::InstanceConfig& election = instance(name)->election;
            if (election.start_as_active && election.priority != vrrp::kOwnerPriority) {
                election.start_as_active = false;
                reporter_.warning(draft.at,
                                  label + ": state MASTER of " + name +
                                      " is ignored, because not all instances have it",
                                  "write the same state in all of them");
            }
        }
    }

    /// Where one instance has the better priority here and another one there, each node has a
    /// reason to take the whole group from the other.
    void report_priorities(const std::vector<std::string>& members, const GroupDraft& draft) {
        std::string list;
        bool differ = false;
        const unsigned first = instance(members.front())->election.priority;
        for (const std::string& name : members) {
            const unsigned priority = instance(name)->election.priority;
            // Owners are told of by themselves.
            if (priority == vrrp::kOwnerPriority) {
                return;
            }
            differ = differ || priority != first;
            list += (list.empty() ? "" : ", ") + name + ' ' + std::to_string(priority);
        }
        if (differ) {
            reporter_.note(draft.at,
                           "vrrp_sync_group " + draft.name +
                               ": its instances have different priorities: " + list,
                           "all of them must be above the other node's, or all below");
        }
    }

    void build_tracking(const InstanceDraft& draft, InstanceSettings& settings) {
        const auto found = group_of_.find(draft.name);
        const GroupDraft* group = found == group_of_.end() ? nullptr : found->second;
        if (group != nullptr) {
            for (const TrackDraft& line : group->tracked) {
                add_tracked(settings, line, nullptr);
            }
        }
        for (const TrackDraft& line : draft.tracked) {
            add_tracked(settings, line, group);
        }
        if (settings.election.priority == vrrp::kOwnerPriority) {
            report_owner(draft, settings);
            return;
        }
        report_trap(draft, settings);
        report_range(draft, settings);
    }

    /// `group` is set for a member's own lines.
    void add_tracked(InstanceSettings& settings, const TrackDraft& line, const GroupDraft* group) {
        const std::string label = "(" + settings.election.name + ") ";
        TrackedObject tracked{line.kind, line.name, 0, false};
        if (line.kind != TrackKind::Interface) {
            const auto found = objects_.find({line.kind, line.name});
            if (found == objects_.end()) {
                reporter_.error(line.at,
                                label + "tracks the unknown " + name_of(line.kind) + " '" +
                                    line.name + "'; it is ignored",
                                "add " + block_of(line.kind) + " " + line.name + " { ... }");
                return;
            }
            tracked.weight = found->second.weight;
            tracked.reverse = found->second.reverse;
        }
        tracked.weight = line.weight.value_or(tracked.weight);
        tracked.reverse = line.reverse.value_or(tracked.reverse);
        if (line.kind != TrackKind::File) {
            tracked.weight = std::clamp(tracked.weight, -kMostWeight, kMostWeight);
        }
        if (is_tracked(settings, line)) {
            reporter_.error(
                line.at,
                label + name_of(line.kind) + " '" + line.name +
                    "' is tracked already; this line is ignored",
                group != nullptr ? "track it in the sync group only" : "remove one of the lines");
            return;
        }
        if (group != nullptr && settings.election.in_sync_group && !group->tracking_weight &&
            tracked.weight != 0 && !drop_weight(settings, line, tracked, *group)) {
            return;
        }
        if (line.kind == TrackKind::Interface && !check_own_interface(settings, line, tracked)) {
            return;
        }
        settings.tracked.push_back(std::move(tracked));
    }

    static bool is_tracked(const InstanceSettings& settings, const TrackDraft& line) {
        return std::any_of(settings.tracked.begin(), settings.tracked.end(),
                           [&](const TrackedObject& other) {
                               return other.kind == line.kind && other.name == line.name;
                           });
    }

    /// A member's own weight would part it from the others. A file that only has its default
    /// weight counts without; anything else is not tracked, as in keepalived.
    bool drop_weight(const InstanceSettings& settings, const TrackDraft& line,
                     TrackedObject& tracked, const GroupDraft& group) {
        const std::string label = "(" + settings.election.name + ") ";
        constexpr const char* kAdvice =
            "write weight 0, track it in the sync group, or add sync_group_tracking_weight there";
        if (line.kind == TrackKind::File && tracked.weight == 1) {
            tracked.weight = 0;
            reporter_.warning(line.at,
                              label + "the weight of file '" + line.name +
                                  "' is taken as 0, because the instance is in sync group " +
                                  group.name,
                              kAdvice);
            return true;
        }
        reporter_.warning(line.at,
                          label + name_of(line.kind) + " '" + line.name +
                              "' is not tracked: it has a weight, and the instance is in sync "
                              "group " +
                              group.name,
                          kAdvice);
        return false;
    }

    /// False: the line is dropped.
    bool check_own_interface(const InstanceSettings& settings, const TrackDraft& line,
                             const TrackedObject& tracked) {
        if (line.name != settings.election.interface || !settings.track_primary) {
            return true;
        }
        const std::string label = "(" + settings.election.name + ") ";
        if (tracked.weight == 0 && !tracked.reverse) {
            reporter_.note(line.at, label + "interface " + line.name +
                                        " is tracked without this line: it carries the instance");
            return true;
        }
        reporter_.warning(line.at,
                          label + "the weight of " + line.name +
                              " has no effect: the instance is faulty without its own interface",
                          "remove the line, or add dont_track_primary");
        return false;
    }

    void report_owner(const InstanceDraft& draft, const InstanceSettings& settings) {
        for (const TrackedObject& tracked : settings.tracked) {
            if (tracked.weight != 0) {
                reporter_.warning(position_of(draft, tracked),
                                  "(" + draft.name + ") the weight of " + name_of(tracked.kind) +
                                      " '" + tracked.name + "' has no effect with priority 255",
                                  "use a priority below 255, or remove the weight: failure is then "
                                  "a fault");
            }
        }
    }

    /// Nobody preempts, so a lower priority moves nothing by itself: see
    /// daemon::gives_up_on_lower_priority().
    void report_trap(const InstanceDraft& draft, const InstanceSettings& settings) {
        if (settings.election.preempt || !draft.nopreempt) {
            return;
        }
        std::string names;
        for (const TrackedObject& tracked : settings.tracked) {
            if (tracked.weight != 0) {
                names.append(names.empty() ? "" : ", ")
                    .append(name_of(tracked.kind))
                    .append(" ")
                    .append(tracked.name);
            }
        }
        if (!names.empty()) {
            reporter_.warning(*draft.nopreempt,
                              "(" + draft.name +
                                  ") with nopreempt no node takes over from a lower priority. When "
                                  "the weight of " +
                                  names +
                                  " lowers the priority of the active node, tandem gives the "
                                  "addresses up once, and takes them back when no other node "
                                  "answers; keepalived keeps them",
                              "remove the weight, so that failure is a fault for as long as it "
                              "lasts; or remove nopreempt on both nodes");
        }
    }

    /// A weight that is too small is the usual mistake; the file does not tell the other node's
    /// priority, so this says what is possible here.
    void report_range(const InstanceDraft& draft, const InstanceSettings& settings) {
        int least = settings.election.priority;
        int most = least;
        const TrackedObject* first = nullptr;
        for (const TrackedObject& tracked : settings.tracked) {
            if (tracked.kind == TrackKind::File && tracked.weight != 0) {
                return;
            }
            const int part = tracked.reverse ? -tracked.weight : tracked.weight;
            least += std::min(part, 0);
            most += std::max(part, 0);
            first = first == nullptr && tracked.weight != 0 ? &tracked : first;
        }
        if (first == nullptr || (draft.nopreempt && !settings.election.preempt)) {
            return;
        }
        least = std::clamp(least, 1, 254);
        most = std::clamp(most, 1, 254);
        const std::string label = "(" + draft.name + ") ";
        if (least == most) {
            reporter_.warning(position_of(draft, *first),
                              label + "its weights change nothing: the priority is always " +
                                  std::to_string(least),
                              "priorities are kept in 1 to 254; choose one farther from the end");
            return;
        }
        reporter_.note(position_of(draft, *first),
                       label + "its weights make the priority " + std::to_string(least) + " to " +
                           std::to_string(most),
                       "they change who is active only if the other node's priority is in between");
    }

    /// Of the line in the instance, else of the instance.
    static Position position_of(const InstanceDraft& draft, const TrackedObject& tracked) {
        for (const TrackDraft& line : draft.tracked) {
            if (line.kind == tracked.kind && line.name == tracked.name) {
                return line.at;
            }
        }
        return draft.at;
    }

    [[nodiscard]] bool is_tracked(TrackKind kind, const std::string& name) const {
        for (const InstanceSettings& settings : model_.instances) {
            for (const TrackedObject& tracked : settings.tracked) {
                if (tracked.kind == kind && tracked.name == name) {
                    return true;
                }
            }
        }
        return false;
    }

    bool used(TrackKind kind, const std::string& name, Position at) {
        if (is_tracked(kind, name)) {
            return true;
        }
        reporter_.warning(at, block_of(kind) + " '" + name + "' is not used",
                          "name it in a track_" + name_of(kind) + " block or remove it");
        return false;
    }

    /// It would hold the instances in fault for ever, or do nothing for ever: keepalived's choice
    /// is the latter.
    void untrack(TrackKind kind, const std::string& name) {
        for (InstanceSettings& settings : model_.instances) {
            std::erase_if(settings.tracked, [&](const TrackedObject& tracked) {
                return tracked.kind == kind && tracked.name == name;
            });
        }
    }

    void add_scripts() {
        for (const ScriptDraft& draft : drafts_.scripts) {
            const std::string& name = draft.settings.name;
            if (!used(TrackKind::Script, name, draft.at)) {
                continue;
            }
            auto command = commands_.resolve(draft.command, "vrrp_script '" + name + "'");
            if (!command) {
                reporter_.warning(
                    draft.at,
                    "vrrp_script '" + name + "' is not tracked: it does not change who is active",
                    "correct what is said about its command");
                untrack(TrackKind::Script, name);
                continue;
            }
            ScriptSettings settings = draft.settings;
            settings.command = *std::move(command);
            if (settings.timeout.count() == 0) {
                settings.timeout = settings.interval;
            }
            model_.scripts.push_back(std::move(settings));
        }
    }

    [[nodiscard]] bool is_checked_file(const std::string& name) const {
        const auto names_it = [&name](const CheckerDraft& checker) {
            return checker.track_file && checker.track_file->value == name;
        };
        return std::ranges::any_of(drafts_.services, [&](const ServiceDraft& service) {
            return std::ranges::any_of(service.upstreams, [&](const UpstreamDraft& upstream) {
                return std::ranges::any_of(upstream.checkers, names_it);
            });
        });
    }

    void add_files() {
        for (const FileDraft& draft : drafts_.files) {
            if (!is_tracked(TrackKind::File, draft.settings.name) &&
                is_checked_file(draft.settings.name)) {
                if (draft.settings.initial_value) {
                    reporter_.note(draft.at,
                                   "init_file has no effect for track_file '" +
                                       draft.settings.name + "', which only FILE_CHECK reads",
                                   "a file that does not exist has the value 0");
                }
                continue;
            }
            if (used(TrackKind::File, draft.settings.name, draft.at)) {
                model_.files.push_back(draft.settings);
            }
        }
    }

    void add_processes() {
        for (const ProcessDraft& draft : drafts_.processes) {
            const TrackedProcessSettings& settings = draft.settings;
            if (!used(TrackKind::Process, settings.name, draft.at)) {
                continue;
            }
            if (settings.quorum_max && *settings.quorum_max != 0 &&
                *settings.quorum_max < settings.quorum) {
                reporter_.error(draft.at,
                                "vrrp_track_process '" + settings.name +
                                    "': quorum_max is below quorum; it is never up",
                                "write quorum_max with quorum or more");
            }
            model_.processes.push_back(settings);
        }
    }

    NotifySettings notify_of(const NotifyDraft& draft, const std::string& owner) {
        NotifySettings notify;
        const auto resolve = [&](const std::optional<CommandDraft>& command, const char* keyword) {
            return command ? commands_.resolve(*command, "(" + owner + ") " + keyword)
                           : std::nullopt;
        };
        notify.master = resolve(draft.master, "notify_master");
        notify.backup = resolve(draft.backup, "notify_backup");
        notify.fault = resolve(draft.fault, "notify_fault");
        notify.stop = resolve(draft.stop, "notify_stop");
        notify.master_rx_lower_priority =
            resolve(draft.master_rx_lower_priority, "notify_master_rx_lower_pri");
        notify.generic = resolve(draft.generic, "notify");
        notify.priority_changes =
            draft.priority_changes.value_or(drafts_.global.notify_priority_changes);
        return notify;
    }

    Model& model_;
    const Drafts& drafts_;
    Reporter& reporter_;
    CommandResolver& commands_;
    std::map<ObjectKey, Object> objects_;
    std::map<std::string, const GroupDraft*> group_of_;
    /// Of model_.groups, in the same order.
    std::vector<const GroupDraft*> kept_groups_;
};

}  // namespace

void build_relations(Model& model, const BuildContext& context, CommandResolver& commands) {
    RelationBuilder(model, context, commands).build();
}

}  // namespace tandem::config
