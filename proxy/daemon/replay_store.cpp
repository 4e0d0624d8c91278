#include "proxy/daemon/replay_store.hpp"

#include <array>
#include <cerrno>
#include <cstdio>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <fcntl.h>
#include <unistd.h>

namespace tandem::daemon {
namespace {

namespace json = boost::json;

constexpr mode_t kPrivate = 0600;

boost::system::error_code last_error() {
    return {errno, boost::system::system_category()};
}

std::optional<vrrp::ReplayMark> mark_from(const json::value& entry) {
    const json::object* object = entry.if_object();
    const json::value* sender = object != nullptr ? object->if_contains("sender") : nullptr;
    const json::value* sequence = object != nullptr ? object->if_contains("sequence") : nullptr;
    if (sender == nullptr || !sender->is_string() || sequence == nullptr) {
        return std::nullopt;
    }
    boost::system::error_code bad_address;
    boost::system::error_code bad_number;
    const auto address =
        boost::asio::ip::make_address(std::string{sender->get_string()}, bad_address);
    const auto number = sequence->to_number<vrrp::Sequence>(bad_number);
    if (bad_address || bad_number) {
        return std::nullopt;
    }
    return vrrp::ReplayMark{address, number};
}

/// @return false with errno set.
bool write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t written = write(descriptor, text.data(), text.size());
        if (written == -1) {
            if (errno == EINTR) {
                continue;
            }
            return false;
        }
        text.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

std::string to_text(const ReplayMarks& marks) {
    json::object root;
    for (const auto& [instance, list] : marks) {
        json::array entries;
        for (const vrrp::ReplayMark& mark : list) {
            entries.push_back(
                json::object{{"sender", mark.sender.to_string()}, {"sequence", mark.sequence}});
        }
        root[instance] = std::move(entries);
    }
    return json::serialize(root) + "\n";
}

ReplayMarks replay_marks_from(const std::string& text) {
    boost::system::error_code error;
    const json::value root = json::parse(text, error);
    ReplayMarks marks;
    if (error || !root.is_object()) {
        return marks;
    }
    for (const auto& member : root.get_object()) {
        if (!member.value().is_array()) {
            continue;
        }
        for (const json::value& entry : member.value().get_array()) {
            if (const auto mark = mark_from(entry)) {
                marks[std::string{member.key()}].push_back(*mark);
            }
        }
    }
    return marks;
}

ReplayMarks load_replay_marks(const std::string& path) {
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor == -1) {
        return {};
    }
    std::string text(kMaxReplayFile, '\0');
    std::size_t size = 0;
    while (size < text.size()) {
        const ssize_t got = read(descriptor, &text[size], text.size() - size);
        if (got <= 0) {
            break;
        }
        size += static_cast<std::size_t>(got);
    }
    close(descriptor);
    text.resize(size);
    return replay_marks_from(text);
}

boost::system::error_code save_replay_marks(const std::string& path, const ReplayMarks& marks) {
    const std::string fresh = path + ".new";
    const int descriptor =
        open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, kPrivate);
    if (descriptor == -1) {
        return last_error();
    }
    const bool written = write_all(descriptor, to_text(marks));
    const auto error = written ? boost::system::error_code{} : last_error();
    close(descriptor);
    if (error) {
        return error;
    }
    return rename(fresh.c_str(), path.c_str()) == -1 ? last_error() : boost::system::error_code{};
}

}  // namespace tandem::daemon
