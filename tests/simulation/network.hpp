// A wire between two nodes that loses, duplicates, delays, reorders and cuts, per direction; that
// refuses to send; and on which a third party forges.
#pragma once

#include "tests/simulation/random.hpp"
#include "tests/simulation/scheduler.hpp"
#include "vrrp/timing.hpp"

#include <array>
#include <cstddef>
#include <functional>

namespace tandem::simulation {

struct NetworkFaults {
    unsigned loss_percent = 0;
    unsigned duplicate_percent = 0;
    /// Extra delay of up to this much, without keeping the order. Zero: in order.
    Duration reorder{};
    /// cut[n]: nothing sent by node n arrives.
    std::array<bool, 2> cut{};
    /// send_error[n]: node n is told that it cannot send.
    std::array<bool, 2> send_error{};
    /// A stranger's advertisements, of any priority and interval. Zero: none; otherwise how often.
    Duration forge_every{};

    [[nodiscard]] bool any() const {
        return loss_percent > 0 || duplicate_percent > 0 || reorder > Duration{} || cut[0] ||
               cut[1] || send_error[0] || send_error[1] || forge_every > Duration{};
    }
};

class Network {
  public:
    using Deliver = std::function<void(std::size_t to, const vrrp::ReceivedAdvertisement&)>;

    struct Settings {
        Duration max_delay{};
        vrrp::Version version = vrrp::Version::V3;
        /// Version 2 accepts no other.
        Duration interval{};
    };
    Network(Scheduler& scheduler, Random& random, const Settings& settings, Deliver deliver);

    /// @return false: the sender is told that it failed.
    bool send(std::size_t from, const vrrp::ReceivedAdvertisement& advert);
    void set_faults(const NetworkFaults& faults);
    [[nodiscard]] const NetworkFaults& faults() const { return faults_; }

    [[nodiscard]] bool disturbed() const;
    /// When the last fault ended and the last packet that met one arrived.
    [[nodiscard]] TimePoint clean_since() const { return clean_since_; }

  private:
    void transmit(std::size_t from, const vrrp::ReceivedAdvertisement& advert);
    void forge(std::uint64_t generation);

    Scheduler& scheduler_;
    Random& random_;
    Settings settings_;
    Deliver deliver_;
    NetworkFaults faults_;
    std::uint64_t generation_ = 0;
    TimePoint clean_since_{};
    std::array<TimePoint, 2> last_arrival_{};
};

}  // namespace tandem::simulation
