#include "netlink/announce_queue.hpp"

#include <algorithm>

namespace tandem::netlink {

void AnnounceQueue::add(const Burst& burst) {
    if (burst.frames == 0) {
        return;
    }
    auto& entries = lines_[{burst.interface, burst.protocol}].entries;
    const auto queued = std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) {
        return entry.subject == burst.subject;
    });
    if (queued == entries.end()) {
        entries.push_back(
            {.subject = burst.subject, .frames = burst.frames, .interval = burst.interval});
    } else {
        queued->frames = std::max(queued->frames, burst.frames);
    }
}

std::optional<AnnounceQueue::Frame> AnnounceQueue::take(Clock::time_point now) {
    for (auto& [key, line] : lines_) {
        if (line.entries.empty() || line.due > now) {
            continue;
        }
        Entry entry = line.entries.front();
        line.entries.pop_front();
        --entry.frames;
        line.due = now + entry.interval;
        if (entry.frames > 0) {
            line.entries.push_back(entry);
        }
        return Frame{.subject = entry.subject, .protocol = key.second, .left = entry.frames};
    }
    return std::nullopt;
}

std::optional<AnnounceQueue::Clock::time_point> AnnounceQueue::next_due() const {
    std::optional<Clock::time_point> due;
    for (const auto& [key, line] : lines_) {
        if (!line.entries.empty()) {
            due = due ? std::min(*due, line.due) : line.due;
        }
    }
    return due;
}

template <typename Unwanted>
void AnnounceQueue::erase_if(Unwanted unwanted) {
    for (auto& [key, line] : lines_) {
        std::erase_if(line.entries, [&](const Entry& entry) { return unwanted(entry.subject); });
    }
}

void AnnounceQueue::drop(const Subject& subject) {
    erase_if([&](const Subject& queued) { return queued == subject; });
}

void AnnounceQueue::renumber(std::size_t group,
                             const std::vector<std::optional<std::size_t>>& moved) {
    erase_if([&](const Subject& queued) {
        return queued.group == group &&
               (queued.address >= moved.size() || !moved[queued.address].has_value());
    });
    for (auto& [key, line] : lines_) {
        for (Entry& entry : line.entries) {
            if (entry.subject.group == group) {
                entry.subject.address = *moved[entry.subject.address];
            }
        }
    }
}

void AnnounceQueue::drop_group(std::size_t group) {
    erase_if([&](const Subject& queued) { return queued.group == group; });
}

}  // namespace tandem::netlink
