// A wire between two nodes that loses, duplicates, delays, reorders and cuts, per direction.
#pragma once

#include "tests/simulation/random.hpp"
#include "tests/simulation/scheduler.hpp"

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

    [[nodiscard]] bool any() const {
        return loss_percent > 0 || duplicate_percent > 0 || reorder > Duration{} || cut[0] ||
               cut[1];
    }
};

class Network {
  public:
    using Deliver = std::function<void(std::size_t to, const vrrp::ReceivedAdvertisement&)>;

    Network(Scheduler& scheduler, Random& random, Duration max_delay, Deliver deliver);

    void send(std::size_t from, const vrrp::ReceivedAdvertisement& advert);
    void set_faults(const NetworkFaults& faults);
    [[nodiscard]] const NetworkFaults& faults() const { return faults_; }

    [[nodiscard]] bool disturbed() const;
    /// When the last fault ended and the last packet that met one arrived.
    [[nodiscard]] TimePoint clean_since() const { return clean_since_; }

  private:
    void transmit(std::size_t from, const vrrp::ReceivedAdvertisement& advert);

    Scheduler& scheduler_;
    Random& random_;
    Duration max_delay_;
    Deliver deliver_;
    NetworkFaults faults_;
    TimePoint clean_since_{};
    std::array<TimePoint, 2> last_arrival_{};
};

}  // namespace tandem::simulation
