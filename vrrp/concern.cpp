#include "vrrp/concern.hpp"

namespace tandem::vrrp {

std::string_view to_string(const Concern& concern) {
    using Kind = Concern::Kind;
    switch (concern.kind) {
        case Kind::Discarded:
            return concern.discard ? to_string(*concern.discard) : std::string_view{"discarded"};
        case Kind::AddressList:
            return "address-list";
        case Kind::ChecksumForm:
            return "checksum-form";
        case Kind::Interval:
            return "interval";
        case Kind::DuplicateOwner:
            return "duplicate-owner";
        case Kind::EqualPriority:
            return "equal-priority";
        case Kind::ClockSkew:
            return "clock-skew";
        case Kind::Dropped:
            return "dropped";
    }
    return "unknown";
}

bool is_alarm(Concern::Kind kind) {
    using Kind = Concern::Kind;
    return kind == Kind::Discarded || kind == Kind::AddressList || kind == Kind::DuplicateOwner ||
           kind == Kind::Dropped;
}

bool ConcernThrottle::allow(Concern::Kind kind, std::optional<Discard> discard, TimePoint now) {
    const std::size_t slot = discard ? Concern::kKinds + static_cast<std::size_t>(*discard)
                                     : static_cast<std::size_t>(kind);
    std::optional<TimePoint>& last = last_.at(slot);
    if (last && now - *last < kInterval) {
        return false;
    }
    last = now;
    return true;
}

}  // namespace tandem::vrrp
