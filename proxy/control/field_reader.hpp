// Fields of a JSON request body, checked one by one. Pure.
#pragma once

#include "proxy/control/protocol.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

namespace tandem::control {

/// Foreign text for a message: quoted, shortened, and only printable ASCII.
std::string quoted(std::string_view text);

/// Takes the fields out of a request body one by one, remembers the first complaint, and at the
/// end refuses what nobody asked for.
class FieldReader {
  public:
    /// @param body empty counts as {}.
    explicit FieldReader(std::string_view body);

    // A field that is missing leaves its target as it is, and so does one that is wrong.

    void boolean(std::string_view name, bool& target);
    /// 1 to `longest`; also null.
    void duration(std::string_view name, std::chrono::milliseconds longest,
                  std::optional<std::chrono::milliseconds>& target);

    /// 0 to `largest`; also null.
    void number(std::string_view name, unsigned largest, std::optional<unsigned>& target);

    /// A name that must be there.
    void name(std::string_view field, std::string& target);

    /// Each of 1 to kMaxNameLength characters.
    void names(std::string_view name, std::vector<std::string>& target,
               std::size_t most = kMaxInstances);

    /// A field that may be missing; present it must be a string.
    std::optional<std::string> text(std::string_view name, std::string_view allowed);

    /// The first complaint counts.
    void refuse(std::string message);

    void complain(std::string_view name, std::string_view allowed, const boost::json::value& got);

    /// The first complaint, or the first field nobody asked for; empty when all is well.
    [[nodiscard]] std::string finish();

  private:
    const boost::json::value* find(std::string_view name);

    [[nodiscard]] std::string allowed_names() const;

    boost::json::object fields_;
    std::vector<std::string_view> asked_;
    std::string problem_;
};

}  // namespace tandem::control
