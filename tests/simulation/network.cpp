#include "tests/simulation/network.hpp"

#include <algorithm>
#include <utility>

namespace tandem::simulation {

Network::Network(Scheduler& scheduler, Random& random, Duration max_delay, Deliver deliver)
    : scheduler_(scheduler), random_(random), max_delay_(max_delay), deliver_(std::move(deliver)) {}

void Network::send(std::size_t from, const vrrp::ReceivedAdvertisement& advert) {
    if (faults_.cut.at(from) || random_.percent(faults_.loss_percent)) {
        return;
    }
    transmit(from, advert);
    if (random_.percent(faults_.duplicate_percent)) {
        transmit(from, advert);
    }
}

void Network::transmit(std::size_t from, const vrrp::ReceivedAdvertisement& advert) {
    TimePoint arrival = scheduler_.now() + random_.between(Duration{20}, max_delay_);
    if (faults_.reorder > Duration{}) {
        arrival += random_.between(Duration{}, faults_.reorder);
    } else {
        arrival = std::max(arrival, last_arrival_.at(from));
        last_arrival_.at(from) = arrival;
    }
    if (faults_.any()) {
        clean_since_ = std::max(clean_since_, arrival);
    }
    scheduler_.at(arrival, [this, from, advert] { deliver_(1 - from, advert); });
}

void Network::set_faults(const NetworkFaults& faults) {
    if (faults_.any() || faults.any()) {
        clean_since_ = std::max(clean_since_, scheduler_.now());
    }
    faults_ = faults;
}

bool Network::disturbed() const {
    return faults_.any() || scheduler_.now() < clean_since_;
}

}  // namespace tandem::simulation
