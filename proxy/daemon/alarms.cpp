#include "proxy/daemon/alarms.hpp"

#include <algorithm>
#include <utility>

namespace tandem::daemon {

void Alarms::raise(Alarm alarm) {
    const auto same = std::find_if(list_.begin(), list_.end(), [&](const Alarm& each) {
        return each.kind == alarm.kind && each.source == alarm.source && each.mac == alarm.mac;
    });
    alarm.count = same == list_.end() ? 1 : same->count + 1;
    if (same != list_.end()) {
        list_.erase(same);
    }
    list_.insert(list_.begin(), std::move(alarm));
    list_.resize(std::min(list_.size(), kMost));
}

}  // namespace tandem::daemon
