// Two network namespaces joined by a veth pair, and a router on either end. The namespaces belong
// to this process and go away with it. Needs root.
#pragma once

#include "vrrp/router.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace tandem::vrrp {

/// Either end of the link: interface "va" in one namespace, "vb" in the other.
struct LinkEnd {
    int namespace_fd = -1;
    std::string interface;
    unsigned index = 0;
    IpAddress ipv4;
    IpAddress ipv6;
    /// A second IPv4 address of the interface.
    IpAddress other_ipv4;

    [[nodiscard]] const IpAddress& address(Family family) const {
        return family == Family::Ipv4 ? ipv4 : ipv6;
    }
};

/// What a router asked for, in order.
class FakeEnvironment : public RouterEnvironment {
  public:
    bool acquire_addresses(const std::string& instance) override;
    void release_addresses(const std::string& instance, std::function<void()> done) override;
    void announce_addresses(const std::string& instance) override;
    void on_transition(const std::string& instance, const StateChanged& change) override;
    void on_lower_claim(const std::string& instance, const LowerClaimHeard& claim) override;
    void on_concern(const std::string& instance, const Concern& concern) override;
    void on_group_event(const std::string& instance) override;
    void on_replay_marks(const std::string& instance,
                         const std::vector<ReplayMark>& marks) override;
    void on_release_advertisements(const std::string& instance) override;
    void on_peer_advertisement(const std::string& instance,
                               const ReceivedAdvertisement& advert) override;
    void on_send_error(const std::string& instance, const std::string& text) override;

    /// "active startup", "acquire", "release", "announce", … one line per call.
    std::vector<std::string> log;
    /// "KIND SOURCE" of each, such as "checksum-error 198.51.100.11".
    std::vector<std::string> concerns;
    std::vector<ReplayMark> marks;
    unsigned group_events = 0;
    unsigned release_changes = 0;
    std::vector<std::string> errors;
    std::vector<ReceivedAdvertisement> adverts;
    /// Called inside on_transition.
    std::function<void(const StateChanged&)> transition_hook;
    /// Releases wait here when set to wait; otherwise they are done at once.
    bool hold_releases = false;
    std::vector<std::function<void()>> held_releases;
};

class LinkFixture : public ::testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    /// Runs `action` in the namespace of this end: sockets and children belong to it from then on.
    void inside(const LinkEnd& end, const std::function<void()>& action) const;
    /// Runs the io_context until `condition` holds.
    /// @return false when it did not within the bound, which is generous and never waited for.
    bool wait_for(const std::function<bool()>& condition,
                  std::chrono::milliseconds bound = std::chrono::seconds{10});
    /// Runs the io_context for this long.
    void run_for(std::chrono::milliseconds time);

    boost::asio::io_context context_;
    LinkEnd a_;
    LinkEnd b_;

  private:
    int home_fd_ = -1;
};

/// Executes a command line without shell output; fails the test when it fails.
void run_command(const std::string& command);

}  // namespace tandem::vrrp
