#include "proxy/daemon/guardian.hpp"

#include "netlink/file_descriptor.hpp"
#include "netlink/socket.hpp"
#include "proxy/daemon/guardian_message.hpp"
#include "proxy/daemon/logging.hpp"
#include "proxy/daemon/realtime.hpp"
#include "proxy/daemon/supervisor.hpp"
#include "vrrp/release_sender.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

/// Messages taken before a death or a signal gets its turn.
constexpr int kMaxMessagesPerTurn = 256;
/// The kernel keeps a table as long as the highest number.
constexpr rlim_t kHighestChannel = 65536;

template <typename... Handlers>
struct Overloaded : Handlers... {
    using Handlers::operator()...;
};
template <typename... Handlers>
Overloaded(Handlers...) -> Overloaded<Handlers...>;

error_code last_error() {
    return {errno, boost::system::system_category()};
}

/// Both ends; the second one is for the node.
error_code make_channel(netlink::FileDescriptor& own, netlink::FileDescriptor& other) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) ==
        -1) {
        return last_error();
    }
    own.reset(ends[0]);
    // When a process dies the kernel closes what has the highest number first, and packet sockets
    // take it ten milliseconds each: this end shall tell before them.
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    const auto high = static_cast<int>(std::min<rlim_t>(limit.rlim_cur, kHighestChannel)) - 8;
    const int moved = ::fcntl(ends[1], F_DUPFD_CLOEXEC, high);
    if (moved != -1) {
        ::close(ends[1]);
    }
    other.reset(moved != -1 ? moved : ends[1]);
    return {};
}

/// The program of this process, also when its file was replaced meanwhile, with one descriptor.
error_code spawn_node(const std::vector<std::string>& arguments, int channel, pid_t& pid) {
    std::vector<char*> words;
    std::string name = "tandemd";
    words.push_back(name.data());
    std::vector<std::string> copy = arguments;
    for (std::string& word : copy) {
        words.push_back(word.data());
    }
    words.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    // Onto itself: inherited.
    ::posix_spawn_file_actions_adddup2(&actions, channel, channel);
    const int error =
        ::posix_spawn(&pid, "/proc/self/exe", &actions, nullptr, words.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    return {error, boost::system::system_category()};
}

class Guardian {
  public:
    Guardian(const Options& options, std::vector<std::string> arguments)
        : arguments_{std::move(arguments)},
          log_{{options.log_json, options.log_to_console, options.log_detail}},
          signals_{context_, SIGTERM, SIGINT, SIGHUP},
          timer_{context_},
          channel_{context_},
          process_{context_} {
        for (const int number : {SIGUSR1, SIGUSR2}) {
            signals_.add(number);
        }
    }

    int run() {
        if (const error_code error = open()) {
            log_.write(messages::kCannotStart,
                       {{"problem", "cannot open sockets to the kernel: " + error.message()}});
            return EXIT_FAILURE;
        }
        wait_for_signal();
        execute(supervisor_.on_start(Clock::now()));
        context_.run();
        return status_;
    }

  private:
    error_code open() {
        const error_code error = requests_.open();
        return error ? error : sender_.open();
    }

    void execute(const SupervisorActions& actions) {
        for (const SupervisorAction& action : actions) {
            std::visit(Overloaded{[this](const StartNode&) { start_node(); },
                                  [this](const KillNode& kill) { kill_node(kill); },
                                  [this](const SignalNode& order) { signal_node(order.signal); },
                                  [this](const ExecuteWills&) { execute_wills(); },
                                  [this](const TellDeath& death) { tell(death); },
                                  [this](const ExitGuardian& end) {
                                      status_ = end.status;
                                      context_.stop();
                                  }},
                       action);
        }
        rearm();
    }

    void rearm() {
        const auto deadline = supervisor_.next_deadline();
        if (!deadline) {
            timer_.cancel();
            return;
        }
        if (timer_.expiry() == *deadline && timer_armed_) {
            return;
        }
        timer_armed_ = true;
        timer_.expires_at(*deadline);
        timer_.async_wait([this](error_code error) {
            if (error) {
                return;
            }
            timer_armed_ = false;
            // What the node said in time may still wait to be read.
            read_messages();
            execute(supervisor_.on_deadline(Clock::now()));
        });
    }

    void start_node() {
        wills_.clear();
        wills_executed_ = false;
        netlink::FileDescriptor own;
        netlink::FileDescriptor other;
        error_code error = make_channel(own, other);
        std::vector<std::string> words = arguments_;
        if (!error) {
            words.push_back("--guardian-channel=" + std::to_string(other.get()));
            words.push_back("--guardian-restarts=" + std::to_string(supervisor_.restarts()));
            error = spawn_node(words, other.get(), pid_);
        }
        const int process = error ? -1 : static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
        if (!error && process == -1) {
            error = last_error();
            ::kill(pid_, SIGKILL);
            ::waitpid(pid_, nullptr, 0);
        }
        if (error) {
            pid_ = -1;
            log_.write(messages::kCannotStart,
                       {{"problem", "cannot start the node: " + error.message()}});
            asio::post(context_, [this] {
                execute(supervisor_.on_node_end({false, EXIT_FAILURE}, Clock::now()));
            });
            return;
        }
        channel_.close();
        channel_.assign(own.release());
        process_.close();
        process_.assign(process);
        wait_for_messages();
        wait_for_end();
    }

    void wait_for_messages() {
        channel_.async_wait(asio::posix::descriptor_base::wait_read, [this](error_code error) {
            if (error) {
                return;
            }
            if (read_messages()) {
                rearm();
                wait_for_messages();
            } else {
                execute(supervisor_.on_channel_closed());
            }
        });
    }

    /// @return false when the node has closed its end.
    bool read_messages() {
        for (int taken = 0; taken < kMaxMessagesPerTurn && channel_.is_open(); ++taken) {
            const ssize_t size =
                ::recv(channel_.native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
            if (size == -1) {
                return errno == EAGAIN || errno == EINTR;
            }
            if (size == 0) {
                return false;
            }
            take(std::span{buffer_}.first(static_cast<std::size_t>(size)));
        }
        return true;
    }

    void take(std::span<const std::byte> bytes) {
        auto message = decode_guardian_message(bytes);
        if (!message) {
            return;  // of a node that is breaking: its silence or its death will show
        }
        supervisor_.on_heartbeat(Clock::now());
        if (std::holds_alternative<NodeReady>(*message)) {
            supervisor_.on_ready();
        } else if (auto* will = std::get_if<LastWill>(&*message)) {
            if (will->empty()) {
                wills_.erase(will->instance);
            } else {
                wills_.insert_or_assign(will->instance, std::move(*will));
            }
        }
    }

    void wait_for_end() {
        process_.async_wait(asio::posix::descriptor_base::wait_read, [this](error_code error) {
            int status = 0;
            if (error || ::waitpid(pid_, &status, WNOHANG) != pid_) {
                return;
            }
            pid_ = -1;
            // The last wills that it left.
            while (channel_.is_open() && read_messages() && more_to_read()) {
            }
            const NodeEnd end = WIFSIGNALED(status) ? NodeEnd{true, WTERMSIG(status)}
                                                    : NodeEnd{false, WEXITSTATUS(status)};
            execute(supervisor_.on_node_end(end, Clock::now()));
        });
    }
    bool more_to_read() {
        std::byte byte{};
        return ::recv(channel_.native_handle(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) > 0;
    }

    void kill_node(const KillNode& kill) {
        signal_node(SIGKILL);
        log_.write(messages::kNodeHangs, {{"problem", kill.why}});
    }
    void signal_node(int number) const {
        if (pid_ > 0) {
            ::kill(pid_, number);
        }
    }

    /// I1: every address is off before anybody is told to take over. The second time for one
    /// death, the addresses alone.
    void execute_wills() {
        if (wills_.empty()) {
            return;
        }
        const bool again = std::exchange(wills_executed_, true);
        const auto began = Clock::now();
        std::size_t removed = 0;
        std::string problem;
        for (const auto& [instance, will] : wills_) {
            for (const netlink::Bytes& request : will.removals) {
                const auto answer = requests_.repeat(request);
                removed += answer.error ? 0U : 1U;
                problem = answer.error ? answer.error.message() : problem;
            }
        }
        if (again) {
            return;
        }
        std::size_t sent = 0;
        // An address that could not be removed may still answer: then its lease, not the peer,
        // ends the outage.
        for (auto will = wills_.begin(); problem.empty() && will != wills_.end(); ++will) {
            for (const vrrp::ReleaseAdvertisement& advert : will->second.adverts) {
                const error_code error = sender_.send(advert);
                sent += error ? 0U : 1U;
                problem = error ? error.message() : problem;
            }
        }
        const auto took =
            std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - began);
        Fields fields{{"removed", std::to_string(removed)},
                      {"sent", std::to_string(sent)},
                      {"microseconds", std::to_string(took.count())}};
        if (!problem.empty()) {
            fields.emplace_back("error", problem);
        }
        log_.write(problem.empty() ? messages::kWillExecuted : messages::kWillFailed, fields);
    }

    void tell(const TellDeath& death) {
        log_.write(messages::kNodeDied,
                   {{"end", to_string(death.end)},
                    {"seconds",
                     std::to_string(
                         std::chrono::duration_cast<std::chrono::seconds>(death.delay).count())}});
    }

    void wait_for_signal() {
        signals_.async_wait([this](error_code error, int number) {
            if (!error) {
                execute(supervisor_.on_signal(number, Clock::now()));
                wait_for_signal();
            }
        });
    }

    std::vector<std::string> arguments_;
    asio::io_context context_{1};
    Log log_;
    asio::signal_set signals_;
    asio::steady_timer timer_;
    bool timer_armed_ = false;
    asio::posix::stream_descriptor channel_;
    asio::posix::stream_descriptor process_;
    pid_t pid_ = -1;
    Supervisor supervisor_;
    /// By instance.
    std::map<std::uint32_t, LastWill> wills_;
    /// For the death of this node.
    bool wills_executed_ = false;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(kMaxGuardianMessage);
    netlink::RequestSocket requests_;
    vrrp::ReleaseSender sender_;
    int status_ = EXIT_FAILURE;
};

}  // namespace

int run_guardian(const Options& options, const std::vector<std::string>& arguments) {
    // What these refuse, the node's log tells of itself in the same words.
    static_cast<void>(lock_memory());
    Guardian guardian{options, arguments};
    static_cast<void>(use_realtime_priority(0));
    return guardian.run();
}

}  // namespace tandem::daemon
