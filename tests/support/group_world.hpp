// Two nodes with a sync group each, on a network with delays and cuts: electors, the plan of the
// group, address operations that take time. Deterministic and copyable, for searches and fuzzing.
#pragma once

#include "tests/support/watched_elector.hpp"
#include "vrrp/sync_group.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

namespace tandem::test {

class GroupWorld {
  public:
    using TimePoint = vrrp::TimePoint;
    using Duration = vrrp::Duration;

    static constexpr std::size_t kNodes = 2;
    static constexpr std::size_t kMembers = 2;
    /// The plan must settle: no event needs more rounds.
    static constexpr int kMaxRounds = 4;

    struct Settings {
        /// [node][member].
        std::array<std::array<vrrp::InstanceConfig, kMembers>, kNodes> members;
        bool grouped = true;
        /// From node 0 to node 1, and back.
        std::array<Duration, kNodes> delay{Duration{200}, Duration{200}};
        Duration acquire{300};
        Duration release{500};
    };

    explicit GroupWorld(const Settings& settings) : settings_(settings) {
        for (std::size_t node = 0; node < kNodes; ++node) {
            for (const auto& config : settings.members[node]) {
                nodes_[node].members.emplace_back(config);
            }
        }
    }

    // What happens from outside, in the order a daemon does it: one member after the other.

    void start(std::size_t node) {
        each_member(node, [this](auto& member) { return member.watched.elector.on_startup(now_); });
    }
    void stop(std::size_t node) {
        each_member(node,
                    [this](auto& member) { return member.watched.elector.on_shutdown(now_); });
    }
    void fail_over(std::size_t node, std::optional<Duration> hold) {
        const auto until = hold ? std::optional{now_ + *hold} : std::nullopt;
        each_member(node, [this, until](auto& member) {
            return member.watched.elector.on_failover(until, now_);
        });
    }
    void resume(std::size_t node) {
        each_member(node, [this](auto& member) { return member.watched.elector.on_resume(now_); });
    }
    void take_back(std::size_t node) {
        each_member(node,
                    [this](auto& member) { return member.watched.elector.on_take_back(now_); });
    }
    void set_fault(std::size_t node, std::size_t member, bool faulty) {
        nodes_[node].members[member].own_fault = faulty;
        apply_fault(node, member);
        settle(node);
    }
    void set_priority(std::size_t node, std::size_t member, std::uint8_t priority) {
        feed(node, member, elector(node, member).on_priority(priority, now_));
        settle(node);
    }
    void hear(std::size_t node, std::size_t member, const vrrp::ReceivedAdvertisement& advert) {
        feed(node, member, elector(node, member).on_advertisement(advert, now_));
        settle(node);
    }
    void set_link(std::size_t member, bool up) { link_[member] = up; }
    void set_acquirable(std::size_t node, std::size_t member, bool works) {
        nodes_[node].members[member].acquirable = works;
    }

    /// Whether advertisements go out. A node that gives up for it is faulty until they do again.
    void set_sendable(std::size_t node, std::size_t index, bool works) {
        Member& member = nodes_[node].members[index];
        member.sendable = works;
        if (works && member.send_fault) {
            member.send_fault = false;
            apply_fault(node, index);
            settle(node);
        }
    }

    /// Lets time pass; everything that falls due happens.
    void run(Duration time) {
        const TimePoint end = now_ + time;
        while (broken_.empty() && step(end)) {
        }
        now_ = std::max(now_, end);
    }
    /// The same up to the next thing that happens, at most a minute.
    void run_one() { step(now_ + std::chrono::minutes{1}); }
    /// Time passes, and nobody runs: what fell due happens late.
    void sleep(Duration time) { now_ += time; }

    /// The first rule that was broken; empty: none.
    [[nodiscard]] const std::string& broken() const { return broken_; }
    [[nodiscard]] bool all_active(std::size_t node) const { return count_active(node) == kMembers; }
    [[nodiscard]] std::size_t count_active(std::size_t node) const {
        const auto& members = nodes_[node].members;
        return static_cast<std::size_t>(
            std::count_if(members.begin(), members.end(), [](const Member& member) {
                const vrrp::Elector& each = member.watched.elector;
                return each.state() == vrrp::State::Active && !each.releasing();
            }));
    }
    [[nodiscard]] const vrrp::Elector& member(std::size_t node, std::size_t member) const {
        return nodes_[node].members[member].watched.elector;
    }
    [[nodiscard]] std::size_t transitions() const { return transitions_; }
    [[nodiscard]] TimePoint now() const { return now_; }

  private:
    struct Member {
        explicit Member(const vrrp::InstanceConfig& config) : watched(config) {}
        WatchedElector watched;
        bool own_fault = false;
        bool group_fault = false;
        bool acquirable = true;
        bool sendable = true;
        bool send_fault = false;
        std::optional<TimePoint> acquired_at;
        std::optional<TimePoint> released_at;
    };
    struct Node {
        std::vector<Member> members;
        bool group_faulty = false;
    };
    struct Packet {
        TimePoint at;
        std::size_t node;
        std::size_t member;
        vrrp::ReceivedAdvertisement advert;
    };

    vrrp::Elector& elector(std::size_t node, std::size_t member) {
        return nodes_[node].members[member].watched.elector;
    }

    template <typename Event>
    void each_member(std::size_t node, Event event) {
        for (std::size_t i = 0; i < kMembers; ++i) {
            feed(node, i, event(nodes_[node].members[i]));
            settle(node);
        }
    }

    void apply_fault(std::size_t node, std::size_t index) {
        Member& member = nodes_[node].members[index];
        feed(node, index,
             member.watched.elector.on_fault(
                 member.own_fault || member.send_fault || member.group_fault, now_));
    }

    void feed(std::size_t node, std::size_t index, const vrrp::Actions& actions) {
        Member& member = nodes_[node].members[index];
        fail(member.watched.apply(actions));
        std::size_t sent = 0;
        for (const vrrp::Action& action : actions) {
            if (const auto* advert = std::get_if<vrrp::SendAdvertisement>(&action)) {
                send(node, index, advert->priority);
                ++sent;
            } else if (std::holds_alternative<vrrp::StateChanged>(action)) {
                ++transitions_;
            } else if (std::holds_alternative<vrrp::AcquireAddresses>(action)) {
                member.acquired_at = now_ + settings_.acquire;
            } else if (std::holds_alternative<vrrp::ReleaseAddresses>(action)) {
                member.released_at =
                    std::max(now_, member.acquired_at.value_or(now_)) + settings_.release;
            }
        }
        for (; sent > 0; --sent) {
            tell_send_result(node, index);
        }
    }

    void tell_send_result(std::size_t node, std::size_t index) {
        Member& member = nodes_[node].members[index];
        const vrrp::State before = member.watched.state;
        feed(node, index, member.watched.elector.on_send_result(member.sendable, now_));
        member.send_fault = member.send_fault || (before != vrrp::State::Fault &&
                                                  member.watched.state == vrrp::State::Fault);
    }

    void send(std::size_t node, std::size_t index, std::uint8_t priority) {
        const vrrp::InstanceConfig& config = settings_.members[node][index];
        if (link_[index] && nodes_[node].members[index].sendable) {
            packets_.push_back({now_ + settings_.delay[node],
                                1 - node,
                                index,
                                {priority, *config.source_address, config.advertisement_interval}});
        }
    }

    void settle(std::size_t node) {
        if (!settings_.grouped) {
            return;
        }
        for (int round = 0; round < kMaxRounds; ++round) {
            const auto orders = vrrp::plan_sync_group(views(node), nodes_[node].group_faulty);
            if (orders.empty()) {
                // Together or not at all, after every event.
                const std::size_t active = count_active(node);
                fail(active == 0 || active == kMembers ? "" : "a group is active by half");
                return;
            }
            for (const vrrp::MemberOrder& each : orders) {
                execute(node, each);
            }
        }
        fail("the plan of the group does not settle");
    }

    [[nodiscard]] std::vector<vrrp::MemberView> views(std::size_t node) const {
        std::vector<vrrp::MemberView> views;
        for (const Member& member : nodes_[node].members) {
            const vrrp::Elector& each = member.watched.elector;
            views.push_back({each.state(), each.releasing(), each.wants_active(),
                             member.own_fault || member.send_fault});
        }
        return views;
    }

    void execute(std::size_t node, const vrrp::MemberOrder& order) {
        using Kind = vrrp::MemberOrder::Kind;
        if (order.kind == Kind::Claim) {
            feed(node, order.member, elector(node, order.member).on_group_claim(now_));
        } else if (order.kind == Kind::Release) {
            feed(node, order.member, elector(node, order.member).on_group_release(now_));
        } else {
            nodes_[node].group_faulty = order.kind == Kind::Fault;
            nodes_[node].members[order.member].group_fault = order.kind == Kind::Fault;
            apply_fault(node, order.member);
        }
    }

    /// @return false: nothing falls due until `end`.
    bool step(TimePoint end) {
        const auto packet =
            std::min_element(packets_.begin(), packets_.end(),
                             [](const Packet& a, const Packet& b) { return a.at < b.at; });
        TimePoint due = packet == packets_.end() ? TimePoint::max() : packet->at;
        // What waits in the socket comes before a deadline of the same moment.
        std::optional<std::array<std::size_t, 2>> next;
        for (std::size_t node = 0; node < kNodes; ++node) {
            for (std::size_t i = 0; i < kMembers; ++i) {
                if (const TimePoint at = next_of(nodes_[node].members[i]); at < due) {
                    due = at;
                    next = {node, i};
                }
            }
        }
        if (due > end) {
            return false;
        }
        now_ = std::max(now_, due);
        if (next) {
            run_member((*next)[0], (*next)[1]);
        } else {
            const Packet delivered = *packet;
            packets_.erase(packet);
            hear(delivered.node, delivered.member, delivered.advert);
        }
        return true;
    }

    static TimePoint next_of(const Member& member) {
        TimePoint next = member.watched.elector.next_deadline().value_or(TimePoint::max());
        next = std::min(next, member.acquired_at.value_or(next));
        return std::min(next, member.released_at.value_or(next));
    }

    void run_member(std::size_t node, std::size_t index) {
        Member& member = nodes_[node].members[index];
        vrrp::Elector& each = member.watched.elector;
        if (member.acquired_at && *member.acquired_at <= now_) {
            member.acquired_at.reset();
            member.watched.acquiring = false;
            member.watched.address_on = member.acquirable;
            feed(node, index, each.on_addresses_acquired(member.acquirable, now_));
        } else if (member.released_at && *member.released_at <= now_) {
            member.released_at.reset();
            member.watched.releasing = false;
            member.watched.address_on = false;
            feed(node, index, each.on_addresses_released(now_));
        } else {
            feed(node, index, each.on_deadline(now_));
        }
        settle(node);
    }

    void fail(const std::string& broken) {
        if (broken_.empty()) {
            broken_ = broken;
        }
    }

    Settings settings_;
    std::array<Node, kNodes> nodes_;
    std::array<bool, kMembers> link_{true, true};
    std::vector<Packet> packets_;
    TimePoint now_{std::chrono::seconds{1000}};
    std::size_t transitions_ = 0;
    std::string broken_;
};

}  // namespace tandem::test
