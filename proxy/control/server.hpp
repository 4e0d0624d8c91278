// Control protocol: HTTP/1.1 with JSON on a unix socket. `curl --unix-socket` works.
//
//   GET  /v1/status                     Backend::status
//   POST /v1/failover {"instances":[],"direction":"switch|to-peer|here","dry_run":b,
//                                        "force":b,"no_handover":b,"timeout_ms":n,"hold_for_ms":n}
//   POST /v1/resume                     {"instances":[]}
//   POST /v1/upstream {"service":"…","upstream":"…","order":"ready|drain|down|weight","weight":n}
//   GET  /v1/connections?service=S&limit=N
//   POST /v1/disconnect                 {"ids":[]}
//   GET  /v1/events?after=N&since=T     one answer; &follow=1: chunked, one JSON object a line
//   POST /v1/check                      {"path":"/abs/path"}
//   GET  /v1/version
//
// An answer is {"code":N,"message":"…","text":"…", …body…}; HTTP status 200 when code is 0 or 5,
// 409 refused or rolled back, 504 timed out or unknown, 400 usage, 404 no such resource, 405 wrong
// method, 413 and 431 too large, 503 too many followers, 500 internal.
#pragma once

#include "proxy/control/backend.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>

namespace tandem::control {

/// Bounds of one server; the defaults are what the daemon uses.
struct ServerLimits {
    /// Further connections wait in the listen queue of the kernel.
    std::size_t connections = 32;
    std::size_t request_bytes = 64 * 1024;
    /// To send one request, counted from the connection or the previous answer.
    std::chrono::milliseconds request_timeout = std::chrono::seconds(30);
    std::size_t followers = 16;
    /// For one answer or one batch of events to be taken by the client; then it is disconnected.
    std::chrono::milliseconds write_timeout = std::chrono::seconds(10);
};

/// Drive it: construct, listen(), run the io_context; notify_followers() after each new event.
///
/// Everything on the control thread's io_context, which `backend` must outlive. A client that goes
/// away does not cancel what it asked for; the late answer is dropped. A follower that reads so
/// slowly that the event list has lost what it did not yet get is told so in a last line
/// {"code":1,"message":…} and disconnected.
class Server {
  public:
    Server(boost::asio::io_context& context, Backend& backend, const ServerLimits& limits = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    /// Removes a stale socket file first; refuses with address_in_use when a daemon answers on it,
    /// file_exists when `path` is something else than a socket, filename_too_long above 107 bytes,
    /// no_such_file_or_directory when the directory is missing. The socket has mode 0600 before the
    /// first client can connect.
    /// @pre not listening.
    boost::system::error_code listen(const std::string& path);
    /// A new event exists: wake the followers.
    void notify_followers();
    /// Closes everything and removes the socket file, unless it is another daemon's by now. No call
    /// to the backend afterwards; its outstanding answers may still come and are dropped.
    void stop();

  private:
    struct Impl;
    std::shared_ptr<Impl> impl_;
};

}  // namespace tandem::control
