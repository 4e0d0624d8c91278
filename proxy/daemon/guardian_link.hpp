// The node's end of the channel to its guardian. Shell; see guardian.hpp.
#pragma once

#include "proxy/daemon/guardian_message.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string_view>
#include <vector>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

namespace tandem::daemon {

enum class GuardianState : std::uint8_t {
    None,  ///< started without one
    Watches,
    Gone,  ///< it died; the node carries on
};

std::string_view to_string(GuardianState state);

/// Drive it: start() on the election thread, which then sends heartbeats for as long as that thread
/// runs its io_context; leave() whenever a will changes. Never blocks: while the guardian does not
/// read, wills wait here, the newest of each instance, for the next heartbeat.
class GuardianLink {
  public:
    static constexpr std::chrono::milliseconds kHeartbeatInterval{100};

    /// @param descriptor of the channel, owned from here on; -1: no guardian, every call does
    /// nothing.
    /// @param on_gone once, when the guardian has died.
    GuardianLink(boost::asio::io_context& context, int descriptor, std::function<void()> on_gone);

    void start();
    void leave(const LastWill& will);
    /// The node has started.
    void tell_ready();
    /// May be called on any thread.
    [[nodiscard]] GuardianState state() const { return state_.load(); }

  private:
    bool send(const std::vector<std::byte>& bytes);
    void beat();
    void flush();
    void wait_for_end();

    boost::asio::posix::stream_descriptor channel_;
    boost::asio::steady_timer timer_;
    std::function<void()> on_gone_;
    std::atomic<GuardianState> state_;
    /// What could not be sent yet.
    std::map<std::uint32_t, std::vector<std::byte>> waiting_;
    bool ready_waits_ = false;
};

}  // namespace tandem::daemon
