// Announcements that wait for their turn: at most one frame per interval and interface. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace tandem::netlink {

/// Gratuitous ARP and neighbour advertisements each have their own pace (vrrp_garp_interval,
/// vrrp_gna_interval).
enum class AnnounceProtocol : std::uint8_t { Arp, Neighbour };

/// Orders the frames of all bursts.
///
/// Drive it: add() a burst, take() until it is empty, sleep until next_due(). Each interface has a
/// line per protocol. Within a line every address is announced once before any is announced again,
/// as keepalived does, so a long line delays the repetitions and not the news. An address is in
/// line once: a burst that meets an earlier one prolongs it, so a line is never longer than there
/// are addresses.
/// Not thread-safe.
class AnnounceQueue {
  public:
    using Clock = std::chrono::steady_clock;

    /// The address that is announced: a number of its group, and its position in the group.
    struct Subject {
        std::size_t group = 0;
        std::size_t address = 0;
        friend bool operator==(const Subject&, const Subject&) = default;
    };
    struct Burst {
        Subject subject;
        AnnounceProtocol protocol{};
        std::string interface;
        /// Frames to send; zero: nothing happens.
        unsigned frames = 0;
        /// Least time from each of them to the next frame in line; zero: none.
        std::chrono::microseconds interval{0};
    };
    struct Frame {
        Subject subject;
        AnnounceProtocol protocol{};
        /// How many more frames of this burst follow.
        unsigned left = 0;
    };

    void add(const Burst& burst);
    /// The next frame to send; nullopt: none is due.
    std::optional<Frame> take(Clock::time_point now);
    /// When take() has something again; nullopt: nothing is queued.
    [[nodiscard]] std::optional<Clock::time_point> next_due() const;
    /// Forgets what is queued for one address, or for all of a group.
    void drop(const Subject& subject);
    void drop_group(std::size_t group);
    /// The addresses of a group have other positions now, or are no more.
    /// @param moved by old position; nullopt: forget what is queued for it.
    void renumber(std::size_t group, const std::vector<std::optional<std::size_t>>& moved);
    void clear() { lines_.clear(); }

  private:
    struct Entry {
        Subject subject;
        unsigned frames = 0;
        std::chrono::microseconds interval{0};
    };
    struct Line {
        std::deque<Entry> entries;
        /// Earliest time of the next frame.
        Clock::time_point due{};
    };
    template <typename Unwanted>
    void erase_if(Unwanted unwanted);

    std::map<std::pair<std::string, AnnounceProtocol>, Line> lines_;
};

}  // namespace tandem::netlink
