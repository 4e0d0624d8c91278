// $NAME definitions and their substitution (keepalived.conf(5), "Parameter substitution").
#pragma once

#include "proxy/config/environment.hpp"
#include "proxy/config/text.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace tandem::config {

/// Bounds the work that definitions, sequences and includes may cause, whatever the file says.
/// Exceeding it is reported once; then everything that is left is dropped.
class ExpansionBudget {
  public:
    static constexpr std::size_t kMaxBytes = std::size_t{16} << 20U;
    static constexpr std::size_t kMaxSteps = 100'000;

    explicit ExpansionBudget(Reporter& reporter) : reporter_(reporter) {}

    /// One substitution or repetition that produces `bytes`. False: the budget is used up.
    bool spend(std::size_t bytes, Position at);
    [[nodiscard]] bool exhausted() const { return exhausted_; }

  private:
    Reporter& reporter_;
    std::size_t bytes_ = 0;
    std::size_t steps_ = 0;
    bool exhausted_ = false;
};

/// Values are bound late: a value is substituted again wherever it is used. Not thread-safe.
class Definitions {
  public:
    static constexpr unsigned kMaxDepth = 32;

    /// `instance` is the value of _INSTANCE.
    Definitions(Environment& environment, Reporter& reporter, ExpansionBudget& budget,
                std::string instance);

    void set(const std::string& name, std::string value);
    void unset(const std::string& name);
    [[nodiscard]] std::optional<std::string> get(const std::string& name) const;

    /// Value of _PWD: the directory of the file that is being read.
    void set_directory(std::string directory) { directory_ = std::move(directory); }

    /// Replaces ${NAME} and $NAME (the latter only before a blank, comma, ')' or the end).
    /// Undefined names stay as they are. The result may contain line feeds.
    Text substitute(const Text& text);

  private:
    struct Reference {
        std::size_t length = 0;  ///< of the whole reference; zero: none here
        std::string value;
        bool literal = false;  ///< the value is not substituted again
    };

    void substitute(std::string_view text, Position at, unsigned depth, Text& out);
    [[nodiscard]] Reference reference(std::string_view text, std::size_t at);
    std::optional<std::string> predefined(std::string_view expression);
    std::uint32_t random(std::uint32_t low, std::uint32_t high);

    Environment& environment_;
    Reporter& reporter_;
    ExpansionBudget& budget_;
    std::map<std::string, std::string> values_;
    std::string instance_;
    std::string directory_;
    std::uint32_t random_state_ = 1;
};

/// Length of the definition name (letters, digits, _) at `offset`.
std::size_t name_length(std::string_view text, std::size_t offset);

}  // namespace tandem::config
