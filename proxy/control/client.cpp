#include "proxy/control/client.hpp"

#include "proxy/control/time_text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/parse.hpp>

#include <sys/socket.h>
#include <sys/un.h>

namespace tandem::control {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace json = boost::json;
using boost::system::error_code;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;
using Local = asio::local::stream_protocol;

constexpr std::size_t kMaxAnswerBytes = 16 * 1024 * 1024;
constexpr std::size_t kMaxLineBytes = 1024 * 1024;
constexpr milliseconds kConnectRetry{20};

/// One connection. Each call blocks until done or its time is up (error beast::error::timeout).
class Session {
  public:
    error_code connect(const std::string& path, Clock::time_point deadline);
    error_code send(const Request& request, Clock::time_point deadline);
    error_code read_answer(http::response_parser<http::string_body>& parser, milliseconds bound);
    error_code read_header(http::response_parser<http::string_body>& parser, milliseconds bound);
    /// No bound: an event may take days.
    error_code read_some(http::response_parser<http::string_body>& parser);

  private:
    /// Runs one asynchronous operation to its end; `start` gets the handler.
    template <class Start>
    error_code run(Start start) {
        error_code result;
        start([&result](error_code error, std::size_t) { result = error; });
        context_.restart();
        context_.run();
        return result;
    }

    asio::io_context context_{1};
    beast::basic_stream<Local, asio::any_io_executor> stream_{context_};
    beast::flat_buffer buffer_;
};

error_code Session::connect(const std::string& path, Clock::time_point deadline) {
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
        return make_error_code(boost::system::errc::filename_too_long);
    }
    const Local::endpoint endpoint(path);
    auto& socket = stream_.socket();
    error_code error;
    socket.open(endpoint.protocol(), error);
    if (!error) {
        socket.non_blocking(true, error);
    }
    // A full listen queue gives EAGAIN, and nothing tells when there is room again.
    while (!error && ::connect(socket.native_handle(), endpoint.data(),
                               static_cast<socklen_t>(endpoint.size())) == -1) {
        if (errno != EAGAIN) {
            error.assign(errno, boost::system::system_category());
        } else if (Clock::now() >= deadline) {
            error = beast::error::timeout;
        } else {
            std::this_thread::sleep_for(kConnectRetry);
        }
    }
    return error;
}

error_code Session::send(const Request& request, Clock::time_point deadline) {
    http::request<http::string_body> message;
    message.method_string(request.method);
    message.target(request.target);
    message.version(11);
    message.set(http::field::host, "tandem");
    message.set(http::field::content_type, "application/json");
    message.keep_alive(false);
    message.body() = request.body;
    message.prepare_payload();
    stream_.expires_at(deadline);
    return run([&](auto handler) { http::async_write(stream_, message, std::move(handler)); });
}

error_code Session::read_answer(http::response_parser<http::string_body>& parser,
                                milliseconds bound) {
    stream_.expires_after(bound);
    return run(
        [&](auto handler) { http::async_read(stream_, buffer_, parser, std::move(handler)); });
}

error_code Session::read_header(http::response_parser<http::string_body>& parser,
                                milliseconds bound) {
    stream_.expires_after(bound);
    return run([&](auto handler) {
        http::async_read_header(stream_, buffer_, parser, std::move(handler));
    });
}

error_code Session::read_some(http::response_parser<http::string_body>& parser) {
    stream_.expires_never();
    return run(
        [&](auto handler) { http::async_read_some(stream_, buffer_, parser, std::move(handler)); });
}

bool changes_something(const Command& command) {
    if (const auto* failover = std::get_if<FailoverRequest>(&command)) {
        return !failover->dry_run;
    }
    return std::holds_alternative<ResumeCommand>(command) ||
           std::holds_alternative<UpstreamRequest>(command) ||
           std::holds_alternative<DisconnectRequest>(command);
}

milliseconds connect_bound(const Command& command) {
    const auto* failover = std::get_if<FailoverRequest>(&command);
    const milliseconds bound = kConnectTimeout;
    return failover != nullptr && failover->timeout ? std::min(bound, *failover->timeout) : bound;
}

milliseconds answer_bound(const Command& command) {
    const auto* failover = std::get_if<FailoverRequest>(&command);
    if (failover == nullptr) {
        return kAnswerTimeout;
    }
    return failover->timeout ? *failover->timeout + kFailoverGrace : kLongestFailover;
}

Failure not_connected(error_code error, const std::string& path, const std::string& directory) {
    namespace errc = boost::system::errc;
    if (error == beast::error::timeout) {
        return {ExitCode::TimedOut,
                "timed out: tandemd takes no connection on " + path +
                    " (too many clients, or it hangs); nothing was asked of it"};
    }
    if (error == errc::no_such_file_or_directory || error == errc::not_a_directory) {
        return {ExitCode::NoDaemon,
                "no daemon: there is no " + path +
                    "; start tandemd, or give the directory it was started with by --run-dir"};
    }
    if (error == errc::connection_refused) {
        return {ExitCode::NoDaemon,
                "no daemon: nobody answers on " + path +
                    "; tandemd has died without removing it, see its log and start it again"};
    }
    if (error == errc::permission_denied || error == errc::operation_not_permitted) {
        return {ExitCode::NoDaemon,
                "no permission to use " + path + "; run tandemctl as the user of tandemd (root)"};
    }
    return {ExitCode::NoDaemon,
            "no daemon: cannot connect to " + directory + ": " + error.message()};
}

Failure not_sent(error_code error) {
    if (error == beast::error::timeout) {
        return {ExitCode::TimedOut, "timed out: tandemd did not take the request; nothing began"};
    }
    return {ExitCode::NoDaemon,
            "no daemon: it closed the connection before it had the request; nothing began"};
}

Failure not_answered(error_code error, const Command& command, const std::string& directory) {
    const bool timeout = error == beast::error::timeout;
    const std::string what =
        timeout ? "tandemd did not answer within " + format_duration(answer_bound(command))
                : "tandemd closed the connection without an answer";
    if (changes_something(command)) {
        return {ExitCode::Unknown, "outcome unknown: " + what +
                                       "; it may have happened or may still happen. To find out: "
                                       "tandemctl --run-dir " +
                                       directory + " status (on both nodes), and tandemctl " +
                                       "--run-dir " + directory + " events --since 5m"};
    }
    return {timeout ? ExitCode::TimedOut : ExitCode::NoDaemon, what + "; nothing was changed"};
}

/// The answer in `text`, if it is one of ours.
Outcome read_body(const std::string& text) {
    const Failure foreign{ExitCode::Internal,
                          "the answer is not one of tandemd's; is another program listening?"};
    error_code error;
    json::value body = json::parse(text, error);
    const json::object* object = error ? nullptr : body.if_object();
    const json::value* code = object == nullptr ? nullptr : object->if_contains("code");
    if (code == nullptr) {
        return foreign;
    }
    const auto number = code->to_number<std::uint8_t>(error);
    if (error || number > static_cast<std::uint8_t>(ExitCode::NoDaemon)) {
        return foreign;
    }
    return Answer{static_cast<ExitCode>(number), std::move(body)};
}

/// Cuts a byte stream into lines.
class LineSplitter {
  public:
    explicit LineSplitter(std::function<void(std::string_view)> on_line)
        : on_line_(std::move(on_line)) {}

    /// False when a line is longer than any event.
    bool add(std::string_view bytes) {
        for (std::size_t end = bytes.find('\n'); end != std::string_view::npos;
             end = bytes.find('\n')) {
            rest_ += bytes.substr(0, end);
            on_line_(rest_);
            rest_.clear();
            bytes.remove_prefix(end + 1);
        }
        rest_ += bytes;
        return rest_.size() <= kMaxLineBytes;
    }

  private:
    std::function<void(std::string_view)> on_line_;
    std::string rest_;
};

}  // namespace

Client::Client(std::string run_directory)
    : run_directory_(std::move(run_directory)), socket_path_(run_directory_ + "/control.sock") {}

Outcome Client::request(const Command& command) {
    const Clock::time_point deadline = Clock::now() + connect_bound(command);
    Session session;
    error_code error = session.connect(socket_path_, deadline);
    if (error) {
        return not_connected(error, socket_path_, run_directory_);
    }
    error = session.send(to_request(command), deadline);
    if (error) {
        return not_sent(error);
    }
    http::response_parser<http::string_body> parser;
    parser.body_limit(kMaxAnswerBytes);
    error = session.read_answer(parser, answer_bound(command));
    if (error) {
        return not_answered(error, command, run_directory_);
    }
    return read_body(parser.get().body());
}

Outcome Client::follow(const EventQuery& query,
                       const std::function<void(std::string_view)>& on_line) {
    const Command command = EventsCommand{query, true};
    const Clock::time_point deadline = Clock::now() + connect_bound(command);
    Session session;
    error_code error = session.connect(socket_path_, deadline);
    if (error) {
        return not_connected(error, socket_path_, run_directory_);
    }
    error = session.send(to_request(command), deadline);
    if (error) {
        return not_sent(error);
    }
    std::optional<Failure> complaint;
    LineSplitter lines([&](std::string_view line) {
        // The last line of a stream the daemon gives up is an answer instead of an event.
        const Outcome answer = read_body(std::string(line));
        if (const auto* ended = std::get_if<Answer>(&answer)) {
            const json::value* message = ended->body.as_object().if_contains("message");
            complaint = {ended->code, message != nullptr && message->is_string()
                                          ? std::string(message->get_string())
                                          : "the daemon ended the stream"};
            return;
        }
        on_line(line);
    });
    http::response_parser<http::string_body> parser;
    parser.body_limit(boost::none);
    auto on_chunk = [&](std::uint64_t, boost::string_view bytes, error_code& failure) {
        if (!lines.add({bytes.data(), bytes.size()})) {
            failure = http::error::body_limit;
        }
        return bytes.size();
    };
    parser.on_chunk_body(on_chunk);
    error = session.read_header(parser, kAnswerTimeout);
    if (error) {
        return not_answered(error, command, run_directory_);
    }
    const bool streaming = parser.chunked();
    while (!error && !parser.is_done()) {
        error = streaming ? session.read_some(parser) : session.read_answer(parser, kAnswerTimeout);
    }
    if (!streaming) {
        return error ? Outcome(not_answered(error, command, run_directory_))
                     : read_body(parser.get().body());
    }
    if (complaint) {
        return *complaint;
    }
    if (error == http::error::body_limit) {
        return Failure{ExitCode::Internal, "the event list sent a line that is too long"};
    }
    return Failure{ExitCode::NoDaemon, "the daemon ended the stream: it has stopped"};
}

}  // namespace tandem::control
