// A manager in a lab namespace that remembers what it was told.
#pragma once

#include "netlink/vip_manager.hpp"
#include "tests/unit/netlink/lab.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <ostream>

#include <gmock/gmock.h>

namespace tandem::netlink {

using boost::asio::ip::make_address;
using namespace std::chrono_literals;
using Kind = Notice::Kind;

inline void PrintTo(const Notice& notice, std::ostream* out) {
    *out << static_cast<int>(notice.kind) << ' ' << notice.address << ' ' << notice.interface << ' '
         << notice.text;
}

/// For what takes microseconds, on a machine that is busy with other things.
inline constexpr auto kSoon = 2s;

inline VirtualAddress vip(const char* address, std::uint8_t length,
                          const char* interface = "vip0") {
    VirtualAddress value;
    value.address = make_address(address);
    value.prefix_length = length;
    value.interface = interface;
    return value;
}

class VipManagerTest : public Lab {
  protected:
    void TearDown() override {
        manager_.reset();
        Lab::TearDown();
    }
    /// One group "web" with 198.51.100.100/32 and 2001:db8::100/128.
    void make(std::chrono::seconds lease, int receive_buffer = VipManager::kMonitorReceiveBuffer) {
        AddressGroup group;
        group.name = "web";
        group.addresses = {vip("198.51.100.100", 32), vip("2001:db8::100", 128)};
        group.lease = lease;
        group.schedule = schedule_;
        make_group(group, receive_buffer);
    }
    void make_group(const AddressGroup& group,
                    int receive_buffer = VipManager::kMonitorReceiveBuffer) {
        VipManager::Callbacks callbacks;
        callbacks.on_notice = [this](const Notice& notice) { notices_.push_back(notice); };
        callbacks.on_interface = [this](const std::string& name,
                                        const std::optional<InterfaceState>& state) {
            reported_[name] = state;
            ++reports_;
        };
        manager_ = std::make_unique<VipManager>(context_, std::vector{group},
                                                std::vector<std::string>{"vip1", "nowhere"},
                                                callbacks, receive_buffer);
    }
    void start(std::chrono::seconds lease) {
        make(lease);
        ASSERT_FALSE(manager_->start());
    }
    long count(Kind kind) const {
        return std::count_if(notices_.begin(), notices_.end(),
                             [kind](const Notice& notice) { return notice.kind == kind; });
    }
    bool reported_running(const std::string& name, bool running) const {
        const auto found = reported_.find(name);
        return found != reported_.end() && found->second && found->second->running == running;
    }

    AnnounceSchedule schedule_{.repeat = 1, .second_burst_delay = 0ms};
    std::vector<Notice> notices_;
    std::map<std::string, std::optional<InterfaceState>> reported_;
    int reports_ = 0;
    std::unique_ptr<VipManager> manager_;
};

}  // namespace tandem::netlink
