// The upstreams of one service: who may get connections, and how many each has. Pure.
#pragma once

#include "proxy/relay/config.hpp"
#include "proxy/relay/status.hpp"
#include "proxy/relay/timer_wheel.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace tandem::relay {

/// How far an upstream may be used; the best that there is counts.
enum class Standing : std::uint8_t {
    Primary,
    Backup,
    /// Too many connect failures in a row a moment ago: only when nobody else is left.
    AvoidedPrimary,
    AvoidedBackup,
    /// Would be used, but for its upper threshold.
    Full,
    /// Down, drained or not its turn.
    Out,
};

/// Shared by all workers. The orders of the operator and the checks come one at a time; what the
/// workers do are relaxed atomics of one upstream, on a cache line of its own.
///
/// What it is, first one that holds:
/// - the quorum is lost and there is a sorry server: that one alone is used;
/// - an upstream that its operator or its weight takes out gets nothing;
/// - an upstream that is down gets nothing, unless so few are up that the checks are not believed
///   (panic_threshold): sending a connection to an upstream that its checks call dead would only
///   hide the outage behind a timeout;
/// - one with max_fails connect failures in a row is avoided for fail_timeout, as long as there is
///   another. Afterwards one more failure is enough; a success clears it.
class UpstreamGroup {
  public:
    explicit UpstreamGroup(const ServiceConfig& config);

    /// Goes on where the group of an earlier configuration was: who is up, the operator's orders,
    /// slow start, marks and places. Upstreams are the same when their names are. Before any use.
    void inherit(const UpstreamGroup& before);

    [[nodiscard]] std::size_t size() const { return members_.size(); }

    // Orders; any thread, but one at a time.
    void set_up(std::size_t upstream, bool up, TimePoint now);
    void set_admin(std::size_t upstream, AdminState state);
    /// @param weight nullopt: as configured. Above 65535: 65535.
    void set_weight(std::size_t upstream, std::optional<unsigned> weight);
    /// Result of a check; counts where no weight was ordered.
    void set_checked_weight(std::size_t upstream, unsigned weight);

    // Any thread.
    [[nodiscard]] bool up(std::size_t upstream) const { return get(members_[upstream].up); }
    [[nodiscard]] AdminState admin(std::size_t upstream) const {
        return get(members_[upstream].admin);
    }
    /// What is in force; zero also for a drained or downed one.
    [[nodiscard]] unsigned weight(std::size_t upstream) const;
    /// What the table of a hash is to be made of: being drained for a while moves no other client.
    [[nodiscard]] unsigned table_weight(std::size_t upstream) const {
        return get(members_[upstream].weight);
    }
    /// nullopt: as configured.
    [[nodiscard]] std::optional<unsigned> weight_override(std::size_t upstream) const;
    /// nullopt: no check sets it.
    [[nodiscard]] std::optional<unsigned> checked_weight(std::size_t upstream) const;
    /// Whether one serves, or could: a sorry server does not, a drained one could.
    [[nodiscard]] bool any_up() const;
    [[nodiscard]] bool quorum() const { return get(quorum_); }
    [[nodiscard]] bool panic() const { return get(panic_); }
    [[nodiscard]] bool avoided(std::size_t upstream, TimePoint now) const;
    /// Places taken.
    [[nodiscard]] unsigned connections(std::size_t upstream) const {
        return get(members_[upstream].places->taken) & ~kClosed;
    }

    // For the workers.
    [[nodiscard]] Standing standing(std::size_t upstream, TimePoint now) const;
    /// Whether a client that had this upstream before may have it again: also with weight zero, as
    /// in IPVS; not when it is drained, down or avoided.
    [[nodiscard]] bool keeps_clients(std::size_t upstream, TimePoint now) const;
    /// The weight with the fraction that slow start needs: kWeightUnit for each unit.
    [[nodiscard]] std::uint64_t fine_weight(std::size_t upstream, TimePoint now) const;
    static constexpr std::uint64_t kWeightUnit = 256;

    /// Takes a place; false: the upper threshold is reached.
    [[nodiscard]] bool enter(std::size_t upstream);
    /// Gives it back.
    void leave(std::size_t upstream);
    /// Whether anybody needs the places counted.
    [[nodiscard]] bool counts() const { return counts_; }
    /// Whether there can be no place free while somebody is up.
    [[nodiscard]] bool can_be_full() const { return can_be_full_; }

    void connect_failed(std::size_t upstream, TimePoint now);
    void connect_succeeded(std::size_t upstream);

  private:
    static constexpr std::uint32_t kClosed = std::uint32_t{1} << 31U;

    /// Connections, and kClosed from the upper threshold to the lower one.
    struct alignas(64) Places {
        std::atomic<std::uint32_t> taken{0};
    };
    struct alignas(64) Member {
        std::string name;
        /// Somebody may say whether it is up.
        bool is_checked = false;
        /// A check may set its weight.
        bool weight_is_checked = false;
        UpstreamBalance config;
        unsigned configured_weight = 1;
        std::atomic<bool> up{true};
        std::atomic<AdminState> admin{AdminState::Ready};
        /// In force while ready.
        std::atomic<unsigned> weight{1};
        /// Zero: none, else one more than the weight.
        std::atomic<unsigned> weight_override{0};
        /// Likewise.
        std::atomic<unsigned> checked_weight{0};
        /// When it came up; the epoch: it always was.
        std::atomic<Clock::rep> up_since{0};
        /// Connect failures in a row, to max_fails at most.
        std::atomic<unsigned> failures{0};
        std::atomic<Clock::rep> avoided_until{Clock::duration::min().count()};
        /// Shared with groups of other configurations that have this upstream.
        std::shared_ptr<Places> places = std::make_shared<Places>();
    };

    template <class T>
    static T get(const std::atomic<T>& value) {
        return value.load(std::memory_order_relaxed);
    }
    template <class T>
    static void put(std::atomic<T>& value, T to) {
        value.store(to, std::memory_order_relaxed);
    }
    [[nodiscard]] static bool full(const Member& member);
    /// Zero: none, else one more than it.
    static std::optional<unsigned> stored(const std::atomic<unsigned>& value) {
        const unsigned number = get(value);
        return number == 0 ? std::nullopt : std::optional{number - 1};
    }
    /// After one of its weights has changed.
    void weigh(Member& member);
    /// Quorum and panic.
    void count_up(bool first = false);

    const ServiceBalance config_;
    bool has_sorry_ = false;
    bool counts_ = false;
    bool can_be_full_ = false;
    std::vector<Member> members_;
    std::atomic<bool> quorum_{true};
    std::atomic<bool> panic_{false};
};

}  // namespace tandem::relay
