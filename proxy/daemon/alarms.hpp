// What an instance heard that does not fit a healthy pair, counted, for `tandemctl status`. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace tandem::daemon {

/// One kind of trouble from one sender. `count` counts reports: at most one per second and kind.
struct Alarm {
    /// Stable name of the kind: that of the discard reason, or "address-list", "interval", …
    std::string kind;
    /// Source address of the packet; may be forged.
    std::string source;
    /// Link-layer address of the frame that carried it, or "unknown".
    std::string mac;
    std::string detail;
    std::uint64_t count = 0;
    std::chrono::system_clock::time_point last;
    friend bool operator==(const Alarm&, const Alarm&) = default;
};

/// The latest kMost alarms; the oldest makes room.
class Alarms {
  public:
    static constexpr std::size_t kMost = 16;

    /// Counts it with the same kind, source and MAC, or begins a new one.
    void raise(Alarm alarm);
    /// Newest first.
    [[nodiscard]] const std::vector<Alarm>& list() const { return list_; }

  private:
    std::vector<Alarm> list_;
};

}  // namespace tandem::daemon
