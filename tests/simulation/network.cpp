#include "tests/simulation/network.hpp"

#include <algorithm>
#include <utility>

namespace tandem::simulation {

Network::Network(Scheduler& scheduler, Random& random, const Settings& settings, Deliver deliver)
    : scheduler_(scheduler), random_(random), settings_(settings), deliver_(std::move(deliver)) {}

bool Network::send(std::size_t from, const vrrp::ReceivedAdvertisement& advert) {
    if (faults_.send_error.at(from)) {
        return false;
    }
    if (!faults_.cut.at(from) && !random_.percent(faults_.loss_percent)) {
        transmit(from, advert);
        if (random_.percent(faults_.duplicate_percent)) {
            transmit(from, advert);
        }
    }
    return true;
}

void Network::transmit(std::size_t from, const vrrp::ReceivedAdvertisement& advert) {
    TimePoint arrival = scheduler_.now() + random_.between(Duration{20}, settings_.max_delay);
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

void Network::forge(std::uint64_t generation) {
    if (generation != generation_) {
        return;
    }
    constexpr std::array<std::uint8_t, 6> kPriorities{0, 1, 100, 250, 254, 255};
    vrrp::ReceivedAdvertisement advert;
    advert.priority = kPriorities.at(random_.below(kPriorities.size()));
    advert.source =
        boost::asio::ip::make_address(random_.percent(50) ? "198.51.100.1" : "198.51.100.250");
    advert.interval = settings_.version == vrrp::Version::V2
                          ? settings_.interval
                          : Duration{random_.percent(50) ? vrrp::kMinInterval : vrrp::kMaxInterval};
    clean_since_ = std::max(clean_since_, scheduler_.now());
    deliver_(random_.below(2), advert);
    scheduler_.after(random_.between(Duration{1}, faults_.forge_every),
                     [this, generation] { forge(generation); });
}

void Network::set_faults(const NetworkFaults& faults) {
    if (faults_.any() || faults.any()) {
        clean_since_ = std::max(clean_since_, scheduler_.now());
    }
    faults_ = faults;
    const std::uint64_t generation = ++generation_;
    if (faults_.forge_every > Duration{}) {
        scheduler_.after(faults_.forge_every, [this, generation] { forge(generation); });
    }
}

bool Network::disturbed() const {
    return faults_.any() || scheduler_.now() < clean_since_;
}

}  // namespace tandem::simulation
