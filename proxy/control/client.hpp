// The client's side of the control protocol, blocking; used by tandemctl.
#pragma once

#include "proxy/control/protocol.hpp"

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include <boost/json/value.hpp>

namespace tandem::control {

/// The daemon's answer; `body` is a JSON object and has "code", "message" and "text".
struct Answer {
    ExitCode code = ExitCode::Done;
    boost::json::value body;
};

/// No answer. `code` is NoDaemon, TimedOut (nothing was sent, or nothing that changes anything),
/// Unknown (a failover or resume was sent), or Internal (the answer is not one of ours).
struct Failure {
    ExitCode code = ExitCode::Internal;
    /// What happened and what to do, for the operator.
    std::string message;
};

using Outcome = std::variant<Answer, Failure>;

/// Until the request is sent; a shorter timeout of the failover itself counts too.
constexpr std::chrono::seconds kConnectTimeout{5};
/// For the answer to anything but failover.
constexpr std::chrono::seconds kAnswerTimeout{10};
/// For the answer to failover: this beyond its own timeout, or kLongestFailover without one.
constexpr std::chrono::seconds kFailoverGrace{10};
constexpr std::chrono::minutes kLongestFailover{10};

class Client {
  public:
    /// `run_directory` holds the socket, control.sock.
    explicit Client(std::string run_directory);

    /// Connects, asks, disconnects.
    Outcome request(const Command& command);

    /// Calls `on_line` with each event's JSON text until the stream ends. Returns Failure NoDaemon
    /// when the daemon ended it, Internal with its reason when it gave one, or its Answer when it
    /// refused to start.
    Outcome follow(const EventQuery& query, const std::function<void(std::string_view)>& on_line);

  private:
    std::string run_directory_;
    std::string socket_path_;
};

}  // namespace tandem::control
