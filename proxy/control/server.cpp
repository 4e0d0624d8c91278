#include "proxy/control/server.hpp"

#include "proxy/control/connection.hpp"

#include <cerrno>
#include <optional>
#include <set>
#include <utility>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace tandem::control {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Local = asio::local::stream_protocol;

constexpr std::chrono::milliseconds kAcceptRetry{100};

error_code last_error() {
    return {errno, boost::system::system_category()};
}

/// Scripts the daemon starts must not inherit the control socket.
void set_close_on_exec(int descriptor) {
    // A failure leaves the descriptor inheritable, which is no reason to refuse service.
    static_cast<void>(::fcntl(descriptor, F_SETFD, FD_CLOEXEC));
}

/// Whether a daemon accepts on `path`. Non-blocking: a full listen queue is a live daemon too.
bool answers(asio::io_context& context, const Local::endpoint& endpoint) {
    Local::socket probe(context);
    error_code error;
    probe.open(endpoint.protocol(), error);
    if (!error) {
        probe.non_blocking(true, error);
    }
    if (error) {
        return true;
    }
    return ::connect(probe.native_handle(), endpoint.data(),
                     static_cast<socklen_t>(endpoint.size())) == 0 ||
           errno != ECONNREFUSED;
}

/// Makes `path` free for bind().
error_code remove_stale_socket(asio::io_context& context, const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == -1) {
        return errno == ENOENT ? error_code() : last_error();
    }
    if (!S_ISSOCK(status.st_mode)) {
        return make_error_code(boost::system::errc::file_exists);
    }
    if (answers(context, Local::endpoint(path))) {
        return make_error_code(boost::system::errc::address_in_use);
    }
    return ::unlink(path.c_str()) == -1 ? last_error() : error_code();
}

/// Tells a socket file from its successor of the same name.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;
    bool operator==(const FileIdentity&) const = default;
};

std::optional<FileIdentity> identify(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) == -1) {
        return std::nullopt;
    }
    return FileIdentity{status.st_dev, status.st_ino};
}

}  // namespace

struct Server::Impl final : Host, std::enable_shared_from_this<Impl> {
    Impl(asio::io_context& io_context, Backend& node, const ServerLimits& bounds)
        : context(io_context),
          node_backend(node),
          bounds_in_force(bounds),
          acceptor(io_context),
          retry_timer(io_context) {}

    Backend& backend() override { return node_backend; }
    const ServerLimits& limits() override { return bounds_in_force; }

    bool add_follower(const std::shared_ptr<Connection>& connection) override {
        if (followers.size() >= bounds_in_force.followers) {
            return false;
        }
        followers.insert(connection);
        return true;
    }

    void remove(const std::shared_ptr<Connection>& connection) override {
        followers.erase(connection);
        connections.erase(connection);
        accept();
    }

    void accept() {
        if (accepting || !acceptor.is_open() || connections.size() >= bounds_in_force.connections) {
            return;
        }
        accepting = true;
        acceptor.async_accept([self = shared_from_this()](error_code error, Local::socket socket) {
            self->on_accept(error, std::move(socket));
        });
    }

    void on_accept(error_code error, Local::socket socket) {
        accepting = false;
        if (!acceptor.is_open()) {
            return;
        }
        if (error) {
            // Out of descriptors or memory: the queue stays readable, so do not spin on it.
            retry_timer.expires_after(kAcceptRetry);
            retry_timer.async_wait([self = weak_from_this()](error_code stopped) {
                const auto server = self.lock();
                if (!stopped && server) {
                    server->accept();
                }
            });
            return;
        }
        set_close_on_exec(socket.native_handle());
        const auto connection = make_connection(std::move(socket), weak_from_this());
        connections.insert(connection);
        connection->start();
        accept();
    }

    void stop() {
        if (!acceptor.is_open()) {
            return;
        }
        error_code ignored;
        acceptor.close(ignored);
        retry_timer.cancel();
        if (file && identify(path) == file) {
            ::unlink(path.c_str());
        }
        const auto open = std::exchange(connections, {});
        followers.clear();
        for (const auto& connection : open) {
            connection->close();
        }
    }

    asio::io_context& context;
    Backend& node_backend;
    ServerLimits bounds_in_force;
    Local::acceptor acceptor;
    asio::steady_timer retry_timer;
    bool accepting = false;
    std::set<std::shared_ptr<Connection>> connections;
    std::set<std::shared_ptr<Connection>> followers;
    std::string path;
    std::optional<FileIdentity> file;
};

Server::Server(asio::io_context& context, Backend& backend, const ServerLimits& limits)
    : impl_(std::make_shared<Impl>(context, backend, limits)) {}

Server::~Server() {
    stop();
}

error_code Server::listen(const std::string& path) {
    if (path.size() >= sizeof(sockaddr_un::sun_path)) {
        return make_error_code(boost::system::errc::filename_too_long);
    }
    error_code error = remove_stale_socket(impl_->context, path);
    if (error) {
        return error;
    }
    // Nobody can connect between bind and listen, so the mode is right for the first client
    // whatever the umask is.
    const Local::endpoint endpoint(path);
    impl_->acceptor.open(endpoint.protocol(), error);
    if (!error) {
        set_close_on_exec(impl_->acceptor.native_handle());
        impl_->acceptor.bind(endpoint, error);
    }
    if (!error) {
        impl_->path = path;
        impl_->file = identify(path);
        if (::chmod(path.c_str(), S_IRUSR | S_IWUSR) == -1) {
            error = last_error();
        } else {
            impl_->acceptor.listen(asio::socket_base::max_listen_connections, error);
        }
    }
    if (error) {
        impl_->stop();
        return error;
    }
    impl_->accept();
    return {};
}

void Server::notify_followers() {
    // A copy: waking may end a connection.
    const auto followers = impl_->followers;
    for (const auto& follower : followers) {
        follower->wake();
    }
}

void Server::stop() {
    impl_->stop();
}

}  // namespace tandem::control
