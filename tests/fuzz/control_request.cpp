// Any request: refused with a JSON answer, or a command that survives the way to the wire and back.
#include "proxy/control/protocol.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <variant>

#include <boost/json/parse.hpp>

namespace {

void require(bool condition) {
    if (!condition) {
        std::abort();
    }
}

}  // namespace

/// Input: method, target and body, separated by newlines; the body may contain more of them.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tandem::control;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast)
    std::string_view rest(reinterpret_cast<const char*>(data), size);
    const auto take_line = [&rest] {
        const std::string_view line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(line.size() < rest.size() ? line.size() + 1 : line.size());
        return line;
    };
    const std::string_view method = take_line();
    const std::string_view target = take_line();
    const auto parsed = parse_request(method, target, rest);
    if (const auto* response = std::get_if<Response>(&parsed)) {
        require(response->status >= 400 && response->status < 600);
        require(boost::json::parse(response->body).as_object().contains("message"));
        return 0;
    }
    const Request request = to_request(std::get<Command>(parsed));
    const auto again = parse_request(request.method, request.target, request.body);
    const auto* command = std::get_if<Command>(&again);
    require(command != nullptr);
    const Request repeated = to_request(*command);
    require(repeated.target == request.target && repeated.body == request.body);
    return 0;
}
