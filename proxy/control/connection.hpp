// One client of the control server: HTTP in, HTTP out, and following the event list. Internal to
// the server.
#pragma once

#include "proxy/control/backend.hpp"
#include "proxy/control/server.hpp"

#include <memory>

#include <boost/asio/local/stream_protocol.hpp>

namespace tandem::control {

/// The server's list owns it while it is open; handlers keep it alive beyond that, but after
/// close() it does nothing any more. Control thread only.
class Connection {
  public:
    virtual ~Connection() = default;
    virtual void start() = 0;
    /// Also takes it out of the server's list. May be called again.
    virtual void close() = 0;
    /// A follower's part of Server::notify_followers().
    virtual void wake() = 0;
};

/// What a connection needs of its server.
class Host {
  public:
    virtual ~Host() = default;
    virtual Backend& backend() = 0;
    virtual const ServerLimits& limits() = 0;
    /// False when there are too many.
    virtual bool add_follower(const std::shared_ptr<Connection>& connection) = 0;
    virtual void remove(const std::shared_ptr<Connection>& connection) = 0;
};

std::shared_ptr<Connection> make_connection(boost::asio::local::stream_protocol::socket socket,
                                            std::weak_ptr<Host> host);

}  // namespace tandem::control
