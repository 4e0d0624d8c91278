// Control protocol: HTTP/1.1 with JSON on a unix socket. `curl --unix-socket` works.
//
//   GET  /v1/status                     Backend::status
//   POST /v1/failover                   {"instances":[],"direction":"switch|to-peer|here","dry_run":b,
//                                        "force":b,"no_handover":b,"timeout_ms":n,"hold_for_ms":n}
//   POST /v1/resume                     {"instances":[]}
//   GET  /v1/events?after=N&since=T     one answer; &follow=1: chunked, one JSON object a line
//   POST /v1/check                      {"path":"/abs/path"}
//   GET  /v1/version
//
// An answer is {"code":N,"message":"…","text":"…", …body…}; HTTP status 200 when code is 0 or 5, 409
// refused or rolled back, 504 timed out or unknown, 400 usage, 404 no such resource, 500 internal.
#pragma once

#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

#include "proxy/control/backend.hpp"

namespace tandem::control {

/// Runs on the control thread's io_context. Bounds: 32 connections, 64 KiB per request, 30 s to
/// send one, 16 followers.
class Server {
  public:
    Server(boost::asio::io_context& context, Backend& backend);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Removes a stale socket file first; refuses (address_in_use) when a daemon answers on it.
    /// The socket has mode 0600.
    boost::system::error_code listen(const std::string& path);
    /// A new event exists: wake the followers.
    void notify_followers();
    /// Closes everything and removes the socket file.
    void stop();

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tandem::control
