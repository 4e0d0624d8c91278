#include "proxy/control/connection.hpp"

#include "proxy/control/protocol.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/chunk_encode.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/serialize.hpp>

#include <sys/socket.h>

namespace tandem::control {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace json = boost::json;
using boost::system::error_code;
using Local = asio::local::stream_protocol;

constexpr std::uint32_t kMaxHeaderBytes = 8 * 1024;

Caller peer_of(int descriptor) {
    ucred credentials{};
    socklen_t size = sizeof(credentials);
    if (::getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == -1) {
        // Never taken for root: the audit line shows user 4294967295.
        return {UINT32_MAX, 0};
    }
    return {credentials.uid, credentials.pid};
}

/// A sequence number; 0 for anything else.
std::uint64_t number_of(const json::value& value) {
    error_code error;
    const auto number = value.to_number<std::uint64_t>(error);
    return error ? 0 : number;
}

/// Answers one request after the other; a follower gets chunks until it or the server ends.
class HttpConnection final : public Connection,
                             public std::enable_shared_from_this<HttpConnection> {
  public:
    HttpConnection(Local::socket socket, std::weak_ptr<Host> host)
        : caller_(peer_of(socket.native_handle())),
          stream_(std::move(socket)),
          host_(std::move(host)) {}

    void start() override {
        watch_hangup();
        read_request();
    }

    void close() override {
        error_code ignored;
        stream_.socket().close(ignored);
        if (const auto host = host_.lock()) {
            host->remove(shared_from_this());
        }
        host_.reset();
    }

    void wake() override {
        if (querying_ || writing_) {
            wake_again_ = true;
        } else {
            query_events();
        }
    }

  private:
    using Stream = beast::basic_stream<Local, asio::any_io_executor>;

    /// Nothing is read while the backend works or a follower waits, so end of file would go
    /// unnoticed and the connection would keep its place. A hang-up is reported without reading; a
    /// client that only shut down its sending side still gets its answer.
    void watch_hangup() {
        stream_.socket().async_wait(Local::socket::wait_error,
                                    [self = weak_from_this()](error_code) {
                                        if (const auto connection = self.lock()) {
                                            connection->close();
                                        }
                                    });
    }

    void read_request() {
        const auto host = host_.lock();
        if (!host) {
            return;
        }
        parser_.emplace();
        parser_->header_limit(kMaxHeaderBytes);
        parser_->body_limit(host->limits().request_bytes);
        stream_.expires_after(host->limits().request_timeout);
        http::async_read(stream_, buffer_, *parser_,
                         [self = shared_from_this()](error_code error, std::size_t) {
                             self->on_request(error);
                         });
    }

    void on_request(error_code error) {
        const auto host = host_.lock();
        if (!host) {
            return;
        }
        if (error == http::error::body_limit) {
            refuse(413, "the request body is larger than " +
                            std::to_string(host->limits().request_bytes) + " bytes");
        } else if (error == http::error::header_limit) {
            refuse(431, "the request header is larger than " + std::to_string(kMaxHeaderBytes) +
                            " bytes");
        } else if (error &&
                   error.category() == make_error_code(http::error::bad_method).category() &&
                   error != http::error::end_of_stream && error != http::error::partial_message) {
            refuse(400, "not a valid HTTP request: " + error.message());
        } else if (error) {
            close();
        } else {
            dispatch(*host);
        }
    }

    /// For requests after whose error the position in the stream is unknown.
    void refuse(unsigned status, const std::string& message) {
        keep_alive_ = false;
        respond(make_error(status, ExitCode::Usage, message));
    }

    void dispatch(Host& host) {
        const auto& request = parser_->get();
        keep_alive_ = request.keep_alive();
        const beast::string_view method = request.method_string();
        const beast::string_view target = request.target();
        auto parsed = parse_request({method.data(), method.size()}, {target.data(), target.size()},
                                    request.body());
        if (auto* response = std::get_if<Response>(&parsed)) {
            respond(std::move(*response));
            return;
        }
        std::visit([&](auto& command) { run(host, command); }, std::get<Command>(parsed));
    }

    /// The backend keeps this handler as long as it works; it must not keep the connection.
    ReplyHandler answer() {
        return [self = weak_from_this()](const Reply& reply) {
            if (const auto connection = self.lock()) {
                connection->respond(to_response(reply));
            }
        };
    }

    void run(Host& host, const StatusCommand&) { host.backend().status(answer()); }
    void run(Host& host, const VersionCommand&) { host.backend().version(answer()); }
    void run(Host& host, const ReloadCommand&) { host.backend().reload(caller_, answer()); }
    void run(Host& host, const CheckCommand& command) {
        host.backend().check(command.path, answer());
    }
    void run(Host& host, const ResumeCommand& command) {
        host.backend().resume(command.instances, caller_, answer());
    }
    void run(Host& host, FailoverRequest& request) {
        request.caller = caller_;
        host.backend().failover(request, answer());
    }
    void run(Host& host, UpstreamRequest& request) {
        request.caller = caller_;
        host.backend().upstream(request, answer());
    }
    void run(Host& host, const ConnectionsRequest& request) {
        host.backend().connections(request, answer());
    }
    void run(Host& host, DisconnectRequest& request) {
        request.caller = caller_;
        host.backend().disconnect(request, answer());
    }
    void run(Host& host, const EventsCommand& command) {
        if (!command.follow) {
            host.backend().events(command.query, answer());
        } else if (parser_->get().version() < 11) {
            respond(make_error(400, ExitCode::Usage, "following events needs HTTP/1.1"));
        } else if (!host.add_follower(shared_from_this())) {
            respond(make_error(503, ExitCode::Refused,
                               "there are already " + std::to_string(host.limits().followers) +
                                   " followers of the event list; end one of them"));
        } else {
            query_ = command.query;
            query_events();
        }
    }

    void respond(Response response) {
        const auto host = host_.lock();
        if (!host) {
            return;
        }
        response_.emplace(static_cast<http::status>(response.status), 11);
        response_->set(http::field::content_type, "application/json");
        response_->set(http::field::cache_control, "no-store");
        if (!response.allow.empty()) {
            response_->set(http::field::allow, response.allow);
        }
        response_->keep_alive(keep_alive_);
        response_->body() = std::move(response.body);
        response_->prepare_payload();
        stream_.expires_after(host->limits().write_timeout);
        http::async_write(stream_, *response_,
                          [self = shared_from_this()](error_code error, std::size_t) {
                              if (error || !self->keep_alive_) {
                                  self->close();
                              } else {
                                  self->read_request();
                              }
                          });
    }

    // Following: one query or one write at a time. What happens meanwhile waits in the backend's
    // bounded list, so a slow reader costs no memory here.

    void query_events() {
        const auto host = host_.lock();
        if (!host) {
            return;
        }
        querying_ = true;
        wake_again_ = false;
        host->backend().events(query_, [self = weak_from_this()](const Reply& reply) {
            if (const auto connection = self.lock()) {
                connection->querying_ = false;
                connection->on_events(reply);
            }
        });
    }

    void on_events(const Reply& reply) {
        const json::object* body = reply.body.if_object();
        const json::value* events = body == nullptr ? nullptr : body->if_contains("events");
        if (reply.code != ExitCode::Done || events == nullptr || !events->is_array()) {
            if (streaming_) {
                close();
            } else {
                keep_alive_ = false;
                respond(to_response(reply));
            }
            return;
        }
        std::string lines;
        for (const json::value& event : events->get_array()) {
            lines += take_event(event);
        }
        if (const json::value* last = body->if_contains("last_sequence")) {
            advance(*last);
        }
        if (!streaming_) {
            write_stream_header(std::move(lines));
        } else {
            write_lines(std::move(lines));
        }
    }

    /// The event's line, preceded by the final complaint if events before it are gone.
    std::string take_event(const json::value& event) {
        const json::object* object = event.if_object();
        const json::value* sequence = object == nullptr ? nullptr : object->if_contains("sequence");
        if (sequence != nullptr && streaming_) {
            const std::uint64_t number = number_of(*sequence);
            if (number > query_.after_sequence + 1) {
                const std::uint64_t count = number - query_.after_sequence - 1;
                ended_ = true;
                return make_error(
                           500, ExitCode::Internal,
                           std::to_string(count) + " events were lost: this reader was too slow")
                    .body;
            }
        }
        if (ended_) {
            return {};
        }
        if (sequence != nullptr) {
            advance(*sequence);
        }
        return json::serialize(event) + "\n";
    }

    void advance(const json::value& sequence) {
        query_.after_sequence = std::max(query_.after_sequence, number_of(sequence));
    }

    void write_stream_header(std::string lines) {
        streaming_ = true;
        query_.since.reset();
        header_.emplace(http::status::ok, 11);
        header_->set(http::field::content_type, "application/x-ndjson");
        header_->set(http::field::cache_control, "no-store");
        header_->keep_alive(false);
        header_->chunked(true);
        header_serializer_.emplace(*header_);
        writing_ = true;
        const auto host = host_.lock();
        if (!host) {
            return;
        }
        stream_.expires_after(host->limits().write_timeout);
        http::async_write_header(stream_, *header_serializer_,
                                 [self = shared_from_this(), lines = std::move(lines)](
                                     error_code error, std::size_t) mutable {
                                     self->writing_ = false;
                                     if (error) {
                                         self->close();
                                     } else {
                                         self->write_lines(std::move(lines));
                                     }
                                 });
    }

    void write_lines(std::string lines) {
        const auto host = host_.lock();
        if (!host) {
            return;
        }
        if (lines.empty()) {
            after_lines();
            return;
        }
        lines_ = std::move(lines);
        writing_ = true;
        stream_.expires_after(host->limits().write_timeout);
        asio::async_write(stream_, http::make_chunk(asio::buffer(lines_)),
                          [self = shared_from_this()](error_code error, std::size_t) {
                              self->writing_ = false;
                              if (error || self->ended_) {
                                  self->close();
                              } else {
                                  self->after_lines();
                              }
                          });
    }

    void after_lines() {
        if (wake_again_) {
            query_events();
        }
    }

    Caller caller_;
    Stream stream_;
    std::weak_ptr<Host> host_;
    beast::flat_buffer buffer_;
    std::optional<http::request_parser<http::string_body>> parser_;
    std::optional<http::response<http::string_body>> response_;
    bool keep_alive_ = false;

    EventQuery query_;
    std::optional<http::response<http::empty_body>> header_;
    std::optional<http::response_serializer<http::empty_body>> header_serializer_;
    std::string lines_;
    bool streaming_ = false;
    bool querying_ = false;
    bool writing_ = false;
    bool wake_again_ = false;
    bool ended_ = false;
};

}  // namespace

std::shared_ptr<Connection> make_connection(Local::socket socket, std::weak_ptr<Host> host) {
    return std::make_shared<HttpConnection>(std::move(socket), std::move(host));
}

}  // namespace tandem::control
